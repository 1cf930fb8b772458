"""The platform's webhooks: signature and words (domain.md 9.1). Nothing in a message can raise an error here.

A message is a hint: status, products and amounts are not signed. What cannot be understood reads as absent.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from app.domain.orders import MAX_ID, Status, read_status

MAX_BODY = 256 * 1024
"""Bytes of a webhook."""

CREATED = "order.created"
PAID = "order.payment.succeeded"
FAILED = "order.payment.failed"
DELIVERED = "product.delivered"
RETURNED = "product.returned"
CANCELLED = "subscription.cancelled"
RESTORED = "subscription.restored"
OFFER_ACCEPTED = "subscription.renewal_offer_order_accepted"
OFFER_CANCELLED = "subscription.renewal_offer_order_cancelled"

SENTENCES: Mapping[str, tuple[str, str]] = {
    CREATED: ("status", "Order created"),
    PAID: ("status", "Payment received"),
    FAILED: ("error", "Payment error"),
    DELIVERED: ("status", "Product delivered: {product}"),
    RETURNED: ("status", "Product refunded: {product}"),
    CANCELLED: ("subscription", "Auto-renewal has been deactivated{subscription}"),
    RESTORED: ("subscription", "Auto-renewal has been activated{subscription}"),
    OFFER_ACCEPTED: ("subscription", "The customer took a discount instead of cancelling{subscription}"),
    OFFER_CANCELLED: ("subscription", "The customer gave up a discount offered instead of cancelling{subscription}"),
}
"""Events the portal knows: the kind of the history line they make, and its text."""

PRODUCT_EVENTS = frozenset({DELIVERED, RETURNED})


class NotAnObject(ValueError):
    """The body is no JSON object."""


def read_body(body: bytes) -> dict[str, Any]:
    """The object in the body; numbers with a fraction stay as they were written. Raises NotAnObject."""
    try:
        value = json.loads(body.decode("utf-8"), parse_float=str, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise NotAnObject from None
    if not isinstance(value, dict):
        raise NotAnObject
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(name)


# --- signature -----------------------------------------------------------------------------------------------------


def is_signed(value: Mapping[str, Any], signature: str, secrets: Iterable[str]) -> bool:
    """Was this signature made with one of the secrets? Every secret is tried, in constant time."""
    given = signature.strip().encode("utf-8", "replace")
    found = False
    for secret in secrets:
        found |= hmac.compare_digest(signature_of(value, secret).encode(), given)
    return found


def signature_of(value: Mapping[str, Any], secret: str) -> str:
    """Lower-case hex SHA-512 over the secret and six values, each as it was received."""
    payment, customer = _object(value, "payment"), _object(value, "customer")
    parts = (
        secret,
        _literal(value.get("event")),
        _literal(value.get("order_id")),
        _literal(value.get("create_date")),
        _literal(payment.get("payment_method")),
        _literal(value.get("currency")),
        _literal(customer.get("email")),
    )
    return hashlib.sha512(";".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int and abs(value) <= MAX_ID else ""


def _object(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


# --- what a message says -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Product:
    """A product of an order as the platform words it. ``key`` tells products of one order apart; ``told`` names the
    fields of which something was said, the others hold what nothing means."""

    key: str
    sku: str | None
    name: str
    quantity: int
    price: Decimal | None
    discount_percent: Decimal | None
    discount_amount: Decimal | None
    vat_amount: Decimal | None
    amount: Decimal
    told: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SubscriptionBlock:
    """The optional block about a subscription; ``status`` or ``type`` None: not understood."""

    code: str
    type: str | None
    status: str | None


@dataclass(frozen=True, slots=True)
class Message:
    """A webhook, or an order read from the platform (``event`` empty), as far as it could be understood.

    ``plain`` holds the order's columns it speaks of, and only those: present and empty is None.
    """

    event: str
    at: dt.datetime
    order_id: int | None
    status: Status | None
    plain: Mapping[str, Any]
    products: tuple[Product, ...]
    part: int | None = None
    parts: int | None = None
    subscription: SubscriptionBlock | None = None
    create_date_raw: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


_LIMITS = {
    "order_name": 64, "number_1c": 255, "external_id": 255, "locale": 64,
    "country": 255, "email": 254, "first_name": 255, "last_name": 255, "phone": 255,
    "vat_number": 255, "company_name": 255,
    "payment_method": 255, "payment_system_name": 255,
}  # fmt: skip
_OF_ORDER = ("order_name", "number_1c", "external_id", "locale")
_OF_CUSTOMER = ("country", "email", "first_name", "last_name", "phone", "vat_number", "company_name")
_OF_PAYMENT = ("payment_method", "payment_system_name")
_ADDRESSES = ("address", "company_billing_address", "company_delivery_address")
_HTTPS = r"https://[^\s/?#@\\]+(?:[/?#]\S*)?"
_BEGINNING = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def read_message(value: Mapping[str, Any], *, now: dt.datetime | None = None) -> Message:
    """What the object says. ``now``: it was read from the platform just now, so nothing is newer."""
    event = text(value.get("event"), 100) or ""
    created = moment(value.get("create_date"))
    at = now or moment(value.get("event_date")) or created or _BEGINNING
    told = read_status(value["status"]) if isinstance(value.get("status"), str) else None
    if now is None and told == Status.TERMINATED:
        told = None  # final, not signed, and never sent by a webhook (domain.md 2.2): only the platform's answer tells
    if event == PAID and told in (None, Status.NOT_PAID):
        told = Status.PAID
    part, parts = _part(value.get("document_part"))
    raw = value.get("create_date")
    return Message(
        event=event,
        at=at,
        order_id=order_id(value.get("order_id")),
        status=told,
        plain=_plain(value, event, at, created),
        products=_products(value),
        part=part,
        parts=parts,
        subscription=_subscription(value.get("subscription")),
        create_date_raw=raw if created is not None and isinstance(raw, str) and len(raw) <= 64 else None,
    )


def _plain(value: Mapping[str, Any], event: str, at: dt.datetime, created: dt.datetime | None) -> dict[str, Any]:
    customer, payment = _object(value, "customer"), _object(value, "payment")
    plain: dict[str, Any] = {
        name: text(source[name], _LIMITS[name])
        for source, names in ((value, _OF_ORDER), (customer, _OF_CUSTOMER), (payment, _OF_PAYMENT))
        for name in names
        if name in source
    }
    if plain.get("order_name", "") is None:  # an order always has one
        del plain["order_name"]
    if "type" in customer:
        kind = text(customer["type"], 32)
        plain["customer_type"] = None if kind is None else "physical" if kind.lower() == "physical" else "legal"
    addresses = [text(customer[name], 4000) for name in _ADDRESSES if name in customer]
    if addresses:
        plain["address"] = next((found for found in addresses if found), None)
    if "card_last_4" in payment:
        plain["card_last_4"] = _matching("[0-9]{4}", payment["card_last_4"], 16)
    if "order_detail_url" in value:
        plain["order_detail_url"] = _matching(_HTTPS, value["order_detail_url"], 2000)
    currency = _matching("[A-Za-z]{3}", value.get("currency"), 8)
    # Dates and the currency only when there are any: an empty pay_date in a late message says nothing.
    paid = moment(value.get("pay_date")) or (at if event == PAID else None)
    plain |= {"created_at": created} if created else {}
    plain |= {"paid_at": paid} if paid else {}
    return plain | ({"currency": currency.upper()} if currency else {})


def _matching(pattern: str, value: Any, most: int) -> str | None:
    found = text(value, most + 1)
    return found if found and len(found) <= most and re.fullmatch(pattern, found) else None


def _products(value: Mapping[str, Any]) -> tuple[Product, ...]:
    found = value.get("products", value.get("product"))
    many = found if isinstance(found, list) else [found]
    products: dict[str, Product] = {}
    for one in many[:500]:
        product = _product(one) if isinstance(one, dict) else None
        if product is not None:
            products[product.key] = product
    return tuple(products.values())


def _product(value: Mapping[str, Any]) -> Product | None:
    name = text(value.get("name"), 255)
    sku = text(value.get("sku"), 255)
    key = text(value.get("id"), 255) or sku or name
    if key is None:
        return None
    price, amount = _charged(value.get("price")), _charged(value.get("amount"))
    number = whole(value.get("quantity"), 1_000_000_000)
    quantity = number or 1
    found: dict[str, Any] = {
        "sku": sku,
        "name": name,
        "quantity": number,
        "price": price,
        "discount_percent": _size(value.get("discount_percent")),
        "discount_amount": _size(value.get("discount_amount")),
        "vat_amount": _charged(value.get("vat_amount")),
        "amount": amount if amount is not None or price is None else price * quantity,
    }
    told = frozenset(name for name, said in found.items() if said is not None)
    found |= {"name": name or sku or key, "quantity": quantity, "amount": found["amount"] or Decimal(0)}
    return Product(key=key, told=told, **found)


def _subscription(value: Any) -> SubscriptionBlock | None:
    if not isinstance(value, dict):
        return None
    code = text(value.get("id"), 64)
    if code is None or not re.fullmatch("[0-9]{1,19}_[0-9]{1,19}", code):
        return None
    kind = (text(value.get("type"), 16) or "").upper()
    status = (text(value.get("status"), 16) or "").lower().replace(" ", "_").replace("canceled", "cancelled")
    return SubscriptionBlock(
        code,
        {"AR": "AR", "AR TRIAL": "AR Trial", "PMR": "PMR"}.get(kind),
        status if status in ("active", "not_paid", "cancelled") else None,
    )


def item_id_of(key: str) -> str:
    """The item id of a product that only webhooks have told of."""
    if re.fullmatch("[A-Za-z0-9._~-]{1,60}", key):
        return f"w-{key}"
    return f"w-{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def line_of(message: Message) -> tuple[str, str, str] | None:
    """The history line a known event makes: event id (the same for the same fact), kind and text."""
    found = SENTENCES.get(message.event)
    if found is None:
        return None
    product = message.products[0] if message.products else None
    about = ""
    if message.subscription and found[0] == "subscription":
        about = message.subscription.code
    elif product and (found[0] == "subscription" or message.event in PRODUCT_EVENTS):
        about = product.key
    named = f", subscription {message.subscription.code}" if message.subscription else ""
    if product and not named and (message.parts or 1) > 1:  # which of the order's subscriptions is it?
        named = f": {product.name}"
    words = found[1].format(product=product.name if product else "", subscription=named)
    return line_id(message.event, message.at, about), found[0], words.removesuffix(": ")


def line_id(event: str, at: dt.datetime, about: str) -> str:
    """The id of the line: the same for the same event of the same moment about the same product or subscription."""
    stamp = hashlib.sha256(f"{at.astimezone(dt.UTC).isoformat()};{about}".encode()).hexdigest()
    return f"{event[:43]}.{stamp[:20]}"


# --- values --------------------------------------------------------------------------------------------------------


def text(value: Any, most: int) -> str | None:
    """A text or a number as text, cut to ``most``, without NUL and lone surrogates; None for nothing and the rest."""
    if type(value) is int and abs(value) <= MAX_ID:
        value = str(value)
    if not isinstance(value, str):
        return None
    clean = re.sub("[\x00\ud800-\udfff]", "", value).strip()[:most].strip()
    return clean or None


def money(value: Any) -> Decimal | None:
    """An amount; None for "", for what is no number, and for what no price can be."""
    if type(value) is int or isinstance(value, str):
        try:
            found = Decimal(str(value).strip()) if len(str(value)) <= 40 else None
        except (InvalidOperation, ValueError):
            return None
        if (
            found is not None
            and found.is_finite()
            and abs(found) < 10**15
            and -8 <= int(found.as_tuple().exponent) <= 0
        ):
            return found
    return None


def _charged(value: Any) -> Decimal | None:
    """What is charged for something; less than nothing is no price, and reads as absent."""
    found = money(value)
    return found if found is not None and found >= 0 else None


def _size(value: Any) -> Decimal | None:
    """How large a discount is, whether it is written with a sign or without."""
    found = money(value)
    return None if found is None else abs(found)


def whole(value: Any, most: int) -> int | None:
    """A positive whole number; None for anything else."""
    if isinstance(value, str) and re.fullmatch("[0-9]{1,19}", value):
        value = int(value)
    return value if type(value) is int and 0 < value <= most else None


def order_id(value: Any) -> int | None:
    """An order id, as a number or its digits."""
    return whole(value, MAX_ID)


def moment(value: Any) -> dt.datetime | None:
    """An ISO 8601 moment; without an offset it is taken as UTC. None for anything else."""
    if not isinstance(value, str) or not 10 <= len(value) <= 40:
        return None
    try:
        found = dt.datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    if not 1900 <= found.year < 2200:
        return None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def _part(value: Any) -> tuple[int | None, int | None]:
    found = re.fullmatch("([0-9]{1,3})-of-([0-9]{1,3})", value) if isinstance(value, str) else None
    if found is None:
        return None, None
    part, parts = int(found[1]), int(found[2])
    return (part, parts) if 1 <= part <= parts else (None, None)
