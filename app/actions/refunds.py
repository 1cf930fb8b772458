"""Refund requests of people, and what a decision brings with it, whoever decided (domain.md 7)."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actions import audit, history
from app.actions.orders import known_action, lock_order
from app.actions.queue import put_mail, submit_action, withdraw_action
from app.actions.subscriptions import cancel_all_of
from app.domain import audit as events
from app.domain import history as lines
from app.domain.access import PLATFORM, Actor
from app.domain.recording import RequestFacts, order_refund, refund_step
from app.domain.refunds import (
    NO_REQUEST,
    NOT_WITHDRAWABLE,
    OPEN,
    Event,
    RequestStatus,
    Result,
    advance,
    clean_reason,
    result_words,
    why_not_request,
    why_not_withdraw,
)
from app.domain.refusal import Refused
from app.models import Action, Order, OrderItem, RefundRequest
from app.models.base import db_now
from app.queries.facts import open_request, refund_facts, who_is_told

REQUEST = "request_refund"
TEMPLATE = "refund_result"


def request_refund(
    session: Session,
    actor: Actor,
    order_id: int,
    *,
    reason: str,
    token: str,
    now: dt.datetime,
    cancel_subscription: bool = False,
    again_after_partial: bool = False,
) -> Action:
    """Ask for a refund of the order. The same form again gives the same action.

    Raises NotFound, Invalid (field ``reason``) or Refused. With ``cancel_subscription`` auto-renewal is cancelled
    in the same step.
    """
    order = lock_order(session, actor, order_id)
    known = known_action(session, actor, order, kind=REQUEST, subject=str(order.id), token=token)
    if known is not None:
        return known
    refusal = why_not_request(refund_facts(session, order, again_after_partial=again_after_partial))
    if refusal is not None:
        raise Refused(refusal)
    request = RefundRequest(
        order_id=order.id,
        store_id=order.store_id,
        status=RequestStatus.SENT,
        reason=clean_reason(reason),
        amount=amount_left(session, order),
        currency=order.currency,
        requested_by=actor.id,
        requested_at=now,
        updated_at=now,
    )
    session.add(request)
    session.flush()
    action, _ = submit_action(
        session, kind=REQUEST, order=order, subject=str(order.id), actor=actor, token=token,
        refund_request_id=request.id,
    )  # fmt: skip
    show_status(session, order)
    history.add(session, order, lines.REFUND_REQUESTED, actor=actor, at=now, who=actor.name)
    _audit(session, actor, events.REFUND_REQUESTED, order, request, action=action.id)
    if cancel_subscription:
        cancel_all_of(session, actor, order, token=token)
    return action


def withdraw(session: Session, actor: Actor, order_id: int, *, standalone: bool, now: dt.datetime) -> RefundRequest:
    """Take back one's own request while it is ``sent``; with a platform, before our call went out.

    Raises NotFound or Refused. Twice is once.
    """
    order = lock_order(session, actor, order_id)
    newest = session.scalar(
        sa.select(RefundRequest).where(RefundRequest.order_id == order.id).order_by(RefundRequest.id.desc()).limit(1)
    )
    if newest is None:
        raise Refused(NO_REQUEST)
    own = newest.requested_by is not None and newest.requested_by == actor.id
    if own and newest.status == RequestStatus.WITHDRAWN:
        return newest
    refusal = why_not_withdraw(newest.status, own=own, called=False)
    if refusal is not None:
        raise Refused(refusal)
    action = session.scalar(sa.select(Action).where(Action.refund_request_id == newest.id))
    stopped = action is not None and withdraw_action(session, action.id, local=standalone)
    if not standalone and not stopped:
        raise Refused(NOT_WITHDRAWABLE)
    newest.status = RequestStatus.WITHDRAWN
    newest.updated_at = now
    show_status(session, order)
    history.add(session, order, lines.REFUND_WITHDRAWN, actor=actor, at=now, who=actor.name)
    _audit(session, actor, events.REFUND_WITHDRAWN, order, newest)
    return newest


def reject(session: Session, action: Action, reason: str, *, mail: bool, now: dt.datetime) -> None:
    """The request will not be processed: the platform refused it, or a rule did when the job ran.

    Frees the order for another request. ``mail`` False: the person who asked may not know of the order any more.
    """
    order = lock_order(session, PLATFORM, action.order_id)
    request = session.get(RefundRequest, action.refund_request_id, populate_existing=True)
    if request is None or request.status not in OPEN:
        return
    request.comment = reason
    decide(session, PLATFORM, order, request, event=Event.REFUSE, result=Result.FAILED, now=now, mail=mail)


def note_order_change(session: Session, order: Order, *, now: dt.datetime) -> bool:
    """The order itself has changed while its request is open: the request is ``updating`` (domain.md 7)."""
    request = open_request(session, order)
    if request is None or request.status != RequestStatus.SENT:
        return False
    request.status = RequestStatus.UPDATING
    request.updated_at = now
    show_status(session, order)
    history.add(session, order, lines.REFUND_UPDATING, actor=PLATFORM, at=now)
    return True


def apply_platform_refund(
    session: Session,
    order: Order,
    status: str,
    result: str | None,
    updated: dt.datetime,
    *,
    now: dt.datetime,
    actor: Actor = PLATFORM,
    read_back: bool = False,
) -> bool:
    """Take over what the platform says about the order's refund, by webhook, snapshot or reading back; forward only.

    ``status`` and ``result`` in the portal's words, ``updated`` when the platform said so. The caller has locked the
    order. True when something changed. The person who asked gets the result mail, once, whoever decided.
    ``read_back``: read just now and without a date. An end it tells of is not that of a request which has not gone
    out yet: it is about an earlier one.
    """
    requests = list(
        session.scalars(sa.select(RefundRequest).where(RefundRequest.order_id == order.id).order_by(RefundRequest.id))
    )
    facts = [
        RequestFacts(
            r.id,
            r.status,
            r.result,
            r.platform_updated,
            r.decided_at or (r.updated_at if r.status == RequestStatus.WITHDRAWN else None),
            owned=r.decided_by is not None,
        )
        for r in requests
    ]
    step = refund_step(facts, status, result, updated)
    if step is None or (read_back and step.status not in OPEN and _not_gone_out(session, step.request_id)):
        return False
    if step.request_id is None:
        request = RefundRequest(
            order_id=order.id,
            store_id=order.store_id,
            origin="platform",
            status=RequestStatus.SENT,
            amount=amount_left(session, order),
            currency=order.currency,
            requested_at=updated,
            updated_at=now,
        )
        session.add(request)
        session.flush()
    else:
        request = next(r for r in requests if r.id == step.request_id)
    request.platform_updated = updated
    if step.status in OPEN:
        if step.status == RequestStatus.UPDATING and request.status != RequestStatus.UPDATING:
            request.status = RequestStatus.UPDATING
            history.add(session, order, lines.REFUND_UPDATING, actor=actor, at=now)
        request.updated_at = now
        show_status(session, order)
        session.flush()
        return True
    event = Event.COMPLETE if step.status == RequestStatus.COMPLETED else Event.REFUSE
    decide(session, actor, order, request, event=event, result=Result(step.result or Result.FAILED), now=now)
    return True


def _not_gone_out(session: Session, request_id: int | None) -> bool:
    """Is our own call about this request still to come, or under way?"""
    action = sa.select(Action.id).where(
        Action.refund_request_id == request_id, Action.state.in_(("waiting", "running"))
    )
    return request_id is not None and bool(session.scalar(sa.select(action.exists())))


def make_full(session: Session, order: Order) -> None:
    """The platform's partial refund has turned out to be a full one. Nobody is told twice; what people here decided
    stays."""
    request = session.scalar(
        sa.select(RefundRequest).where(RefundRequest.order_id == order.id).order_by(RefundRequest.id.desc()).limit(1)
    )
    if request is not None and request.status == RequestStatus.COMPLETED and request.decided_by is None:
        request.result = Result.FULL
        show_status(session, order)


def decide(
    session: Session,
    actor: Actor,
    order: Order,
    request: RefundRequest,
    *,
    event: Event,
    result: Result,
    now: dt.datetime,
    mail: bool = True,
) -> None:
    """End a request: status, history, audit, the result mail to its sender. Raises Refused when it has ended."""
    status = advance(request.status, event)
    if status is None:
        raise Refused(NO_REQUEST)
    request.status, request.result = status, result
    request.decided_by, request.decided_at, request.updated_at = actor.id, now, now
    show_status(session, order)
    announce(session, actor, order, request, now=now, mail=mail)


def announce(
    session: Session, actor: Actor, order: Order, request: RefundRequest, *, now: dt.datetime, mail: bool = True
) -> None:
    """What follows from the end of a request, whoever decided and however that came in: once a request."""
    _settle_action(session, request)
    result = Result(request.result or Result.FAILED)
    line = {Result.FULL: lines.REFUND_FULL, Result.PARTIAL: lines.REFUND_PARTIAL}.get(result, lines.REFUND_REFUSED)
    history.add(session, order, line, actor=actor, at=now)
    name = events.REFUND_COMPLETED if request.status == RequestStatus.COMPLETED else events.REFUND_REFUSED
    _audit(session, actor, name, order, request, result=result.value)
    sender = who_is_told(session, request)
    if mail and sender is not None:
        put_mail(
            session,
            f"refund-result-{request.id}",
            TEMPLATE,
            user_id=sender.id,
            params={"order_name": order.order_name, "result": result_words(request.status, result)},
            order_id=order.id,
            store_id=order.store_id,
        )


def show_status(session: Session, order: Order) -> None:
    """Make the order's additional status what its requests say."""
    session.flush()
    rows = session.execute(
        sa.select(RefundRequest.status, RefundRequest.result)
        .where(RefundRequest.order_id == order.id)
        .order_by(RefundRequest.id)
    )
    order.refund_status, order.refund_result = order_refund((r.status, r.result) for r in rows)


def amount_left(session: Session, order: Order) -> object:
    """What there is to refund: the total, or the sum of what is left once items have been refunded."""
    items = session.scalars(sa.select(OrderItem).where(OrderItem.order_id == order.id)).all()
    if not any(item.refunded for item in items):
        return order.total
    return sum((item.amount for item in items if not item.refunded), start=order.total * 0)


def _settle_action(session: Session, request: RefundRequest) -> None:
    """The request has been decided, so it has arrived: its action need not run any more, nor wait for a person."""
    session.execute(
        sa.update(Action)
        .where(Action.refund_request_id == request.id, Action.state.in_(("waiting", "attention")))
        .values(state="done", doubt=False, reason=None, finished_at=db_now())
    )


def _audit(session: Session, actor: Actor, event: str, order: Order, request: RefundRequest, **details: object) -> None:
    audit.record(
        session, actor, event, order_id=order.id, store_id=order.store_id, subject=str(request.id), details=details
    )
