"""The driver's own rows, for the statements of the raw modules: no row objects, no descriptions of columns.

SQLAlchemy's result costs more than most of these statements do. Transactions stay its own: what runs here runs in the
session's connection, and an error comes out as SQLAlchemy's.

Several statements go to PostgreSQL in one round trip (a pipeline). Prepared statements are the rule: they get a
generic plan after a while, which saves the planning, half of what the blocks of a page cost there. A search is planned
anew for its very values (``plan_anew``): a generic plan is 20 times slower for a common last name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

Row = tuple[Any, ...]
Statement = tuple[str, Any]
"""SQL with ``:name`` places, and the values."""

on_statement: list[Callable[[str], object]] = []
"""Told of each statement before it runs, as the engine's events are of all others: for those who count."""

_PLACE = re.compile(r"(?<!:):([a-z_]+)")


def fetch(connection: sa.Connection, statements: Sequence[Statement], *, plan_anew: bool = False) -> list[list[Row]]:
    """Run the statements, and give the rows of each. Raises ``sqlalchemy.exc.DBAPIError``."""
    driver: Any = connection.connection.driver_connection
    try:
        if connection.dialect.name == "sqlite":
            return [_run(driver.cursor(), statement, values) for statement, values in statements]
        options = {"prepare": False} if plan_anew else {}
        cursors = [driver.cursor() for _ in statements]
        with driver.pipeline() if len(statements) > 1 else nullcontext():
            for cursor, (statement, values) in zip(cursors, statements, strict=True):
                _note(statement)
                cursor.execute(_for_psycopg(statement), values, **options)
            return [cursor.fetchall() for cursor in cursors]
    except connection.dialect.loaded_dbapi.Error as error:
        if connection.dialect.is_disconnect(error, driver, None):
            connection.invalidate(error)
        raise DBAPIError.instance(
            statements[0][0], None, error, connection.dialect.loaded_dbapi.Error, hide_parameters=True,
            dialect=connection.dialect,
        ) from error  # fmt: skip


def _run(cursor: Any, statement: str, values: Any) -> list[Row]:
    _note(statement)
    return cursor.execute(statement, values).fetchall()  # type: ignore[no-any-return]


def _note(statement: str) -> None:
    for function in on_statement:
        function(statement)


@lru_cache(maxsize=512)
def _for_psycopg(statement: str) -> str:
    """The statement with its places as psycopg wants them; SQLite takes them as they are."""
    return _PLACE.sub(r"%(\1)s", statement.replace("%", "%%"))
