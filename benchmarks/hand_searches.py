"""Searches by hand, to compare with: for each question the statements that somebody who knows the index would try.

Every one gives the same answer as the portal's: the newest 51 orders within the scope and, where asked, the capped
count. PostgreSQL only. Which of them is the best for a question, the benchmark finds out by running all.
"""

from __future__ import annotations

from typing import Any

from app.domain.normal import code_letters
from app.domain.search import Criteria

SQL = tuple[str, dict[str, Any]]

_COLUMNS = {
    "email": "email_key",
    "phone": "phone_digits",
    "vat": "vat_key",
    "company": "company_key",
    "card": "card_last_4",
    "last_name": "last_name_key",
    "first_name": "first_name_key",
}
_HOLDS = "strpos(o.codes_key, %(code)s) > 0"
_INDEXED = "o.codes_key LIKE %(code_like)s"
_NEWEST = "ORDER BY o.created_at DESC, o.id DESC"


def by_hand(criteria: Criteria, stores: list[int], *, counted: bool) -> dict[str, SQL]:
    """The candidates by name."""
    values: dict[str, Any] = {"stores": stores}
    clauses = ["o.store_id = ANY(%(stores)s)"]
    for name, column in _COLUMNS.items():
        if (value := getattr(criteria, name)) is not None:
            values[name] = value
            clauses.append(f"o.{column} = %({name})s")
    if criteria.ids:
        values["ids"] = list(criteria.ids)
        clauses.append("o.id = ANY(%(ids)s)")
    for name, wanted in (("status", criteria.statuses), ("refund_status", criteria.refund_statuses)):
        if wanted:
            values[name] = wanted[0] if len(wanted) == 1 else list(wanted)
            clauses.append(f"o.{name} = %({name})s" if len(wanted) == 1 else f"o.{name} = ANY(%({name})s)")
    for name, span in (("created", criteria.created), ("paid", criteria.paid)):
        if span is not None:
            values |= {f"{name}_start": span.start, f"{name}_end": span.end}
            clauses += [f"o.{name}_at >= %({name}_start)s"] if span.start else []
            clauses += [f"o.{name}_at < %({name}_end)s"] if span.end else []
    where = " AND ".join(clauses)
    if criteria.code is None:
        return {"one statement": (_listing(where, _count(where) if counted else "NULL"), values)}
    values["code"] = code_letters(criteria.code)
    values["code_like"] = f"%{values['code']}%"  # the benchmark's codes have nothing that LIKE would read as a pattern
    found = _code_statements(where, counted=counted)
    return {name: (sql, values) for name, sql in found.items()}


def _code_statements(where: str, *, counted: bool) -> dict[str, str]:
    """By the index's hits, by walking newest first, by the planner's own choice; each with each way to count."""
    walked, indexed = f"{where} AND {_HOLDS}", f"{where} AND {_INDEXED}"
    hits = f"hits AS MATERIALIZED (SELECT o.id, o.created_at FROM orders o WHERE {indexed})"
    n = (lambda text: text) if counted else (lambda _text: "NULL")
    count_hits = n("(SELECT count(*) FROM (SELECT 1 FROM hits LIMIT 1001) c)")
    found = {
        "index": f"WITH {hits} SELECT o.id, o.created_at, {count_hits} AS n FROM hits o {_NEWEST} LIMIT 51",
        "walk": _listing(walked, n(_count(walked, order=_NEWEST))),
        "planner": _listing(indexed, n(_count(indexed))),
    }
    if counted:
        found["walk, counted in any order"] = _listing(walked, _count(walked))
        found["walk, counted by index"] = f"WITH {hits} {_listing(walked, count_hits)}"
    return found


def _listing(where: str, count: str) -> str:
    return f"SELECT o.id, o.created_at, {count} AS n FROM orders o WHERE {where} {_NEWEST} LIMIT 51"


def _count(where: str, *, order: str = "") -> str:
    return f"(SELECT count(*) FROM (SELECT 1 FROM orders o WHERE {where} {order} LIMIT 1001) c)"
