"""Stores (checkout pages), the teams and people who may see them, and where delivery is forbidden."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Model, UtcDateTime, utcnow


class Store(Model):
    """A checkout page of a vendor. People know it by its technical name."""

    __tablename__ = "store"

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(64), unique=True, comment="technical name, shown everywhere")
    title: Mapped[str] = mapped_column(sa.String(255), default="")
    currency: Mapped[str | None] = mapped_column(sa.String(3))
    closed_at: Mapped[dt.datetime | None] = mapped_column(
        UtcDateTime, comment="nothing new comes in since then; all stays readable"
    )
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)

    def __repr__(self) -> str:
        return self.name


class DeliveryBan(Model):
    """Delivery is forbidden for a store, or one product of it, for a time and with a reason people can read."""

    __tablename__ = "delivery_ban"

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    store_id: Mapped[int] = mapped_column(sa.ForeignKey("store.id"), index=True)
    product_id: Mapped[str | None] = mapped_column(sa.String(255), comment="empty: the whole store")
    reason: Mapped[str] = mapped_column(sa.String(500))
    starts_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    ends_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime, comment="first moment it no longer holds")
    created_by: Mapped[int | None] = mapped_column(sa.ForeignKey("ab_user.id"))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    lifted_by: Mapped[int | None] = mapped_column(sa.ForeignKey("ab_user.id"))
    lifted_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class TeamStore(Model):
    """A team (a FAB group) works with a store."""

    __tablename__ = "team_store"

    group_id: Mapped[int] = mapped_column(sa.ForeignKey("ab_group.id", ondelete="CASCADE"), primary_key=True)
    store_id: Mapped[int] = mapped_column(sa.ForeignKey("store.id"), primary_key=True, index=True)


class StoreGrant(Model):
    """A person holds a store directly, beside what their teams give."""

    __tablename__ = "store_grant"

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("ab_user.id", ondelete="CASCADE"), primary_key=True)
    store_id: Mapped[int] = mapped_column(sa.ForeignKey("store.id"), primary_key=True, index=True)
    granted_by: Mapped[int | None] = mapped_column(sa.ForeignKey("ab_user.id"))
    granted_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)


class ApiToken(Model):
    """A key for the order API, limited to stores. Only its hash is kept."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100), unique=True)
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True, comment="SHA-256, hex")
    prefix: Mapped[str] = mapped_column(sa.String(12), comment="first characters, to tell tokens apart")
    created_by: Mapped[int | None] = mapped_column(sa.ForeignKey("ab_user.id"))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    last_used_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class ApiTokenStore(Model):
    """A store an API token may write and read."""

    __tablename__ = "api_token_store"

    token_id: Mapped[int] = mapped_column(sa.ForeignKey("api_token.id", ondelete="CASCADE"), primary_key=True)
    store_id: Mapped[int] = mapped_column(sa.ForeignKey("store.id"), primary_key=True)


class StoredSearch(Model):
    """What somebody searched for, under a random key, so that no personal data stands in an address."""

    __tablename__ = "stored_search"

    key: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    criteria: Mapped[dict[str, object]] = mapped_column(sa.JSON)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, index=True)


__all__ = ["ApiToken", "ApiTokenStore", "DeliveryBan", "Store", "StoreGrant", "StoredSearch", "TeamStore"]
