"""An order and what belongs to it. Tables only: what may be done with them is said in ``app/domain``.

``store_id`` stands on every child as well: an order never changes its store, and so each table can be
narrowed to a person's stores by itself, without a join. The ``*_key`` columns hold the search form of a value,
written by ``app.domain.search.normalise_*``, the same functions that normalise the question.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import BigId, Model, Money, UtcDateTime, utcnow
from app.models.stores import Store

PK_ORDER = "orders.id"


class Order(Model):
    """An order as the platform knows it (domain.md 2), mirrored here because the platform cannot search it."""

    __tablename__ = "orders"
    __table_args__ = (
        sa.CheckConstraint("status IN ('not_paid','paid','deleted','terminated')", name="status"),
        sa.CheckConstraint("delivery IN ('not_delivered','partly_delivered','delivered')", name="delivery"),
        sa.CheckConstraint("refund_status IN ('sent','updating','completed','refused')", name="refund_status"),
        sa.CheckConstraint("id > 0", name="positive_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False, comment="the platform's order_id")
    store_id: Mapped[int] = mapped_column(sa.ForeignKey("store.id"))
    version: Mapped[int | None] = mapped_column(sa.BigInteger, comment="of the last snapshot; none: webhooks only")
    order_name: Mapped[str] = mapped_column(sa.String(64), comment="what the customer sees: A0012345678")
    number_1c: Mapped[str | None] = mapped_column(sa.String(255))
    external_id: Mapped[str | None] = mapped_column(sa.String(255))
    status: Mapped[str] = mapped_column(sa.String(16))
    delivery: Mapped[str] = mapped_column(sa.String(16), default="not_delivered")
    refund_status: Mapped[str | None] = mapped_column(sa.String(16), comment="the additional status; domain.md 2.4")
    refund_result: Mapped[str | None] = mapped_column(sa.String(8), comment="full, partial or failed")
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    create_date_raw: Mapped[str | None] = mapped_column(sa.String(64), comment="as received, for signatures")
    paid_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    currency: Mapped[str] = mapped_column(sa.String(3))
    total: Mapped[Decimal] = mapped_column(Money)
    locale: Mapped[str | None] = mapped_column(sa.String(64))
    order_detail_url: Mapped[str | None] = mapped_column(sa.String(2000))
    page_generation: Mapped[int] = mapped_column(
        sa.Integer, default=0, server_default="0", comment="raised to revoke the customer page's link"
    )
    erased_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime, comment="personal data gone for ever")

    customer_type: Mapped[str | None] = mapped_column(sa.String(8))
    email: Mapped[str | None] = mapped_column(sa.String(254))
    first_name: Mapped[str | None] = mapped_column(sa.String(255))
    last_name: Mapped[str | None] = mapped_column(sa.String(255))
    phone: Mapped[str | None] = mapped_column(sa.String(255))
    country: Mapped[str | None] = mapped_column(sa.String(255))
    vat_number: Mapped[str | None] = mapped_column(sa.String(255))
    company_name: Mapped[str | None] = mapped_column(sa.String(255))
    address: Mapped[str | None] = mapped_column(sa.Text)

    payment_method: Mapped[str | None] = mapped_column(sa.String(255), comment="technical name, shown")
    payment_system_name: Mapped[str | None] = mapped_column(sa.String(255))
    card_last_4: Mapped[str | None] = mapped_column(sa.String(4))

    email_key: Mapped[str | None] = mapped_column(sa.Text)
    first_name_key: Mapped[str | None] = mapped_column(sa.Text)
    last_name_key: Mapped[str | None] = mapped_column(sa.Text)
    company_key: Mapped[str | None] = mapped_column(sa.Text)
    vat_key: Mapped[str | None] = mapped_column(sa.Text)
    phone_digits: Mapped[str | None] = mapped_column(sa.Text)
    codes_key: Mapped[str | None] = mapped_column(
        sa.Text, deferred=True, comment="all its activation codes, see domain.normal.join_codes"
    )

    plain_event_at: Mapped[dt.datetime | None] = mapped_column(
        UtcDateTime, comment="newest webhook event_date whose plain fields were taken; domain.md 9.1"
    )
    webhook_stamps: Mapped[dict[str, str] | None] = mapped_column(
        sa.JSON(none_as_null=True), comment="plain field: event_date of the webhook that said it last"
    )
    recorded_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, comment="last change by the platform")
    read_back_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime, comment="last read from the platform's API")

    store: Mapped[Store] = relationship(Store)


_newest: tuple[Any, ...] = (sa.desc(Order.created_at), sa.desc(Order.id))
sa.Index("ix_orders_newest", *_newest)
sa.Index("ix_orders_store_newest", Order.store_id, *_newest)
# The last columns are there so that counting within a scope need not look at the rows.
_newest_paid: Any = sa.desc(Order.paid_at)
sa.Index("ix_orders_paid", _newest_paid, *_newest, Order.store_id)
_early = Order.paid_at < Order.created_at
sa.Index("ix_orders_paid_early", Order.paid_at, postgresql_where=_early, sqlite_where=_early)
sa.Index("ix_orders_status", Order.status, *_newest, Order.store_id)
sa.Index(
    "ix_orders_refund_status",
    Order.refund_status,
    *_newest,
    Order.store_id,
    Order.status,
    postgresql_where=Order.refund_status.is_not(None),
    sqlite_where=Order.refund_status.is_not(None),
)
for _name, _column in {
    "email": Order.email_key,
    "phone": Order.phone_digits,
    "company": Order.company_key,
    "vat": Order.vat_key,
    "card": Order.card_last_4,
    "first_name": Order.first_name_key,
    "last_name": Order.last_name_key,
}.items():
    _filled = _column.is_not(None)
    sa.Index(f"ix_orders_{_name}", _column, *_newest, postgresql_where=_filled, sqlite_where=_filled)
sa.Index(
    "ix_orders_full_name",
    Order.last_name_key,
    Order.first_name_key,
    *_newest,
    Order.store_id,
    postgresql_where=Order.last_name_key.is_not(None),
    sqlite_where=Order.last_name_key.is_not(None),
)
_covered = (Order.store_id, Order.status, Order.refund_status)
sa.Index("ix_orders_last_name_store", Order.last_name_key, *_covered)
sa.Index("ix_orders_first_name_store", Order.first_name_key, *_covered)


class OrderItem(Model):
    """One line of an order: a product, how many, what it cost, whether it was delivered."""

    __tablename__ = "order_item"

    order_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey(PK_ORDER, ondelete="CASCADE"), primary_key=True)
    item_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    store_id: Mapped[int] = mapped_column(sa.Integer)
    position: Mapped[int] = mapped_column(sa.Integer, comment="from 1; the item's number on the screen")
    source: Mapped[str] = mapped_column(sa.String(8), default="snapshot", comment="snapshot or webhook")
    product_id: Mapped[str | None] = mapped_column(sa.String(255))
    sku: Mapped[str | None] = mapped_column(sa.String(255))
    name: Mapped[str] = mapped_column(sa.String(255))
    quantity: Mapped[int] = mapped_column(sa.Integer)
    price: Mapped[Decimal | None] = mapped_column(Money)
    discount_percent: Mapped[Decimal | None] = mapped_column(Money)
    discount_amount: Mapped[Decimal | None] = mapped_column(Money)
    vat_amount: Mapped[Decimal | None] = mapped_column(Money)
    amount: Mapped[Decimal] = mapped_column(Money)
    delivered: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    refunded: Mapped[bool] = mapped_column(sa.Boolean, default=False, comment="only ever becomes true")
    fields: Mapped[list[dict[str, str]] | None] = mapped_column(
        sa.JSON(none_as_null=True), comment="what the customer filled in"
    )
    license_user_name: Mapped[str | None] = mapped_column(sa.String(255))
    license_user_email: Mapped[str | None] = mapped_column(sa.String(254))
    subscription_code: Mapped[str | None] = mapped_column(sa.String(64), comment="NN_MM, see subscription.code")
    part: Mapped[int | None] = mapped_column(sa.Integer, comment="of a webhook's document_part: 1 of 1-of-2")
    parts: Mapped[int | None] = mapped_column(sa.Integer, comment="of a webhook's document_part: 2 of 1-of-2")
    event_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime, comment="newest webhook believed about it")


_renewing = OrderItem.subscription_code.is_not(None)
sa.Index(
    "ix_order_item_subscription",
    OrderItem.store_id,
    OrderItem.subscription_code,
    postgresql_where=_renewing,
    sqlite_where=_renewing,
)


class License(Model):
    """An activation code (or link) of an item."""

    __tablename__ = "license"
    __table_args__ = (sa.UniqueConstraint("order_id", "license_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    order_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey(PK_ORDER, ondelete="CASCADE"))
    item_id: Mapped[str] = mapped_column(sa.String(64))
    license_id: Mapped[str] = mapped_column(sa.String(64))
    store_id: Mapped[int] = mapped_column(sa.Integer)
    position: Mapped[int] = mapped_column(sa.Integer, comment="from 1, within the item")
    code: Mapped[str] = mapped_column(sa.String(2000))
    deleted: Mapped[bool] = mapped_column(sa.Boolean, default=False, comment="only ever becomes true")


class Subscription(Model):
    """Auto-renewal. Belongs to its parent order; renewal orders name the same subscription."""

    __tablename__ = "subscription"
    __table_args__ = (
        sa.UniqueConstraint("store_id", "code"),
        sa.CheckConstraint("status IN ('active','not_paid','cancelled')", name="status"),
        sa.CheckConstraint("type IN ('AR','AR Trial','PMR')", name="type"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    store_id: Mapped[int] = mapped_column(sa.Integer)
    code: Mapped[str] = mapped_column(sa.String(64), comment="NN_MM; never an order id")
    type: Mapped[str] = mapped_column(sa.String(8))
    status: Mapped[str] = mapped_column(sa.String(16))
    period: Mapped[str | None] = mapped_column(sa.String(32), comment="ISO 8601 duration")
    next_charge_date: Mapped[dt.date | None] = mapped_column(sa.Date)
    parent_order_id: Mapped[int] = mapped_column(BigId, index=True)
    decided_at: Mapped[dt.datetime | None] = mapped_column(
        UtcDateTime, comment="the portal decided the activity (standalone); a snapshot does not undo that"
    )
    version: Mapped[int | None] = mapped_column(sa.BigInteger, comment="of the snapshot that was last believed")
    source_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime, comment="when the believed word was said")


class OrderRelation(Model):
    """The family of an order: its renewals (``child``) and other related orders (``related``)."""

    __tablename__ = "order_relation"

    order_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey(PK_ORDER, ondelete="CASCADE"), primary_key=True)
    related_id: Mapped[int] = mapped_column(BigId, primary_key=True, index=True)
    kind: Mapped[str] = mapped_column(sa.String(8), primary_key=True, comment="child or related")
    subscription_code: Mapped[str] = mapped_column(sa.String(64), primary_key=True, default="", server_default="")
    store_id: Mapped[int] = mapped_column(sa.Integer)


class OrderParameter(Model):
    """An additional parameter: key and value, invisible to the customer, kept for a limited time (domain.md 4)."""

    __tablename__ = "order_parameter"

    order_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey(PK_ORDER, ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    store_id: Mapped[int] = mapped_column(sa.Integer)
    name: Mapped[str] = mapped_column(sa.String(255))
    value: Mapped[str] = mapped_column(sa.Text)


class Document(Model):
    """A document of an order; its bytes are in ``document_content`` or at an address."""

    __tablename__ = "document"

    order_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey(PK_ORDER, ondelete="CASCADE"), primary_key=True)
    document_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    store_id: Mapped[int] = mapped_column(sa.Integer)
    source: Mapped[str] = mapped_column(sa.String(8), default="platform", comment="platform or portal")
    position: Mapped[int] = mapped_column(sa.Integer, default=0)
    kind: Mapped[str] = mapped_column(sa.String(16), comment="invoice, receipt, refund or other")
    name: Mapped[str] = mapped_column(sa.String(255))
    content_type: Mapped[str] = mapped_column(sa.String(255))
    size: Mapped[int | None] = mapped_column(sa.Integer, comment="bytes, when stored here")
    url: Mapped[str | None] = mapped_column(sa.String(2000))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    kept_reason: Mapped[str | None] = mapped_column(sa.String(255), comment="the legal duty it outlives an erasure for")


class DocumentContent(Model):
    """The bytes of a stored document, apart so that lists never touch them."""

    __tablename__ = "document_content"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["order_id", "document_id"], ["document.order_id", "document.document_id"], ondelete="CASCADE"
        ),
    )

    order_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    document_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    store_id: Mapped[int] = mapped_column(sa.Integer)
    content: Mapped[bytes] = mapped_column(sa.LargeBinary)


class OrderEvent(Model):
    """A line of the order history. Platform lines come with snapshots and webhooks; the portal's are its own."""

    __tablename__ = "order_event"

    order_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey(PK_ORDER, ondelete="CASCADE"), primary_key=True)
    source: Mapped[str] = mapped_column(sa.String(8), primary_key=True, comment="platform, webhook or portal")
    event_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    store_id: Mapped[int] = mapped_column(sa.Integer)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(sa.String(16))
    text: Mapped[str] = mapped_column(sa.Text, comment="platform: as sent; portal: the English sentence")
    code: Mapped[str | None] = mapped_column(sa.String(40), comment="portal: the kind of fact, see domain/history.py")
    params: Mapped[dict[str, Any] | None] = mapped_column(
        sa.JSON(none_as_null=True), comment="portal: what the sentence is made of"
    )
    order_ids: Mapped[list[int] | None] = mapped_column(sa.JSON(none_as_null=True))
    document_id: Mapped[str | None] = mapped_column(sa.String(64))
    actor_id: Mapped[int | None] = mapped_column(sa.Integer, comment="ab_user.id, where a person did it")


class RawSnapshot(Model):
    """The last accepted snapshot of an order as it was received, unknown fields included; zlib-compressed JSON."""

    __tablename__ = "raw_snapshot"

    order_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey(PK_ORDER, ondelete="CASCADE"), primary_key=True)
    store_id: Mapped[int] = mapped_column(sa.Integer)
    version: Mapped[int] = mapped_column(sa.BigInteger)
    received_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    body: Mapped[bytes] = mapped_column(sa.LargeBinary)


class RefundRequest(Model):
    """A request for a refund and what became of it (domain.md 7). People decide it; the portal keeps the thread."""

    __tablename__ = "refund_request"
    __table_args__ = (
        sa.CheckConstraint("status IN ('sent','updating','completed','refused','withdrawn')", name="status"),
        sa.CheckConstraint("result IN ('full','partial','failed')", name="result"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    order_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey(PK_ORDER, ondelete="CASCADE"), index=True)
    store_id: Mapped[int] = mapped_column(sa.Integer, index=True)
    origin: Mapped[str] = mapped_column(sa.String(8), default="portal", comment="portal or platform (came by snapshot)")
    status: Mapped[str] = mapped_column(sa.String(16), default="sent")
    result: Mapped[str | None] = mapped_column(sa.String(8))
    reason: Mapped[str] = mapped_column(sa.Text, default="")
    amount: Mapped[Decimal] = mapped_column(Money, comment="what was asked for, or was refunded when decided")
    currency: Mapped[str] = mapped_column(sa.String(3))
    requested_by: Mapped[int | None] = mapped_column(sa.ForeignKey("ab_user.id"))
    requested_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    taken_by: Mapped[int | None] = mapped_column(sa.ForeignKey("ab_user.id"))
    taken_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[int | None] = mapped_column(sa.ForeignKey("ab_user.id"))
    decided_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    comment: Mapped[str | None] = mapped_column(sa.Text)
    item_ids: Mapped[list[str] | None] = mapped_column(sa.JSON(none_as_null=True), comment="the refunded items")
    remove_codes: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    platform_updated: Mapped[dt.datetime | None] = mapped_column(UtcDateTime, comment="refund.updated of the snapshot")
    updated_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)


_blocking = sa.text("status IN ('sent','updating') OR (status = 'completed' AND result = 'full')")
# Keep in step with app.domain.refunds.BLOCKING_STATES; a completed partial refund is judged by the rule alone,
# since REFUND_AGAIN_AFTER_PARTIAL may allow another request.
sa.Index(
    "uq_refund_request_blocking",
    RefundRequest.order_id,
    unique=True,
    postgresql_where=_blocking,
    sqlite_where=_blocking,
)
sa.Index("ix_refund_request_open", RefundRequest.status, RefundRequest.requested_at)
_open = sa.text("status IN ('sent','updating')")
sa.Index(  # what waits, counted for the menu on every page
    "ix_refund_request_waiting",
    RefundRequest.store_id,
    RefundRequest.requested_by,
    postgresql_where=_open,
    sqlite_where=_open,
)
