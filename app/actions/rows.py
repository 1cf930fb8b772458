"""Write many rows of the order tables fast: COPY into PostgreSQL, executemany into SQLite, upserts on both.

Bare tables, so the session's scope does not apply: only ``record`` and ``webhooks`` write through here, with
stores they have checked themselves.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.queries.raw_rows import fetch

Row = dict[str, Any]
FEW = 20
"""Rows up to here are inserted one by one, more by COPY."""


def insert_rows(session: Session, model: Any, rows: Sequence[Row]) -> None:
    """Insert rows that are known to be new. All rows have the same keys."""
    if not rows:
        return
    connection = session.connection()
    table = model.__table__
    if connection.dialect.name != "postgresql":
        connection.execute(table.insert(), rows)
        return
    names = tuple(rows[0])
    values = itemgetter(*names)
    adapt = _json_places(table, names)
    columns = ", ".join(f'"{name}"' for name in names)  # of our own tables
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        if len(rows) <= FEW:  # one order's: a COPY goes three times to and fro before its first row
            places = ", ".join(["%s"] * len(names))
            cursor.executemany(
                f'INSERT INTO "{table.name}" ({columns}) VALUES ({places})',  # noqa: S608
                [adapt(values(row)) for row in rows],
            )
            return
        with cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(adapt(values(row)))


@cache
def _json_places(table: sa.Table, names: tuple[str, ...]) -> Callable[[tuple[Any, ...]], Sequence[Any]]:
    """COPY takes JSON as text."""
    places = [i for i, name in enumerate(names) if isinstance(table.c[name].type, sa.JSON)]
    if not places:
        return lambda values: values

    def adapt(values: tuple[Any, ...]) -> Sequence[Any]:
        changed = list(values)
        for i in places:
            if changed[i] is not None:
                changed[i] = orjson.dumps(changed[i]).decode()
        return changed

    return adapt


def upsert_rows(session: Session, model: Any, rows: Sequence[Row], *, key: Iterable[str] = ()) -> None:
    """Insert rows, or set the columns given where the key (default: the primary key) is there already."""
    if not rows:
        return
    statement = _upsert(model.__table__, session.get_bind().dialect.name, tuple(rows[0]), tuple(key))
    session.connection().execute(statement, rows)


@cache
def _upsert(table: sa.Table, dialect: str, names: tuple[str, ...], key: tuple[str, ...]) -> Any:
    insert = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
    on = key or tuple(column.name for column in table.primary_key)
    changed = {name: insert.excluded[name] for name in names if name not in on}
    if not changed:
        return insert.on_conflict_do_nothing(index_elements=on)
    return insert.on_conflict_do_update(index_elements=on, set_=changed)


def delete_rows(session: Session, model: Any, keys: Sequence[Row]) -> None:
    """Delete the rows with exactly these values; all keys name the same columns."""
    if keys:
        session.connection().execute(_delete(model.__table__, tuple(keys[0])), [_prefixed(key) for key in keys])


@cache
def _delete(table: sa.Table, names: tuple[str, ...]) -> Any:
    return table.delete().where(*(table.c[name] == sa.bindparam(f"key_{name}") for name in names))


def _prefixed(key: Row) -> Row:
    return {f"key_{name}": value for name, value in key.items()}


def sync_rows(session: Session, model: Any, old: Iterable[Row], new: Iterable[Row], *, key: tuple[str, ...]) -> None:
    """Make ``old`` rows into ``new`` ones: what is equal is left alone, what is gone is deleted."""
    before = {tuple(row[name] for name in key): row for row in old}
    changed: list[Row] = []
    for row in new:
        known = before.pop(tuple(row[name] for name in key), None)
        if known is None or any(known[name] != value for name, value in row.items()):
            changed.append(row)
    delete_rows(session, model, [{name: row[name] for name in key} for row in before.values()])
    upsert_rows(session, model, changed, key=key)


def read_rows(session: Session, model: Any, *conditions: Any, lock: bool = False) -> list[Row]:
    """Rows as dicts; with ``lock``, held until the end of the transaction, in the order of their keys. Rows that only
    name one of them may be written meanwhile."""
    statement = sa.select(model.__table__).where(*conditions)
    if lock:
        statement = statement.order_by(*model.__table__.primary_key).with_for_update(key_share=True)
    return [dict(row) for row in session.connection().execute(statement).mappings()]


def rows_of_orders(session: Session, models: Sequence[Any], order_ids: list[int]) -> list[list[Row]]:
    """The rows of each table that belong to these orders, as dicts; from PostgreSQL in one round trip and without
    SQLAlchemy's own rows, which cost more than the reading."""
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        return [read_rows(session, model, model.__table__.c.order_id.in_(order_ids)) for model in models]
    selections = [_selection(model.__table__) for model in models]
    found = fetch(connection, [(statement, {"ids": order_ids}) for _, statement in selections])
    return [
        [dict(zip(names, row, strict=True)) for row in rows] for (names, _), rows in zip(selections, found, strict=True)
    ]


@cache
def _selection(table: sa.Table) -> tuple[tuple[str, ...], str]:
    names = tuple(table.c.keys())
    columns = ", ".join(f'"{name}"' for name in names)  # of our own tables
    return names, f'SELECT {columns} FROM "{table.name}" WHERE order_id = ANY(:ids)'  # noqa: S608


LOCK_ORDER, LOCK_SUBSCRIPTION = 1, 2
"""Kinds of ``lock_names``, taken in this order."""


def order_lock(order_id: int) -> int:
    """The number under which an order is locked while something of the platform or of a person is applied to it."""
    return (order_id ^ (order_id >> 31)) & 0x7FFFFFFF


def subscription_lock(store: str, code: str) -> int:
    """The number under which a subscription of a store (its name) is locked."""
    return zlib.crc32(f"{store} {code}".encode()) & 0x7FFFFFFF


def lock_names(session: Session, names: Iterable[tuple[int, int]]) -> None:
    """Until the end of the transaction, nobody else holds these (kind, number). SQLite has one writer anyway."""
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        return
    pairs = sorted(set(names))
    if not pairs:
        return
    connection.exec_driver_sql(
        "SELECT pg_advisory_xact_lock(kind, number) FROM"
        " (SELECT * FROM unnest(%s::int[], %s::int[]) AS wanted (kind, number) ORDER BY kind, number) AS sorted",
        ([kind for kind, _n in pairs], [number for _k, number in pairs]),
    )
