"""Buttons and refusals on an order: the domain's rules are what is drawn, and a permission taken away takes it away."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Action, DeliveryBan, Order, RefundRequest
from app.models.base import utcnow
from tests.pages import order_of, parse


def shown(browser, order_id):
    return order_of(browser.get(f"/orders/{order_id}"))


def add(app, *rows):
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.add_all(rows)


def subscribed(make, kind="AR", status="active", **order):
    order_id = order.pop("order_id", 900)
    return make.order(
        order_id=order_id,
        items=[{"subscription": {"id": "900_1", "type": kind, "status": status, "parent_order_id": 900}}],
        **order,
    )


def action(app, order_id, kind, subject, state, person, **values):
    with app.app_context(), scope_as(ALL_STORES):
        store_id = session.scalar(sa.select(Order.store_id).where(Order.id == order_id))
    token = f"{kind}{subject}{state}{utcnow().timestamp()}"
    add(
        app,
        Action(
            kind=kind, order_id=order_id, store_id=store_id, subject=subject, state=state, actor_id=person,
            request_token=token, key=token[-36:], **values,
        ),
    )  # fmt: skip


# --- refund --------------------------------------------------------------------------------------------------------


def test_a_paid_order_offers_a_refund(make):
    assert "Request refund" in shown(make.specialist(), make.order()).one(cls="l1").buttons()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"status": "not_paid", "pay_date": None}, "Only a paid order can be refunded."),
        ({"status": "deleted"}, "Only a paid order can be refunded."),
        ({"total": "0.00"}, "Nothing was paid for this order, so there is nothing to refund."),
    ],
)
def test_where_no_refund_is_offered_the_reason_stands(make, values, reason):
    line = shown(make.specialist(), make.order(**values)).one(cls="l1")
    assert line.buttons() == []
    assert line.one(cls="why").text == reason


@pytest.mark.parametrize(("status", "offered"), [("sent", False), ("updating", False), ("refused", True)])
def test_a_request_under_way_blocks_another(app, make, status, offered):
    order_id = make.order()
    with app.app_context(), scope_as(ALL_STORES):
        store_id = session.scalar(sa.select(Order.store_id).where(Order.id == order_id))
    request = RefundRequest(order_id=order_id, store_id=store_id, status=status, amount=118, currency="EUR", reason="x")
    add(app, request)
    assert ("Request refund" in shown(make.specialist(), order_id).buttons()) is offered


def test_the_sender_can_withdraw_and_nobody_else(app, make):
    order_id = make.order()
    sender = make.person(stores=("acme-eu",))
    with app.app_context(), scope_as(ALL_STORES):
        store_id = session.scalar(sa.select(Order.store_id).where(Order.id == order_id))
    add(
        app,
        RefundRequest(
            order_id=order_id, store_id=store_id, amount=118, currency="EUR", reason="x", requested_by=sender
        ),
    )
    assert "Withdraw request" in shown(make.signed_in(sender), order_id).buttons()
    assert "Withdraw request" not in shown(make.specialist(), order_id).buttons()


# --- resend --------------------------------------------------------------------------------------------------------


def test_each_live_code_of_a_paid_order_has_its_own_resend(make):
    licenses = [{"license_id": f"c{n}", "code": f"CODE-{n}", "deleted": n == 2} for n in (1, 2, 3)]
    block = shown(make.specialist(), make.order(items=[{"licenses": licenses}])).block("License information")
    assert [b.attrs["value"] for b in block.all("button")] == ["resend:c1", "resend:c3"]
    assert block.buttons() == ["Resend", "Resend"]


def test_the_refunded_items_code_has_no_resend_the_others_have(make):
    block = shown(make.specialist(), make.order(items=[{"refunded": True}, {}])).block("License information")
    assert [b.attrs["value"] for b in block.all("button")] == ["resend:l2"]
    assert block.one(cls="why").text == "The item has been refunded."


def test_a_ban_is_said_where_resend_would_be(app, make):
    order_id = make.order()
    store_id = make.store("acme-eu")
    add(app, DeliveryBan(store_id=store_id, reason="keys are being replaced", starts_at=utcnow()))
    block = shown(make.specialist(), order_id).block("License information")
    assert block.buttons() == []
    assert block.one(cls="ban").text == "Delivery is forbidden for this store: keys are being replaced"
    assert block.one(cls="why").text == "Delivery is forbidden"


def test_a_bans_reason_is_said_once_for_all_codes_and_its_end_beside_it(app, make):
    order_id = make.order(items=[{"licenses": [{"license_id": f"c{n}", "code": f"CODE-{n}"} for n in range(5)]}, {}])
    reason, end = "keys <b>are</b> being replaced", utcnow() + dt.timedelta(days=3)
    add(app, DeliveryBan(store_id=make.store("acme-eu"), reason=reason, starts_at=utcnow(), ends_at=end))
    block = shown(make.specialist(), order_id).block("License information")
    assert [p.text for p in block.all(cls="why")] == ["Delivery is forbidden"] * 6
    said = block.one(cls="ban")
    assert said.text.startswith(f"Delivery is forbidden for this store: {reason} It ends by itself:")
    assert said.one("time").attrs["datetime"].startswith(end.isoformat()[:16])
    assert block.text.count(reason) == 1


def test_a_ban_of_one_product_names_its_items_and_leaves_the_others(app, make):
    order_id = make.order(items=[{"name": "Glyph & Co", "product_id": "p-1"}, {"name": "Other"}])
    add(app, DeliveryBan(store_id=make.store("acme-eu"), product_id="p-1", reason="recalled", starts_at=utcnow()))
    block = shown(make.specialist(), order_id).block("License information")
    assert block.one(cls="ban").text == "Glyph & Co Delivery is forbidden for this product: recalled"
    assert block.one(cls="why").text == "Delivery is forbidden"
    assert [b.attrs["value"] for b in block.all("button")] == ["resend:l2"]


def test_a_ban_of_one_product_does_not_name_it_a_hundred_times(app, make):
    names = ["Same", "Same", *(f"Font {n}" for n in range(5))]
    order_id = make.order(items=[{"name": name, "product_id": "p-1"} for name in names])
    add(app, DeliveryBan(store_id=make.store("acme-eu"), product_id="p-1", reason="recalled", starts_at=utcnow()))
    block = shown(make.specialist(), order_id).block("License information")
    assert block.one(cls="ban").one("b").text == "Same, Font 0, Font 1 …"


def test_a_ban_is_not_said_where_something_else_keeps_codes_from_being_sent(app, make):
    add(app, DeliveryBan(store_id=make.store("acme-eu"), reason="recalled", starts_at=utcnow()))
    client = make.specialist()
    unpaid = shown(client, make.order(status="not_paid", pay_date=None)).block("License information")
    assert unpaid.one(cls="why").text == "License information is sent for paid orders only."
    assert "recalled" not in unpaid.text
    assert "recalled" not in shown(client, make.order(items=[{"licenses": []}])).block("License information").text


@pytest.mark.parametrize(
    ("values", "said"),
    [({}, True), ({"status": "not_paid", "pay_date": None}, False), ({"items": [{"licenses": []}]}, False),
     ({"items": [{"refunded": True}]}, False), ({"items": [{"refunded": True}, {}]}, True)],
)  # fmt: skip
def test_where_codes_go_is_said_where_one_can_be_sent(make, values, said):
    block = shown(make.specialist(), make.order(**values)).block("License information")
    assert ("Codes are sent to" in block.text) is said


def test_where_codes_go_is_not_said_while_delivery_is_forbidden(app, make):
    order_id = make.order()
    add(app, DeliveryBan(store_id=make.store("acme-eu"), reason="recalled", starts_at=utcnow()))
    assert "Codes are sent to" not in shown(make.specialist(), order_id).text


@pytest.mark.parametrize("kind", ["ended", "lifted", "product", "store"])
def test_a_ban_elsewhere_or_over_forbids_nothing(app, make, kind):
    order_id, now = make.order(), utcnow()
    ban = DeliveryBan(store_id=make.store("acme-eu"), reason="x", starts_at=now - dt.timedelta(days=2))
    if kind == "ended":
        ban.ends_at = now - dt.timedelta(days=1)
    elif kind == "lifted":
        ban.lifted_at = now
    elif kind == "product":
        ban.product_id = "another"
    else:
        ban.store_id = make.store("other")
    add(app, ban)
    assert "Resend" in shown(make.specialist(), order_id).buttons()


def test_an_erased_order_says_why_nothing_can_be_sent(make):
    block = shown(make.specialist(), make.order(erased=True)).block("License information")
    assert block.buttons() == []
    assert "nobody to send it to" in block.one(cls="why").text


# --- subscriptions -------------------------------------------------------------------------------------------------


def test_an_active_subscription_can_be_cancelled(make):
    block = shown(make.specialist(), subscribed(make)).one(data_subscription_id="900_1")
    assert "Auto-renewal has been activated" in block.text
    assert block.buttons() == ["Cancel subscription"]


def test_a_cancelled_one_can_be_resumed(make):
    block = shown(make.specialist(), subscribed(make, status="cancelled")).one(data_subscription_id="900_1")
    assert "Auto-renewal has been deactivated" in block.text
    assert block.buttons() == ["Resume subscription"]


def test_pmr_can_be_cancelled_never_resumed(make):
    active = shown(make.specialist(), subscribed(make, kind="PMR")).one(data_subscription_id="900_1")
    assert active.buttons() == ["Cancel subscription"]
    make.order(
        order_id=900, version=2,
        items=[{"subscription": {"id": "900_1", "type": "PMR", "status": "cancelled", "parent_order_id": 900}}],
    )  # fmt: skip
    gone = shown(make.specialist(), 900).one(data_subscription_id="900_1")
    assert gone.buttons() == []
    assert gone.one(cls="why").text == "A PMR subscription cannot be resumed."


def test_a_parent_shows_its_block_only_if_paid_a_renewal_always(make):
    parent = subscribed(make, status="cancelled")
    make.order(
        order_id=901, status="not_paid", pay_date=None,
        items=[{"subscription": {"id": "900_1", "type": "AR", "status": "cancelled", "parent_order_id": 900}}],
    )  # fmt: skip
    make.order(
        order_id=parent, version=2, status="deleted",
        items=[{"subscription": {"id": "900_1", "type": "AR", "status": "cancelled", "parent_order_id": 900}}],
    )  # fmt: skip
    browser = make.specialist()
    assert shown(browser, 900).all(data_subscription_id=None) == []
    assert len(shown(browser, 901).all(data_subscription_id=None)) == 1


def test_an_order_without_subscription_shows_no_block(make):
    assert shown(make.specialist(), make.order()).all(data_subscription_id=None) == []


# --- actions under way ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "word"), [("waiting", "Waiting"), ("running", "In progress")])
def test_an_action_under_way_is_seen_and_asked_for_again(app, make, state, word):
    order_id, person = make.order(), make.person(stores=("acme-eu",))
    action(app, order_id, "resend_license", "l1", state, person)
    page = parse(make.signed_in(person).get(f"/orders/{order_id}").text)
    assert page.one(id="order").attrs["data-poll"] == f"/orders/{order_id}/blocks"
    block = page.block("License information")
    assert word in block.one(cls="state").text
    assert block.one(cls="why").text == "This license information is already being sent."
    assert block.buttons() == []


STUCK = "Somebody has to look at an earlier attempt first."


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("running", ["is already being processed.", "is already in progress.", "is already being sent."]),
        ("attention", [STUCK, STUCK, STUCK]),
    ],
)
def test_beside_the_buttons_stands_what_is_so_while_an_action_needs_attention(app, make, state, words):
    order_id, person = subscribed(make), make.person(stores=("acme-eu",))
    with app.app_context(), scope_as(ALL_STORES):
        store_id = session.scalar(sa.select(Order.store_id).where(Order.id == order_id))
    request = RefundRequest(order_id=order_id, store_id=store_id, status="sent", amount=118, currency="EUR", reason="x")
    add(app, request)
    for kind, subject in (("request_refund", "900"), ("cancel_subscription", "900_1"), ("resend_license", "l1")):
        action(app, order_id, kind, subject, state, person)
    page = shown(make.specialist(), order_id)
    assert not {"Request refund", "Cancel subscription", "Resend"} & set(page.buttons())
    said = [why.text for why in page.all(cls="why")]
    assert len(said) == 3
    assert all(text.endswith(end) for text, end in zip(said, words, strict=True))


def test_a_refused_action_says_why(app, make):
    order_id, person = make.order(), make.person(stores=("acme-eu",))
    action(app, order_id, "resend_license", "l1", "refused", person, reason="The address does not exist.")
    page = parse(make.signed_in(person).get(f"/orders/{order_id}").text)
    told = page.block("License information").one(cls="state").text
    assert "Refused" in told
    assert "The address does not exist." in told
    assert "data-poll" not in page.one(id="order").attrs
    assert "Resend" in page.buttons()


def test_a_change_asked_for_on_the_renewals_page_is_known_on_the_parents(app, make):
    subscribed(make)
    make.order(
        order_id=901,
        items=[{"subscription": {"id": "900_1", "type": "AR", "status": "active", "parent_order_id": 900}}],
    )
    action(app, 901, "cancel_subscription", "900_1", "waiting", make.person(stores=("acme-eu",)))
    block = shown(make.specialist(), 900).one(data_subscription_id="900_1")
    assert block.buttons() == []
    assert block.one(cls="why").text == "A change of this subscription is already in progress."


# --- permissions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("permission", "button"),
    [
        ("can_request_refund", "Request refund"), ("can_resend", "Resend"), ("can_download", "Order Documents"),
        ("can_cancel_subscription", "Cancel subscription"),
    ],
)  # fmt: skip
def test_a_permission_taken_away_takes_the_button_away(app, make, monkeypatch, permission, button):
    from app.domain.access import Actor

    order_id = subscribed(
        make,
        documents=[{
            "document_id": "d1", "kind": "invoice", "name": "I.pdf", "content_type": "application/pdf",
            "content_base64": "JVBERg==",
        }],
    )  # fmt: skip
    browser = make.specialist()
    assert button in shown(browser, order_id).buttons()
    may = Actor.may
    monkeypatch.setattr(Actor, "may", lambda self, name, view: name != permission and may(self, name, view))
    order = shown(browser, order_id)
    assert button not in order.buttons()
    if permission == "can_download":
        assert browser.get(f"/orders/{order_id}/documents/d1").status_code != 200


def test_without_can_show_the_page_is_closed(make, monkeypatch):
    from app.domain.access import Actor

    order_id, browser = make.order(), make.specialist()
    may = Actor.may
    monkeypatch.setattr(Actor, "may", lambda self, name, view: name != "can_show" and may(self, name, view))
    for path in (f"/orders/{order_id}", f"/orders/{order_id}/blocks"):
        answer = browser.get(path)
        assert answer.status_code != 200
        assert "ABCD-1234" not in answer.text
