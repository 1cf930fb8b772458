"""Ways to the orders that have a text in one of their codes, or were paid in some days, where no planner knows best.

A part of ``raw_search``, which gives the clauses (the scope is among them) and runs the statement. Each way finds the
same orders. PostgreSQL reads a table of WITH only as far as it is asked for; SQLite makes it as a whole, once asked.
"""

from __future__ import annotations

from app.queries.raw_question import NEWEST, Question

CAP = 1000
"""Orders are counted up to here; beyond, the count is ``1000+``."""

RARE = 4000
"""Up to so many orders of payment days, within the scope, are looked up; more are walked."""

WINDOW = 2600
"""A common part of codes may fill the page from so many newest orders, which is several times cheaper than reading the
index's list of it."""


def capped(where: str, *, order: str = "") -> str:
    """How many orders there are, up to one more than ``CAP``."""
    return _count(f"orders o WHERE {where} {order}")


def by_paid_days(asked: Question, days: str, looked_up: str, walked: str, *, alone: bool) -> str:
    """Few orders of these days (the clauses ``days``): exactly these are looked up, by ``looked_up``. Many: the newest
    first, by ``walked``, until the page is full."""
    looked_up = f"o.id IN (SELECT id FROM hits) AND {looked_up}"  # noqa: S608
    many = capped(walked, order=NEWEST)
    if alone:  # the hits are the orders
        many = f"CASE WHEN (SELECT hits FROM n) > {CAP} THEN {CAP + 1} ELSE {many} END"  # noqa: S608
    few = f"(SELECT hits FROM n) <= {RARE}"  # noqa: S608
    hits = f"hits AS MATERIALIZED (SELECT o.id FROM orders o WHERE {days} LIMIT {RARE + 1})"  # noqa: S608
    tables = f"WITH {hits}, n AS MATERIALIZED (SELECT count(*) AS hits FROM hits) "  # noqa: S608
    return tables + _either(
        asked.listing(looked_up, capped(looked_up), only_if=few),
        asked.listing(walked, many, only_if=f"NOT {few}"),
    )


def by_index(asked: Question, found: str) -> str:
    """A rare part of codes: all that the index gives, the newest of them first. ``found`` is tables and clauses."""
    return f"WITH {_hits(found)} " + asked.listing("1 = 1", _count("hits"), table="hits")


def newest_first(asked: Question, found: str, rest: str, holds: str) -> str:
    """A common part of codes: the newest orders that the other filters (``rest``) leave are asked for it (``holds``).

    They fill the page, or are all there are, or else the index is read: what is common among all orders need not be
    so among these.
    """
    newest = f"SELECT o.id, o.created_at, o.codes_key FROM orders o WHERE {rest}{asked.place} {asked.order}"  # noqa: S608
    window, tables = f"({newest} LIMIT {WINDOW})", []
    seen = f"(SELECT 1 FROM orders o WHERE {rest}{asked.place} LIMIT {WINDOW})"  # noqa: S608
    count = _count(found)
    if not asked.sqlite:
        tables.append(f"newest AS MATERIALIZED {window}")
        window = seen = "newest"
        count = _count("hits")
    full = "(SELECT count(*) FROM near) >= :limit"
    over = f"{full} OR (SELECT count(*) FROM {seen} AS s) < {WINDOW}"  # noqa: S608
    tables += [
        f"near AS MATERIALIZED (SELECT o.id, o.created_at FROM {window} AS o WHERE {holds} LIMIT :limit)",  # noqa: S608
        f"way AS MATERIALIZED (SELECT {full} AS filled, {over} AS done)",
        _hits(found),
    ]
    n, done = count, "(SELECT done FROM way)"
    if not asked.place:  # the window began with the newest of all: when it did not fill the page, it had them all
        n = f"CASE WHEN (SELECT filled FROM way) THEN {count} ELSE (SELECT count(*) FROM near) END"  # noqa: S608
    # SQLite would read the hits even for a limit of none; inside of IN it reads them when the first row is asked for.
    place = {"where": "o.id IN (SELECT id FROM hits)"} if asked.sqlite else {"where": "1 = 1", "table": "hits"}
    return f"WITH {', '.join(tables)} " + _either(
        asked.listing("1 = 1", n, table="near", only_if=done),
        asked.listing(count=count, only_if=f"NOT {done}", **place),
    )


def _hits(found: str) -> str:
    return f"hits AS MATERIALIZED (SELECT o.id, o.created_at FROM {found})"  # noqa: S608


def _count(found: str) -> str:
    return f"(SELECT count(*) FROM (SELECT 1 FROM {found} LIMIT {CAP + 1}) AS c)"  # noqa: S608


def _either(*parts: str) -> str:
    return " UNION ALL ".join(f"SELECT * FROM ({part}) AS p{n}" for n, part in enumerate(parts))  # noqa: S608
