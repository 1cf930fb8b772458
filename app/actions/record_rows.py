"""Rows of the tables from a snapshot. No decisions that need the database: those are made in ``record``."""

from __future__ import annotations

import datetime as dt
from typing import Any

from app.actions.rows import Row
from app.domain import normal
from app.domain.erasure import erased_fields, erased_locale, history_text
from app.domain.orders import order_delivery, order_name
from app.domain.snapshot import Customer, Item, LicenseUser, Payment, Snapshot


def customer_columns(customer: Customer, payment: Payment, *, erased: bool) -> Row:
    """The columns about who bought and how it was paid, search keys included."""
    row: Row = {
        "customer_type": customer.type,
        "email": customer.email or None,
        "first_name": customer.first_name or None,
        "last_name": customer.last_name or None,
        "phone": customer.phone or None,
        "country": customer.country or None,
        "vat_number": customer.vat_number or None,
        "company_name": customer.company_name or None,
        "address": customer.address or None,
        "payment_method": payment.payment_method or None,
        "payment_system_name": payment.payment_system_name or None,
        "card_last_4": payment.card_last_4 or None,
    }
    if erased:
        erase_columns(row)
    add_keys(row)
    return row


def erase_columns(row: Row) -> None:
    """Empty the personal columns of an order's row, in place (domain.md 8)."""
    for name in erased_fields(row["customer_type"]):
        row[name] = None


def add_keys(row: Row) -> None:
    """Fill the search columns in from the columns they are the search form of."""
    text = normal.normalise_text
    row["email_key"] = text(row["email"])
    row["first_name_key"] = text(row["first_name"])
    row["last_name_key"] = text(row["last_name"])
    row["company_key"] = text(row["company_name"])
    row["vat_key"] = normal.normalise_vat(row["vat_number"])
    row["phone_digits"] = normal.normalise_phone(row["phone"])


def order_row(snapshot: Snapshot, store_id: int, now: dt.datetime, *, erased_at: dt.datetime | None) -> Row:
    """The order's row as the snapshot alone says it."""
    row = {
        "id": snapshot.order_id,
        "store_id": store_id,
        "version": snapshot.version,
        "order_name": snapshot.order_name or order_name(snapshot.order_id),
        "number_1c": snapshot.number_1c or None,
        "external_id": snapshot.external_id or None,
        "status": snapshot.status.value,
        "delivery": order_delivery(item.delivered for item in snapshot.items).value,
        "refund_status": None,
        "refund_result": None,
        "created_at": snapshot.create_date,
        "create_date_raw": snapshot.create_date_raw or None,
        "paid_at": snapshot.pay_date,
        "currency": snapshot.currency,
        "total": snapshot.total,
        "locale": snapshot.locale or None,
        "order_detail_url": snapshot.order_detail_url or None,
        "erased_at": erased_at,
        **customer_columns(snapshot.customer, snapshot.payment, erased=erased_at is not None),
        "codes_key": None,
        "plain_event_at": snapshot.as_of,
        "webhook_stamps": None,
        "recorded_at": now,
    }
    if erased_at is not None:
        row["locale"] = erased_locale(row["locale"])
    return row


_NOBODY = LicenseUser()


def item_row(item: Item, order_id: int, store_id: int, position: int, *, erased: bool) -> Row:
    """An item's row."""
    user = _NOBODY if erased or item.license_user is None else item.license_user
    return {
        "order_id": order_id,
        "item_id": item.item_id,
        "store_id": store_id,
        "position": position,
        "source": "snapshot",
        "product_id": item.product_id or None,
        "sku": item.sku or None,
        "name": item.name,
        "quantity": item.quantity,
        "price": item.price,
        "discount_percent": item.discount_percent,
        "discount_amount": item.discount_amount,
        "vat_amount": item.vat_amount,
        "amount": item.amount,
        "delivered": item.delivered,
        "refunded": bool(item.refunded),
        "fields": None if erased or not item.fields else [{"name": f.name, "value": f.value} for f in item.fields],
        "license_user_name": user.name or None,
        "license_user_email": user.email or None,
        "subscription_code": item.subscription.id if item.subscription else None,
        "part": None,
        "parts": None,
        "event_at": None,
    }


def license_rows(item: Item, order_id: int, store_id: int) -> list[Row]:
    """The rows of an item's codes."""
    return [
        {
            "order_id": order_id,
            "item_id": item.item_id,
            "license_id": found.license_id,
            "store_id": store_id,
            "position": position,
            "code": found.code,
            "deleted": bool(found.deleted),
        }
        for position, found in enumerate(item.licenses or (), 1)
    ]


def event_rows(snapshot: Snapshot, store_id: int, *, erased: bool) -> list[Row]:
    """The platform's history lines. Of an erased customer, without their free texts: any may name the customer."""
    order_id = snapshot.order_id
    return [
        {
            "order_id": order_id,
            "source": "platform",
            "event_id": line.event_id,
            "store_id": store_id,
            "at": line.date,
            "kind": line.kind,
            "text": history_text(line.kind) if erased else line.text,
            "order_ids": list(line.order_ids) if line.order_ids else None,
            "document_id": None if erased else line.document_id or None,
        }
        for line in snapshot.history
    ]


def tells_of_erasure(snapshot: Snapshot) -> bool:
    """Does the platform's own history say that the customer was erased? Then the portal adds no line."""
    return any(line.kind == "anonymize" for line in snapshot.history)


def parameter_rows(snapshot: Snapshot, store_id: int, *, erased: bool) -> list[Row]:
    """The additional parameters; none of an erased customer."""
    if erased:
        return []
    return [
        {"order_id": snapshot.order_id, "position": i, "store_id": store_id, "name": p.name, "value": p.value}
        for i, p in enumerate(snapshot.additional_data or (), 1)
    ]


def document_rows(snapshot: Snapshot, store_id: int, now: dt.datetime) -> tuple[list[Row], list[Row]]:
    """The documents, and the bytes of those that came with theirs."""
    rows: list[Row] = []
    contents: list[Row] = []
    for position, document in enumerate(snapshot.documents or (), 1):
        key: Row = {
            "order_id": snapshot.order_id,
            "document_id": document.document_id,
            "store_id": store_id,
        }
        content = document.content_base64
        rows.append(
            {
                **key,
                "source": "platform",
                "position": position,
                "kind": document.kind,
                "name": document.name,
                "content_type": document.content_type,
                "size": None if content is None else len(content),
                "url": document.url or None,
                "created_at": now,
            }
        )
        if content is not None:
            contents.append({**key, "content": content})
    return rows, contents


def relation_rows(snapshot: Snapshot, store_id: int) -> list[Row]:
    """What the order itself says about its family: related orders, and renewals where it is the parent."""
    found: dict[tuple[Any, ...], Row] = {}

    def relate(related_id: int, kind: str, code: str = "") -> None:
        if related_id != snapshot.order_id:
            found[related_id, kind, code] = {
                "order_id": snapshot.order_id,
                "related_id": related_id,
                "kind": kind,
                "subscription_code": code,
                "store_id": store_id,
            }

    for related_id in snapshot.related_order_ids or ():
        relate(related_id, "related")
    for item in snapshot.items:
        subscription = item.subscription
        if subscription and subscription.parent_order_id == snapshot.order_id:
            for child in subscription.child_order_ids or ():
                relate(child, "child", subscription.id)
    return list(found.values())
