"""The queue's truth: actions, mails and webhook deliveries are rows that wait, run under a lease, and end.

Redis carries only hints; see ``docs/queue.md`` for the states and ``app/jobs`` for who moves them.
All three tables share the columns of ``Leased``.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import BigId, Model, UtcDateTime, db_now, utcnow


class Leased:
    """Columns of a row that a worker takes by compare-and-swap and holds for a lease."""

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    state: Mapped[str] = mapped_column(sa.String(12), default="waiting", server_default="waiting")
    fence: Mapped[int] = mapped_column(sa.Integer, default=0, server_default="0", comment="grows with every claim")
    attempt: Mapped[int] = mapped_column(sa.Integer, default=0, server_default="0")
    next_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=db_now(), comment="due, by the database's clock")
    lease_until: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    hinted_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None] = mapped_column(sa.String(300), comment="the last attempt's trouble, no personal data")
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=db_now())
    finished_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


LIVE = ("waiting", "running", "attention")
"""States that are not the end."""
_LIVE = sa.text("state IN ('waiting','running','attention')")


def _due_index(name: str, column: Any) -> None:
    sa.Index(name, column, postgresql_where=_LIVE, sqlite_where=_LIVE)


class Action(Leased, Model):
    """Something a person asked for: cancel or resume a subscription, resend a license, request a refund."""

    __tablename__ = "action"
    __table_args__ = (
        sa.CheckConstraint("state IN ('waiting','running','done','refused','attention','withdrawn')", name="state"),
        sa.CheckConstraint(
            "kind IN ('cancel_subscription','resume_subscription','resend_license','request_refund')", name="kind"
        ),
    )

    kind: Mapped[str] = mapped_column(sa.String(24))
    order_id: Mapped[int] = mapped_column(BigId, index=True, comment="the order whose page it was asked on")
    store_id: Mapped[int] = mapped_column(sa.Integer)
    subject: Mapped[str] = mapped_column(sa.String(64), comment="license_id, subscription NN_MM, or the order id")
    request_token: Mapped[str] = mapped_column(sa.String(64), unique=True, comment="of the form: same token, same act")
    key: Mapped[str] = mapped_column(sa.String(36), unique=True, comment="fixed at insert, the same on every attempt")
    actor_id: Mapped[int] = mapped_column(sa.ForeignKey("ab_user.id"))
    payload: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)
    doubt: Mapped[bool] = mapped_column(
        sa.Boolean, default=False, server_default=sa.false(), comment="an earlier attempt may have happened"
    )
    reason: Mapped[str | None] = mapped_column(sa.String(500), comment="why it was refused or needs attention")
    verdict: Mapped[str | None] = mapped_column(
        sa.String(12), comment="what a person said about an attention: happened or again"
    )
    refund_request_id: Mapped[int | None] = mapped_column(sa.ForeignKey("refund_request.id"))
    resolved_by: Mapped[int | None] = mapped_column(sa.ForeignKey("ab_user.id"), comment="who settled an attention")


def uncalled() -> sa.ColumnElement[bool]:
    """Of an action: surely no call has gone out yet. One that a person has decided only waits to be written down."""
    return sa.and_(Action.state == "waiting", Action.doubt.is_(False), Action.verdict.is_(None))


_subscription_live = sa.text(
    "kind IN ('cancel_subscription','resume_subscription') AND state IN ('waiting','running','attention')"
)
_resend_live = sa.text("kind = 'resend_license' AND state IN ('waiting','running','attention')")
_refund_live = sa.text("kind = 'request_refund' AND state IN ('waiting','running','attention')")
sa.Index(
    "uq_action_subscription_live",
    Action.store_id,
    Action.subject,
    unique=True,
    postgresql_where=_subscription_live,
    sqlite_where=_subscription_live,
)
sa.Index(
    "uq_action_resend_live",
    Action.order_id,
    Action.subject,
    unique=True,
    postgresql_where=_resend_live,
    sqlite_where=_resend_live,
)
sa.Index(
    "uq_action_refund_live", Action.order_id, unique=True, postgresql_where=_refund_live, sqlite_where=_refund_live
)
_due_index("ix_action_due", Action.next_at)


class Mail(Leased, Model):
    """A mail to send: one row per mail, handed over at least once, always with the same Message-ID.

    The words are made from ``template`` and ``params`` when it is sent; secrets (one-time links) are made then, too.
    """

    __tablename__ = "mail"
    __table_args__ = (sa.CheckConstraint("state IN ('waiting','running','done','refused','attention')", name="state"),)

    dedupe: Mapped[str] = mapped_column(sa.String(80), unique=True, comment="one row per fact; makes the Message-ID")
    template: Mapped[str] = mapped_column(sa.String(40))
    params: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)
    language: Mapped[str] = mapped_column(sa.String(8), default="en")
    recipient: Mapped[str | None] = mapped_column(sa.String(320), comment="emptied by erasure and retention")
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ab_user.id"), comment="a recipient who works here")
    order_id: Mapped[int | None] = mapped_column(BigId, index=True)
    store_id: Mapped[int | None] = mapped_column(sa.Integer)
    action_id: Mapped[int | None] = mapped_column(sa.ForeignKey("action.id"))
    message_id: Mapped[str] = mapped_column(sa.String(255))


_due_index("ix_mail_due", Mail.next_at)


class WebhookDelivery(Leased, Model):
    """A signed message of the platform, stored before it is answered, applied by a worker."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        sa.UniqueConstraint("store_id", "digest"),
        sa.CheckConstraint("state IN ('waiting','running','done','ignored','refused','attention')", name="state"),
    )

    store_id: Mapped[int] = mapped_column(sa.ForeignKey("store.id"))
    digest: Mapped[str] = mapped_column(sa.String(64), comment="SHA-256 of the body: there is no delivery id")
    event: Mapped[str] = mapped_column(sa.String(100))
    order_id: Mapped[int | None] = mapped_column(BigId, index=True)
    body: Mapped[str | None] = mapped_column(sa.Text, comment="dropped after 30 days and by erasure")
    reason: Mapped[str | None] = mapped_column(sa.String(500))


_due_index("ix_webhook_delivery_due", WebhookDelivery.next_at)


def live(model: type[Leased]) -> sa.ColumnElement[bool]:
    """Said in literals besides any other condition on ``state``: only then SQLite uses the index of live rows."""
    return model.state.in_(sa.bindparam("live_states", list(LIVE), expanding=True, literal_execute=True))


QUEUES: dict[str, type[Leased]] = {"actions": Action, "mail": Mail, "webhooks": WebhookDelivery}
"""Queue name → its table. One worker process serves one queue (reliability.md 1.1, a4)."""


class Heartbeat(Model):
    """A process that says it is alive: workers and sweepers."""

    __tablename__ = "heartbeat"

    name: Mapped[str] = mapped_column(sa.String(128), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(16), comment="worker or sweeper")
    started_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    seen_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=db_now(), index=True)
    info: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)


class PeriodicTask(Model):
    """Something a sweeper does again and again; ``next_at`` is due time and lease in one."""

    __tablename__ = "periodic_task"

    name: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    next_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None] = mapped_column(sa.String(100))


class PlatformToken(Model):
    """The platform's access token, shared by all workers, encrypted; valid 24 hours (domain.md 9.2)."""

    __tablename__ = "platform_token"

    username: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    token: Mapped[str] = mapped_column(sa.Text)
    fetched_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)


class MetricCount(Model):
    """A counter of ``/metrics`` that outlives its process: what was counted so far by all processes together."""

    __tablename__ = "metric_count"

    name: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    labels: Mapped[str] = mapped_column(sa.String(255), primary_key=True, comment="JSON object, keys sorted")
    value: Mapped[float] = mapped_column(sa.Float, default=0.0)
