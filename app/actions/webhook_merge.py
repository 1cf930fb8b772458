"""Merge a message into an order so that every order of arrival, with doubles, ends the same (domain.md 9.1).

Plain fields: for each, the newest word wins, and of two words of one moment the greater. Flags and the status only
grow. Items are found by product; an order that snapshots have told of keeps its items and its total.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actions.record_rows import add_keys
from app.domain import orders
from app.domain.erasure import erased_fields, erased_locale
from app.domain.orders import Status, next_status, order_delivery
from app.domain.webhooks import DELIVERED, RETURNED, Message, Product, item_id_of, line_of
from app.models import Order, OrderEvent, OrderItem

_OF_ITEM = ("sku", "name", "quantity", "price", "discount_percent", "discount_amount", "vat_amount", "amount")
_SEARCHED = ("email", "first_name", "last_name", "company_name", "vat_number", "phone")


def new_order(message: Message, store_id: int, now: dt.datetime) -> Order:
    """An order that only webhooks have told of so far; the message is merged into it next."""
    assert message.order_id is not None
    return Order(
        id=message.order_id,
        store_id=store_id,
        version=None,
        order_name=orders.order_name(message.order_id),
        status=(message.status or Status.NOT_PAID).value,
        delivery=orders.Delivery.NOT_DELIVERED.value,
        created_at=message.plain["created_at"],
        currency=message.plain["currency"],
        total=Decimal(0),
        recorded_at=now,
    )


def merge_plain(order: Order, message: Message) -> None:
    """Take the plain fields of which the message has the newer word. An erased customer's stay empty."""
    stamps: dict[str, str] = dict(order.webhook_stamps or {})
    stamp = _stamp(message.at)
    floor = _stamp(order.plain_event_at) if order.version is not None and order.plain_event_at else ""
    gone = frozenset(erased_fields(order.customer_type)) if order.erased_at else frozenset()
    for name, value in message.plain.items():
        known = stamps.get(name, floor)
        if name in gone or stamp < known:
            continue
        if stamp == known and (name not in stamps or _weight(value) <= _weight(getattr(order, name))):
            continue
        setattr(order, name, value)
        stamps[name] = stamp
        if name == "created_at":
            order.create_date_raw = message.create_date_raw
    order.webhook_stamps = stamps
    if order.version is None and (order.plain_event_at is None or message.at > order.plain_event_at):
        order.plain_event_at = message.at
    if order.erased_at:
        for name in erased_fields(order.customer_type):  # the kind of customer may just have been learned
            setattr(order, name, None)
        order.locale = erased_locale(order.locale)
    row = {
        name: getattr(order, name)
        for name in ("email", "first_name", "last_name", "company_name", "vat_number", "phone")
    }
    add_keys(row)
    for name, value in row.items():
        setattr(order, name, value)


def _stamp(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat(timespec="microseconds")


def _weight(value: Any) -> tuple[bool, str]:
    """An order among the words of one moment: something is more than nothing."""
    if isinstance(value, dt.datetime):
        value = _stamp(value)
    if isinstance(value, Decimal):
        value = value.normalize()
    return value is not None, str(value)


def merge_items(session: Session, order: Order, items: list[OrderItem], message: Message) -> bool:
    """Merge the products; ``items`` becomes the order's items. True when an item has been refunded by this."""
    refunded = False
    before = sum((item.amount for item in items), start=Decimal(0))
    for product in message.products:
        item = _find(items, product, message)
        if item is None:
            if order.version is not None and message.event:
                continue  # a snapshot is the whole order: a product it does not have waits for the next one
            item = _new_item(order, product, message)
            items.append(item)
            session.add(item)
        elif order.version is None or not message.event:  # what was just read is newer than any snapshot
            _merge_item(item, product, message)
        if message.event == DELIVERED:
            item.delivered = True
        if message.event == RETURNED and not item.refunded:
            item.refunded = refunded = True
    if order.version is None:
        items.sort(key=lambda item: (item.part or 10**9, item.item_id))
        for position, item in enumerate(items, 1):
            item.position = position
        order.total = sum((item.amount for item in items), start=Decimal(0))
    else:  # a snapshot's total may hold more than its items
        for position, item in enumerate(items, 1):
            item.position = item.position or position
        order.total += sum((item.amount for item in items), start=Decimal(0)) - before
    order.delivery = order_delivery(item.delivered for item in items).value
    return refunded


def _find(items: list[OrderItem], product: Product, message: Message) -> OrderItem | None:
    found = [item for item in items if item.product_id == product.key]
    if not found:
        without_id = [item for item in items if item.product_id is None]  # a snapshot need not have ids of products
        found = [item for item in without_id if product.sku and item.sku == product.sku]
        found = found or [item for item in without_id if item.sku is None and item.name == product.name]
    exact = [item for item in found if item.position == message.part]
    return (exact or found or [None])[0]


def _new_item(order: Order, product: Product, message: Message) -> OrderItem:
    return OrderItem(
        order_id=order.id,
        item_id=item_id_of(product.key),
        store_id=order.store_id,
        position=0,
        source="webhook",
        product_id=product.key,
        delivered=False,
        refunded=False,
        part=message.part,
        parts=message.parts,
        event_at=message.at,
        **{name: getattr(product, name) for name in _OF_ITEM},
    )


def _merge_item(item: OrderItem, product: Product, message: Message) -> None:
    item.parts = max(item.parts or 0, message.parts or 0) or None
    told = (_stamp(message.at), [_weight(getattr(product, name)) for name in _OF_ITEM], message.part or 0)
    known = (
        _stamp(item.event_at) if item.event_at else "",
        [_weight(getattr(item, name)) for name in _OF_ITEM],
        item.part or 0,
    )
    if told > known:
        for name in _OF_ITEM if message.event else product.told:  # an answer may leave out what it does not say
            setattr(item, name, getattr(product, name))
        item.part = message.part
        item.event_at = message.at


def merge_status(order: Order, items: list[OrderItem], message: Message) -> None:
    """Forward only. Every item refunded: deleted, chargebacks included (domain.md 2.2)."""
    if message.status is not None:
        order.status = next_status(Status(order.status), message.status).value
    expected = max((item.parts or 0 for item in items), default=0) if order.version is None else 0
    if items and len(items) >= expected and all(item.refunded for item in items):
        order.status = next_status(Status(order.status), Status.DELETED).value


def merge_lines(session: Session, order: Order, message: Message) -> None:
    """The event's line in the history; once, and not where the platform's own history has it already."""
    found = line_of(message)
    if found is None:
        return
    event_id, kind, text = found
    same = session.scalars(
        sa.select(OrderEvent).where(
            OrderEvent.order_id == order.id,
            OrderEvent.source != "portal",
            OrderEvent.kind == kind,
            OrderEvent.at == message.at,
        )
    ).all()
    known = next((line for line in same if line.source == "webhook" and line.event_id == event_id), None)
    if known is not None:
        known.text = max(known.text, text)
    elif not any(line.source == "platform" for line in same):
        session.add(
            OrderEvent(
                order_id=order.id,
                source="webhook",
                event_id=event_id,
                store_id=order.store_id,
                at=message.at,
                kind=kind,
                text=text,
            )
        )
    session.flush()
