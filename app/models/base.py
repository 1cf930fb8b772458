"""The one declarative base, its naming convention, and column types that behave alike on SQLite and PostgreSQL.

Every table of the portal inherits Flask-AppBuilder's ``Model``: one metadata, so that Alembic sees
FAB's tables and ours together. The naming convention has to be set before any table is defined,
which is why every model module imports ``Model`` from here and never from FAB.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask_appbuilder import Model
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

Model.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = Model.metadata

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A 64-bit id; SQLite auto-increments only a column declared INTEGER, which is 64 bits wide there anyway."""


class UtcDateTime(TypeDecorator[dt.datetime]):
    """An aware moment, kept in UTC. ``timestamptz`` on PostgreSQL; on SQLite, text that sorts by time."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        value = value.astimezone(dt.UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


class Money(TypeDecorator[Decimal]):
    """An exact decimal amount with the scale it came with: ``numeric`` on PostgreSQL, text on SQLite."""

    impl = sa.Numeric()
    cache_ok = True

    def load_dialect_impl(self, dialect: Any) -> Any:
        return dialect.type_descriptor(sa.String(40) if dialect.name == "sqlite" else sa.Numeric())

    def process_bind_param(self, value: Decimal | None, dialect: Any) -> Decimal | str | None:
        if value is None:
            return None
        return str(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Any) -> Decimal | None:
        return None if value is None else Decimal(value)


class db_now(FunctionElement[dt.datetime]):
    """The database's clock, now, moved by a number of seconds: ``db_now()``, ``db_now(120)``, ``db_now(column)``.

    Leases and due times use this one clock, so that hosts with a wrong clock cannot break a lease.
    """

    inherit_cache = True
    type = UtcDateTime()
    name = "db_now"


@compiles(db_now, "postgresql")
def _db_now_postgresql(element: db_now, compiler: Any, **kw: Any) -> str:
    args = list(element.clauses)
    if not args:
        return "clock_timestamp()"
    return f"(clock_timestamp() + make_interval(secs => {compiler.process(args[0], **kw)}))"


@compiles(db_now, "sqlite")
def _db_now_sqlite(element: db_now, compiler: Any, **kw: Any) -> str:
    args = list(element.clauses)
    shift = f", ({compiler.process(args[0], **kw)}) || ' seconds'" if args else ""
    # The same shape as SQLAlchemy's stored text, so that the two compare as strings.
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now'{shift})"


def utcnow() -> dt.datetime:
    """The application's clock, for stamps that nothing is ordered by across hosts."""
    return dt.datetime.now(dt.UTC)


__all__ = ["BigId", "Model", "Money", "UtcDateTime", "db_now", "metadata", "utcnow"]
