"""The raw module of an order's blocks: it takes the scope as an argument, and holds without the other layers."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES, NO_STORES, Actor
from app.models import (
    Action,
    DeliveryBan,
    Document,
    License,
    Order,
    OrderEvent,
    OrderItem,
    OrderParameter,
    OrderRelation,
    RefundRequest,
    Subscription,
)
from app.models.base import utcnow
from app.queries.cards import load_cards
from app.queries.raw_blocks import load_blocks
from tests.statements import counted

NOW = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)


def rich(make, store, order_id, **values):
    """An order with something in every table; every text of it says CANARY when the store is foreign."""
    word = f"CANARY-{store}"
    return make.order(
        store=store, order_id=order_id, customer={"first_name": word, "company_name": word},
        items=[{
            "name": word, "licenses": [{"license_id": "c1", "code": word, "deleted": False}],
            "subscription": {
                "id": f"{order_id}_1", "type": "AR", "status": "active", "parent_order_id": order_id,
                "child_order_ids": [order_id + 1],
            },
        }],
        additional_data=[{"name": word, "value": word}],
        related_order_ids=[order_id + 2],
        history=[{"event_id": "e1", "date": "2026-08-13T09:00:00Z", "kind": "other", "text": word}],
        documents=[{
            "document_id": "d1", "kind": "invoice", "name": word, "content_type": "application/pdf",
            "content_base64": "JVBERg==",
        }],
        refund={"status": "sent", "updated": "2026-08-14T00:00:00Z"},
        **values,
    )  # fmt: skip


@pytest.fixture
def two_stores(app, make):
    own, foreign = rich(make, "acme-eu", 1000), rich(make, "other", 20_000_002_000)
    ids = {name: make.store(name) for name in ("acme-eu", "other")}
    person = make.person(stores=("acme-eu",))
    with app.app_context(), scope_as(ALL_STORES), transaction():
        for name, order_id in (("acme-eu", own), ("other", foreign)):
            session.add(DeliveryBan(store_id=ids[name], reason=f"CANARY-{name}", starts_at=utcnow()))
            session.add(
                Action(
                    kind="resend_license", order_id=order_id, store_id=ids[name], subject="c1", state="waiting",
                    actor_id=person, request_token=f"t{order_id}", key=f"k{order_id}", reason=f"CANARY-{name}",
                )
            )  # fmt: skip
    return own, foreign, ids


def test_nothing_of_another_store_comes_out(app, two_stores):
    own, foreign, ids = two_stores
    with app.app_context(), scope_as(ALL_STORES):  # layer one is off: the argument alone has to hold
        blocks = load_blocks(session.connection(), [own, foreign], frozenset({ids["acme-eu"]}))
    assert "CANARY-acme-eu" in repr(blocks)
    assert "CANARY-other" not in repr(blocks)
    assert str(foreign) not in repr(blocks)
    kinds = {row[0] for row in blocks.rest}
    assert kinds == {"license", "document", "parameter", "relation", "action", "refund", "ban"}


def test_without_stores_nothing_comes_out(app, two_stores):
    own, foreign, _ = two_stores
    with app.app_context(), scope_as(ALL_STORES):
        assert load_blocks(session.connection(), [own, foreign], NO_STORES) == ([], [], [], [])


def test_every_table_alone_is_narrowed(app, two_stores):
    """Rows that say one store and hang on another's order are nobody's."""
    own, _foreign, ids = two_stores
    with app.app_context(), scope_as(ALL_STORES), transaction():
        for model in (OrderItem, License, Document, OrderParameter, OrderRelation, OrderEvent, Action, RefundRequest):
            session.execute(sa.update(model).where(model.order_id == own).values(store_id=ids["other"]))
        session.execute(sa.update(Subscription).values(store_id=ids["other"]))
    with app.app_context(), scope_as(ALL_STORES):
        blocks = load_blocks(session.connection(), [own], frozenset({ids["acme-eu"]}))
    assert len(blocks.orders) == 1
    assert blocks.items == blocks.history == []
    assert {row[0] for row in blocks.rest} == {"ban"}


def test_a_relation_of_another_store_is_not_shown(app, make):
    own = make.order(order_id=1000)
    make.order(store="other", order_id=2000, related_order_ids=[1000])
    store = make.store("acme-eu")
    with app.app_context(), scope_as(ALL_STORES):
        (card,) = load_cards(session, Actor(1, "x", "x", stores=frozenset({store})), [own], NOW)
    assert not card.family


def test_a_subscription_of_the_same_number_in_another_store_is_another(app, make):
    line = {"id": "1000_1", "type": "AR", "status": "active", "parent_order_id": 1000}
    make.order(order_id=1000, items=[{"subscription": line}])
    make.order(order_id=2000, store="other", items=[{"subscription": line | {"status": "cancelled"}}])
    stores = frozenset({make.store("acme-eu")})
    with app.app_context(), scope_as(ALL_STORES):
        (card,) = load_cards(session, Actor(1, "x", "x", stores=stores), [1000], NOW)
    assert card.items[0].subscription.active


def test_orders_come_in_the_order_asked_for_and_missing_ones_are_left_out(app, make):
    first, second = make.order(), make.order()
    actor = Actor(1, "x", "x", stores=ALL_STORES)
    with app.app_context(), scope_as(ALL_STORES):
        assert [c.id for c in load_cards(session, actor, [second, 999, first], NOW)] == [second, first]
        assert load_cards(session, actor, [], NOW) == []


def test_one_order_and_fifty_take_four_statements(app, make):
    ids = [rich(make, "acme-eu", 1000 + 10 * n) for n in range(50)]
    actor = Actor(1, "x", "x", stores=ALL_STORES)
    for wanted in (ids[:1], ids):
        with app.app_context(), scope_as(ALL_STORES), counted(app.extensions["database"].engine) as seen:
            assert len(load_cards(session, actor, wanted, NOW)) == len(wanted)
        assert len(seen) == 4


def test_a_resumed_subscription_would_wait_for_an_unpaid_renewal(app, make):
    line = {"id": "1000_1", "type": "AR", "status": "cancelled", "parent_order_id": 1000, "child_order_ids": [1001]}
    make.order(order_id=1000, items=[{"subscription": line}])
    actor = Actor(1, "x", "x", stores=ALL_STORES)

    def waits():
        with app.app_context(), scope_as(ALL_STORES):
            (card,) = load_cards(session, actor, [1000], NOW)
            return card.items[0].subscription.resumes_unpaid

    assert waits() is False
    make.order(order_id=1001, status="not_paid", pay_date=None, items=[{"subscription": line}])
    assert waits() is True
    make.order(order_id=1001, version=2, items=[{"subscription": line}])
    assert waits() is False


def test_orders_are_read_in_full_precision(app, make):
    order_id = make.order(total="1234567.89", currency="EUR", create_date="2026-03-29T02:59:59.123456+03:00")
    with app.app_context(), scope_as(ALL_STORES):
        (card,) = load_cards(session, Actor(1, "x", "x", stores=ALL_STORES), [order_id], NOW)
        assert session.get_one(Order, order_id).total == Decimal("1234567.89")
    assert card.total == "€1,234,567.89"
    assert 'datetime="2026-03-28T23:59:59Z"' in card.created
