"""With a platform to ask, a webhook is a hint: the order is read again, and that is what counts (domain.md 9.1)."""

import json

import pytest
import sqlalchemy as sa

from app.actions.webhooks import apply_delivery, record_platform_order
from app.db import transaction
from app.models import Order, OrderItem, OrderParameter, Store, Subscription, WebhookDelivery
from app.platform import words
from tests.webhooks.test_applying import NOW, message, order_of


@pytest.fixture
def store_id(session, make):
    make.store("acme-eu")
    return session.scalar(sa.select(Store.id))


def body(**values):
    """An order as the platform's API tells it: the webhook's fields without the event."""
    value = message(**values)
    for name in ("event", "event_date", "document_part"):
        del value[name]
    return value


def read(session, store_id, now=NOW, **values):
    with transaction():
        return record_platform_order(session, words.order(1, body(**values)), store_id=store_id, now=now)


def test_an_order_is_recorded_as_it_was_read(session, store_id):
    product = {"id": "a", "name": "First", "amount": "10.00"}
    told = {"additional_data": {"utm": "x"}, "subscription": {"id": "1_5", "type": "AR", "status": "active"},
            "refund": {"status": "Processing"}}  # fmt: skip
    value = body(status="paid", pay_date="2026-08-14T00:00:00Z") | told
    del value["product"]
    value["products"] = [{**body()["product"], **product}, {**body()["product"], "id": "b", "amount": "20.00"}]
    with transaction():
        assert record_platform_order(session, words.order(1, value), store_id=store_id, now=NOW) == ("done", None)
    order = session.get_one(Order, 1)
    assert (order.status, str(order.total), order.refund_status, order.read_back_at) == (
        "paid",
        "30.00",
        "updating",
        NOW,
    )
    assert session.scalars(sa.select(OrderItem.product_id).order_by(OrderItem.position)).all() == ["a", "b"]
    assert session.scalars(sa.select(Subscription.status)).all() == ["active"]
    assert session.execute(sa.select(OrderParameter.name, OrderParameter.value)).all() == [("utm", "x")]


def test_what_was_read_is_newer_than_any_snapshot_but_moves_nothing_backwards(session, store_id, make):
    make.order(order_id=1, version=7)
    read(session, store_id, status="not paid", customer={"email": "new@example.com"},
         product={"id": "111111", "amount": "120.00"})  # fmt: skip
    session.expire_all()
    order = session.get_one(Order, 1)
    assert (order.version, order.status, order.email, str(order.total)) == (7, "paid", "new@example.com", "120.00")


def test_a_snapshot_without_ids_of_products_and_the_order_read_again_are_one(session, store_id, make):
    make.order(order_id=1, items=[{"product_id": None, "sku": None, "name": "Demo"}])
    read(session, store_id, product={"id": "111111", "name": "Demo", "amount": "118.00"})
    session.expire_all()
    assert str(session.get_one(Order, 1).total) == "118.00"
    assert session.scalars(sa.select(OrderItem.item_id)).all() == ["i1"]


def test_of_the_message_itself_only_the_event_counts(app, session, store_id):
    lie = message("product.delivered", status="deleted", customer={"email": "liar@example.com"},
                  product={"id": "111111", "amount": "0.01"})  # fmt: skip
    told = words.order(1, body(status="paid"))
    with transaction():
        delivery = WebhookDelivery(store_id=store_id)
        assert apply_delivery(session, delivery, json.dumps(lie), NOW, told) == ("done", None)
    order = order_of(app)
    assert (order["status"], order["total"], order["delivery"]) == ("paid", "100.00", "delivered")
    assert order["customer"]["email"] == "customer@gmail.com"
    assert [line["text"] for line in order["history"]] == ["Product delivered: Demo"]


def test_another_stores_order_is_not_touched(session, store_id, make):
    make.order("other", order_id=1)
    state, reason = read(session, store_id, status="deleted")
    assert (state, reason) == ("refused", "The order belongs to another store.")
    assert session.get_one(Order, 1).status == "paid"


@pytest.mark.parametrize("said", [{}, {"amount": "", "price": "", "quantity": None}])
def test_an_answer_that_does_not_say_what_a_product_costs_leaves_it(session, store_id, make, said):
    """Or the order would cost nothing, and could not be refunded any more."""
    make.order(order_id=1, total="236.00", items=[{"product_id": "a", "quantity": 2, "amount": "236.00"}])
    told = {**body(), "product": {"id": "a", "name": "Renamed", **said}}
    with transaction():
        record_platform_order(session, words.order(1, told), store_id=store_id, now=NOW)
    item = session.scalars(sa.select(OrderItem)).one()
    assert (item.name, item.quantity, str(item.amount)) == ("Renamed", 2, "236.00")
    assert str(session.get_one(Order, 1).total) == "236.00"


@pytest.mark.parametrize("linked", [None, "b"])
def test_a_subscription_of_an_order_with_several_products_is_shown_once(session, store_id, linked):
    """The answer does not say of which product it is."""
    told = {**body(), "subscription": {"id": "1_5", "type": "AR", "status": "active"}}
    product = told.pop("product")
    told["products"] = [{**product, "id": "a"}, {**product, "id": "b"}]
    if linked:
        read(session, store_id, product={"id": linked}, subscription=told["subscription"])
    with transaction():
        record_platform_order(session, words.order(1, told), store_id=store_id, now=NOW)
    rows = session.execute(sa.select(OrderItem.product_id, OrderItem.subscription_code))
    codes = {row.product_id: row.subscription_code for row in rows}
    assert codes == ({"a": None, "b": "1_5"} if linked else {"a": "1_5", "b": None})
