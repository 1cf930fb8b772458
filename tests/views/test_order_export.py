"""A search as a file: the same orders as the list shows, for leads and administrators, without formulas."""

import csv
import io

import pytest
import sqlalchemy as sa

from app.db import scope_as, session
from app.domain.access import ALL_STORES
from app.models import AuditEntry
from app.queries import order_export
from tests.views.test_orders import address


@pytest.fixture
def lead(make):
    team = make.team("Support", "acme-eu")
    return make.signed_in(make.person(role="Lead", teams=(team,), timezone="Europe/Kyiv"))


def rows(answer):
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


def test_a_row_says_what_the_list_says(make, lead):
    make.order(
        order_id=77, create_date="2026-08-13T12:00:00+00:00", pay_date="2026-08-13T12:05:00Z", number_1c="SL-77",
        customer={"first_name": "Anna", "last_name": "Шевченко", "email": "anna@example.org", "company_name": "=1+1"},
    )  # fmt: skip
    (row,) = rows(lead.get("/orders/export.csv"))
    assert row["order_id"] == "77"
    assert row["number_1c"] == "SL-77"
    assert row["store"] == "acme-eu"
    assert row["status"] == "paid"
    assert row["created"] == "2026-08-13T15:00:00+03:00"
    assert row["paid"] == "2026-08-13T15:05:00+03:00"
    assert row["name"] == "Anna Шевченко"
    assert row["email"] == "anna@example.org"
    assert row["company"] == "'=1+1"  # no spreadsheet takes it for a formula


def test_the_filters_of_the_list_hold(app, make, lead, monkeypatch):
    monkeypatch.setattr(order_export, "CHUNK", 2)
    for number in range(5):
        make.order(order_id=100 + number, customer={"email": "a@example.org" if number else "b@example.org"})
    make.order(store="other", order_id=900, customer={"email": "a@example.org"})
    where = address(lead, email="a@example.org")
    link = where.replace("/orders/", "/orders/export.csv")
    assert f'href="{link}"' in lead.get(where).text
    app.extensions["read_notes"].notes.clear()
    assert {row["order_id"] for row in rows(lead.get(link))} == {"101", "102", "103", "104"}
    assert len(rows(lead.get("/orders/export.csv?status=paid"))) == 5
    app.extensions["read_notes"].flush()
    with app.app_context(), scope_as(ALL_STORES):
        found = session.scalars(sa.select(AuditEntry).where(AuditEntry.event == "orders.exported")).all()
    assert [entry.details for entry in found] == [
        {"filters": ["email"], "found": 4}, {"filters": ["status"], "found": 5},
    ]  # fmt: skip


def test_more_than_fit_are_cut_and_the_name_says_so(make, lead, monkeypatch):
    for module in ("app.queries.order_export.MOST", "app.views.orders.MOST"):
        monkeypatch.setattr(module, 3)
    for _ in range(4):
        make.order()
    answer = lead.get("/orders/export.csv")
    assert len(rows(answer)) == 3
    assert "orders-first-3.csv" in answer.headers["Content-Disposition"]


def test_the_erased_read_deleted(make, lead):
    make.order(erased=True, customer={"type": "physical", "email": "x@example.org", "company_name": "Secret"})
    (row,) = rows(lead.get("/orders/export.csv"))
    assert (row["name"], row["email"], row["company"]) == ("deleted", "deleted", "")


def test_specialists_have_no_export(make):
    make.order()
    specialist = make.specialist("acme-eu")
    assert "export.csv" not in specialist.get("/orders/").text
    assert specialist.get("/orders/export.csv").status_code in (302, 403)


@pytest.mark.parametrize(
    ("query", "status"), [("?email=a@b.example", 400), ("?s=doesnotexist0000000", 404), ("?created_from=nope", 422)]
)
def test_an_address_that_does_not_hold_gives_the_form(lead, query, status):
    answer = lead.get(f"/orders/export.csv{query}")
    assert answer.status_code == status
    assert answer.mimetype == "text/html"
