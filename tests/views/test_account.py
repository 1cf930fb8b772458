"""*My page*: what is set there is kept, checked, and followed everywhere."""

import pytest
import sqlalchemy as sa
from flask import Flask

from app.db import session as db
from app.models import AuditEntry, Person
from tests.factories import Make

GOOD = {"first_name": "Олена", "last_name": "Kravets", "timezone": "Europe/Kyiv", "language": "ru", "theme": "dark"}


def _person(app: Flask, person_id: int) -> Person:
    with app.app_context():
        return db.get_one(Person, person_id)


def test_saving_keeps_everything_and_the_next_page_follows(app: Flask, make: Make) -> None:
    person_id = make.person(stores=("acme-eu",))
    client = make.signed_in(person_id)
    answer = client.submit("/account/", GOOD)
    assert answer.status_code == 303
    person = _person(app, person_id)
    assert {name: getattr(person, name) for name in GOOD} == GOOD
    page = client.get("/account/").text
    assert 'lang="ru"' in page
    assert 'data-theme="dark"' in page
    assert "Время: Europe/Kyiv" in page
    assert "Сохранено." in page
    with app.app_context():
        entry = db.scalars(sa.select(AuditEntry).where(AuditEntry.event == "account.changed")).one()
        assert set(entry.details["fields"]) == set(GOOD)
        assert "Олена" not in str(entry.details)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("first_name", "  ", "Please fill this in."),
        ("last_name", "x" * 65, "At most 64 characters."),
        ("timezone", "Mars/Olympus", "There is no such time zone."),
        ("language", "tlh", "Choose one of the list."),
        ("theme", "neon", "Choose one of the list."),
    ],
)
def test_what_does_not_hold_is_said_at_its_field_and_nothing_is_kept(
    app: Flask, make: Make, field: str, value: str, message: str
) -> None:
    person_id = make.person(stores=("acme-eu",))
    answer = make.signed_in(person_id).submit("/account/", {**GOOD, "language": "", field: value})
    assert answer.status_code == 422
    assert message in answer.text
    assert f'id="{field}-err"' in answer.text
    assert 'value="Europe/Kyiv"' in answer.text or field == "timezone"
    person = _person(app, person_id)
    assert (person.first_name, person.timezone, person.theme) == ("Ann", None, None)


def test_empty_means_the_default(app: Flask, make: Make) -> None:
    person_id = make.person(stores=("acme-eu",), language="ru", timezone="Europe/Kyiv", theme="dark")
    client = make.signed_in(person_id)
    client.submit(
        "/account/", {"first_name": "Ann", "last_name": "Example", "timezone": "", "language": "", "theme": ""}
    )
    person = _person(app, person_id)
    assert (person.language, person.timezone, person.theme) == (None, None, None)
    assert 'lang="ru"' in client.get("/account/", headers={"Accept-Language": "ru,en;q=0.5"}).text
    assert 'lang="en"' in client.get("/account/", headers={"Accept-Language": "fr"}).text


def test_the_theme_button_goes_back_to_its_page(app: Flask, make: Make) -> None:
    person_id = make.person(stores=("acme-eu",))
    client = make.signed_in(person_id)
    answer = client.submit(
        "/account/theme", {"theme": "dark"}, headers={"Referer": "http://localhost/orders/?status=paid"}
    )
    assert (answer.status_code, answer.location) == (303, "/orders/?status=paid")
    assert _person(app, person_id).theme == "dark"
    away = client.submit("/account/theme", {"theme": "neon"}, headers={"Referer": "http://evil.example/x"})
    assert away.location == "/"
    assert _person(app, person_id).theme == "dark"


def test_no_address_changes_the_language(make: Make) -> None:
    client = make.specialist()
    assert client.get("/lang/ru").status_code == 404
    assert 'lang="en"' in client.get("/account/?_l_=ru").text


def test_visitors_are_sent_to_sign_in(app: Flask) -> None:
    assert "/login/" in app.test_client().get("/account/").location


def test_dates_follow_the_zone_of_the_person(make: Make) -> None:
    order = make.order(create_date="2026-08-13T22:30:00+00:00")
    page = make.specialist(timezone="Asia/Tokyo").get(f"/orders/{order}").text
    assert "14 Aug 07:30" in page or "14 Aug 2026 07:30" in page
