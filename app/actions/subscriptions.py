"""Cancel and resume auto-renewal (domain.md 5)."""

from __future__ import annotations

import datetime as dt
import hashlib

from sqlalchemy.orm import Session

from app.actions import audit, history
from app.actions.orders import known_action, lock_order, lock_subscription
from app.actions.queue import submit_action
from app.domain import audit as events
from app.domain import history as lines
from app.domain.access import SYSTEM, Actor
from app.domain.refusal import NotFound, Refusal, Refused
from app.domain.subscriptions import SubscriptionStatus, after_resume, why_not_cancel, why_not_resume
from app.models import Action, Order, Subscription
from app.queries.facts import find_subscription, has_unpaid_renewal, subscription_facts, subscriptions_of

CANCEL, RESUME = "cancel_subscription", "resume_subscription"


def cancel(session: Session, actor: Actor, order_id: int, code: str, *, token: str) -> Action:
    """Accept a cancellation asked on this order's page. Raises NotFound, Refused or Invalid."""
    return _submit(session, actor, order_id, code, kind=CANCEL, token=token)


def resume(session: Session, actor: Actor, order_id: int, code: str, *, token: str) -> Action:
    """Accept a resumption. PMR is refused. Raises NotFound, Refused or Invalid."""
    return _submit(session, actor, order_id, code, kind=RESUME, token=token)


def cancel_all_of(session: Session, actor: Actor, order: Order, *, token: str) -> list[Action]:
    """Cancel what can be cancelled of the order's subscriptions: the tick in the refund dialog.

    One that is cancelled already, or being changed, is left alone: the refund must not fail for it.
    """
    found = []
    for subscription in subscriptions_of(session, order):
        if why_not_cancel(subscription_facts(session, order, subscription)) is None:
            own = hashlib.sha256(f"{token}/{subscription.code}".encode()).hexdigest()
            try:
                action, _ = submit_action(
                    session, kind=CANCEL, order=order, subject=subscription.code, actor=actor, token=own
                )
            except Refused:  # somebody was quicker, on the page of another order of this subscription
                continue
            _asked(session, actor, order, action)
            found.append(action)
    return found


def why_not(session: Session, order: Order, code: str, kind: str, *, live_action: bool = True) -> Refusal | None:
    """The rule for this kind now. Raises NotFound for a subscription the order does not have."""
    subscription = find_subscription(session, order, code)
    if subscription is None:
        raise NotFound
    facts = subscription_facts(session, order, subscription, live_action=live_action)
    return why_not_cancel(facts) if kind == CANCEL else why_not_resume(facts)


def apply_change(
    session: Session, actor: Actor, action: Action, *, now: dt.datetime, decided: bool
) -> Subscription | None:
    """Write a cancellation or resumption that has happened: status, history of the page and of the parent, audit.

    ``decided``: the portal itself decided (standalone), and a snapshot does not undo that.
    """
    order = lock_order(session, SYSTEM, action.order_id)  # it has happened, whatever the person may see by now
    lock_subscription(session, order, action.subject)
    subscription = find_subscription(session, order, action.subject)
    if subscription is None:
        return None
    cancelled = action.kind == CANCEL
    if cancelled:
        subscription.status = SubscriptionStatus.CANCELLED
    else:
        subscription.status = after_resume(has_unpaid_renewal(session, subscription))
    subscription.source_at = now
    if decided:
        subscription.decided_at = now
    line = lines.SUBSCRIPTION_CANCELLED if cancelled else lines.SUBSCRIPTION_RESUMED
    parent = session.get(Order, subscription.parent_order_id)
    shown_on = {order.id: order}
    if parent is not None and parent.store_id == order.store_id:
        shown_on[parent.id] = parent
    for each in shown_on.values():
        history.add(
            session, each, line, actor=actor, at=now, order_ids=[subscription.parent_order_id], who=actor.name,
            subscription=subscription.code,
        )  # fmt: skip
    audit.record(
        session,
        actor,
        events.SUBSCRIPTION_CANCELLED if cancelled else events.SUBSCRIPTION_RESUMED,
        order_id=order.id,
        store_id=order.store_id,
        subject=subscription.code,
        details={"action": action.id},
    )
    return subscription


def _submit(session: Session, actor: Actor, order_id: int, code: str, *, kind: str, token: str) -> Action:
    order = lock_order(session, actor, order_id)
    known = known_action(session, actor, order, kind=kind, subject=code, token=token)
    if known is not None:
        return known
    refusal = why_not(session, order, code, kind)
    if refusal is not None:
        raise Refused(refusal)
    action, _ = submit_action(session, kind=kind, order=order, subject=code, actor=actor, token=token)
    _asked(session, actor, order, action)
    return action


def _asked(session: Session, actor: Actor, order: Order, action: Action) -> None:
    event = events.SUBSCRIPTION_CANCEL_ASKED if action.kind == CANCEL else events.SUBSCRIPTION_RESUME_ASKED
    audit.record(
        session, actor, event, order_id=order.id, store_id=order.store_id, subject=action.subject,
        details={"action": action.id},
    )  # fmt: skip
