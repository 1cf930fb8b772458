"""The statements of the order search, written by hand: the planner's choice of index is the whole point of them.

Bare tables escape the session's own narrowing, so every function here takes the scope as an argument and states it
(layer two). Only modules named ``raw_…`` may do this.

What is asked is a table of clauses joined by AND. One clause leads: on SQLite, which knows nothing about how values
are spread, the others are kept from choosing an index (``+column``); PostgreSQL's planner sees to it by itself.

Two questions no planner answers well, a part of a code and a range of payment days, since it cannot know where among
the newest orders their hits lie. For them the same statement first looks how many hits there are: few (``RARE``), and
exactly these orders are looked up; many, and orders are walked newest first until the page is full (``Ways``).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from sqlalchemy.orm import Session

from app.db import confined
from app.domain.access import ALL_STORES, Scope
from app.domain.search import Criteria
from app.queries.raw_blocks import moment
from app.queries.raw_rows import Row, fetch
from app.queries.raw_ways import (
    ORDER,
    SHORT,
    UNCOUNTED,
    capped,
    four_ways,
    holds_code,
    listing,
    rest_first,
    two_ways,
)
from app.queries.refunds import OPEN_CAP

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
_STRONG = ("ids", "email", "phone", "vat", "company", "card")
"""With one of these, hits of a code or of payment days need no looking up: there are few orders to check."""


@dataclass(slots=True)
class Question:
    """The parameters of a statement on ``orders o``, and how to write its places."""

    dialect: str
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def sqlite(self) -> bool:
        """Is it asked of SQLite?"""
        return self.dialect == "sqlite"

    def moment(self, name: str, value: dt.datetime) -> str:
        """A place for a moment."""
        self.params[name] = _moment(value) if self.sqlite else value
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


def list_and_count(
    session: Session,
    criteria: Criteria,
    scope: Scope,
    *,
    limit: int,
    after: Position | None = None,
    before: Position | None = None,
    counted: bool = True,
    patient: bool = False,
) -> tuple[list[tuple[int, dt.datetime]], int | None]:
    """Up to ``limit`` orders newest first as (id, created_at), and how many there are up to CAP + 1. One statement.

    With ``before`` the orders nearest above that position, oldest of them first. The count rides on the rows: it is
    None when there is none to carry it, and where it would take longer than the rows (a common code beside other
    filters), unless ``patient``.
    """
    scope = confined(scope)
    asked = Question(session.get_bind().dialect.name)
    probe = _probe(asked, criteria, scope)
    looked_up = _where(asked, criteria, scope, leader="hits" if probe else _leader(criteria))
    place = ""
    if position := after or before:
        at = asked.moment("at", position[0])
        asked.params["last_id"] = position[1]
        place = f" AND (o.created_at, o.id) {'<' if after else '>'} ({at}, :last_id)"
    order = ORDER["ASC" if before else "DESC"]
    asked.params["limit"] = limit
    if probe is None:
        sql = listing(looked_up, place, order, capped(looked_up) if counted else UNCOUNTED, ":limit")
    else:
        walked = _where(asked, criteria, scope, leader=None)
        alone = not _other_filters(criteria)
        if criteria.code is None or asked.sqlite:
            patient = patient or criteria.code is None
            ways = two_ways(probe, looked_up, walked, alone=alone, patient=patient)
            if criteria.code is not None and criteria.paid is None and not alone:
                rest = _where(asked, replace(criteria, code=None), scope, leader=_leader(criteria))
                asked.params["code"] = criteria.code
                ways = rest_first(ways, rest)
        else:
            rest = _where(asked, replace(criteria, code=None), scope, leader=None)
            short = len(criteria.code) < SHORT
            named = criteria.last_name is not None or criteria.first_name is not None
            ways = four_ways(probe, looked_up, walked, rest, alone=alone, short=short, named=named, patient=patient)
        sql = ways.statement(asked.sqlite, place, order, counted=counted)
    found = _run(session, sql, asked.params, plan_anew=not _plan_may_be_kept(criteria))
    rows = [(row[0], cast(dt.datetime, moment(row[1])), row[2]) for row in found]
    rows.sort(key=lambda row: (row[1], row[0]), reverse=before is None)
    return [row[:2] for row in rows], (rows[0][2] if rows else None)


def _plan_may_be_kept(criteria: Criteria) -> bool:
    """Is one plan good for all values? It is where an index finds few in any case, and for a code alone, for the
    statement itself looks which way to go. Else values differ as a common last name does from a rare one."""
    if any(getattr(criteria, name) for name in ("ids", "email", "phone", "vat")):
        return True
    return criteria.code is not None and not _other_filters(criteria)


def _probe(asked: Question, criteria: Criteria, scope: Scope) -> str | None:
    """A statement for the orders (``id``) of the code or, without one, of the payment days; None: not needed."""
    if any(getattr(criteria, name) for name in _STRONG):
        return None
    if criteria.code is not None:
        return _orders_with_code(asked, criteria.code, scope)
    if criteria.paid is not None:
        clauses = [*_span(asked, "o.paid_at", "paid", criteria), *_in_scope(asked, "o.store_id", scope, lead=False)]
        return f"SELECT o.id FROM orders o WHERE {' AND '.join(clauses)}"  # noqa: S608
    return None


def _orders_with_code(asked: Question, code: str, scope: Scope) -> str:
    """Orders that have the text in one of their codes. It is case-folded and at least three characters long, which
    is what a trigram index needs."""
    if asked.sqlite:
        asked.params["match"] = '"' + code.replace('"', '""') + '"'
        clauses = ["f.code_key MATCH :match", *_in_scope(asked, "l.store_id", scope, lead=False)]
        table = "license_code_fts f CROSS JOIN license l ON l.id = f.rowid"
    else:
        # The index holds punctuation as letters (migration 0003), so it may find too much: looked at again.
        asked.params["code"] = code
        clauses = [
            "code_letters(l.code_key) LIKE '%' || code_letters(:code) || '%'",
            "strpos(l.code_key, :code) > 0",
            *_in_scope(asked, "l.store_id", scope, lead=False),
        ]
        table = "license l"
    return f"SELECT l.order_id AS id FROM {table} WHERE {' AND '.join(clauses)}"  # noqa: S608


def _where(asked: Question, criteria: Criteria, scope: Scope, *, leader: str | None) -> str:
    """The clauses of the criteria within the scope. When the orders of a code are looked up (``leader`` is hits), the
    code itself is no clause any more."""
    clauses = []
    for name, column in _KEYS.items():
        value = getattr(criteria, name)
        if value is not None:
            asked.params[name] = value
            clauses.append(f"{_led(asked, leader, name, f'o.{column}')} = :{name}")
    if criteria.ids:
        clauses.append(asked.any_of(_led(asked, leader, "ids", "o.id"), "ids", criteria.ids, "bigint"))
    if criteria.code is not None and leader != "hits":
        asked.params["code"] = criteria.code
        clauses.append(holds_code(asked.sqlite))
    if criteria.statuses:
        column = _led(asked, leader, "status", "o.status")
        clauses.append(asked.any_of(column, "statuses", criteria.statuses, "varchar"))
    if criteria.refund_statuses:
        column = _led(asked, leader, "refund_status", "o.refund_status")
        clauses.append(asked.any_of(column, "refunds", criteria.refund_statuses, "varchar"))
    if criteria.created is not None:
        clauses += _span(asked, "o.created_at", "created", criteria)
    if criteria.paid is not None:
        walked = leader is None
        clauses += _span(asked, "+o.paid_at" if asked.sqlite else "o.paid_at", "paid", criteria)
        if walked and criteria.paid.end is not None:
            clauses.append(f"o.created_at < {_newest_paid(asked)}")
    clauses += _in_scope(asked, "o.store_id", scope, lead=leader is None)
    return " AND ".join(clauses) or "1 = 1"


def _newest_paid(asked: Question) -> str:
    """Where a walk for payment days begins: at their end, for an order is created before it is paid. Should there be
    one in these days that was not (``ix_orders_paid_early`` knows), at the very newest."""
    ever = "'9999-12-31 23:59:59.999999'" if asked.sqlite else "CAST('infinity' AS timestamptz)"
    start = " AND e.paid_at >= :paid_start" if "paid_start" in asked.params else ""
    early = f"SELECT 1 FROM orders e WHERE e.paid_at < e.created_at AND e.paid_at < :paid_end{start}"  # noqa: S608
    end = ":paid_end" if asked.sqlite else "CAST(:paid_end AS timestamptz)"
    return f"(SELECT CASE WHEN EXISTS ({early}) THEN {ever} ELSE {end} END)"


def _in_scope(asked: Question, column: str, scope: Scope, *, lead: bool) -> list[str]:
    """The scope as a clause. On SQLite several stores are checked along the way: none of them may lead."""
    if scope is ALL_STORES:
        return []
    ids = _ids(scope)
    alone = lead and len(ids) == 1
    return [asked.any_of(f"+{column}" if asked.sqlite and not alone else column, "stores", ids, "integer")]


def _span(asked: Question, column: str, name: str, criteria: Criteria) -> list[str]:
    span = getattr(criteria, name)
    clauses = []
    if span.start is not None:
        clauses.append(f"{column} >= {asked.moment(f'{name}_start', span.start)}")
    if span.end is not None:
        clauses.append(f"{column} < {asked.moment(f'{name}_end', span.end)}")
    return clauses


def _leader(criteria: Criteria) -> str | None:
    """The filter whose index SQLite shall use; None: along the newest first."""
    if criteria.ids:
        return "ids"
    return next((name for name in _KEYS if getattr(criteria, name) is not None), None)


def _led(asked: Question, leader: str | None, name: str, column: str) -> str:
    """The column, kept from leading on SQLite when another filter leads. First and last name have one index."""
    if not asked.sqlite or leader in (None, name) or (leader == "last_name" and name == "first_name"):
        return column
    return f"+{column}"


def _other_filters(criteria: Criteria) -> bool:
    """Is there more to hold than the code or the payment days that were looked up?"""
    held = [criteria.code, criteria.paid, criteria.created, criteria.last_name, criteria.first_name]
    return sum(v is not None for v in held) > 1 or bool(criteria.statuses or criteria.refund_statuses)


def stores_and_search(
    session: Session, scope: Scope, key: str | None, now: dt.datetime, *, asked_by: int | None = None
) -> list[tuple[str, int, str]]:
    """The stores in scope as ("store", id, name), and the search kept under the key as ("search", maker, JSON).

    Beside them ("open", number, "") says how many refund requests wait in the scope, up to ``OPEN_CAP``, with
    ``asked_by`` those that this person sent: the menu shows it, and asking here costs no statement of its own.
    """
    scope = confined(scope)
    asked = Question(session.get_bind().dialect.name)
    stores = "" if scope is ALL_STORES else f" WHERE {asked.any_of('id', 'stores', _ids(scope), 'integer')}"
    sql = f"SELECT 'store', id, name FROM store{stores}"  # noqa: S608
    waiting = ["status IN ('sent', 'updating')"]
    if scope is not ALL_STORES:
        waiting.append(asked.any_of("store_id", "stores", _ids(scope), "integer"))
    if asked_by is not None:
        asked.params["asked_by"] = asked_by
        waiting.append("requested_by = :asked_by")
    some = f"SELECT 1 FROM refund_request WHERE {' AND '.join(waiting)} LIMIT {OPEN_CAP}"  # noqa: S608
    sql += f" UNION ALL SELECT 'open', COUNT(*), '' FROM ({some}) AS w"  # noqa: S608
    if key is not None:
        asked.params["key"] = key
        kept = "SELECT 'search', user_id, CAST(criteria AS text) FROM stored_search"
        sql += f" UNION ALL {kept} WHERE key = :key AND expires_at > {asked.moment('now', now)}"
    return [(row[0], row[1], row[2]) for row in _run(session, sql, asked.params)]


def _ids(scope: Scope) -> list[int]:
    return sorted(scope) if isinstance(scope, frozenset) else []


def _moment(value: dt.datetime) -> str:
    """A moment as SQLite keeps it: text that sorts by time."""
    return value.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S.%f").rjust(26, "0")


def _run(session: Session, sql: str, params: dict[str, Any], *, plan_anew: bool = False) -> list[Row]:
    return fetch(session.connection(), [(sql, params)], plan_anew=plan_anew)[0]
