"""A question to the orders in the making, for the statements that ``raw_search`` and ``raw_ways`` write by hand."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

NEWEST = "ORDER BY o.created_at DESC, o.id DESC"
OLDEST = "ORDER BY o.created_at ASC, o.id ASC"


@dataclass(slots=True)
class Question:
    """A statement on ``orders o`` in the making: its values, and how its parts are written for the database."""

    sqlite: bool
    counted: bool = True
    """Shall the count ride on the rows?"""
    place: str = ""
    """Where the page begins: a further clause, or nothing."""
    order: str = NEWEST
    params: dict[str, Any] = field(default_factory=dict)

    def listing(self, where: str, count: str, *, table: str = "orders", only_if: str | None = None) -> str:
        """A page of orders, each with the count beside it; nothing of it is run unless the condition holds."""
        n, limit = count if self.counted else "CAST(NULL AS bigint)", ":limit"
        if only_if and self.sqlite:  # it would ask a constant condition of every row; a limit of none it understands
            limit = f"CASE WHEN {only_if} THEN :limit ELSE 0 END"
        elif only_if:
            where = f"{only_if} AND {where}"
        page = f"SELECT o.id, o.created_at, {n} AS n FROM {table} o WHERE {where}{self.place}"  # noqa: S608
        return f"{page} {self.order} LIMIT {limit}"

    def moment(self, name: str, value: dt.datetime) -> str:
        """A place for a moment."""
        if self.sqlite:  # text that sorts by time
            self.params[name] = value.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S.%f").rjust(26, "0")
        else:
            self.params[name] = value
        return f":{name}"

    def any_of(self, column: str, name: str, values: Iterable[int | str], kind: str) -> str:
        """The column is one of the values; ``kind`` is PostgreSQL's element type."""
        wanted = list(values)
        if len(wanted) == 1:
            self.params[name] = wanted[0]
            # psycopg sends a small number as smallint, for which a GIN index has no operator.
            return f"{column} = :{name}" if self.sqlite else f"{column} = CAST(:{name} AS {kind})"
        if self.sqlite:
            self.params[name] = json.dumps(wanted)
            return f"{column} IN (SELECT value FROM json_each(:{name}))"  # noqa: S608
        self.params[name] = wanted
        return f"{column} = ANY(CAST(:{name} AS {kind}[]))"
