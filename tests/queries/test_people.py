"""People as actors: language and time zone, login by name before address, live sessions."""

import datetime as dt

import pytest
import sqlalchemy as sa

from app.db import session, transaction
from app.domain.access import ALL_STORES
from app.models import Person, UserSession
from app.queries.people import actor_of, person_by_login, session_and_person
from tests.actions.support import NOW

IDLE = dt.timedelta(minutes=30)
SECOND = dt.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("own", "asked", "expected"),
    [
        ((None, None), ("", ""), ("en", "UTC")),
        (("ru", "Europe/Moscow"), ("", ""), ("ru", "Europe/Moscow")),
        (("ru", "Europe/Moscow"), ("en", "Asia/Tokyo"), ("en", "Asia/Tokyo")),
        ((None, None), ("ru", "Asia/Tokyo"), ("ru", "Asia/Tokyo")),
    ],
)
def test_what_the_request_prefers_comes_before_what_the_person_keeps(app, make, own, asked, expected):
    person_id = make.person(language=own[0], timezone=own[1])
    with app.app_context():
        found = actor_of(session, session.get_one(Person, person_id), language=asked[0], timezone=asked[1])
    assert (found.language, found.timezone) == expected


def test_an_actor_is_the_person_with_roles_stores_and_address(app, make):
    team = make.team("Blue", "acme-eu")
    person_id = make.person("ann@example.org", "Lead", teams=(team,), stores=("rival",), last_name="Lee")
    boss_id = make.person(role="Admin")
    with app.app_context():
        found = actor_of(session, session.get_one(Person, person_id), ip="192.0.2.7")
        boss = actor_of(session, session.get_one(Person, boss_id))
    assert (found.id, found.login, found.name, found.email, found.ip) == (
        person_id, "ann@example.org", "Ann Lee", "ann@example.org", "192.0.2.7",
    )  # fmt: skip
    assert found.roles == {"Lead"}
    assert found.stores == {make.store("acme-eu"), make.store("rival")}
    assert boss.stores is ALL_STORES


def test_a_login_is_a_username_first_and_then_an_address(app, make):
    first, second = make.person("one@example.org"), make.person("two@example.org")
    with app.app_context():
        with transaction():
            session.execute(sa.update(Person).where(Person.id == second).values(username="One@example.org"))
            session.execute(sa.update(Person).where(Person.id == first).values(username="first"))
        assert person_by_login(session, "one@example.org").id == second
        assert person_by_login(session, "first").id == first
        assert person_by_login(session, "two@example.org").id == second
        assert person_by_login(session, "nobody") is None


@pytest.mark.parametrize(
    ("row", "person", "lives"),
    [
        ({}, {}, True),
        ({"expires_at": NOW + SECOND}, {}, True),
        ({"expires_at": NOW}, {}, False),
        ({"seen_at": NOW - IDLE + SECOND}, {}, True),
        ({"seen_at": NOW - IDLE}, {}, False),
        ({"auth_version": 99}, {}, False),
        ({}, {"active": False}, False),
    ],
)
def test_a_session_lives_within_its_limits_and_while_the_account_is_as_it_was(app, make, row, person, lives):
    person_id = make.person()
    with app.app_context():
        with transaction():
            version = session.get_one(Person, person_id).auth_version
            for name, value in person.items():
                setattr(session.get_one(Person, person_id), name, value)
            held = {"auth_version": version, "seen_at": NOW, "expires_at": NOW + dt.timedelta(hours=1)}
            session.add(UserSession(token_hash="a" * 64, user_id=person_id, created_at=NOW, data={}, **(held | row)))
        found = session_and_person(session, "a" * 64, NOW, IDLE)
        assert (found is not None) is lives
        assert found is None or (found[0].user_id, found[1].id) == (person_id, person_id)
        assert session_and_person(session, "b" * 64, NOW, IDLE) is None
