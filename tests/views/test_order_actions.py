"""The forms of an order's page and the POSTs behind them (contract.md 2), hand-made ones included."""

import re

import pytest
import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Action, DeliveryBan, Mail, Order, RefundRequest
from tests.actions.support import NOW, counts, one, rows

PARENT, CODE = 30_001, "30001_1"


def forms(page):
    """Every POST form of the page: its address and its hidden fields."""
    return {
        address: dict(re.findall(r'name="(\w+)" value="([^"]*)"', body))
        for address, body in re.findall(r'<form method="post" action="([^"]+)">(.*?)</form>', page, re.S)
    }


def dialog(page, name):
    found = re.search(rf'<dialog id="ask-{re.escape(name)}".*?</dialog>', page, re.S)
    return found[0] if found else None


def press(client, order_id, address, **fields):
    """Fill in the form of the page and send it, as a browser without JavaScript does."""
    hidden = forms(client.get(f"/orders/{order_id}").text)[f"/orders/{order_id}/{address}"]
    return client.post(f"/orders/{order_id}/{address}", data={**hidden, **fields})


def tokens(client, order_id):
    """Tokens for a hand-made POST: of whatever form the page has."""
    page = client.get(f"/orders/{order_id}").text
    return {"csrf_token": re.search(r'name="csrf_token" value="([^"]+)"', page)[1], "request_token": "hand-made-token"}


def subscribed(make, kind="AR", status="active", **values):
    word = {"id": CODE, "type": kind, "status": status, "parent_order_id": PARENT}
    return make.order(order_id=PARENT, items=[{"subscription": word}], **values)


def test_a_refund_is_requested_with_the_form_of_the_page(app, make):
    order_id, client = make.order(), make.specialist()
    page = client.get(f"/orders/{order_id}").text
    shown = dialog(page, "refund")
    assert "Refund reason" in shown
    assert shown.index(">Back<") < shown.index(">Send<")
    assert "ABCD-1234-EFGH" in shown, "the codes that may be marked deleted"
    answer = press(client, order_id, "refund", reason="Paid twice")
    assert (answer.status_code, answer.location) == (303, f"/orders/{order_id}")
    assert one(app, RefundRequest).reason == "Paid twice"
    page = client.get(f"/orders/{order_id}").text
    assert "Refund request has been sent" in page
    assert dialog(page, "refund") is None
    assert "A refund request for this order is already being processed." in page


def test_every_form_has_its_own_token_and_the_same_token_is_the_same_request(app, make):
    order_id, client = make.order(), make.specialist()
    found = forms(client.get(f"/orders/{order_id}").text)
    assert len({hidden["request_token"] for hidden in found.values() if "request_token" in hidden}) >= 2
    hidden = found[f"/orders/{order_id}/refund"]
    for _ in range(3):
        assert client.post(f"/orders/{order_id}/refund", data={**hidden, "reason": "x"}).status_code == 303
    assert len(rows(app, RefundRequest)) == len(rows(app, Action)) == 1


def test_a_post_without_the_browsers_token_is_refused(app, make):
    order_id, client = make.order(), make.specialist()
    before = counts(app)
    assert client.post(f"/orders/{order_id}/refund", data={"reason": "x", "request_token": "x" * 20}).status_code == 400
    assert client.get(f"/orders/{order_id}/refund").status_code in (404, 405)
    assert counts(app) == before


def test_a_reason_that_is_too_long_comes_back_as_typed_with_the_dialog_open(app, make):
    order_id, client = make.order(), make.specialist()
    before = counts(app)
    answer = press(client, order_id, "refund", reason="я" * 501)
    assert answer.status_code == 422
    shown = dialog(answer.text, "refund")
    assert re.match(r"<dialog [^>]*\bopen\b", shown)
    assert "я" * 501 in shown
    assert "501 characters" in shown
    assert 'aria-invalid="true"' in shown
    assert counts(app) == before
    assert press(client, order_id, "refund", reason="я" * 500).status_code == 303


def test_a_refused_request_answers_409_with_the_reason_on_the_page(app, make):
    order_id, client = make.order(), make.specialist()
    hand_made = tokens(client, order_id)
    assert press(client, order_id, "refund", reason="x").status_code == 303
    before = counts(app)[:3]
    answer = client.post(f"/orders/{order_id}/refund", data={**hand_made, "reason": "x"})
    assert answer.status_code == 409
    assert f'data-order-id="{order_id}"' in answer.text
    assert re.search(r'role="alert".*already being processed', answer.text, re.S)
    assert counts(app)[:3] == before


def test_the_tick_cancels_auto_renewal_and_the_dialog_says_that_it_goes_on_otherwise(app, make):
    order_id, client = subscribed(make), make.specialist()
    shown = dialog(client.get(f"/orders/{order_id}").text, "refund")
    assert "Auto-renewal goes on" in shown
    press(client, order_id, "refund", reason="x", cancel_subscription="y")
    assert {a.kind for a in rows(app, Action)} == {"request_refund", "cancel_subscription"}


def test_one_withdraws_ones_own_request(app, make):
    order_id, client = make.order(), make.specialist()
    press(client, order_id, "refund", reason="x")
    colleague = make.specialist()
    assert dialog(colleague.get(f"/orders/{order_id}").text, "withdraw") is None
    answer = colleague.post(f"/orders/{order_id}/refund/withdraw", data=tokens(colleague, order_id))
    assert answer.status_code == 409
    assert one(app, RefundRequest).status == "sent"
    assert press(client, order_id, "refund/withdraw").status_code == 303
    assert one(app, RefundRequest).status == "withdrawn"


def test_a_subscription_is_cancelled_and_resumed_with_confirmation(app, make):
    order_id, client = subscribed(make), make.specialist()
    assert press(client, order_id, f"subscriptions/{CODE}/cancel").status_code == 303
    assert one(app, Action).kind == "cancel_subscription"
    page = client.get(f"/orders/{order_id}").text
    assert "already in progress" in page
    assert 'data-poll="/orders/' in page


@pytest.mark.parametrize("status", ["active", "cancelled"])
def test_pmr_is_not_resumed_by_a_hand_made_post(app, make, status):
    order_id, client = subscribed(make, "PMR", status), make.specialist()
    assert dialog(client.get(f"/orders/{order_id}").text, f"resume-{CODE}") is None
    before = counts(app)[:3]
    answer = client.post(f"/orders/{order_id}/subscriptions/{CODE}/resume", data=tokens(client, order_id))
    assert answer.status_code == 409
    assert "A PMR subscription cannot be resumed." in answer.text
    assert counts(app)[:3] == before


def test_a_code_is_sent_again_with_confirmation_that_names_the_recipient(app, make):
    order_id, client = make.order(), make.specialist()
    shown = dialog(client.get(f"/orders/{order_id}").text, "resend-l1")
    assert "marcel.laporte@example.com" in shown
    assert "It has not been resent from the portal yet." in shown
    assert press(client, order_id, "licenses/l1/resend").status_code == 303
    assert one(app, Action).subject == "l1"
    assert rows(app, Mail) == [], "no mail is made in a web request"
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(Action).values(state="done", finished_at=NOW))
    shown = dialog(client.get(f"/orders/{order_id}").text, "resend-l1")
    assert '<time datetime="2026-11-23' in shown


@pytest.mark.parametrize("why", ["deleted", "erased", "ban", "unpaid", "refunded"])
def test_a_hand_made_resend_is_refused(app, make, why):
    code = {"license_id": "l1", "code": "C-1", "deleted": why == "deleted"}
    values = {"items": [{"licenses": [code], "refunded": why == "refunded"}, {}]}
    if why == "unpaid":
        values |= {"status": "not_paid", "pay_date": None}
    order_id, client = make.order(**values), make.specialist()
    with app.app_context(), scope_as(ALL_STORES), transaction():
        order = session.get(Order, order_id)
        if why == "erased":
            order.erased_at, order.email = NOW, None
        if why == "ban":
            session.add(DeliveryBan(store_id=order.store_id, reason="Recall", starts_at=NOW.replace(year=2020)))
    page = client.get(f"/orders/{order_id}").text
    assert dialog(page, "resend-l1") is None
    before = counts(app)[:3]
    answer = client.post(f"/orders/{order_id}/licenses/l1/resend", data=tokens(client, order_id))
    assert answer.status_code == 409
    assert counts(app)[:3] == before
    if why == "ban":
        assert "Delivery is forbidden for this store: Recall" in page
        assert "Delivery is forbidden for this store: Recall" in answer.text


ADDRESSES = ["refund", "refund/withdraw", "licenses/l1/resend", f"subscriptions/{CODE}/cancel",
             f"subscriptions/{CODE}/resume"]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_foreign_order_and_a_missing_one_answer_alike(app, make, address):
    own, client = make.order(), make.specialist()
    subscribed(make, store="other")
    fields = {**tokens(client, own), "reason": "x"}
    before = counts(app)
    answers = [client.post(f"/orders/{order_id}/{address}", data=fields) for order_id in (PARENT, 99_999_999)]
    assert [a.status_code for a in answers] == [404, 404]
    texts = [re.sub(r'nonce="[^"]*"|value="[^"]*"|nonce-[^;\' ]*', "", a.text) for a in answers]
    assert texts[0] == texts[1]
    assert counts(app) == before


@pytest.mark.parametrize("address", ["licenses/nope/resend", "subscriptions/9_9/cancel", "subscriptions/nope/resume"])
def test_what_an_order_does_not_have_is_not_there(app, make, address):
    own, client = make.order(), make.specialist()
    foreign = subscribed(make, store="other")
    assert client.post(f"/orders/{own}/{address}", data=tokens(client, own)).status_code == 404
    answer = client.post(f"/orders/{own}/subscriptions/{CODE}/cancel", data=tokens(client, own))
    assert (answer.status_code, rows(app, Action), foreign) == (404, [], PARENT)


def test_nobody_signed_in_reaches_nothing(app, make, client):
    order_id = make.order()
    for address in ADDRESSES:
        assert client.post(f"/orders/{order_id}/{address}", data={}).status_code in (302, 400, 401)
    assert client.get(f"/orders/{order_id}/requests").status_code in (302, 401)
    assert rows(app, Action) == []


def test_the_page_comes_with_the_dialog_asked_for_without_javascript(make):
    order_id, client = make.order(), make.specialist()
    page = client.get(f"/orders/{order_id}?ask=refund").text
    assert re.match(r"<dialog [^>]*\bopen\b", dialog(page, "refund"))
    assert not re.match(r"<dialog [^>]*\bopen\b", dialog(page, "resend-l1"))


def test_the_state_of_an_action_is_told_in_words_and_polled_until_it_is_over(app, make):
    order_id, client = make.order(), make.specialist()
    press(client, order_id, "refund", reason="Paid <b>twice</b>")
    part = client.get(f"/orders/{order_id}/requests").text
    assert f'data-poll="/orders/{order_id}/requests"' in part
    assert "Paid &lt;b&gt;twice&lt;/b&gt;" in part
    assert 'data-action-state="waiting"' in client.get(f"/orders/{order_id}").text
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(Action).values(state="done"))
    part = client.get(f"/orders/{order_id}/requests").text
    assert "data-poll" not in part
    assert "data-settled" in part
    assert 'data-action-state="waiting"' not in client.get(f"/orders/{order_id}").text
    foreign = make.order(store="other")
    assert client.get(f"/orders/{foreign}/requests").status_code == 404
