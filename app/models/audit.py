"""Who did what. Append-only (triggers see to it); sealed into a hash chain by the sweeper, in batches."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import BigId, Model, UtcDateTime, utcnow


class AuditEntry(Model):
    """One fact of the audit. Never changed except for its seal, never deleted."""

    __tablename__ = "audit_entry"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    event: Mapped[str] = mapped_column(sa.String(48), index=True, comment="noun.verb, see domain/audit.py")
    result: Mapped[str] = mapped_column(sa.String(16), default="ok", comment="ok, refused or failed")
    actor_id: Mapped[int | None] = mapped_column(sa.Integer)
    actor: Mapped[str] = mapped_column(sa.String(128), comment="the login, or system, platform, api:NAME")
    ip: Mapped[str | None] = mapped_column(sa.String(64))
    order_id: Mapped[int | None] = mapped_column(BigId, index=True)
    store_id: Mapped[int | None] = mapped_column(sa.Integer, index=True)
    subject: Mapped[str | None] = mapped_column(sa.String(128), comment="what it was done to, by id")
    details: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict, comment="no personal data of customers")
    seq: Mapped[int | None] = mapped_column(sa.BigInteger, unique=True, comment="place in the chain, once sealed")
    hash: Mapped[str | None] = mapped_column(sa.String(64), comment="SHA-256 over this entry and the hash before it")


_unsealed = AuditEntry.seq.is_(None)
sa.Index("ix_audit_entry_unsealed", AuditEntry.id, postgresql_where=_unsealed, sqlite_where=_unsealed)
sa.Index("ix_audit_entry_actor", AuditEntry.actor_id, AuditEntry.id)
