"""The customer's own page of an order: opened by its link alone, showing what is theirs and nothing else."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.domain.customer_page import page_token, token_holds
from app.models import AuditEntry, Order
from tests.pages import parse
from tests.views.test_documents import document

SECRET = "a test key that is long enough to be strong"


def order(make, **values):
    return make.order(order_detail_url=None, **values)


def link(order_id, generation=0):
    return f"/o/{order_id}/{page_token(SECRET, order_id, generation)}"


# --- the token -----------------------------------------------------------------------------------------------------


def test_the_token_has_256_bits_and_is_of_this_order_generation_and_key():
    token = page_token(SECRET, 1, 0)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)
    assert len({token, page_token(SECRET, 2, 0), page_token(SECRET, 1, 1), page_token("other", 1, 0)}) == 4
    # 1.10 and 11.0 are different facts
    assert page_token(SECRET, 1, 10) != page_token(SECRET, 11, 0)


@pytest.mark.parametrize("token", ["", "x", "é" * 43, "A" * 43, "\udcff"])
def test_another_token_does_not_hold(token):
    assert token_holds(SECRET, 1, 0, page_token(SECRET, 1, 0))
    assert not token_holds(SECRET, 1, 0, token)


# --- what it shows -------------------------------------------------------------------------------------------------


def test_the_page_shows_items_status_documents_live_codes_and_auto_renewal(client, make):
    order_id = order(
        make, order_id=900,
        items=[{"name": "Glyph Studio", "subscription": {"id": "900_1", "type": "AR", "status": "active",
                                                        "parent_order_id": 900, "next_charge_date": "2027-08-13"}}],
        documents=[document()],
    )  # fmt: skip
    page = parse(client.get(link(order_id)).text)
    text = page.one("main").text
    for said in (
        "Order A0000000900",
        "Paid",
        "Time zone UTC",
        "Delivered",
        "Glyph Studio",
        "€118.00",
        "ABCD-1234-EFGH",
        "Invoice 7.pdf",
        "Times in UTC",
    ):
        assert said in text, said
    assert "Auto-renewal has been activated · Next charge 13 Aug 2027" in text


def test_the_page_shows_nothing_internal_and_nobody_elses_data(client, make):
    order_id = order(
        make,
        external_id="EXTERNAL",
        additional_data=[{"name": "utm", "value": "PARAMETER"}],
        history=[{"event_id": "e", "date": "2026-08-13T09:00:00Z", "kind": "other", "text": "HISTORY"}],
        items=[
            {
                "license_user": {"name": "OWNER", "email": "owner@example.se"},
                "fields": [{"name": "F", "value": "FIELD"}],
                "licenses": [{"license_id": "c1", "code": "GONE-1", "deleted": True}],
            },
            {"refunded": True},
        ],
    )
    text = client.get(link(order_id)).text
    for hidden in ("PARAMETER", "utm", "HISTORY", "OWNER", "owner@", "FIELD", "GONE-1", "ABCD-", "EXTERNAL", "4242"):
        assert hidden not in text, hidden
    assert "Marcel" not in text  # whoever holds the link learns no personal data
    assert "csrf" not in text


@pytest.mark.parametrize("status", ["deleted", "terminated"])
def test_an_order_that_is_over_shows_no_codes(client, make, status):
    text = client.get(link(order(make, status=status))).text
    assert "ABCD-" not in text


def test_its_headers(client, make):
    answer = client.get(link(order(make)))
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow, noarchive"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert 'name="robots" content="noindex' in answer.text
    assert "<script" not in answer.text
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("locale", "language"), [("ru_RU", "ru"), ("ru", "ru"), ("RU-ru", "ru"), ("de_DE", "en"), (None, "en"), ("", "en")]
)
def test_it_speaks_the_orders_language_where_it_can(client, make, locale, language):
    answer = client.get(link(order(make, locale=locale)), headers={"Accept-Language": "ru" if language == "en" else ""})
    assert f'<html lang="{language}"' in answer.text


def test_documents_under_the_same_link(client, make):
    order_id = order(make, documents=[document()])
    answer = client.get(f"{link(order_id)}/documents/d1")
    assert (answer.status_code, answer.data) == (200, b"%PDF-1.7 body")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert client.get(f"{link(order_id)}/documents/d2").status_code == 404
    assert client.get(f"/o/{order_id}/{'A' * 43}/documents/d1").status_code == 404


def test_a_link_opens_no_other_orders_documents(client, make):
    mine, other = order(make, documents=[document()]), order(make, documents=[document()])
    assert client.get(link(other).replace(str(other), str(mine)) + "/documents/d1").status_code == 404


# --- who it opens for ----------------------------------------------------------------------------------------------


def test_wrong_unknown_revoked_and_erased_answer_alike(app, client, make):
    mine, gone = order(make), order(make, erased=True)
    token = page_token(SECRET, mine, 0)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(Order).where(Order.id == mine).values(page_generation=1))
    paths = [
        f"/o/{mine}/{token}", f"/o/{mine}/{'A' * 43}", link(999999), link(gone), f"/o/0{mine}/{token}", f"/o/x/{token}",
        f"/o/{'9' * 30}/{token}", f"/o/0/{token}", f"/o/٣/{token}", f"/o/{mine}/%F0%9F%8E%89", f"/o/-1/{token}",
    ]  # fmt: skip
    answers = [client.get(path) for path in paths]
    assert {answer.status_code for answer in answers} == {404}
    assert len({re.sub(r'nonce="[^"]*"', "", answer.text) for answer in answers}) == 1
    assert client.get(link(mine, 1)).status_code == 200


def test_an_erasure_later_closes_the_page(app, client, make):
    order_id = order(make)
    assert client.get(link(order_id)).status_code == 200
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(Order).where(Order.id == order_id).values(erased_at=dt.datetime.now(dt.UTC)))
    assert client.get(link(order_id)).status_code == 404


def test_signing_in_elsewhere_changes_nothing(make):
    order_id = order(make, store="other")
    assert make.specialist("acme-eu").get(link(order_id)).status_code == 200


def test_the_token_is_in_no_log(client, make, capsys, caplog):
    caplog.set_level("DEBUG")
    order_id = order(make, documents=[document()])
    for path in (link(order_id), f"{link(order_id)}/documents/d1", f"{link(order_id)}/documents/none"):
        client.get(path)
    printed = capsys.readouterr()
    assert page_token(SECRET, order_id, 0) not in printed.out + printed.err + caplog.text


# --- revoking ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["Lead", "Admin"])
def test_revoking_gives_the_order_a_new_link(app, client, make, role):
    order_id = order(make)
    browser = make.signed_in(make.person(role=role, stores=("acme-eu",)))
    page = parse(browser.get(f"/orders/{order_id}").text)
    assert page.one("form", action=f"/orders/{order_id}/revoke-page").buttons() == ["Revoke the link"]
    answer = browser.submit(f"/orders/{order_id}/revoke-page")
    assert (answer.status_code, answer.location) == (303, f"/orders/{order_id}")
    assert client.get(link(order_id, 0)).status_code == 404
    assert client.get(link(order_id, 1)).status_code == 200
    with app.app_context():
        events = list(session.scalars(sa.select(AuditEntry.event).where(AuditEntry.order_id == order_id)))
    assert "page.revoked" in events


def test_a_specialist_cannot_revoke(client, make):
    order_id, browser = order(make), make.specialist()
    assert "revoke-page" not in browser.get(f"/orders/{order_id}").text
    assert browser.submit(f"/orders/{order_id}/revoke-page").status_code in (302, 403)
    assert client.get(link(order_id)).status_code == 200


def test_another_stores_page_cannot_be_revoked(client, make):
    order_id = order(make, store="other")
    lead = make.signed_in(make.person(role="Lead", stores=("acme-eu",)))
    assert lead.submit(f"/orders/{order_id}/revoke-page").status_code == 404
    assert client.get(link(order_id)).status_code == 200


def test_revoking_needs_the_forms_token(client, make):
    order_id = order(make)
    lead = make.signed_in(make.person(role="Lead", stores=("acme-eu",)))
    assert lead.post(f"/orders/{order_id}/revoke-page").status_code == 400
    assert client.get(link(order_id)).status_code == 200
