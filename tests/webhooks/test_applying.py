"""Webhooks applied to orders: forward only, whatever the order of arrival (domain.md 9.1)."""

import datetime as dt
import itertools
import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.actions.webhooks import apply_delivery, receive_delivery
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.domain.webhooks import read_body
from app.models import Order, OrderEvent, OrderItem, RefundRequest, Store, Subscription, WebhookDelivery
from app.queries.order_snapshot import order_snapshot

DATA = Path(__file__).parent.parent / "data" / "webhooks"
PUBLISHED = json.loads((DATA / "order_created.checkout.json").read_text())
NOW = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)


def message(event="order.created", at="2026-08-13T10:00:00+03:00", product=None, part="1-of-1", **values):
    """A webhook like the published one."""
    value = {**PUBLISHED, "order_id": 1, "event": event, "event_date": at, "document_part": part, **values}
    value["create_date"] = values.get("create_date", "2026-08-13T10:00:00+03:00")
    value["product"] = {**PUBLISHED["product"], **(product or {})}
    return value


def deliver(app, *messages, store="acme-eu"):
    """Store and apply; the states, with reasons."""
    found = []
    with app.app_context(), scope_as(ALL_STORES):
        store_id = session.scalar(sa.select(Store.id).where(Store.name == store))
        for value in messages:
            body = json.dumps(value).encode()
            with transaction():
                row_id = receive_delivery(session, store_id, read_body(body), body)
            if row_id is None:
                found.append(("doubled", None))
                continue
            with transaction():
                row = session.get_one(WebhookDelivery, row_id)
                state, reason = apply_delivery(session, row, row.body, NOW)
                row.state, row.reason = state, reason
            found.append((state, reason))
    return found


def order_of(app, order_id=1):
    with app.app_context(), scope_as(ALL_STORES):
        return order_snapshot(session, order_id, ALL_STORES, NOW)


@pytest.fixture(autouse=True)
def _store(make):
    make.store("acme-eu")


def test_a_webhook_makes_the_order(app):
    assert deliver(app, PUBLISHED) == [("done", None)]
    order = order_of(app, 5555555)
    assert (order["order_name"], order["status"], order["version"]) == ("A0005555555", "not_paid", None)
    assert (order["customer"]["email"], order["customer"]["first_name"]) == ("customer@gmail.com", "Marcel")
    assert (order["total"], order["delivery"], order["pay_date"]) == ("100.00", "not_delivered", None)
    assert (order["payment"]["payment_method"], order["payment"]["card_last_4"]) == ("CreditCard", None)
    (item,) = order["items"]
    assert (item["product_id"], item["name"], item["quantity"], item["amount"]) == ("111111", "Demo", 1, "100.00")
    assert [line["text"] for line in order["history"]] == ["Order created"]


def test_a_product_id_may_be_a_number_or_a_text(app):
    deliver(app, message(product={"id": 111111}), message("product.delivered", product={"id": "111111"}))
    assert [item["delivered"] for item in order_of(app)["items"]] == [True]


def test_two_products_are_one_order_with_two_items_and_the_sum_of_both(app):
    deliver(
        app,
        message(part="2-of-2", product={"id": "b", "name": "Second", "amount": "18.50"}),
        message(part="1-of-2", product={"id": "a", "name": "First", "amount": "100.00"}),
    )
    order = order_of(app)
    assert [item["name"] for item in order["items"]] == ["First", "Second"]
    assert order["total"] == "118.50"
    assert [line["text"] for line in order["history"]] == ["Order created"]


def test_a_payment_makes_it_paid_with_the_events_date(app):
    deliver(app, message(), message("order.payment.succeeded", "2026-08-13T10:05:00+03:00", pay_date=""))
    order = order_of(app)
    assert order["status"] == "paid"
    assert dt.datetime.fromisoformat(order["pay_date"]) == dt.datetime.fromisoformat("2026-08-13T10:05:00+03:00")


def test_a_late_message_moves_nothing_backwards(app):
    paid = message("order.payment.succeeded", "2026-08-13T10:05:00+03:00", status="paid", customer={"email": "b@x.y"})
    deliver(app, paid, message(status="not paid", customer={"email": "a@x.y"}))
    order = order_of(app)
    assert (order["status"], order["customer"]["email"]) == ("paid", "b@x.y")
    assert order["pay_date"] is not None


def test_a_webhook_never_terminates_an_order(app):
    deliver(app, message(), message(at="2026-08-14T10:00:00+03:00", status="terminated"))
    assert order_of(app)["status"] == "not_paid"
    deliver(app, message("order.payment.succeeded", at="2026-08-15T10:00:00+03:00", status="terminated"))
    assert order_of(app)["status"] == "paid"


def test_a_failed_payment_is_an_error_in_the_history_and_nothing_else(app):
    deliver(app, message(), message("order.payment.failed", "2026-08-13T10:05:00+03:00"))
    order = order_of(app)
    assert order["status"] == "not_paid"
    assert [(line["kind"], line["text"]) for line in order["history"]][-1] == ("error", "Payment error")


def test_a_returned_product_is_refunded_and_the_order_stays_paid_until_all_are(app):
    a, b = {"id": "a"}, {"id": "b"}
    deliver(app, message(part="1-of-2", product=a, status="paid"), message(part="2-of-2", product=b, status="paid"))
    deliver(app, message("product.returned", "2026-08-14T00:00:00Z", product=a, part="1-of-2", status="paid"))
    assert [item["refunded"] for item in order_of(app)["items"]] == [True, False]
    assert order_of(app)["status"] == "paid"
    deliver(app, message("product.returned", "2026-08-14T00:00:00Z", product=b, part="2-of-2", status="paid"))
    assert order_of(app)["status"] == "deleted"


def test_a_first_part_that_is_returned_does_not_delete_the_order_before_the_second_is_seen(app):
    deliver(app, message("product.returned", part="1-of-2", product={"id": "a"}, status="paid"))
    assert order_of(app)["status"] == "paid"


def test_a_chargeback_deletes_an_order_with_no_request_on_it(app, make):
    make.order(order_id=1)
    deliver(app, message("product.returned", "2026-08-14T00:00:00Z"))
    order = order_of(app)
    assert (order["statuses"], order["items"][0]["refunded"]) == (["deleted"], True)


def test_a_returned_product_completes_the_open_request(app, make):
    make.order(order_id=1, items=[{}, {}], refund={"status": "sent", "updated": "2026-08-13T12:00:00Z"})
    back = message("product.returned", "2026-08-14T00:00:00Z", product={"id": "111111"}, part="1-of-2")
    deliver(app, back)
    assert order_of(app)["statuses"] == ["paid", "refund_completed"]
    deliver(app, {**back, "product": {**back["product"], "id": "111112"}, "document_part": "2-of-2"})
    assert order_of(app)["statuses"] == ["deleted", "refund_completed"]
    with app.app_context(), scope_as(ALL_STORES):
        (request,) = session.scalars(sa.select(RefundRequest))
        assert (request.status, request.result) == ("completed", "full")


def test_a_change_of_the_order_moves_an_open_request_to_updating(app, make):
    make.order(order_id=1, refund={"status": "sent", "updated": "2026-08-13T12:00:00Z"})
    deliver(app, message(at="2026-08-14T00:00:00Z", customer={"email": "changed@example.com"}))
    assert order_of(app)["statuses"] == ["paid", "refund_updating"]


def test_the_version_never_changes_and_the_snapshot_keeps_its_items_and_total(app, make):
    make.order(order_id=1, version=7)
    deliver(
        app,
        message("product.delivered", "2026-08-14T00:00:00Z", product={"id": "zzz", "amount": "5.00"}),
        message("product.delivered", "2026-08-14T00:00:00Z", product={"name": "Another name", "amount": "7.00"}),
    )
    order = order_of(app)
    assert (order["version"], order["total"]) == (7, "118.00")
    assert [(item["item_id"], item["name"], item["amount"]) for item in order["items"]] == [("i1", "Demo", "118.00")]


def test_the_first_snapshot_replaces_items_that_webhooks_made(app, make):
    deliver(app, message(product={"id": "111111"}), message(product={"id": "x"}))
    make.order(order_id=1)
    order = order_of(app)
    assert [item["item_id"] for item in order["items"]] == ["i1"]
    assert (order["total"], order["version"]) == ("118.00", 1)


def test_a_refund_told_by_webhook_survives_the_first_snapshot(app, make):
    deliver(app, message("product.returned", product={"id": "111111"}, part="1-of-2", status="paid"))
    make.order(order_id=1, items=[{"refunded": False}, {}])
    assert [item["refunded"] for item in order_of(app)["items"]] == [True, False]


@pytest.mark.parametrize("known", [{"sku": "0001"}, {"sku": None}])
def test_an_item_without_a_products_id_is_found_by_its_sku_or_its_name(app, make, known):
    make.order(order_id=1, items=[{"product_id": None, "name": "Demo", "delivered": False, **known}, {"name": "x"}])
    deliver(app, message("product.delivered", "2026-08-14T00:00:00Z", product={"id": 7, "sku": "0001", "name": "Demo"}))
    assert [(i["name"], i["delivered"]) for i in order_of(app)["items"]] == [("Demo", True), ("x", True)]


def test_a_price_below_nothing_is_none_and_a_discount_has_no_sign(app):
    odd = {"price": "100.00", "quantity": 2, "amount": "-200.00", "vat_amount": "-1.00", "discount_amount": "-5.00"}
    deliver(app, message(product=odd))
    order = order_of(app)
    (item,) = order["items"]
    assert (order["total"], item["amount"], item["vat_amount"], item["discount_amount"]) == (
        "200.00", "200.00", None, "5.00",
    )  # fmt: skip


def test_a_line_that_the_platforms_history_has_is_not_told_twice(app, make):
    paid = message("order.payment.succeeded", "2026-08-13T09:20:01+03:00")
    deliver(app, paid)
    make.order(order_id=1)
    texts = [line["text"] for line in order_of(app)["history"]]
    assert texts.count("Payment received") == 1
    deliver(app, {**paid, "x": 1})
    assert [line["text"] for line in order_of(app)["history"]] == texts


def test_an_unknown_event_is_ignored(app):
    (result,) = deliver(app, message("order.something_new"))
    assert result[0] == "ignored"
    with app.app_context(), scope_as(ALL_STORES):
        assert session.scalars(sa.select(Order.id)).all() == []


def test_unknown_fields_are_taken_and_logged_by_name(app, caplog):
    with caplog.at_level("INFO", logger="app.actions.webhooks"):
        assert deliver(app, message(), message(recurring_indicator="y", customer={"colour": "sekret"})) == [
            ("done", None), ("done", None),
        ]  # fmt: skip
    (line,) = [r for r in caplog.records if r.message == "webhook.unknown_fields"]
    assert line.fields == "recurring_indicator, customer.colour"
    assert "sekret" not in caplog.text


def test_another_stores_message_is_kept_and_refused(app, make):
    make.store("other")
    make.order("other", order_id=1)
    before = order_of(app)
    ((state, reason),) = deliver(app, message("order.payment.succeeded", "2026-09-01T00:00:00Z"))
    assert (state, reason) == ("refused", "The order belongs to another store.")
    assert order_of(app) == before


def test_no_new_order_comes_into_a_closed_store(app, make):
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(Store).values(closed_at=NOW))
    ((state, reason),) = deliver(app, message())
    assert state == "refused"
    assert reason == "The store acme-eu is closed: nothing new comes in."
    with app.app_context(), scope_as(ALL_STORES):
        assert session.scalars(sa.select(Order.id)).all() == []


def test_a_request_made_before_the_store_was_closed_gets_its_answer(app, make):
    make.order(order_id=1, refund={"status": "sent", "updated": "2026-08-14T00:00:00+00:00"})
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(Store).values(closed_at=NOW))
    ((state, reason),) = deliver(app, message("product.returned", "2026-08-20T00:00:00+00:00"))
    assert (state, reason) == ("done", None)
    assert order_of(app)["statuses"] == ["deleted", "refund_completed"]


@pytest.mark.parametrize("gone", ["create_date", "currency", "order_id"])
def test_what_is_needed_for_a_new_order_is_named(app, gone):
    value = message()
    del value[gone]
    ((state, reason),) = deliver(app, value)
    assert state == "refused"
    assert {"order_id": "The message names no order."}.get(gone, f"{gone} is missing") in reason


def test_an_erased_customer_stays_erased_and_the_message_is_emptied(app, make):
    make.order(order_id=1, erased=True)
    deliver(app, message("order.payment.succeeded", "2026-09-01T00:00:00Z"))
    order = order_of(app)
    assert (order["customer"]["email"], order["customer"]["phone"], order["payment"]["card_last_4"]) == (
        "deleted",
        None,
        None,
    )
    with app.app_context(), scope_as(ALL_STORES):
        row = session.get_one(Order, 1)
        assert (row.email, row.email_key, row.first_name_key, row.address) == (None, None, None, None)
        assert session.scalars(sa.select(WebhookDelivery.body)).all() == [None]


@pytest.mark.parametrize(("why", "state"), [("event", "ignored"), ("store", "refused")])
def test_a_message_about_an_erased_customer_is_emptied_though_it_is_not_applied(app, make, why, state):
    make.order(order_id=1, erased=True)
    make.store("rival")
    event = "order.unheard_of" if why == "event" else "order.payment.succeeded"
    ((found, _),) = deliver(app, message(event), store="rival" if why == "store" else "acme-eu")
    assert found == state
    with app.app_context(), scope_as(ALL_STORES):
        assert session.scalars(sa.select(WebhookDelivery.body)).all() == [None]


def test_a_message_that_names_no_order_is_kept(app):
    ((state, _),) = deliver(app, message(order_id="none of ours"))
    assert state == "refused"
    with app.app_context(), scope_as(ALL_STORES):
        assert session.scalar(sa.select(WebhookDelivery.body)) is not None


def test_a_message_brings_an_erased_customer_back_in_no_field(app, make):
    make.order(order_id=1, erased=True)
    deliver(app, message(at="2026-09-01T00:00:00Z", external_id="Ann Lee", locale="en Ann Lee, Paris",
                         order_detail_url="https://shop.example.com/ann-lee"))  # fmt: skip
    with app.app_context(), scope_as(ALL_STORES):
        row = session.get_one(Order, 1)
        assert (row.external_id, row.order_detail_url, row.locale) == (None, None, None)


# --- subscriptions -------------------------------------------------------------------------------------------------

SUBSCRIPTION = {"id": "1_22222", "type": "AR", "status": "active", "parent_order_id": 1}


def subscription_status(app):
    with app.app_context(), scope_as(ALL_STORES):
        return session.scalar(sa.select(Subscription.status))


def test_cancelled_and_restored(app, make):
    make.order(order_id=1, items=[{"subscription": SUBSCRIPTION}])
    deliver(app, message("subscription.cancelled", "2026-08-20T00:00:00Z"))
    assert subscription_status(app) == "cancelled"
    deliver(app, message("subscription.restored", "2026-08-21T00:00:00Z"))
    assert subscription_status(app) == "active"
    deliver(app, message("subscription.cancelled", "2026-08-19T00:00:00Z"))
    assert subscription_status(app) == "active"
    assert [line["kind"] for line in order_of(app)["history"]].count("subscription") == 3


TWO = [
    {"product_id": "a", "subscription": {**SUBSCRIPTION, "id": "1_1"}},
    {"product_id": "b", "subscription": {**SUBSCRIPTION, "id": "1_2"}},
]


def statuses(app):
    with app.app_context(), scope_as(ALL_STORES):
        return dict(session.execute(sa.select(Subscription.code, Subscription.status)).all())


def test_of_two_subscriptions_of_an_order_the_one_of_the_product_is_cancelled(app, make):
    make.order(order_id=1, items=TWO)
    cancelled = message("subscription.cancelled", "2026-08-20T00:00:00Z", product={"id": "b", "name": "Bee"})
    deliver(app, {**cancelled, "document_part": "2-of-2"})
    assert statuses(app) == {"1_1": "active", "1_2": "cancelled"}
    assert order_of(app)["history"][-1]["text"] == "Auto-renewal has been deactivated: Bee"
    deliver(app, message("subscription.cancelled", "2026-08-20T00:00:00Z", product={"id": "a"}, part="1-of-2"))
    assert statuses(app) == {"1_1": "cancelled", "1_2": "cancelled"}
    deliver(app, message("subscription.restored", "2026-08-21T00:00:00Z", product={"id": "a"}, part="1-of-2"))
    assert statuses(app) == {"1_1": "active", "1_2": "cancelled"}


def test_a_message_that_names_a_subscription_is_about_that_one(app, make):
    make.order(order_id=1, items=TWO)
    for code, at in (("1_2", "2026-08-20T00:00:00Z"), ("1_3", "2026-08-21T00:00:00Z")):
        deliver(app, message("subscription.cancelled", at, product={"id": "a"}, subscription={"id": code}))
        assert statuses(app) == {"1_1": "active", "1_2": "cancelled"}


def test_a_message_about_a_product_nobody_knows_is_about_every_subscription(app, make):
    make.order(order_id=1, items=TWO)
    deliver(app, message("subscription.cancelled", "2026-08-20T00:00:00Z", product={"id": "zzz"}))
    assert statuses(app) == {"1_1": "cancelled", "1_2": "cancelled"}


def test_restored_waits_for_an_unpaid_renewal(app, make):
    make.order(order_id=1, items=[{"subscription": {**SUBSCRIPTION, "child_order_ids": [2]}}])
    make.order(order_id=2, status="not_paid", items=[{"subscription": {**SUBSCRIPTION, "status": "cancelled"}}])
    deliver(app, message("subscription.restored", "2026-08-21T00:00:00Z"))
    assert subscription_status(app) == "not_paid"
    deliver(app, message("order.payment.succeeded", "2026-08-22T00:00:00Z", order_id=2))
    assert subscription_status(app) == "active"


def test_a_pmr_subscription_is_never_restored(app, make):
    make.order(order_id=1, items=[{"subscription": {**SUBSCRIPTION, "type": "PMR", "status": "cancelled"}}])
    deliver(app, message("subscription.restored", "2026-08-21T00:00:00Z"))
    assert subscription_status(app) == "cancelled"


def test_the_portals_own_decision_stays(app, make):
    make.order(order_id=1, items=[{"subscription": SUBSCRIPTION}])
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(Subscription).values(status="cancelled", decided_at=NOW))
    deliver(app, message("subscription.restored", "2026-08-21T00:00:00Z"))
    assert subscription_status(app) == "cancelled"


# --- any order of arrival ------------------------------------------------------------------------------------------

A, B = {"id": "a", "name": "First", "amount": "10.00"}, {"id": "b", "name": "Second", "amount": "20.00"}
BLOCK = {"id": "1_5", "type": "AR", "status": "active"}
STORY = [
    message(part="1-of-2", product=A),
    message(part="2-of-2", product=B),
    message("order.payment.failed", "2026-08-13T10:01:00+03:00", part="1-of-2", product=A, customer={"phone": "1"}),
    message("order.payment.succeeded", "2026-08-13T10:05:00+03:00", part="1-of-2", product=A, status="paid"),
    message("order.payment.succeeded", "2026-08-13T10:05:00+03:00", part="2-of-2", product=B, status="paid",
            subscription=BLOCK),
    message("product.delivered", "2026-08-13T10:06:00+03:00", part="1-of-2", product=A, status="paid"),
    message("product.delivered", "2026-08-13T10:06:00+03:00", part="2-of-2", product={**B, "sku": "n"}, status="paid"),
    message("subscription.cancelled", "2026-08-14T10:00:00+03:00", part="2-of-2", product=B, status="paid"),
    message("subscription.restored", "2026-08-15T10:00:00+03:00", part="2-of-2", product=B, status="paid"),
    message("product.returned", "2026-08-16T10:00:00+03:00", part="1-of-2", product=A, status="paid"),
    message("product.returned", "2026-08-16T10:00:00+03:00", part="2-of-2", product=B, status="paid",
            customer={"email": "last@example.com"}),
    message("order.unheard_of", "2026-08-17T10:00:00+03:00"),
]  # fmt: skip
_runs = itertools.count(7_000_001)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_of_arrival_with_doubles_gives_the_same_end(app, data):
    picked = data.draw(st.lists(st.sampled_from(range(len(STORY))), unique=True, min_size=1))
    arrival = data.draw(st.permutations(picked + data.draw(st.lists(st.sampled_from(picked), max_size=4))))
    ends = [end_of(app, order) for order in (sorted(picked), arrival)]
    assert ends[0] == ends[1]


def end_of(app, arrival):
    order_id = next(_runs)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        store_id = session.scalar(sa.select(Store.id).where(Store.name == "acme-eu"))
        for i in arrival:
            value = {**STORY[i], "order_id": order_id}
            if "subscription" in value:
                value["subscription"] = {**BLOCK, "id": f"{order_id}_5"}
            apply_delivery(session, WebhookDelivery(store_id=store_id), json.dumps(value), NOW)
    with app.app_context(), scope_as(ALL_STORES):
        if session.get(Order, order_id) is None:
            return None
        order = order_snapshot(session, order_id, ALL_STORES, NOW)
        for item in order["items"]:
            item["webhook"] = session.execute(
                sa.select(OrderItem.part, OrderItem.parts, OrderItem.event_at).where(
                    OrderItem.order_id == order_id, OrderItem.item_id == item["item_id"]
                )
            ).one()
        subscription = session.scalar(sa.select(Subscription).where(Subscription.parent_order_id == order_id))
        order["subscription"] = subscription and (subscription.status, subscription.source_at)
        count = session.scalar(
            sa.select(sa.func.count()).select_from(OrderEvent).where(OrderEvent.order_id == order_id)
        )
        order["lines"] = count
    return json.dumps(order, default=str).replace(str(order_id), "ID")
