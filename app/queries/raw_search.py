"""The statements of the order search, written by hand: the planner's choice of index is the whole point of them.

Bare tables escape the session's own narrowing, so every function here takes the scope as an argument and states it
(layer two). Only modules named ``raw_…`` may do this.

What is asked is a table of clauses joined by AND. One clause leads: on SQLite, which knows nothing about how values
are spread, the others are kept from choosing an index (``+column``); PostgreSQL's planner sees to it by itself.

Two questions no planner answers well, a part of a code and a range of payment days, since it cannot know where among
the newest orders their hits lie. For days the statement first looks how many hits there are: few (``RARE``), and
exactly these orders are looked up; many, and orders are walked newest first until the page is full. For a code a
sample says beforehand whether it is worth while to begin with the newest orders (``raw_codes``).
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import confined
from app.domain.access import ALL_STORES, Scope
from app.domain.normal import code_letters
from app.domain.search import Criteria
from app.queries.raw_blocks import moment
from app.queries.raw_codes import SAMPLE, CodeSample, sample_of
from app.queries.raw_question import NEWEST, OLDEST, Question
from app.queries.raw_rows import Row, fetch
from app.queries.raw_ways import by_index, by_paid_days, capped, newest_first
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

FEW_STORES = 4
"""The index of codes begins with the store, and PostgreSQL reads it once for each that is asked for: of a common code
only for so many."""


def list_and_count(
    session: Session,
    criteria: Criteria,
    scope: Scope,
    *,
    limit: int,
    after: Position | None = None,
    before: Position | None = None,
    counted: bool = True,
) -> tuple[list[tuple[int, dt.datetime]], int | None]:
    """Up to ``limit`` orders newest first as (id, created_at), and how many there are up to CAP + 1. One statement.

    With ``before`` the orders nearest above that position, oldest of them first. The count rides on the rows: it is
    None when there is none to carry it.
    """
    scope = confined(scope)
    engine = cast(sa.Engine, session.get_bind())
    asked = Question(engine.dialect.name == "sqlite", counted)
    asked.params["limit"] = limit
    if position := after or before:
        at = asked.moment("at", position[0])
        asked.params["last_id"] = position[1]
        asked.place = f" AND (o.created_at, o.id) {'<' if after else '>'} ({at}, :last_id)"
        asked.order = OLDEST if before else NEWEST
    strong = any(getattr(criteria, name) for name in _STRONG)
    if criteria.paid is not None and not strong and (criteria.code is None or asked.sqlite):
        sql = _by_paid_days(asked, criteria, scope)
    elif criteria.code is not None and not strong:
        sql = _by_code(asked, criteria, scope, sample_of(engine))
    else:
        where = _where(asked, criteria, scope, leader=_leader(criteria))
        sql = asked.listing(where, capped(where))
    found = _run(session, sql, asked.params, plan_anew=not _plan_may_be_kept(criteria))
    rows = [(row[0], cast(dt.datetime, moment(row[1])), row[2]) for row in found]
    rows.sort(key=lambda row: (row[1], row[0]), reverse=before is None)
    return [row[:2] for row in rows], (rows[0][2] if rows else None)


def _plan_may_be_kept(criteria: Criteria) -> bool:
    """Is one plan good for all values? It is where an index finds few in any case. Else values differ as a common last
    name does from a rare one, and a part of a code without its values is anything between."""
    return any(getattr(criteria, name) for name in ("ids", "email", "phone", "vat"))


def _by_code(asked: Question, criteria: Criteria, scope: Scope, sample: CodeSample) -> str:
    """A code, alone or beside filters that may leave many orders."""
    letters = code_letters(cast(str, criteria.code))
    common = sample.is_common(letters)
    if asked.sqlite:  # the phrase is at least three characters long, which is what a trigram index needs
        asked.params["match"] = '"' + letters.replace('"', '""') + '"'
        where = _where(asked, replace(criteria, code=None), scope, leader="hits")
        found = f"order_codes_fts f CROSS JOIN orders o ON o.id = f.rowid WHERE f.codes_key MATCH :match AND {where}"
    else:
        found = f"orders o WHERE {_where(asked, criteria, scope, leader='common code' if common else 'hits')}"
    if not common:
        return by_index(asked, found)
    rest = _where(asked, replace(criteria, code=None), scope, leader=None)
    return newest_first(asked, found, rest, _holds_code(asked, letters))


def _by_paid_days(asked: Question, criteria: Criteria, scope: Scope) -> str:
    """Payment days, alone or beside filters that may leave many orders."""
    clauses = [*_span(asked, "o.paid_at", "paid", criteria), *_in_scope(asked, "o.store_id", scope, lead=False)]
    looked_up = _where(asked, criteria, scope, leader="hits")
    walked = _where(asked, criteria, scope, leader=None)
    return by_paid_days(asked, " AND ".join(clauses), looked_up, walked, alone=not _other_filters(criteria))


def _where(asked: Question, criteria: Criteria, scope: Scope, *, leader: str | None) -> str:
    """The clauses of the criteria within the scope. ``leader`` names the filter whose index is used (``hits``: others
    are read first); None: along the newest first."""
    clauses = []
    for name, column in _KEYS.items():
        value = getattr(criteria, name)
        if value is not None:
            asked.params[name] = value
            clauses.append(f"{_led(asked, leader, name, f'o.{column}')} = :{name}")
    if criteria.ids:
        clauses.append(asked.any_of(_led(asked, leader, "ids", "o.id"), "ids", criteria.ids, "bigint"))
    if criteria.code is not None:
        clauses.append(_holds_code(asked, code_letters(criteria.code)))
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
    apart = leader == "common code" and len(_ids(scope)) > FEW_STORES
    clauses += _in_scope(asked, "o.store_id + 0" if apart else "o.store_id", scope, lead=leader is None)
    return " AND ".join(clauses) or "1 = 1"


def _holds_code(asked: Question, letters: str) -> str:
    """Does the order hold the text? For LIKE, what it would read as a pattern is named as itself."""
    if asked.sqlite:
        asked.params["code"] = letters
        return "instr(o.codes_key, :code) > 0"
    asked.params["code_like"] = "%" + re.sub(r"([%_\\])", r"\\\1", letters) + "%"
    return "o.codes_key LIKE :code_like"


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
    ``asked_by`` those that this person sent: the menu shows it, and asking here costs no statement of its own. A
    sample of codes is read along when it is time to (``raw_codes``).
    """
    scope = confined(scope)
    engine = cast(sa.Engine, session.get_bind())
    asked = Question(engine.dialect.name == "sqlite")
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
    sample = sample_of(engine)
    if sample.is_fresh():
        return [(row[0], row[1], row[2]) for row in _run(session, sql, asked.params)]
    found = _run(session, f"{sql} UNION ALL {SAMPLE}", asked.params)
    sample.take(row[2] for row in found if row[0] == "codes")
    return [(row[0], row[1], row[2]) for row in found if row[0] != "codes"]


def _ids(scope: Scope) -> list[int]:
    return sorted(scope) if isinstance(scope, frozenset) else []


def _run(session: Session, sql: str, params: dict[str, Any], *, plan_anew: bool = False) -> list[Row]:
    return fetch(session.connection(), [(sql, params)], plan_anew=plan_anew)[0]
