"""The statements of the order search, written by hand: the planner's choice of index is the whole point of them.

Bare tables escape the session's own narrowing, so every function here takes the scope as an argument and states it
(layer two). Only modules named ``raw_…`` may do this.

What is asked is a table of clauses joined by AND. One clause leads: on SQLite, which knows nothing about how values
are spread, the others are kept from choosing an index (``+column``); PostgreSQL's planner sees to it by itself.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.access import ALL_STORES, Scope
from app.domain.search import Criteria
from app.models.base import UtcDateTime

CAP = 1000
"""Orders are counted up to here; beyond, the count is ``1000+``."""

RARE = 2000
"""A text in at most so many codes within the scope is rare: its orders are looked up. Else orders are walked."""

Position = tuple[dt.datetime, int]
"""Where a page ends: creation date and id of an order."""

# From the most to the least selective: the first one asked leads on SQLite.
_KEYS = {
    "email": "email_key",
    "phone": "phone_digits",
    "vat": "vat_key",
    "company": "company_key",
    "card": "card_last_4",
    "last_name": "last_name_key",
    "first_name": "first_name_key",
}


@dataclass(slots=True)
class Question:
    """A WHERE clause over ``orders o`` and its parameters."""

    dialect: str
    clauses: list[str] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """All clauses; true where there is none."""
        return " AND ".join(self.clauses) or "1 = 1"

    def moment(self, name: str, value: dt.datetime) -> str:
        """A place for a moment."""
        self.params[name] = _moment(value) if self.dialect == "sqlite" else value
        return f":{name}"

    def any_of(self, column: str, name: str, values: Iterable[int | str], kind: str) -> str:
        """The column is one of the values; ``kind`` is PostgreSQL's element type."""
        wanted = list(values)
        if len(wanted) == 1:
            self.params[name] = wanted[0]
            return f"{column} = :{name}"
        if self.dialect == "sqlite":
            self.params[name] = json.dumps(wanted)
            return f"{column} IN (SELECT value FROM json_each(:{name}))"  # noqa: S608
        self.params[name] = wanted
        return f"{column} = ANY(CAST(:{name} AS {kind}[]))"


def question(dialect: str, criteria: Criteria, scope: Scope, hits: list[int] | None = None) -> Question:
    """The clauses of the criteria within the scope. ``hits``: the orders that hold the code, where they are known;
    otherwise a code is looked for in each order."""
    asked = Question(dialect)
    leader = _leader(criteria, hits)
    for name, column in _KEYS.items():
        value = getattr(criteria, name)
        if value is not None:
            asked.params[name] = value
            asked.clauses.append(f"{_led(asked, leader, name, f'o.{column}')} = :{name}")
    if criteria.ids:
        asked.clauses.append(asked.any_of(_led(asked, leader, "ids", "o.id"), "ids", criteria.ids, "bigint"))
    if hits is not None:
        asked.clauses.append(asked.any_of(_led(asked, leader, "hits", "o.id"), "hits", hits, "bigint"))
    elif criteria.code is not None:
        asked.params["code"] = criteria.code
        asked.clauses.append(_walks_codes(dialect))
    _add_statuses(asked, criteria, leader)
    _add_spans(asked, criteria, leader)
    if scope is not ALL_STORES:
        column = "+o.store_id" if dialect == "sqlite" and (leader or len(_ids(scope)) > 1) else "o.store_id"
        asked.clauses.append(asked.any_of(column, "stores", _ids(scope), "integer"))
    return asked


def list_and_count(
    session: Session,
    asked: Question,
    *,
    limit: int,
    after: Position | None = None,
    before: Position | None = None,
    counted: bool = True,
    ordered_count: bool = False,
) -> tuple[list[tuple[int, dt.datetime]], int | None]:
    """Up to ``limit`` orders newest first as (id, created_at), and how many there are up to CAP + 1.

    With ``before`` the orders nearest above that position, oldest of them first. The count is None when nothing was
    listed (it rides on the rows) or not asked for. ``ordered_count`` counts along the newest-first walk, which is
    what makes counting a common code cheap.
    """
    params = dict(asked.params)
    way = "ASC" if before else "DESC"
    order = f"ORDER BY o.created_at {way}, o.id {way}"
    where = asked.where
    if position := after or before:
        params["at"] = _moment(position[0]) if asked.dialect == "sqlite" else position[0]
        params["last_id"] = position[1]
        where += f" AND (o.created_at, o.id) {'<' if after else '>'} (:at, :last_id)"
    counting = f", ({_capped(asked, ordered=ordered_count)}) AS n" if counted else ", NULL AS n"
    sql = f"SELECT o.id, o.created_at{counting} FROM orders o WHERE {where} {order} LIMIT :limit"  # noqa: S608
    rows = _run(session, sql, {**params, "limit": limit}, created_at=UtcDateTime())
    return [(row[0], row[1]) for row in rows], (rows[0][2] if rows and counted else None)


def count(session: Session, asked: Question, *, ordered: bool = False) -> int:
    """How many orders there are, up to CAP + 1."""
    return int(_run(session, _capped(asked, ordered=ordered), asked.params)[0][0])


def orders_with_code(session: Session, dialect: str, code: str, scope: Scope) -> list[int] | None:
    """Ids of the orders in scope that have the text in one of their codes; None when it is common.

    ``code`` is case-folded and at least three characters long, which is what a trigram index needs.
    """
    asked = Question(dialect, params={"limit": RARE + 1})
    if dialect == "sqlite":
        asked.params["match"] = '"' + code.replace('"', '""') + '"'
        asked.clauses.append("l.id IN (SELECT rowid FROM license_code_fts WHERE license_code_fts MATCH :match)")
    else:
        # The index holds punctuation as letters (migration 0003), so it may find too much: looked at again.
        asked.params["code"] = code
        asked.clauses.append("code_letters(l.code_key) LIKE '%' || code_letters(:code) || '%'")
        asked.clauses.append("strpos(l.code_key, :code) > 0")
    if scope is not ALL_STORES:
        column = "+l.store_id" if dialect == "sqlite" else "l.store_id"
        asked.clauses.append(asked.any_of(column, "stores", _ids(scope), "integer"))
    rows = _run(session, f"SELECT l.order_id FROM license l WHERE {asked.where} LIMIT :limit", asked.params)  # noqa: S608
    return None if len(rows) > RARE else list(dict.fromkeys(row[0] for row in rows))


def stores_and_search(session: Session, scope: Scope, key: str | None, now: dt.datetime) -> list[tuple[str, int, str]]:
    """The stores in scope as ("store", id, name), and the search kept under the key as ("search", maker, JSON)."""
    asked = Question(session.get_bind().dialect.name)
    stores = "" if scope is ALL_STORES else f" WHERE {asked.any_of('id', 'stores', _ids(scope), 'integer')}"
    sql = f"SELECT 'store', id, name FROM store{stores}"  # noqa: S608
    if key is not None:
        asked.params["key"] = key
        asked.clauses.append(f"key = :key AND expires_at > {asked.moment('now', now)}")
        kept = "SELECT 'search', user_id, CAST(criteria AS text) FROM stored_search"
        sql += f" UNION ALL {kept} WHERE {asked.where}"
    return [(row[0], row[1], row[2]) for row in _run(session, sql, asked.params)]


def _capped(asked: Question, *, ordered: bool) -> str:
    order = "ORDER BY o.created_at DESC, o.id DESC " if ordered else ""
    return f"SELECT count(*) FROM (SELECT 1 FROM orders o WHERE {asked.where} {order}LIMIT {CAP + 1}) AS c"  # noqa: S608


def _leader(criteria: Criteria, hits: list[int] | None) -> str | None:
    """The filter whose index SQLite shall use; None: along the newest first."""
    if criteria.ids:
        return "ids"
    if hits is not None:
        return "hits"
    return next((name for name in _KEYS if getattr(criteria, name) is not None), None)


def _led(asked: Question, leader: str | None, name: str, column: str) -> str:
    """The column, kept from leading on SQLite when another filter leads. First and last name have one index."""
    if asked.dialect != "sqlite" or leader in (None, name) or (leader == "last_name" and name == "first_name"):
        return column
    return f"+{column}"


def _add_statuses(asked: Question, criteria: Criteria, leader: str | None) -> None:
    if criteria.statuses:
        column = _led(asked, leader, "status", "o.status")
        asked.clauses.append(asked.any_of(column, "statuses", criteria.statuses, "varchar"))
    if criteria.refund_statuses:
        column = _led(asked, leader, "refund_status", "o.refund_status")
        asked.clauses.append(asked.any_of(column, "refunds", criteria.refund_statuses, "varchar"))


def _add_spans(asked: Question, criteria: Criteria, leader: str | None) -> None:
    paid_at = _led(asked, leader, "paid", "o.paid_at")
    for name, column, span in (("created", "o.created_at", criteria.created), ("paid", paid_at, criteria.paid)):
        if span is None:
            continue
        if span.start is not None:
            asked.clauses.append(f"{column} >= {asked.moment(f'{name}_start', span.start)}")
        if span.end is not None:
            asked.clauses.append(f"{column} < {asked.moment(f'{name}_end', span.end)}")


def _walks_codes(dialect: str) -> str:
    """Does the order hold the text? Asked order by order; OFFSET 0 keeps PostgreSQL from making a join of it."""
    if dialect == "sqlite":
        return "EXISTS (SELECT 1 FROM license l WHERE l.order_id = o.id AND instr(l.code_key, :code) > 0)"
    return "EXISTS (SELECT 1 FROM license l WHERE l.order_id = o.id AND strpos(l.code_key, :code) > 0 OFFSET 0)"


def _ids(scope: Scope) -> list[int]:
    return sorted(scope) if isinstance(scope, frozenset) else []


def _moment(value: dt.datetime) -> str:
    """A moment as SQLite keeps it: text that sorts by time."""
    return value.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S.%f").rjust(26, "0")


def _run(session: Session, sql: str, params: dict[str, Any], **types: Any) -> list[Any]:
    statement: Any = sa.text(sql)
    if types:
        statement = statement.columns(sa.column("id", sa.BigInteger), *(sa.column(n, t) for n, t in types.items()))
    return list(session.connection().execute(statement, params))
