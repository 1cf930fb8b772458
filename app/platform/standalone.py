"""Standalone: no platform is set, the portal's own tables are the truth and its people decide (contract.md 5).

Calls change nothing here: the handlers write what follows in the transaction that ends the action.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from app.db import session
from app.domain.orders import Status
from app.domain.refunds import RequestStatus, Result
from app.domain.subscriptions import is_active
from app.models import Order, OrderItem, Subscription
from app.platform.port import PlatformOrder, PlatformRefused, PlatformSubscription, RefundBlock


class Standalone:
    """The port over our own rows, within the scope of the moment."""

    standalone = True

    def read_order(self, order_id: int) -> PlatformOrder | None:
        """Our own order in the platform's form."""
        found = session.get(Order, order_id)
        if found is None:
            return None
        items = session.scalars(
            sa.select(OrderItem).where(OrderItem.order_id == order_id).order_by(OrderItem.position)
        ).all()
        refund = None
        if found.refund_status is not None:
            result = Result(found.refund_result) if found.refund_result else None
            refund = RefundBlock(RequestStatus(found.refund_status), result)
        return PlatformOrder(
            order_id=order_id,
            fields={"order_id": order_id, "order_name": found.order_name, "status": found.status},
            products=tuple({"id": i.product_id, "name": i.name, "quantity": i.quantity} for i in items),
            refund=refund,
        )

    def search(
        self, *, created_from: dt.date | None = None, paid_from: dt.date | None = None, status: str | None = None
    ) -> list[int]:
        """Our own orders; days are UTC days."""
        statement = sa.select(Order.id).order_by(Order.id)
        if created_from is not None:
            statement = statement.where(Order.created_at >= dt.datetime.combine(created_from, dt.time(), dt.UTC))
        if paid_from is not None:
            statement = statement.where(Order.paid_at >= dt.datetime.combine(paid_from, dt.time(), dt.UTC))
        if status is not None:
            statement = statement.where(Order.status == status)
        return list(session.scalars(statement))

    def request_refund(self, order_id: int, description: str, email: str) -> None:  # noqa: ARG002
        """Reaches the desk by itself; an order that is not paid is refused as the platform would."""
        found = session.get(Order, order_id)
        if found is None or found.status != Status.PAID:
            raise PlatformRefused(400, None, "The order cannot be refunded.")

    def read_subscription(self, code: str) -> PlatformSubscription | None:
        """Our own subscription."""
        found = session.scalar(sa.select(Subscription).where(Subscription.code == code))
        if found is None:
            return None
        return PlatformSubscription(found.code, found.type, found.status, is_active(found.status))

    def set_activity(self, code: str, *, active: bool) -> None:
        """Written by the handler; a PMR subscription is never resumed."""
        found = self.read_subscription(code)
        if found is None or (active and found.type == "PMR"):
            raise PlatformRefused(400, None, "The subscription cannot be resumed.")
