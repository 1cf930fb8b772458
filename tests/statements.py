"""Counting the statements that an app sends to its database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from app.queries import raw_rows


@contextmanager
def counted(engine: sa.Engine) -> Iterator[list[str]]:
    """Every statement that the engine runs meanwhile, those of the raw modules included; without SQLite's BEGIN,
    which PostgreSQL's driver sends along with the first one."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement != "BEGIN":
            statements.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    raw_rows.on_statement.append(statements.append)
    try:
        yield statements
    finally:
        raw_rows.on_statement.remove(statements.append)
        sa.event.remove(engine, "before_cursor_execute", note)
