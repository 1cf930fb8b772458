"""What every action on an order begins with: the order itself, in scope and locked."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actions.rows import LOCK_ORDER, LOCK_SUBSCRIPTION, lock_names, order_lock, subscription_lock
from app.domain.access import Actor
from app.domain.refusal import NotFound
from app.models import Action, Order, Store


def lock_order(session: Session, actor: Actor, order_id: int) -> Order:
    """The order, locked until the transaction ends. Raises NotFound when it is not there or not the actor's.

    On PostgreSQL by the lock that recording takes, too, and by FOR UPDATE; on SQLite the transaction itself is the
    only writer.
    """
    lock_names(session, [(LOCK_ORDER, order_lock(order_id))])
    order = session.scalar(
        sa.select(Order).where(Order.id == order_id).with_for_update(of=Order).execution_options(populate_existing=True)
    )
    if order is None or not actor.sees(order.store_id):
        raise NotFound
    return order


def lock_subscription(session: Session, order: Order, code: str) -> None:
    """Nobody records another word about the subscription until the transaction ends. After the order's lock."""
    store = session.get_one(Store, order.store_id)
    lock_names(session, [(LOCK_SUBSCRIPTION, subscription_lock(store.name, code))])


def known_action(session: Session, actor: Actor, order: Order, *, kind: str, subject: str, token: str) -> Action | None:
    """The action this form has made before: the same token again is the same action, whatever the rules say now."""
    return session.scalar(
        sa.select(Action).where(
            Action.request_token == token,
            Action.kind == kind,
            Action.order_id == order.id,
            Action.subject == subject,
            Action.actor_id == actor.id,
        )
    )
