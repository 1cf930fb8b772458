"""What every action on an order begins with: the order itself, in scope and locked."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actions.rows import LOCK_ORDER, LOCK_SUBSCRIPTION, lock_names, order_lock, subscription_lock
from app.domain.access import Actor
from app.domain.refusal import NotFound
from app.models import Action, Order, Store


def hold_order(session: Session, order_id: int) -> Order | None:
    """The order, held until the transaction ends; None when it is not there, and then nobody else makes it, either.

    Everybody takes it in this way, and before anything else of the order, or two would wait for each other. On
    PostgreSQL by the lock that recording takes, too, and by the row's; on SQLite the transaction itself is the only
    writer. The row's lock is the one of an UPDATE that leaves its key alone: a line of history, which only names the
    order, does not wait for it (the page of a renewal writes such a line for the parent).
    """
    lock_names(session, [(LOCK_ORDER, order_lock(order_id))])
    return session.scalar(
        sa.select(Order)
        .where(Order.id == order_id)
        .with_for_update(of=Order, key_share=True)
        .execution_options(populate_existing=True)
    )


def lock_order(session: Session, actor: Actor, order_id: int) -> Order:
    """The order, held until the transaction ends. Raises NotFound when it is not there or not the actor's."""
    order = hold_order(session, order_id)
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
