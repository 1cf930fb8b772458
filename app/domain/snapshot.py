"""The snapshot: one whole order as the platform knows it (contract.md 4), as a value with its limits declared.

The limits stand in the annotations, once: ``app/actions/snapshots.py`` checks raw JSON against them, and the
OpenAPI description is drawn from them. An optional text may also be empty, which means the same as none.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated

from app.domain.orders import MAX_ID, RefundStatus, Status

MAX_SNAPSHOTS = 500
"""Orders in one call of the API."""

MAX_BODY = 8 * 1024 * 1024
"""Bytes of one call of the API, and of one line of an import."""


# --- limits, as annotations ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """A text of ``least`` to ``most`` characters, without NUL and lone surrogates, of the form ``pattern``."""

    most: int
    least: int = 0
    pattern: str | None = None
    what: str = "a text"


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds; no text, no fraction, no boolean."""

    least: int = 1
    most: int = MAX_ID


@dataclass(frozen=True, slots=True)
class Amount:
    """A decimal string such as ``118.00``, not negative; at most ``most``."""

    most: Decimal = Decimal(10) ** 15


@dataclass(frozen=True, slots=True)
class Moment:
    """ISO 8601 date and time with an offset, between the years 1900 and 2199."""


@dataclass(frozen=True, slots=True)
class Day:
    """An ISO 8601 date; of a date with time, its date."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Many:
    """A list of at most ``most``."""

    most: int


@dataclass(frozen=True, slots=True)
class Currency:
    """An ISO 4217 code."""


@dataclass(frozen=True, slots=True)
class StatusWord:
    """A main status; ``not paid`` with a space is accepted, too (domain.md 2.2)."""


@dataclass(frozen=True, slots=True)
class Base64:
    """Bytes as base64."""


ID_PATTERN = r"^[A-Za-z0-9._~-]{1,64}$"
HTTPS_PATTERN = r"^https://[^\s/?#@\\]+(?:[/?#][^\s]*)?$"

Ident = Annotated[str, Text(64, 1, ID_PATTERN, "an id of letters, digits, dot, dash, underscore or tilde")]
OrderId = Annotated[int, Whole()]
Name = Annotated[str | None, Text(255)]
Url = Annotated[str | None, Text(2000, 0, HTTPS_PATTERN, "an address that starts with https://")]
Money = Annotated[Decimal, Amount()]


# --- the value -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class NameValue:
    """A key with its value: an additional parameter, or a field the customer filled in."""

    name: Annotated[str, Text(255, 1)]
    value: Annotated[str, Text(4000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Who bought. ``email`` may be missing only where the customer is erased."""

    type: Annotated[str | None, OneOf(("physical", "legal"))] = None
    email: Annotated[str | None, Text(254)] = None
    first_name: Name = None
    last_name: Name = None
    phone: Name = None
    country: Name = None
    vat_number: Name = None
    company_name: Name = None
    address: Annotated[str | None, Text(4000)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """How it was paid. ``payment_method`` is the technical name."""

    payment_method: Name = None
    payment_system_name: Name = None
    card_last_4: Annotated[str | None, Text(4, 0, "^[0-9]{4}$", "four digits")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseUser:
    """Who the license is for; may be someone else than the buyer."""

    name: Name = None
    email: Annotated[str | None, Text(254)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseCode:
    """An activation code or link."""

    license_id: Ident
    code: Annotated[str, Text(2000, 1)]
    deleted: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionPart:
    """The subscription an item belongs to (domain.md 5)."""

    id: Annotated[str, Text(64, 3, "^[0-9]{1,19}_[0-9]{1,19}$", "a subscription id like 111111_22222")]
    type: Annotated[str, OneOf(("AR", "AR Trial", "PMR"))]
    status: Annotated[str, OneOf(("active", "not_paid", "cancelled"))]
    period: Annotated[
        str | None,
        Text(
            32, 0, "^P(?:[0-9]{1,4}[YMWD]){1,4}(?:T(?:[0-9]{1,4}[HMS]){1,3})?$", "an ISO 8601 duration like P1Y or P30D"
        ),
    ] = None
    next_charge_date: Annotated[dt.date | None, Day()] = None
    parent_order_id: OrderId
    child_order_ids: Annotated[tuple[OrderId, ...] | None, Many(1000)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A line of the order."""

    item_id: Ident
    product_id: Name = None
    sku: Name = None
    name: Annotated[str, Text(255, 1)]
    quantity: Annotated[int, Whole(1, 1_000_000_000)]
    price: Annotated[Decimal | None, Amount()] = None
    discount_percent: Annotated[Decimal | None, Amount(Decimal(100))] = None
    discount_amount: Annotated[Decimal | None, Amount()] = None
    vat_amount: Annotated[Decimal | None, Amount()] = None
    amount: Money
    delivered: bool
    refunded: bool | None = None
    fields: Annotated[tuple[NameValue, ...] | None, Many(200)] = None
    license_user: LicenseUser | None = None
    licenses: Annotated[tuple[LicenseCode, ...] | None, Many(10_000)] = None
    subscription: SubscriptionPart | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """A line of the platform's history of the order."""

    event_id: Ident
    date: Annotated[dt.datetime, Moment()]
    kind: Annotated[
        str, OneOf(("mail", "error", "status", "subscription", "related", "anonymize", "document", "other"))
    ]
    text: Annotated[str, Text(4000)]
    order_ids: Annotated[tuple[OrderId, ...] | None, Many(1000)] = None
    document_id: Annotated[str | None, Text(64, 0, ID_PATTERN, "an id")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPart:
    """A document: its bytes, or the address it can be fetched from; exactly one of the two."""

    document_id: Ident
    kind: Annotated[str, OneOf(("invoice", "receipt", "refund", "other"))]
    name: Annotated[str, Text(255, 1)]
    content_type: Annotated[
        str, Text(255, 3, r"^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:\s*;[^\r\n]*)?$", "a media type")
    ]
    content_base64: Annotated[bytes | None, Base64()] = None
    url: Url = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPart:
    """The refund request as the platform knows it."""

    status: Annotated[str, OneOf(tuple(s.value for s in RefundStatus))]
    result: Annotated[str | None, OneOf(("full", "partial", "failed"))] = None
    updated: Annotated[dt.datetime, Moment()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One order, whole. ``raw`` is what was received, compressed; ``unknown`` how many fields nobody knows."""

    order_id: OrderId
    store: Annotated[str, Text(64, 1)]
    version: Annotated[int, Whole(0)]
    status: Annotated[Status, StatusWord()]
    create_date: Annotated[dt.datetime, Moment()]
    pay_date: Annotated[dt.datetime | None, Moment()] = None
    order_name: Annotated[str | None, Text(64)] = None
    number_1c: Name = None
    external_id: Name = None
    currency: Annotated[str, Currency()]
    total: Money
    locale: Annotated[str | None, Text(64)] = None
    order_detail_url: Url = None
    erased: bool | None = None
    customer: Customer
    payment: Payment
    items: Annotated[tuple[Item, ...], Many(500)]
    additional_data: Annotated[tuple[NameValue, ...] | None, Many(1000)] = None
    related_order_ids: Annotated[tuple[OrderId, ...] | None, Many(1000)] = None
    history: Annotated[tuple[HistoryLine, ...], Many(10_000)]
    documents: Annotated[tuple[DocumentPart, ...] | None, Many(200)] = None
    refund: RefundPart | None = None
    raw: bytes = field(default=b"", repr=False, compare=False, metadata={"internal": True})
    create_date_raw: str = field(default="", repr=False, compare=False, metadata={"internal": True})
    unknown: int = field(default=0, repr=False, compare=False, metadata={"internal": True})

    @property
    def as_of(self) -> dt.datetime:
        """The newest moment the snapshot speaks of: the platform knew at least this when it was made."""
        moments = [line.date for line in self.history]
        moments.append(self.create_date)
        if self.pay_date:
            moments.append(self.pay_date)
        if self.refund:
            moments.append(self.refund.updated)
        return max(moments)


# --- what is wrong with one ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with a field. ``field`` like ``items[0].quantity``; empty when it is the whole object."""

    field: str
    message: str


class SnapshotErrors(Exception):
    """The raw object is no snapshot. ``order_id`` where that much could be read."""

    def __init__(self, errors: list[FieldError], order_id: int | None = None) -> None:
        super().__init__("; ".join(f"{e.field}: {e.message}" for e in errors[:5]))
        self.errors = errors
        self.order_id = order_id


class Result(enum.StrEnum):
    """What became of a snapshot."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RecordResult:
    """What became of one snapshot, and why where it was refused."""

    order_id: int | None
    result: Result
    errors: tuple[FieldError, ...] = ()


def cross_errors(snapshot: Snapshot) -> Iterator[FieldError]:
    """What only shows when several fields are looked at: doubled ids, documents with no or two contents."""
    yield from _doubled("items", "item_id", [item.item_id for item in snapshot.items])
    yield from _doubled("history", "event_id", [line.event_id for line in snapshot.history])
    seen: set[str] = set()
    for i, item in enumerate(snapshot.items):
        for j, found in enumerate(item.licenses or ()):
            if found.license_id in seen:
                yield FieldError(f"items[{i}].licenses[{j}].license_id", "stands twice in this order")
            seen.add(found.license_id)
    if snapshot.documents:
        yield from _doubled("documents", "document_id", [d.document_id for d in snapshot.documents])
        for i, document in enumerate(snapshot.documents):
            if (document.content_base64 is None) == (document.url is None):
                yield FieldError(f"documents[{i}].content_base64", "needs either content_base64 or url")


def _doubled(where: str, name: str, ids: list[str]) -> Iterator[FieldError]:
    if len(set(ids)) == len(ids):
        return
    seen: set[str] = set()
    for i, found in enumerate(ids):
        if found in seen:
            yield FieldError(f"{where}[{i}].{name}", "stands twice in this order")
        seen.add(found)


_EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+")


def email_error(email: str | None) -> FieldError | None:
    """What is wrong with the email of a customer who is not erased."""
    if not email:
        return FieldError("customer.email", "is missing")
    if not _EMAIL.fullmatch(email):
        return FieldError("customer.email", "must be a mail address")
    return None
