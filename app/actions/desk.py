"""The refund desk of standalone mode: administrators take requests up, complete and refuse them (contract.md 5).

``shown`` is the request the person had before them when they decided; None where nobody can know, then it is the
order's open one. A decision about a request that is not open any more is refused, whatever other request of the order
waits by now. The same decision by the same person again, as by a double click, is the decision made before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actions import audit, history
from app.actions.orders import lock_order
from app.actions.refund_document import store_document
from app.actions.refunds import decide, show_status
from app.domain import audit as events
from app.domain import history as lines
from app.domain.access import Actor
from app.domain.orders import Status, next_status
from app.domain.refunds import (
    NO_ITEMS,
    UNKNOWN_ITEM,
    Event,
    RequestStatus,
    Result,
    clean_comment,
    result_of,
    same_comment,
    why_not_decide,
    why_not_take,
)
from app.domain.refusal import Invalid, Refusal, Refused
from app.models import License, Order, OrderItem, Person, RefundRequest
from app.queries.facts import open_request


def take(session: Session, actor: Actor, order_id: int, *, now: dt.datetime, shown: int | None = None) -> RefundRequest:
    """Take the open request up: ``updating``, and one's own to decide. Raises NotFound or Refused."""
    order = lock_order(session, actor, order_id)
    request = _open(session, order, shown)
    if request.taken_by == actor.id and request.status == RequestStatus.UPDATING:
        return request
    colleague = session.get(Person, request.taken_by) if request.taken_by is not None else None
    refusal = why_not_take(colleague.get_full_name() if colleague is not None and colleague.active else None)
    if refusal is not None:
        raise Refused(refusal)
    request.status = RequestStatus.UPDATING
    request.taken_by, request.taken_at, request.updated_at = actor.id, now, now
    show_status(session, order)
    history.add(session, order, lines.REFUND_TAKEN, actor=actor, at=now, who=actor.name)
    _audit(session, actor, events.REFUND_TAKEN, order, request)
    return request


def complete(
    session: Session,
    actor: Actor,
    order_id: int,
    *,
    result: Literal["full", "partial"] | str,
    item_ids: Sequence[str] = (),
    remove_codes: bool = False,
    now: dt.datetime,
    shown: int | None = None,
) -> RefundRequest:
    """Refund the whole order, or the chosen items, and everything that follows from it.

    Items become refunded, their codes marked deleted where asked, the order Deleted when nothing is left, and a
    document is made. Raises NotFound, Refused, or Invalid (fields ``result``, ``items``). The subscription stays.
    """
    order = lock_order(session, actor, order_id)
    known = _decided_before(session, actor, order, shown)
    if known is not None and _same_refund(known, result, item_ids, remove_codes):
        return known
    request = _open(session, order, shown)
    items = list(
        session.scalars(sa.select(OrderItem).where(OrderItem.order_id == order.id).order_by(OrderItem.position))
    )
    chosen = _chosen(items, result, item_ids)
    for item in chosen:
        item.refunded = True
    codes = _remove_codes(session, order, chosen) if remove_codes else []
    whole = len(chosen) == len(items)
    request.amount = order.total if whole else sum((i.amount for i in chosen), start=order.total * 0)
    request.item_ids = [item.item_id for item in chosen]
    request.remove_codes = remove_codes
    found = result_of(item.refunded for item in items)
    decide(session, actor, order, request, event=Event.COMPLETE, result=found, now=now)
    for item in chosen:
        history.add(session, order, lines.ITEM_REFUNDED, actor=actor, at=now, product=item.name)
    if codes:
        history.add(session, order, lines.CODES_DELETED, actor=actor, at=now, count=len(codes))
    document = store_document(session, order, request, chosen, now)
    history.add(
        session, order, lines.REFUND_DOCUMENT, actor=actor, at=now, document_id=document.document_id,
        name=document.name,
    )  # fmt: skip
    if found is Result.FULL:
        before, order.status = order.status, next_status(Status(order.status), Status.DELETED)
        if before != order.status:
            history.add(session, order, lines.ORDER_DELETED, actor=actor, at=now)
    order.recorded_at = now
    return request


def refuse(
    session: Session, actor: Actor, order_id: int, *, comment: str, now: dt.datetime, shown: int | None = None
) -> RefundRequest:
    """Refuse the open request with a comment. Raises NotFound, Refused, or Invalid (field ``comment``)."""
    order = lock_order(session, actor, order_id)
    known = _decided_before(session, actor, order, shown)
    if known is not None and known.status == RequestStatus.REFUSED and same_comment(known.comment, comment):
        return known
    request = _open(session, order, shown)
    request.comment = clean_comment(comment)
    decide(session, actor, order, request, event=Event.REFUSE, result=Result.FAILED, now=now)
    return request


def _open(session: Session, order: Order, shown: int | None) -> RefundRequest:
    request = open_request(session, order)
    if request is not None and shown in (None, request.id):
        return request
    ended = session.get(RefundRequest, shown) if shown is not None else None
    raise Refused(why_not_decide(ended.status if ended is not None and ended.order_id == order.id else None))


def _decided_before(session: Session, actor: Actor, order: Order, shown: int | None) -> RefundRequest | None:
    """The request shown, when this person has decided it."""
    found = session.get(RefundRequest, shown) if shown is not None else None
    if found is None or found.order_id != order.id or actor.id is None or found.decided_by != actor.id:
        return None
    return found


def _same_refund(request: RefundRequest, result: str, item_ids: Sequence[str], remove_codes: bool) -> bool:
    """Is what has been decided what is asked for now?"""
    if request.status != RequestStatus.COMPLETED or request.remove_codes != remove_codes:
        return False
    if result == Result.PARTIAL:
        return set(item_ids) == set(request.item_ids or ())
    return result == request.result


def _chosen(items: list[OrderItem], result: str, item_ids: Sequence[str]) -> list[OrderItem]:
    left = [item for item in items if not item.refunded]
    if result == Result.FULL:
        return left
    if result != Result.PARTIAL:
        raise Invalid({"result": [Refusal("refund.result", "Choose a full or a partial refund.")]})
    if not item_ids:
        raise Invalid({"items": [NO_ITEMS]})
    known = {item.item_id for item in left}
    unknown = [item_id for item_id in item_ids if item_id not in known]
    if unknown:
        raise Invalid({"items": [Refusal(UNKNOWN_ITEM.code, UNKNOWN_ITEM.text, {"item": unknown[0][:64]})]})
    return [item for item in left if item.item_id in item_ids]


def _remove_codes(session: Session, order: Order, items: list[OrderItem]) -> list[License]:
    """Mark the codes deleted: kept and searchable, never sent or shown to the customer again."""
    codes = list(
        session.scalars(
            sa.select(License).where(
                License.order_id == order.id,
                License.item_id.in_([item.item_id for item in items]),
                License.deleted.is_(False),
            )
        )
    )
    for code in codes:
        code.deleted = True
    return codes


def _audit(session: Session, actor: Actor, event: str, order: Order, request: RefundRequest) -> None:
    audit.record(session, actor, event, order_id=order.id, store_id=order.store_id, subject=str(request.id))
