"""People and how they sign in. The account itself is FAB's ``ab_user``, with a few columns of ours."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from flask_appbuilder.security.sqla.models import (
    Group,
    Permission,
    PermissionView,
    Role,
    User,
    ViewMenu,
    assoc_group_role,
    assoc_permissionview_role,
    assoc_user_group,
    assoc_user_role,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import BigId, Model, UtcDateTime, utcnow


class Person(User):
    """A person who works here: FAB's user plus language, time zone, theme and what sign-in needs."""

    __tablename__ = "ab_user"

    language: Mapped[str | None] = mapped_column(sa.String(8), comment="en or ru; none: the default")
    timezone: Mapped[str | None] = mapped_column(sa.String(64), comment="IANA name; none: the default")
    theme: Mapped[str | None] = mapped_column(sa.String(8), comment="light or dark; none: as the system")
    auth_version: Mapped[int] = mapped_column(
        sa.Integer, default=0, server_default="0", comment="raised to end every session at once"
    )
    must_change_password: Mapped[bool] = mapped_column(sa.Boolean, default=False, server_default=sa.false())
    password_expires_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime, comment="of a temporary password")
    password_changed_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    totp_secret: Mapped[str | None] = mapped_column(sa.String(255), comment="encrypted; set while enrolling, too")
    totp_confirmed_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    totp_last_step: Mapped[int | None] = mapped_column(sa.BigInteger, comment="a code works once")
    last_seen_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    deactivated_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class UserSession(Model):
    """A signed-in browser. The cookie holds a random token, this row its hash: ending the row ends every copy."""

    __tablename__ = "user_session"

    token_hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True, comment="SHA-256, hex")
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    auth_version: Mapped[int] = mapped_column(sa.Integer, default=0)
    data: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    seen_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, index=True, comment="absolute limit")
    proved_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime, comment="last fresh proof of identity")
    ip: Mapped[str | None] = mapped_column(sa.String(64))
    user_agent: Mapped[str | None] = mapped_column(sa.String(255))


class OneTimeToken(Model):
    """A link to set a password: stored hashed, used once, by POST."""

    __tablename__ = "one_time_token"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(sa.String(16), comment="access or reset")
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    voided_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class RecoveryCode(Model):
    """A code to sign in with when the authenticator is lost; works once."""

    __tablename__ = "recovery_code"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    code_hash: Mapped[str] = mapped_column(sa.String(64))
    used_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class RateHit(Model):
    """One try that counts towards a limit (sign-in, reset, token use). Lives in the database: Redis may be down."""

    __tablename__ = "rate_hit"
    __table_args__ = (sa.Index("ix_rate_hit_bucket_at", "bucket", "at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    bucket: Mapped[str] = mapped_column(sa.String(128), comment="kind and keyed hash of account or address")
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)


# FAB says so for roles and forgot it for groups: a Person is as good a member as a User.
Group.users.prop.enable_typechecks = False  # type: ignore[attr-defined]  # before the mappers are configured: ``prop``, not ``property``

__all__ = [
    "Group",
    "OneTimeToken",
    "Permission",
    "PermissionView",
    "Person",
    "RateHit",
    "RecoveryCode",
    "Role",
    "User",
    "UserSession",
    "ViewMenu",
    "assoc_group_role",
    "assoc_permissionview_role",
    "assoc_user_group",
    "assoc_user_role",
]
