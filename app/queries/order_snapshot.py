"""An order as the portal knows it, in the shape of a snapshot (contract.md 4): for the API."""

from __future__ import annotations

import base64
import datetime as dt
from collections import defaultdict
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.access import ALL_STORES, Scope
from app.domain.orders import ERASED
from app.domain.refusal import NotFound
from app.domain.retention import parameters_kept
from app.models import (
    Action,
    Document,
    DocumentContent,
    License,
    Order,
    OrderEvent,
    OrderItem,
    OrderParameter,
    OrderRelation,
    RefundRequest,
    Store,
    Subscription,
)


def order_snapshot(session: Session, order_id: int, scope: Scope, now: dt.datetime) -> dict[str, Any]:
    """The order at the moment ``now``, JSON-ready; an erased customer reads ``deleted``.

    Raises NotFound where it does not exist in the scope.
    """
    query = sa.select(Order, Store.name).join(Store, Store.id == Order.store_id).where(Order.id == order_id)
    if scope is not ALL_STORES:
        query = query.where(Order.store_id.in_(list(scope)))  # type: ignore[call-overload]
    found = session.execute(query).one_or_none()
    if found is None:
        raise NotFound
    order, store = found
    refunds = list(session.scalars(_of(RefundRequest, order).order_by(RefundRequest.id)))
    return {
        "order_id": order.id,
        "store": store,
        "version": order.version,
        "status": order.status,
        "statuses": [order.status, *([f"refund_{order.refund_status}"] if order.refund_status else [])],
        "delivery": order.delivery,
        "create_date": _moment(order.created_at),
        "pay_date": _moment(order.paid_at),
        "order_name": order.order_name,
        "number_1c": order.number_1c,
        "external_id": order.external_id,
        "currency": order.currency,
        "total": _amount(order.total),
        "locale": order.locale,
        "order_detail_url": order.order_detail_url,
        "erased": order.erased_at is not None,
        "customer": _customer(order),
        "payment": {
            "payment_method": order.payment_method,
            "payment_system_name": order.payment_system_name,
            "card_last_4": order.card_last_4,
        },
        "items": _items(session, order),
        "additional_data": _parameters(session, order, now),
        "related_order_ids": list(
            session.scalars(
                sa.select(OrderRelation.related_id)
                .where(OrderRelation.order_id == order.id, OrderRelation.kind == "related")
                .order_by(OrderRelation.related_id)
            )
        ),
        "history": _history(session, order),
        "documents": _documents(session, order),
        "refund": _refund(refunds),
        "actions": _actions(session, order, refunds),
    }


def _of(model: Any, order: Order) -> Any:
    return sa.select(model).where(model.order_id == order.id)


def _moment(value: dt.datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def _amount(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def _parameters(session: Session, order: Order, now: dt.datetime) -> list[dict[str, str]]:
    """The additional parameters while they are kept; the sweeper may come for them later (domain.md 4)."""
    if not parameters_kept(order.status, order.created_at, now):
        return []
    found = session.scalars(_of(OrderParameter, order).order_by(OrderParameter.position))
    return [{"name": p.name, "value": p.value} for p in found]


def _customer(order: Order) -> dict[str, Any]:
    erased = ERASED if order.erased_at is not None else None
    return {
        "type": order.customer_type,
        "email": erased or order.email,
        "first_name": erased or order.first_name,
        "last_name": erased or order.last_name,
        "phone": order.phone,
        "country": order.country,
        "vat_number": order.vat_number,
        "company_name": order.company_name,
        "address": order.address,
    }


def _items(session: Session, order: Order) -> list[dict[str, Any]]:
    licenses: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for found in session.scalars(_of(License, order).order_by(License.position, License.license_id)):
        licenses[found.item_id].append({"license_id": found.license_id, "code": found.code, "deleted": found.deleted})
    items = list(session.scalars(_of(OrderItem, order).order_by(OrderItem.position, OrderItem.item_id)))
    subscriptions = _subscriptions(session, order, [i.subscription_code for i in items if i.subscription_code])
    return [
        {
            "item_id": item.item_id,
            "product_id": item.product_id,
            "sku": item.sku,
            "name": item.name,
            "quantity": item.quantity,
            "price": _amount(item.price),
            "discount_percent": _amount(item.discount_percent),
            "discount_amount": _amount(item.discount_amount),
            "vat_amount": _amount(item.vat_amount),
            "amount": _amount(item.amount),
            "delivered": item.delivered,
            "refunded": item.refunded,
            "fields": item.fields or [],
            "license_user": _license_user(item, order),
            "licenses": licenses[item.item_id],
            "subscription": subscriptions.get(item.subscription_code or ""),
        }
        for item in items
    ]


def _license_user(item: OrderItem, order: Order) -> dict[str, Any] | None:
    if order.erased_at is not None:
        return {"name": ERASED, "email": ERASED}
    if item.license_user_name is None and item.license_user_email is None:
        return None
    return {"name": item.license_user_name, "email": item.license_user_email}


def _subscriptions(session: Session, order: Order, codes: list[str]) -> dict[str, dict[str, Any]]:
    if not codes:
        return {}
    found = list(
        session.scalars(
            sa.select(Subscription).where(Subscription.store_id == order.store_id, Subscription.code.in_(codes))
        )
    )
    children: dict[str, list[int]] = defaultdict(list)
    relations = sa.select(OrderRelation.subscription_code, OrderRelation.related_id).where(
        OrderRelation.store_id == order.store_id,
        OrderRelation.order_id.in_([s.parent_order_id for s in found]),
        OrderRelation.kind == "child",
    )
    for code, child in session.execute(relations.order_by(OrderRelation.related_id)):
        children[code].append(child)
    return {
        s.code: {
            "id": s.code,
            "type": s.type,
            "status": s.status,
            "period": s.period,
            "next_charge_date": s.next_charge_date.isoformat() if s.next_charge_date else None,
            "parent_order_id": s.parent_order_id,
            "child_order_ids": children[s.code],
        }
        for s in found
    }


def _history(session: Session, order: Order) -> list[dict[str, Any]]:
    lines = session.scalars(_of(OrderEvent, order).order_by(OrderEvent.at, OrderEvent.source, OrderEvent.event_id))
    return [
        {
            "event_id": line.event_id,
            "date": _moment(line.at),
            "kind": line.kind,
            "text": line.text,
            "order_ids": line.order_ids,
            "document_id": line.document_id,
            "source": line.source,
        }
        for line in lines
    ]


def _documents(session: Session, order: Order) -> list[dict[str, Any]]:
    query = sa.select(DocumentContent.document_id, DocumentContent.content).where(DocumentContent.order_id == order.id)
    contents = {row.document_id: row.content for row in session.execute(query)}
    found = []
    for document in session.scalars(_of(Document, order).order_by(Document.position, Document.document_id)):
        content = contents.get(document.document_id)
        found.append(
            {
                "document_id": document.document_id,
                "kind": document.kind,
                "name": document.name,
                "content_type": document.content_type,
                "content_base64": None if content is None else base64.b64encode(content).decode(),
                "url": document.url,
            }
        )
    return found


def _refund(refunds: list[RefundRequest]) -> dict[str, Any] | None:
    last = next((r for r in reversed(refunds) if r.status != "withdrawn"), None)
    if last is None:
        return None
    updated = last.platform_updated or last.decided_at or last.taken_at or last.requested_at
    return {"status": last.status, "result": last.result, "updated": _moment(updated)}


def _actions(session: Session, order: Order, refunds: list[RefundRequest]) -> list[dict[str, Any]]:
    reasons = {request.id: request.reason for request in refunds}
    # A request's action is done as soon as the desk has it; taken back after that, it reads so all the same.
    taken_back = {request.id for request in refunds if request.status == "withdrawn"}
    return [
        {
            "id": action.id,
            "kind": action.kind,
            "subject": action.subject,
            "state": "withdrawn" if action.refund_request_id in taken_back else action.state,
            "reason": action.reason,
            "created": _moment(action.created_at),
            "finished": _moment(action.finished_at),
            **({"refund_reason": reasons.get(action.refund_request_id)} if action.refund_request_id else {}),
        }
        for action in session.scalars(_of(Action, order).order_by(Action.id))
    ]
