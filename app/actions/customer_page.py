"""The customer's page of an order: make its link worthless."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.actions import audit
from app.actions.orders import lock_order
from app.domain.access import Actor
from app.domain.audit import PAGE_REVOKED


def revoke_page(session: Session, actor: Actor, order_id: int) -> None:
    """Give the order's page a new link; every link handed out before is dead at once.

    Raises NotFound when the order does not exist or is not in the actor's scope.
    """
    order = lock_order(session, actor, order_id)
    order.page_generation += 1
    audit.record(session, actor, PAGE_REVOKED, order_id=order.id, store_id=order.store_id)
