"""The customer's page of an order: make its link worthless."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actions import audit
from app.domain.access import ALL_STORES, Actor
from app.domain.audit import PAGE_REVOKED
from app.domain.refusal import NotFound
from app.models import Order


def revoke_page(session: Session, actor: Actor, order_id: int) -> None:
    """Give the order's page a new link; every link handed out before is dead at once.

    Raises NotFound when the order does not exist or is not in the actor's scope.
    """
    statement = sa.select(Order).where(Order.id == order_id).with_for_update()
    if actor.stores is not ALL_STORES:
        statement = statement.where(Order.store_id.in_(actor.stores))  # type: ignore[arg-type]
    order = session.scalar(statement)
    if order is None:
        raise NotFound
    order.page_generation += 1
    audit.record(session, actor, PAGE_REVOKED, order_id=order.id, store_id=order.store_id)
