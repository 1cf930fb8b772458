"""Take webhooks in, and apply them: forward only, in any order, as often as they come (domain.md 9.1)."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.actions.orders import hold_order
from app.actions.queue import hint
from app.actions.refunds import apply_platform_refund, make_full, note_order_change
from app.actions.webhook_merge import merge_items, merge_lines, merge_plain, merge_status, new_order
from app.actions.webhook_subscriptions import merge_subscriptions
from app.domain import webhooks as words
from app.domain import work
from app.domain.access import PLATFORM
from app.domain.webhook_fields import unknown_fields
from app.domain.webhooks import Message, SubscriptionBlock, read_message
from app.models import Order, OrderItem, OrderParameter, Store, WebhookDelivery
from app.models.base import db_now

log = logging.getLogger(__name__)

DONE, IGNORED, REFUSED = "done", "ignored", "refused"


def receive_delivery(session: Session, store_id: int, value: Mapping[str, Any], body: bytes) -> int | None:
    """Store a signed message and tell the workers after the commit; None when the same body is here already."""
    insert: Any = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = (
        insert(WebhookDelivery)
        .values(
            store_id=store_id,
            digest=hashlib.sha256(body).hexdigest(),
            event=words.text(value.get("event"), 100) or "",
            order_id=words.order_id(value.get("order_id")),
            body=body.decode("utf-8"),
            next_at=db_now(),
            created_at=db_now(),
        )
        .on_conflict_do_nothing()
        .returning(WebhookDelivery.id)
    )
    new_id = session.scalar(statement)
    if new_id is not None:
        hint(session, "webhooks", new_id)
    return new_id


class ReadOrder(Protocol):
    """An order as it was just read from the platform (``app.platform.port.PlatformOrder``)."""

    @property
    def order_id(self) -> int:
        """Its number."""
        ...

    @property
    def fields(self) -> dict[str, Any]:
        """The webhook's fields, as received."""
        ...

    @property
    def products(self) -> tuple[dict[str, Any], ...]:
        """Its products, as received."""
        ...

    @property
    def refund(self) -> Any:
        """Status, result and moment of its refund in the portal's words; None: there is none."""
        ...

    @property
    def subscription(self) -> Any:
        """Code, type, status and activity of its subscription; None: there is none."""
        ...

    @property
    def additional(self) -> tuple[tuple[str, str], ...]:
        """Its additional parameters."""
        ...


def apply_delivery(
    session: Session, delivery: WebhookDelivery, body: str | None, now: dt.datetime, read: ReadOrder | None = None
) -> tuple[str, str | None]:
    """Apply a stored message in the running transaction: the delivery's new state, and why where it was not applied.

    ``read``: the order as the platform tells it now, where there is a platform to ask; then the message is only a
    hint, of which the event counts and the unsigned rest does not.
    States: ``done``, ``ignored`` (an event nobody knows), ``refused`` (kept, never applied). Whatever becomes of it, a
    message about an erased customer loses its body.
    """
    if body is None:
        return REFUSED, work.BODY_GONE.english()
    found = _apply(session, delivery, body, now, read)
    if delivery.order_id is not None and session.scalar(
        sa.select(Order.erased_at).where(Order.id == delivery.order_id)
    ):
        _empty(session, delivery)
    return found


def _apply(
    session: Session, delivery: WebhookDelivery, body: str, now: dt.datetime, read: ReadOrder | None
) -> tuple[str, str | None]:
    try:
        value = words.read_body(body.encode("utf-8", "surrogatepass"))
    except words.NotAnObject:
        return REFUSED, work.NO_OBJECT.english()
    message = read_message(value)
    if unknown := unknown_fields(value):
        log.info("webhook.unknown_fields", extra={"delivery": delivery.id, "fields": ", ".join(unknown)})
    if message.event not in words.SENTENCES:
        log.info("webhook.unknown_event", extra={"delivery": delivery.id, "named": message.event[:100]})
        return IGNORED, work.UNKNOWN_EVENT.english()
    if read is not None and message.order_id == read.order_id:
        state, reason = record_platform_order(session, read, store_id=delivery.store_id, now=now)
        if state != DONE:
            return state, reason
        message = dataclasses.replace(message, status=None, plain={}, subscription=None)
    state, reason, _ = apply_message(session, message, store_id=delivery.store_id, now=now)
    return state, reason


def record_platform_order(
    session: Session, read: ReadOrder, *, store_id: int, now: dt.datetime
) -> tuple[str, str | None]:
    """Apply an order as it was just read from the platform (domain.md 9.2): state and reason as of ``apply_delivery``.

    Nothing is newer than what was just read; what only moves forward still does.
    """
    fields = {**read.fields, "event": "", "order_id": read.order_id, "products": list(read.products)}
    message = dataclasses.replace(read_message(fields, now=now), subscription=_block(read.subscription))
    state, reason, order = apply_message(session, message, store_id=store_id, now=now)
    if order is None:
        return state, reason
    order.read_back_at = now
    if read.refund is not None and read.refund.status is not None:
        updated = read.refund.updated
        apply_platform_refund(
            session, order, read.refund.status, read.refund.result, updated or now, now=now, read_back=updated is None
        )
        if order.status == "deleted" and (read.refund.status, read.refund.result) == ("completed", "full"):
            _refund_items(session, order)
    if read.additional and order.erased_at is None:
        _set_parameters(session, order, read.additional)
    session.flush()
    return state, reason


def _refund_items(session: Session, order: Order) -> None:
    """A full refund of a deleted order: every item went with it. The platform names none, and no webhook may come."""
    session.execute(
        sa.update(OrderItem).where(OrderItem.order_id == order.id, OrderItem.refunded.is_(False)).values(refunded=True)
    )


def _block(told: Any) -> SubscriptionBlock | None:
    """The platform's subscription block in the words of a message; None where it is no subscription of ours."""
    if told is None or not re.fullmatch("[0-9]{1,19}_[0-9]{1,19}", told.code):
        return None
    status = told.status or {True: "active", False: "cancelled"}.get(told.active)
    return SubscriptionBlock(told.code, told.type, status)


def _set_parameters(session: Session, order: Order, pairs: Sequence[tuple[str, str]]) -> None:
    session.execute(sa.delete(OrderParameter).where(OrderParameter.order_id == order.id))
    for position, (name, value) in enumerate(pairs[:1000], 1):
        session.add(
            OrderParameter(
                order_id=order.id,
                position=position,
                store_id=order.store_id,
                name=words.text(name, 255) or "",
                value=words.text(value, 4000) or "",
            )
        )


def apply_message(
    session: Session, message: Message, *, store_id: int, now: dt.datetime
) -> tuple[str, str | None, Order | None]:
    """Merge a message into its order, making the order where it is new. Never changes ``version`` and the store."""
    if message.order_id is None:
        return REFUSED, work.NO_ORDER_ID.english(), None
    store = session.get_one(Store, store_id)
    order = hold_order(session, message.order_id)
    if order is not None and order.store_id != store_id:
        return REFUSED, work.FOREIGN_STORE.english(), None
    if store.closed_at is not None and order is None:  # what it has goes on: requests under way get their answer
        return REFUSED, work.CLOSED_STORE.text % {"store": store.name}, None
    if order is None:
        missing = [name for name in ("created_at", "currency") if name not in message.plain]
        if missing:
            name = {"created_at": "create_date"}.get(missing[0], missing[0])
            return REFUSED, work.INCOMPLETE.text % {"field": name}, None
        order = new_order(message, store_id, now)
        session.add(order)
        session.flush()
        was = None
    else:
        was = order.status
    _merge(session, order, message, was, now)
    return DONE, None, order


def _merge(session: Session, order: Order, message: Message, was: str | None, now: dt.datetime) -> None:
    items = list(
        session.scalars(
            sa.select(OrderItem)
            .where(OrderItem.order_id == order.id)
            .order_by(OrderItem.position, OrderItem.item_id)
            .execution_options(populate_existing=True)
        )
    )
    before = (was, order.total, order.email, order.paid_at, [(i.item_id, i.quantity, i.amount) for i in items])
    merge_plain(order, message)
    returned = merge_items(session, order, items, message)
    merge_status(order, items, message)
    order.recorded_at = now
    session.flush()
    merge_lines(session, order, message)
    merge_subscriptions(session, order, message, moved=order.status != was)
    after = (order.status, order.total, order.email, order.paid_at, [(i.item_id, i.quantity, i.amount) for i in items])
    _tell_refunds(session, order, items, message, returned=returned, changed=before != after, now=now)
    session.flush()


def _tell_refunds(
    session: Session,
    order: Order,
    items: list[OrderItem],
    message: Message,
    *,
    returned: bool,
    changed: bool,
    now: dt.datetime,
) -> None:
    """A returned product completes an open request; any other change of the order moves it to ``updating``."""
    whole = all(item.refunded for item in items)
    if returned and order.refund_status in ("sent", "updating"):
        result = "full" if whole else "partial"
        apply_platform_refund(session, order, "completed", result, message.at, now=now, actor=PLATFORM)
    elif returned and whole and order.refund_result == "partial":
        make_full(session, order)  # one message a product: the refund was called partial until the last one came
    elif changed:
        note_order_change(session, order, now=now)


def _empty(session: Session, delivery: WebhookDelivery) -> None:
    """The customer is erased: the message must not keep what it says about them."""
    session.execute(
        sa.update(WebhookDelivery)
        .where(WebhookDelivery.id == delivery.id)
        .values(body=None)
        .execution_options(synchronize_session=False)
    )
