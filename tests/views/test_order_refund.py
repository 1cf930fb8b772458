"""What an order's page tells of its refund (domain.md 7): what will follow, how far it is, who decided."""

import pytest
import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.domain.refunds import clean_reason
from app.domain.refusal import Invalid
from app.models import Action
from tests import browser as browsers
from tests.actions.support import counts
from tests.views.test_order_actions import dialog, press, subscribed, tokens
from tests.views.test_refunds import decide


def hand_over(app):
    """The worker has had its turn."""
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(Action).values(state="done", finished_at=sa.func.now()))


@pytest.mark.parametrize(
    ("verb", "fields", "word"),
    [
        ("take", {}, "Refund info is being updated"),
        ("complete", {"result": "full"}, "Request has been completed"),
        ("refuse", {"comment": "No"}, "Refusal to refund"),
    ],
)
def test_handed_over_is_told_until_the_desk_has_it(app, make, verb, fields, word):
    order_id, client, boss = make.order(), make.specialist(), make.admin()
    press(client, order_id, "refund", reason="Paid twice")
    hand_over(app)
    assert "Handed over" in client.get(f"/orders/{order_id}").text
    assert decide(boss, order_id, verb, **fields).status_code == 303
    for address in (f"/orders/{order_id}", f"/orders/{order_id}/blocks", "/orders/"):
        page = client.get(address).text
        assert word in page
        assert "Handed over" not in page


def test_a_withdrawn_request_was_not_handed_over(app, make):
    order_id, client = make.order(), make.specialist()
    press(client, order_id, "refund", reason="Paid twice")
    hand_over(app)
    press(client, order_id, "refund/withdraw")
    page = client.get(f"/orders/{order_id}").text
    assert "Handed over" not in page
    assert "Withdrawn" in page


def test_the_page_names_who_decided(make):
    order_id, client = make.order(), make.specialist()
    boss = make.signed_in(make.person(role="Admin", first_name="Bo", last_name="Boss"))
    press(client, order_id, "refund", reason="Paid twice")
    assert "Decided by" not in client.get(f"/orders/{order_id}").text
    decide(boss, order_id, "refuse", comment="No")
    assert "Decided by Bo Boss" in client.get(f"/orders/{order_id}").text


def test_the_dialog_says_which_subscription_cannot_be_resumed_later(make):
    client = make.specialist()
    page = client.get(f"/orders/{subscribed(make, 'PMR')}").text
    assert "It cannot be resumed later:" in dialog(page, "refund")
    page = client.get(f"/orders/{make.order()}").text
    assert "It cannot be resumed later:" not in dialog(page, "refund")


def test_the_dialog_says_what_is_refunded_already(make):
    client, some = make.specialist(), make.order(items=[{"name": "Glyph Pro", "refunded": True}, {"name": "Font"}])
    told = dialog(client.get(f"/orders/{some}").text, "refund").split("not part of this request:")[1].split("</li>")[0]
    assert "Glyph Pro" in told
    assert "Font" not in told
    assert "not part of this request" not in dialog(client.get(f"/orders/{make.order()}").text, "refund")


def test_an_order_whose_items_were_all_returned_offers_no_refund(app, make):
    """A chargeback: no request, and the platform has not called the order Deleted yet."""
    order_id, client = make.order(items=[{"refunded": True}, {"refunded": True}]), make.specialist()
    page = client.get(f"/orders/{order_id}").text
    assert dialog(page, "refund") is None
    assert "This order has already been refunded." in page
    before = counts(app)[:3]
    answer = client.post(f"/orders/{order_id}/refund", data={**tokens(client, order_id), "reason": "x"})
    assert answer.status_code == 409
    assert counts(app)[:3] == before


@pytest.mark.browser
def test_the_counter_counts_what_the_server_counts(make, page, live_app):
    """Both are one rule in two languages: code points, line ends as one, trimmed."""
    order_id = make.order()
    browsers.lend_cookies(page.context, make.specialist(), live_app.url)
    page.goto(f"/orders/{order_id}?ask=refund")
    field, counter = page.get_by_label("Refund reason"), page.locator("#reason-count")
    texts = [
        "x", "я" * 500, "😀" * 501, "e\u0301" * 251, "a\r\nb\rc\nd", " \t\n x \n", "\ufeff x\ufeff", "\x85x\x85",
        "\u2028x\u3000", "\x07a\x1fb\x7f", "a\u200bb", "👩‍👩‍👧",
    ]  # fmt: skip
    for text in texts:
        field.evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})) }", text)
        assert counter.inner_text() == f"{counted(text)} / 500", repr(text)


def counted(text):
    """How long the server says the reason is."""
    try:
        return len(clean_reason(text))
    except Invalid as invalid:
        return invalid.errors["reason"][0].params["count"]
