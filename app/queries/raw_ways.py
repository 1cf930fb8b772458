"""Ways to the orders that have a text in one of their codes, or were paid in some days: SQL, and which way to go.

A part of ``raw_search``, which gives the clauses (the scope is among them) and runs the statement.
"""

from __future__ import annotations

from dataclasses import dataclass

CAP = 1000
"""Orders are counted up to here; beyond, the count is ``1000+``."""

UNCOUNTED = "CAST(NULL AS bigint)"
"""In place of a count that is not made."""

RARE = 4000
"""Up to so many hits of a code or of payment days, within the scope, are looked up; more are walked."""

FEW = 1500
"""A code beside other filters that leave no more orders than this: each of these is looked at."""

SAMPLES, WINDOW = ((40, 1), (300, 5)), 3000
"""A short text that the newest orders have so often, (of how many, how many), may fill the page from the ``WINDOW``
newest, which is several times cheaper than reading the index's list of a common text."""

SHORT = 5
"""A text this long is no common part of codes, and not worth the sample."""

ORDER = {"DESC": "ORDER BY o.created_at DESC, o.id DESC", "ASC": "ORDER BY o.created_at ASC, o.id ASC"}


@dataclass(slots=True)
class Ways:
    """Several ways to one answer. The statement finds out by itself which it is cheapest to go: ``choice`` names one
    of ``ways``, which are clauses and how to count what they find. Nothing of the others is run."""

    tables: list[str]
    choice: str
    ways: dict[str, tuple[str, str]]
    near: str | None = None
    """The clauses for the window of newest orders, tried before anything else (the way ``near``)."""

    def statement(self, sqlite: bool, place: str, order: str, *, counted: bool) -> str:
        """The whole of it."""
        tables, parts = list(self.tables), []
        if self.near is not None:
            tables = [*_window(sqlite, self.near + place, order), *tables]
        tables.append(f"way AS MATERIALIZED (SELECT {self.choice} AS way)")
        for name, (where, count) in self.ways.items():
            n, chosen = count if counted else UNCOUNTED, f"(SELECT way FROM way) = '{name}'"  # noqa: S608
            if name == "near":
                parts.append(f"SELECT id, created_at, {n} AS n FROM near WHERE {chosen}")  # noqa: S608
            elif sqlite:  # it would ask a constant condition of every row; a limit of none it understands
                parts.append(listing(where, place, order, n, f"CASE WHEN {chosen} THEN :limit ELSE 0 END"))
            else:
                parts.append(listing(f"{chosen} AND {where}", place, order, n, ":limit"))
        every = " UNION ALL ".join(f"SELECT * FROM ({part}) AS p{n}" for n, part in enumerate(parts))  # noqa: S608
        return f"WITH {', '.join(tables)} {every}"


def two_ways(probe: str, looked_up: str, walked: str, *, alone: bool, patient: bool) -> Ways:
    """Few hits: exactly these orders are looked up. Many: the newest first until the page is full.

    ``patient``: count also where that takes longer than the page, beside other filters; else such a count is NULL.
    """
    looked_up = f"o.id IN (SELECT id FROM hits) AND {looked_up}"  # noqa: S608
    count = capped(walked, order=ORDER["DESC"]) if patient or alone else UNCOUNTED
    if alone:  # the hits are the orders
        count = f"CASE WHEN (SELECT orders FROM n) > {CAP} THEN {CAP + 1} ELSE {count} END"  # noqa: S608
    return Ways(
        [
            f"hits AS MATERIALIZED ({probe} LIMIT {RARE + 1})",
            "n AS MATERIALIZED (SELECT count(*) AS hits, count(DISTINCT id) AS orders FROM hits)",
        ],
        f"CASE WHEN (SELECT hits FROM n) <= {RARE} THEN 'hits' ELSE 'walk' END",  # noqa: S608
        {"hits": (looked_up, capped(looked_up)), "walk": (walked, count)},
    )


def rest_first(ways: Ways, rest: str) -> Ways:
    """On SQLite, a code beside other filters: where these (``rest``) leave few orders, each of them is looked at."""
    each = f"o.id IN (SELECT id FROM rest) AND {holds_code(sqlite=True)}"  # noqa: S608
    ways.tables.append(f"rest AS MATERIALIZED (SELECT o.id FROM orders o WHERE {rest} LIMIT {FEW + 1})")  # noqa: S608
    ways.ways["rest"] = (each, capped(each))
    ways.choice = ways.choice.replace("CASE", f"CASE WHEN {_at_most('rest', FEW)} THEN 'rest'", 1)
    return ways


def four_ways(
    probe: str, looked_up: str, walked: str, rest: str, *, alone: bool, short: bool, named: bool, patient: bool
) -> Ways:
    """A code on PostgreSQL, which reads a table of WITH only as far as it is asked for: the cheapest questions first.

    The newest orders may fill the page. Other filters may leave few orders (``rest`` without the code): each of them
    is looked at. The hits may be few. Else, beside other filters, nobody knows where both come together, and the
    planner may join all hits. ``named``: other filters have an index that is quicker read in its own order.
    ``patient`` as in ``two_ways``.
    """
    ways = two_ways(probe, looked_up, walked, alone=alone, patient=patient)
    ordered = "" if named else ORDER["DESC"]
    near, choice = ways.ways["walk"][1], f"WHEN {_at_most('hits', RARE)} THEN 'hits' ELSE 'walk' END"
    if alone:  # fewer hits than were looked up for the page will do
        enough = f"(SELECT count(DISTINCT id) FROM (SELECT id FROM hits LIMIT {CAP + CAP // 2}) AS h) > {CAP}"  # noqa: S608
        near = f"CASE WHEN {enough} THEN {CAP + 1} ELSE {capped(walked, order=ORDER['DESC'])} END"
    else:
        each = f"o.id IN (SELECT id FROM rest) AND {holds_code(sqlite=False)}"  # noqa: S608
        ways.tables.append(f"rest AS MATERIALIZED (SELECT o.id FROM orders o WHERE {rest} LIMIT {FEW + 1})")  # noqa: S608
        ways.ways["rest"] = (each, capped(each))
        slow = capped(walked, order=ordered) if patient else UNCOUNTED
        near = f"CASE WHEN {_at_most('rest', FEW)} THEN {capped(each)} ELSE {slow} END"
        choice = (
            f"WHEN {_at_most('rest', FEW)} THEN 'rest' WHEN {_at_most('hits', RARE // 10)} THEN 'hits' ELSE 'join' END"
        )
        joined = f"{rest} AND EXISTS ({probe} AND l.order_id = o.id)"
        ways.ways["join"] = (joined, capped(joined) if patient else UNCOUNTED)
        del ways.ways["walk"]
    if short:
        ways.near = rest
        ways.ways["near"] = ("", near)
        choice = f"WHEN (SELECT yes FROM filled) THEN 'near' {choice}"  # noqa: S608
    ways.choice = f"CASE {choice}"
    return ways


def _at_most(table: str, number: int) -> str:
    """Has the table no more rows? Reads one more than that at most."""
    return f"(SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {number + 1}) AS t) <= {number}"  # noqa: S608


def _window(sqlite: bool, where: str, order: str) -> list[str]:
    """``near``: what the newest orders give, and ``filled``: is that the whole page? Two samples, for chance may put
    two hits among the first orders, and the window is dear when it gives nothing."""
    newest = f"SELECT o.id, o.created_at FROM orders o WHERE {where} {order} LIMIT"  # noqa: S608
    likely = " AND ".join(
        f"(SELECT count(*) FROM (SELECT 1 FROM ({newest} {size}) AS o WHERE {holds_code(sqlite)} LIMIT {hits}) AS s)"  # noqa: S608
        f" >= {hits}"
        for size, hits in SAMPLES
    )
    window = newest.replace("WHERE", f"WHERE {likely} AND", 1)
    found = f"SELECT o.id, o.created_at FROM ({window} {WINDOW}) AS o WHERE {holds_code(sqlite)} LIMIT :limit"  # noqa: S608
    return [
        f"near AS MATERIALIZED ({found})",
        "filled AS MATERIALIZED (SELECT count(*) >= :limit AS yes FROM near)",
    ]


def listing(where: str, place: str, order: str, count: str, limit: str) -> str:
    """A page of orders, each with the count beside it."""
    return f"SELECT o.id, o.created_at, {count} AS n FROM orders o WHERE {where}{place} {order} LIMIT {limit}"  # noqa: S608


def capped(where: str, *, order: str = "") -> str:
    """How many orders there are, up to one more than ``CAP``."""
    return f"(SELECT count(*) FROM (SELECT 1 FROM orders o WHERE {where} {order} LIMIT {CAP + 1}) AS c)"  # noqa: S608


def holds_code(sqlite: bool) -> str:
    """Does the order hold the text? Asked order by order; OFFSET 0 keeps PostgreSQL from making a join of it."""
    if sqlite:
        return "EXISTS (SELECT 1 FROM license l WHERE l.order_id = o.id AND instr(l.code_key, :code) > 0)"
    return "EXISTS (SELECT 1 FROM license l WHERE l.order_id = o.id AND strpos(l.code_key, :code) > 0 OFFSET 0)"
