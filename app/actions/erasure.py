"""Erase a customer's personal data from one order, everywhere it was copied to (domain.md 8). For ever.

Steps: the order and its blocks, free texts of the history, raw snapshot, webhook bodies, mails, waiting actions,
stored searches, documents. What the portal itself wrote into the history holds no personal data and stays.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actions import audit, history
from app.actions.licenses import RESEND
from app.db import after_commit, empty_log
from app.domain.access import Actor
from app.domain.audit import ACTION_ENDED, ORDER_ERASED
from app.domain.erasure import KEYS, PERSONAL_CRITERIA, TEXT, erased_fields, erased_locale, history_text
from app.domain.history import PERSONAL_DATA_ERASED
from app.domain.licenses import ERASED as NOBODY_TO_SEND_TO
from app.domain.search import normalise_card, normalise_phone, normalise_text, normalise_vat
from app.domain.work import without_foreign_words
from app.models import (
    Action,
    Document,
    Mail,
    Order,
    OrderEvent,
    OrderItem,
    OrderParameter,
    RawSnapshot,
    RefundRequest,
    StoredSearch,
    WebhookDelivery,
)
from app.models.base import db_now
from app.models.work import LIVE

_NORMALISE = {
    "phone": normalise_phone,
    "vat": normalise_vat,
    "card": normalise_card,
}  # the others: normalise_text


@dataclass(frozen=True, slots=True)
class Preview:
    """What an erasure will reach, as counts; and the same buyer's other orders, to be offered."""

    items: int
    history_texts: int
    refund_texts: int
    parameters: int
    documents: int
    webhook_bodies: int
    mails: int
    waiting_resends: int
    stored_searches: int
    raw_snapshots: int
    other_order_ids: tuple[int, ...]


def preview(session: Session, order: Order) -> Preview:
    """Count what ``erase_order`` would touch; changes nothing."""

    def count(model: type[Any], *where: sa.ColumnElement[bool]) -> int:
        return session.scalar(sa.select(sa.func.count()).select_from(model).where(*where)) or 0

    others: tuple[int, ...] = ()
    if order.email_key:
        same = sa.select(Order.id).where(Order.email_key == order.email_key, Order.id != order.id)
        others = tuple(session.scalars(same.order_by(Order.created_at.desc()).limit(50)))
    return Preview(
        items=count(OrderItem, OrderItem.order_id == order.id),
        history_texts=count(OrderEvent, OrderEvent.order_id == order.id, OrderEvent.source != "portal"),
        refund_texts=count(
            RefundRequest,
            RefundRequest.order_id == order.id,
            sa.or_(RefundRequest.reason != "", RefundRequest.comment.is_not(None)),
        ),
        parameters=count(OrderParameter, OrderParameter.order_id == order.id),
        documents=count(Document, Document.order_id == order.id),
        webhook_bodies=count(WebhookDelivery, WebhookDelivery.order_id == order.id, WebhookDelivery.body.is_not(None)),
        mails=count(Mail, Mail.order_id == order.id, Mail.recipient.is_not(None)),
        waiting_resends=count(Action, *_resends_that_wait(order.id)),
        stored_searches=len(_searches_for(session, order)),
        raw_snapshots=count(RawSnapshot, RawSnapshot.order_id == order.id),
        other_order_ids=others,
    )


def erase_order(
    session: Session,
    order: Order,
    *,
    actor: Actor,
    now: dt.datetime,
    keep_documents: str | None = None,
    own_line: bool = True,
) -> bool:
    """Erase the customer of this order. False when that was done before (what came in since is erased again).

    ``keep_documents`` names the legal duty under which stored documents stay; without it they are deleted.
    ``own_line``: write the history's line about it; the platform may have sent its own.
    The caller has locked the order; ``app.erasure_journal`` notes it outside the database before the commit.
    """
    first_time = order.erased_at is None
    searches = _searches_for(session, order)
    for name in erased_fields(order.customer_type):
        setattr(order, name, None)
        if name in KEYS:
            setattr(order, KEYS[name], None)
    order.locale = erased_locale(order.locale)
    order.page_generation += 1
    order.erased_at = order.erased_at or now
    _erase_blocks(session, order.id)
    _erase_messages(session, order.id)
    _end_resends(session, actor, order.id)
    _erase_documents(session, order.id, keep_documents)
    for search in searches:
        session.delete(search)
    note_erased(session, order.id)
    if first_time and own_line:
        history.add(session, order, PERSONAL_DATA_ERASED, actor=actor, at=now)
    if first_time:
        audit.record(session, actor, ORDER_ERASED, order_id=order.id, store_id=order.store_id)
    session.flush()
    return first_time


def note_erased(session: Session, order_id: int) -> None:
    """Have the journal note this order before the commit, and the database's log forget it after that."""
    noted = session.info.setdefault("erased_orders", [])
    if not noted:
        after_commit(empty_log)
    noted.append(order_id)


def _erase_blocks(session: Session, order_id: int) -> None:
    session.execute(
        sa.update(OrderItem)
        .where(OrderItem.order_id == order_id)
        .values(license_user_name=None, license_user_email=None, fields=None)
    )
    session.execute(sa.delete(OrderParameter).where(OrderParameter.order_id == order_id))
    session.execute(sa.delete(RawSnapshot).where(RawSnapshot.order_id == order_id))
    session.execute(
        sa.update(OrderEvent)
        .where(OrderEvent.order_id == order_id, OrderEvent.source != "portal")
        .values(text=sa.case((OrderEvent.kind == "anonymize", history_text("anonymize")), else_=TEXT), params=None)
    )
    session.execute(
        sa.update(RefundRequest)
        .where(RefundRequest.order_id == order_id)
        .values(
            reason=sa.case((RefundRequest.reason == "", ""), else_=TEXT),
            comment=sa.case((RefundRequest.comment.is_(None), None), else_=TEXT),
        )
    )


def _erase_messages(session: Session, order_id: int) -> None:
    session.execute(sa.update(WebhookDelivery).where(WebhookDelivery.order_id == order_id).values(body=None))
    # A mail that still waits has nobody to go to; one to a colleague (a refund's result) names no customer.
    to_customer = (Mail.order_id == order_id, Mail.user_id.is_(None))
    session.execute(
        sa.update(Mail)
        .where(*to_customer, Mail.state.in_(LIVE))
        .values(state="refused", error=NOBODY_TO_SEND_TO.english(), finished_at=db_now())
    )
    session.execute(sa.update(Mail).where(*to_customer).values(recipient=None, params={}))
    # Where mails are kept as files, ``app.kept_mails`` removes them before the commit.
    session.info.setdefault("erased_mails", []).extend(session.scalars(sa.select(Mail.message_id).where(*to_customer)))
    for action in session.scalars(sa.select(Action).where(Action.order_id == order_id)):
        action.payload = {key: value for key, value in action.payload.items() if not isinstance(value, str)}
        action.reason = without_foreign_words(action.reason)


def _resends_that_wait(order_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    """Resends that nobody works on just now: a worker who does asks the rule once more before anything is sent."""
    return (
        Action.order_id == order_id,
        Action.kind == RESEND,
        Action.state.in_(LIVE),
        Action.lease_until.is_(None),
    )


def _end_resends(session: Session, actor: Actor, order_id: int) -> None:
    """There is nobody to send to any more. One that is parked on its mail would wait for it for ever."""
    for action in session.scalars(sa.select(Action).where(*_resends_that_wait(order_id)).with_for_update()):
        action.state, action.reason, action.doubt = "refused", NOBODY_TO_SEND_TO.english(), False
        action.finished_at = db_now()  # type: ignore[assignment]
        audit.record(
            session, actor, ACTION_ENDED, result="refused", order_id=order_id, store_id=action.store_id,
            subject=action.subject,
            details={"action": action.id, "kind": action.kind, "why": NOBODY_TO_SEND_TO.code},
        )  # fmt: skip


def _erase_documents(session: Session, order_id: int, keep: str | None) -> None:
    if keep:
        session.execute(sa.update(Document).where(Document.order_id == order_id).values(kept_reason=keep))
        return
    # The bytes go with the row (ON DELETE CASCADE); history lines keep their text but lose the link.
    session.execute(sa.delete(Document).where(Document.order_id == order_id))
    session.execute(sa.update(OrderEvent).where(OrderEvent.order_id == order_id).values(document_id=None))


def _searches_for(session: Session, order: Order) -> list[StoredSearch]:
    """Stored searches in which somebody asked for a value this order holds, of the buyer or of a license's owner."""
    held = _held(session, order)
    if not held:
        return []
    found = []
    for search in session.scalars(sa.select(StoredSearch)):
        for name in PERSONAL_CRITERIA:
            asked = search.criteria.get(name)
            text = asked[0] if isinstance(asked, list) and asked else asked
            if name in held and isinstance(text, str) and _NORMALISE.get(name, normalise_text)(text) in held[name]:
                found.append(search)
                break
    return found


def _held(session: Session, order: Order) -> dict[str, set[str | None]]:
    """What the order holds, in the form in which it is searched for, by the criterion it is asked with."""
    owner = (OrderItem.license_user_name, OrderItem.license_user_email)
    owners = session.execute(sa.select(*owner).where(OrderItem.order_id == order.id)).all()
    names = {word for name, _ in owners for word in ((normalise_text(name) or "").split())}
    held: dict[str, set[str | None]] = {
        "email": {order.email_key, *(normalise_text(email) for _, email in owners)},
        "first_name": {order.first_name_key, *names},
        "last_name": {order.last_name_key, *names},
        "phone": {order.phone_digits},
        "company": {order.company_key},
        "vat": {order.vat_key},
        "card": {order.card_last_4},
    }
    return {name: filled for name, values in held.items() if (filled := values - {None, ""})}
