"""The facts that the rules of domain 5 to 7 look at, read for one order. The action and its job ask here."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.domain.delivery import Ban, ban_in_force
from app.domain.licenses import LicenseFacts
from app.domain.orders import Status
from app.domain.refunds import OPEN, RefundFacts
from app.domain.subscriptions import SubscriptionFacts
from app.models import (
    Action,
    DeliveryBan,
    License,
    Order,
    OrderItem,
    OrderRelation,
    Person,
    RefundRequest,
    Subscription,
)
from app.models.work import LIVE


def refund_facts(
    session: Session, order: Order, *, again_after_partial: bool, but_request_id: int | None = None
) -> RefundFacts:
    """For ``why_not_request``; ``but_request_id`` leaves the request out that asks about itself."""
    rows = session.execute(
        sa.select(RefundRequest.id, RefundRequest.status, RefundRequest.result).where(
            RefundRequest.order_id == order.id, RefundRequest.store_id == order.store_id
        )
    )
    refunded = session.scalars(
        sa.select(OrderItem.refunded).where(OrderItem.order_id == order.id, OrderItem.store_id == order.store_id)
    ).all()
    return RefundFacts(
        status=order.status,
        total=order.total,
        requests=tuple((r.status, r.result) for r in rows if r.id != but_request_id),
        again_after_partial=again_after_partial,
        erased=order.erased_at is not None,
        all_refunded=bool(refunded) and all(refunded),
        live_state=_live_state(session, ("request_refund",), Action.order_id == order.id),
    )


def open_request(session: Session, order: Order) -> RefundRequest | None:
    """The order's request that waits for a decision."""
    return session.scalar(
        sa.select(RefundRequest).where(
            RefundRequest.order_id == order.id,
            RefundRequest.store_id == order.store_id,
            RefundRequest.status.in_(OPEN),
        )
    )


def who_is_told(session: Session, request: RefundRequest) -> Person | None:
    """Who gets the result mail: the person who sent the request, while the account is open (domain.md 7)."""
    sender = session.get(Person, request.requested_by) if request.requested_by is not None else None
    return sender if sender is not None and sender.active else None


def find_license(session: Session, order: Order, license_id: str) -> License | None:
    """A code of the order."""
    return session.scalar(
        sa.select(License).where(
            License.order_id == order.id, License.store_id == order.store_id, License.license_id == license_id
        )
    )


def license_facts(
    session: Session, order: Order, code: License, now: dt.datetime, *, live_action: bool = True
) -> LicenseFacts:
    """For ``why_not_resend``. ``live_action`` False: a job asks, and its own action is none to wait for."""
    item = session.get(OrderItem, (order.id, code.item_id))
    bans = session.scalars(sa.select(DeliveryBan).where(DeliveryBan.store_id == order.store_id))
    held = ban_in_force(
        (Ban(b.store_id, b.product_id, b.reason, b.starts_at, b.ends_at, b.lifted_at) for b in bans),
        item.product_id if item else None,
        now,
    )
    of_code = (Action.order_id == order.id, Action.subject == code.license_id)
    return LicenseFacts(
        has_code=bool(code.code),
        deleted=code.deleted,
        order_status=order.status,
        item_refunded=item.refunded if item else False,
        erased=order.erased_at is not None,
        has_email=bool(order.email),
        ban=held,
        live_state=_live_state(session, ("resend_license",), *of_code) if live_action else None,
    )


def find_subscription(session: Session, order: Order, code: str) -> Subscription | None:
    """The subscription, if this order is its parent or one of its renewals."""
    found = session.scalar(
        sa.select(Subscription).where(Subscription.store_id == order.store_id, Subscription.code == code)
    )
    if found is None or found.parent_order_id == order.id:
        return found
    named = sa.select(OrderItem.item_id).where(OrderItem.order_id == order.id, OrderItem.subscription_code == code)
    renewal = sa.select(OrderRelation.related_id).where(
        OrderRelation.order_id == found.parent_order_id,
        OrderRelation.store_id == order.store_id,
        OrderRelation.related_id == order.id,
        OrderRelation.kind == "child",
        OrderRelation.subscription_code.in_((code, "")),
    )
    return found if session.scalar(sa.select(sa.or_(named.exists(), renewal.exists()))) else None


def subscriptions_of(session: Session, order: Order) -> list[Subscription]:
    """The subscriptions this order shows as parent or renewal, by code."""
    named = sa.select(OrderItem.subscription_code).where(OrderItem.order_id == order.id)
    return list(
        session.scalars(
            sa.select(Subscription)
            .where(
                Subscription.store_id == order.store_id,
                sa.or_(Subscription.parent_order_id == order.id, Subscription.code.in_(named)),
            )
            .order_by(Subscription.code)
        )
    )


def subscription_facts(
    session: Session, order: Order, subscription: Subscription, *, live_action: bool = True
) -> SubscriptionFacts:
    """For the rules of a subscription, asked on this order's page."""
    parent = session.get(Order, subscription.parent_order_id)
    parent_known = parent is not None and parent.store_id == order.store_id
    kinds = ("cancel_subscription", "resume_subscription")
    of_subscription = (Action.store_id == order.store_id, Action.subject == subscription.code)
    return SubscriptionFacts(
        type=subscription.type,
        status=subscription.status,
        order_id=order.id,
        parent_order_id=subscription.parent_order_id,
        parent_status=parent.status if parent is not None and parent_known else None,
        has_unpaid_renewal=has_unpaid_renewal(session, subscription),
        live_state=_live_state(session, kinds, *of_subscription) if live_action else None,
    )


def has_unpaid_renewal(session: Session, subscription: Subscription) -> bool:
    """Does a renewal order of the subscription wait for its payment? (domain.md 5, 10.11)"""
    renewal = aliased(Order)
    by_relation = (
        sa.select(renewal.id)
        .join(OrderRelation, OrderRelation.related_id == renewal.id)
        .where(
            OrderRelation.order_id == subscription.parent_order_id,
            OrderRelation.kind == "child",
            OrderRelation.subscription_code.in_((subscription.code, "")),
            renewal.store_id == subscription.store_id,
            renewal.status == Status.NOT_PAID,
        )
    )
    by_item = (
        sa.select(OrderItem.order_id)
        .join(renewal, renewal.id == OrderItem.order_id)
        .where(
            OrderItem.subscription_code == subscription.code,
            OrderItem.store_id == subscription.store_id,
            OrderItem.order_id != subscription.parent_order_id,
            renewal.status == Status.NOT_PAID,
        )
    )
    return bool(session.scalar(sa.select(sa.or_(by_relation.exists(), by_item.exists()))))


def _live_state(session: Session, kinds: tuple[str, ...], *where: sa.ColumnElement[bool]) -> str | None:
    """The state of what is under way; there is one at most, by the unique indexes on ``action``."""
    return session.scalar(sa.select(Action.state).where(Action.kind.in_(kinds), Action.state.in_(LIVE), *where))
