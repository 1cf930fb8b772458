"""What webhooks say about subscriptions (domain.md 5 and 9.1). The newest moment wins; the portal's decisions stay."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actions.orders import lock_subscription
from app.actions.record_family import merged
from app.actions.rows import Row
from app.domain.orders import Status
from app.domain.subscriptions import Mechanism, SubscriptionStatus, after_resume
from app.domain.webhooks import CANCELLED, RESTORED, Message, line_id
from app.models import Order, OrderEvent, OrderItem, OrderRelation, Subscription

_COLUMNS = ("store_id", "code", "type", "status", "period", "next_charge_date", "parent_order_id", "decided_at",
            "version", "source_at")  # fmt: skip

_RANK: dict[str, int] = {"active": 0, "not_paid": 1, "cancelled": 2}


def merge_subscriptions(session: Session, order: Order, message: Message, *, moved: bool) -> None:
    """Apply the message's subscription block and event. ``moved``: the order's status has just changed."""
    block = message.subscription
    if block is not None:
        parent = int(block.code.partition("_")[0])
        lock_subscription(session, order, block.code)
        known = _find(session, order.store_id, block.code)
        if known is None and block.type is not None and block.status is not None:
            known = Subscription(store_id=order.store_id, code=block.code, parent_order_id=parent)
            _set(
                known,
                {
                    "store_id": order.store_id, "code": block.code, "type": block.type, "status": block.status,
                    "period": None, "next_charge_date": None, "parent_order_id": parent, "decided_at": None,
                    "version": None, "source_at": message.at,
                },
            )  # fmt: skip
            session.add(known)
            session.flush()
        elif known is not None and block.status is not None:
            _say(known, block.status, message.at)
        _link(session, order, block.code, parent, message)
    for subscription in _own(session, order):
        _replay(session, subscription)
    if moved:
        _renewals(session, order)
    session.flush()


def _find(session: Session, store_id: int, code: str) -> Subscription | None:
    return session.scalar(
        sa.select(Subscription)
        .where(Subscription.store_id == store_id, Subscription.code == code)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _say(subscription: Subscription, status: str, at: dt.datetime) -> None:
    """A word about the status, by a webhook of that moment."""
    known: Row = {name: getattr(subscription, name) for name in _COLUMNS}
    if known["version"] is None and known["source_at"] == at and _RANK[status] < _RANK[known["status"]]:
        return  # of two words of one moment the same one stands, whichever comes first
    row = merged(known, [{**known, "status": status, "version": None, "source_at": at}])
    if row is not None:
        _set(subscription, row)


def _set(subscription: Subscription, row: Row) -> None:
    for name in _COLUMNS:
        setattr(subscription, name, row[name])


def _link(session: Session, order: Order, code: str, parent: int, message: Message) -> None:
    """The order's item belongs to the subscription; a renewal belongs to its parent."""
    keys = {product.key for product in message.products}
    items = list(
        session.scalars(sa.select(OrderItem).where(OrderItem.order_id == order.id).order_by(OrderItem.position))
    )
    if len(keys) > 1:  # an order read whole does not say of which product: one is enough, where none is known
        keys = set() if any(item.subscription_code == code for item in items) else {message.products[0].key}
    for item in items:
        if item.source == "webhook" and item.product_id in keys and item.subscription_code is None:
            item.subscription_code = code
    if parent != order.id:
        _relate(session, order.store_id, parent, order.id, code)
    else:
        renewals = sa.select(OrderItem.order_id).where(
            OrderItem.store_id == order.store_id, OrderItem.subscription_code == code, OrderItem.order_id != order.id
        )
        for child in session.scalars(renewals):
            _relate(session, order.store_id, order.id, child, code)


def _relate(session: Session, store_id: int, parent: int, child: int, code: str) -> None:
    here = session.scalar(sa.select(Order.id).where(Order.id == parent, Order.store_id == store_id))
    key = {"order_id": parent, "related_id": child, "kind": "child", "subscription_code": code}
    if here is not None and session.get(OrderRelation, key) is None:
        session.add(OrderRelation(**key, store_id=store_id))
        session.flush()


def _own(session: Session, order: Order) -> list[Subscription]:
    """The subscriptions the order's events may speak of: those it is the parent of (events always name the parent)."""
    statement = sa.select(Subscription).where(
        Subscription.store_id == order.store_id, Subscription.parent_order_id == order.id
    )
    return list(session.scalars(statement.with_for_update().execution_options(populate_existing=True)))


def _replay(session: Session, subscription: Subscription) -> None:
    """Apply the newest cancellation or restoration the order's history knows, if it is newer than what is believed.

    Taken from the history, so that an event that came before its subscription was known is not lost.
    """
    mine, others = _named_by(session, subscription)
    newest: tuple[dt.datetime, str] | None = None
    for line in session.scalars(
        sa.select(OrderEvent).where(
            OrderEvent.order_id == subscription.parent_order_id,
            OrderEvent.source == "webhook",
            OrderEvent.kind == "subscription",
        )
    ):
        event = line.event_id.rpartition(".")[0]
        if event not in (CANCELLED, RESTORED) or not _speaks_of(line, event, mine, others):
            continue
        if event == RESTORED and subscription.type == Mechanism.PMR:
            continue
        # Of two words of one moment the cancellation stands: nobody is charged by mistake.
        if newest is None or (line.at, event == CANCELLED) > (newest[0], newest[1] == CANCELLED):
            newest = (line.at, event)
    if newest is None:
        return
    at, event = newest
    status = SubscriptionStatus.CANCELLED if event == CANCELLED else after_resume(_unpaid(session, subscription))
    if subscription.source_at is None or at > subscription.source_at or event == CANCELLED:
        _say(subscription, status.value, at)


def _named_by(session: Session, subscription: Subscription) -> tuple[set[str], set[str]]:
    """What a message names this subscription by, its code or the product it is of; and the parent's other ones."""
    mine = {subscription.code}
    others = set(
        session.scalars(
            sa.select(Subscription.code).where(
                Subscription.store_id == subscription.store_id,
                Subscription.parent_order_id == subscription.parent_order_id,
            )
        )
    )
    for code, product in session.execute(
        sa.select(OrderItem.subscription_code, OrderItem.product_id).where(
            OrderItem.order_id == subscription.parent_order_id, OrderItem.subscription_code.is_not(None)
        )
    ):
        if product is not None:
            (mine if code == subscription.code else others).add(product)
    return mine, others - mine


def _speaks_of(line: OrderEvent, event: str, mine: set[str], others: set[str]) -> bool:
    """Is the line about the subscription? An order has one message for each of its products, and each of these may
    have a subscription. A line that names none at all is about every one."""
    if any(line.event_id == line_id(event, line.at, name) for name in mine):
        return True
    if any(line.event_id == line_id(event, line.at, name) for name in others):
        return False
    return ", subscription " not in line.text  # one that is not known


def _unpaid(session: Session, subscription: Subscription) -> bool:
    """Is there a renewal order that waits for its payment?"""
    return (
        session.scalar(
            sa.select(Order.id)
            .join(OrderRelation, OrderRelation.related_id == Order.id)
            .where(
                OrderRelation.order_id == subscription.parent_order_id,
                OrderRelation.kind == "child",
                OrderRelation.subscription_code == subscription.code,
                Order.store_id == subscription.store_id,
                Order.status == Status.NOT_PAID,
            )
            .limit(1)
        )
        is not None
    )


def _renewals(session: Session, order: Order) -> None:
    """A renewal order that waits for payment makes an active subscription ``not_paid``; once paid, active again."""
    statement = (
        sa.select(Subscription)
        .join(
            OrderRelation,
            sa.and_(
                OrderRelation.order_id == Subscription.parent_order_id,
                OrderRelation.subscription_code == Subscription.code,
            ),
        )
        .where(
            OrderRelation.related_id == order.id,
            OrderRelation.kind == "child",
            Subscription.store_id == order.store_id,
            Subscription.status != SubscriptionStatus.CANCELLED,
        )
    )
    for subscription in session.scalars(statement):
        subscription.status = after_resume(_unpaid(session, subscription)).value
