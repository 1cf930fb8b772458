"""Every search against its target: ``python -m benchmarks.searches [codes] [counts] [growth] [sqlite]``.

CPU of application and database, both sides of a comparison asked for in turn (A B A B …) in one process and, where
it is one database, in one connection.

* codes: the portal's statement against the best that was written by hand for the same index;
* counts: a page with the capped count against the same page without, after 100 other pages; page 5,000 against page 1;
* growth: exact filters at 1,000,000 orders against 100,000, for equal numbers of hits;
* sqlite: SQLite against PostgreSQL, both with 100,000 orders.

Databases are those of ``benchmarks.dataset``: ``BENCH_DATABASE_URL``, ``BENCH_SMALL_URL`` and ``BENCH_SQLITE_URL``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import statistics
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
import sqlalchemy as sa
from flask import Flask

from app.db import make_engine, scope_as
from app.domain.access import ALL_STORES
from app.domain.search import Criteria
from app.queries import raw_search
from app.queries.raw_ways import CAP
from app.queries.search import write_position
from benchmarks import search_shapes
from benchmarks.common import DEFAULT_URL, Run, cpu, database_url, describe, p50, settle
from benchmarks.hand_searches import SQL, by_hand
from benchmarks.pages import Bench
from benchmarks.search_shapes import Database, Shapes

SMALL = os.environ.get("BENCH_SMALL_URL", f"{DEFAULT_URL}_100k")
SQLITE = os.environ.get("BENCH_SQLITE_URL", "sqlite:////tmp/portal_bench_100k.sqlite3")
PAGE_5000 = 5000 * 50
TOO_LONG = 1500
"""Milliseconds after which a statement by hand is surely not the best."""
COLUMNS = {
    "email": "email_key",
    "phone": "phone_digits",
    "company": "company_key",
    "vat": "vat_key",
    "card": "card_last_4",
    "last_name": "last_name_key",
    "first_name": "first_name_key",
}

Ask = Callable[[Criteria], object]


def main() -> None:
    """Measure what is named, or all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="all when none is named")
    parser.add_argument("--runs", type=int, default=36, help="of each side of each comparison")
    options = parser.parse_args()
    app = Flask("benchmark")
    with app.app_context(), scope_as(ALL_STORES):
        for name in options.parts or PARTS:
            print(f"\n== {name}", flush=True)
            PARTS[name](options.runs)


def _open(url: str) -> Database:
    engine = make_engine(url, pool_size=1)
    print(describe(engine))
    settle()
    return Database.of(engine)


def in_turn(a: Database, ask_a: Ask, b: Database, ask_b: Ask, pairs: list[tuple[Criteria, Criteria]], runs: int) -> Any:
    """Costs of both, asked for in turn; the pairs of questions one after the other. Some uncounted runs before.

    Now one side is first, now the other: who asks second finds the pages that the first has read.
    """
    for one, other in pairs[:4]:
        ask_a(one)
        ask_b(other)
    left: list[Run] = []
    right: list[Run] = []
    for n in range(max(runs, len(pairs))):
        one, other = pairs[n % len(pairs)]
        sides = [(left, a, ask_a, one), (right, b, ask_b, other)]
        for kept, base, ask, question in sides if sum(divmod(n, len(pairs))) % 2 else reversed(sides):
            kept.append(base.cpu.once(lambda ask=ask, question=question: ask(question)))  # type: ignore[misc]
    return left, right


def compared(name: str, hits: str, left: list[Run], right: list[Run], note: str = "") -> float:
    """Print one line; the ratio of the medians."""
    ratio = p50(left) / p50(right)
    print(
        f"{name:<32} {hits:>6} hits  {p50(left):7.2f} ({min(cpu(left)):.2f}–{max(cpu(left)):.2f})"
        f"  against {p50(right):7.2f} ({min(cpu(right)):.2f}–{max(cpu(right)):.2f}) ms  ratio {ratio:5.2f}  {note}",
        flush=True,
    )
    return ratio


def shown_hits(base: Database, questions: list[Criteria]) -> str:
    """The median number of orders found: ``1000+`` when there are more."""
    counts = [base.ask(criteria)[1] or 0 for criteria in questions]
    middle = statistics.median_low(counts)
    return "1000+" if middle > CAP else str(middle)


# --- codes ---------------------------------------------------------------------------------------------------------


def codes(runs: int) -> None:
    """Both the page alone and with its count: the target lets a count by code come after the page."""
    base = _open(database_url())
    for counted in (False, True):
        print(f"-- the page of 51 orders {'and the capped count' if counted else 'alone'}; portal against by hand")
        ratios, worst = {}, {}
        for name, questions in search_shapes.codes(base).items():
            candidates = {way: _hand(base, way, counted=counted) for way in by_hand(questions[0], [], counted=counted)}
            best = _best(base, candidates, questions[:3])
            ask = lambda criteria: base.ask(criteria, counted=counted)  # noqa: E731, B023
            pairs = [(one, one) for one in questions]
            ours, theirs = in_turn(base, ask, base, candidates[best], pairs, runs)
            ratios[name] = compared(name, shown_hits(base, questions[:5]), ours, theirs, best)
            worst[name] = p50(ours)
        _extremes(ratios, 1.3)
        _extremes(worst, 60, "ms of CPU")


def _hand(base: Database, way: str, *, counted: bool) -> Ask:
    def ask(criteria: Criteria) -> object:
        sql: SQL = by_hand(criteria, base.stores, counted=counted)[way]
        return base.by_hand(*sql)

    return ask


def _best(base: Database, candidates: dict[str, Ask], questions: list[Criteria]) -> str:
    """The candidate that costs least. Each has to give the portal's answer."""
    costs: dict[str, float] = {}
    right = base.ask(questions[0])
    for name, ask in candidates.items():
        base.session.execute(sa.text(f"SET statement_timeout = {TOO_LONG}"))
        base.session.commit()
        try:
            rows: Any = ask(questions[0])
            assert [row[0] for row in rows] == [row[0] for row in right[0]], (name, questions[0])
            assert not rows or rows[0][2] in (None, right[1]), (name, questions[0], rows[0][2], right[1])
            runs = [base.cpu.once(lambda ask=ask, one=one: ask(one)) for one in questions * 3]  # type: ignore[misc]
            costs[name] = p50(runs)
        except psycopg.errors.QueryCanceled:
            base.session.rollback()
    base.session.execute(sa.text("SET statement_timeout = 0"))
    base.session.commit()
    return min(costs, key=costs.__getitem__)


def _extremes(values: dict[str, float], limit: float, unit: str = "times") -> None:
    over = {name: value for name, value in values.items() if value > limit}
    name = max(values, key=values.__getitem__)
    print(f"  largest: {values[name]:.2f} {unit} ({name}); over {limit}: {', '.join(over) or 'none'}")


# --- counts --------------------------------------------------------------------------------------------------------


def counts(runs: int) -> None:
    """The whole page, sign-in included, with and without the count."""
    bench = Bench()
    print(describe(bench.engine))
    shapes = search_shapes.exact(Database.of(make_engine(database_url())))
    settle()
    real = raw_search.list_and_count

    def uncounted(*args: Any, **kwargs: Any) -> Any:
        return real(*args, **{**kwargs, "counted": False})

    addresses = {name: bench.search(**_typed(questions[0])) for name, questions in shapes.items()}
    for n in range(100):  # what a connection has prepared, and how, shows by then
        bench.get(list(addresses.values())[n % len(addresses)])()
    ratios = {}
    for name, address in addresses.items():
        ask = bench.get(address)

        def without(ask: Callable[[], object] = ask) -> None:
            raw_search.list_and_count = uncounted
            try:
                ask()
            finally:
                raw_search.list_and_count = real

        ratios[name] = compared(name, "", *bench.pair(ask, without, runs))
    _extremes(ratios, 1.25)
    mine = "SELECT id, created_at FROM orders WHERE store_id IN (SELECT store_id FROM store_grant WHERE user_id = :me)"
    with bench.engine.connect() as connection:
        deep = sa.text(f"{mine} ORDER BY created_at DESC, id DESC OFFSET {PAGE_5000 - 51} LIMIT 1")
        row = connection.execute(deep, {"me": bench.person}).one()
    ours = bench.get(f"/orders/?after={write_position((row.id, row.created_at))}")
    compared("page 5,000 against the first", "", *bench.pair(ours, bench.get("/orders/"), max(runs, 100)))


def _typed(criteria: Criteria) -> dict[str, Any]:
    """What somebody would type for it."""
    typed: dict[str, Any] = {name: value for name in COLUMNS if (value := getattr(criteria, name)) is not None}
    if criteria.ids:
        typed["ids"] = ", ".join(map(str, criteria.ids))
    typed["status"] = [*criteria.statuses, *(f"refund_{status}" for status in criteria.refund_statuses)]
    for name, span in (("created", criteria.created), ("paid", criteria.paid)):
        if span is not None and span.start and span.end:
            typed[f"{name}_from"] = span.start.date().isoformat()
            typed[f"{name}_to"] = (span.end - dt.timedelta(days=1)).date().isoformat()
    return typed


# --- growth --------------------------------------------------------------------------------------------------------


def growth(runs: int) -> None:
    """Exact filters, list and count, with values that find equally many orders in both."""
    large, small = _open(database_url()), _open(SMALL)
    ratios = {}
    for name, pairs in _equal_hits(large, small).items():
        sides = in_turn(large, large.ask, small, small.ask, pairs, runs)
        ratios[name] = compared(name, shown_hits(large, [one for one, _ in pairs[:5]]), *sides)
    _extremes(ratios, 1.3)


def _equal_hits(large: Database, small: Database) -> dict[str, list[tuple[Criteria, Criteria]]]:
    found: dict[str, list[tuple[Criteria, Criteria]]] = {}
    for name, column in COLUMNS.items():
        by_count = [_by_count(base, column) for base in (large, small)]
        sizes = [Counter({n: len(keys) for n, keys in by.items()}) for by in by_count]
        n = max(sizes[0].keys() & sizes[1].keys(), key=lambda n: min(sizes[0][n], sizes[1][n]))
        both = zip(by_count[0][n], by_count[1][n], strict=False)
        found[name] = [(Criteria(**{name: a}), Criteria(**{name: b})) for a, b in both][:12]
    big, little = search_shapes.exact(large), search_shapes.exact(small)
    same = ("ids × 20", "first + last, common", "status paid", "status not_paid", "status deleted", "refund completed")
    for name in same:
        found[name] = list(zip(big[name], little[name], strict=False))[: 4 if "+" in name else 12]
    for name, days in (("created", 1), ("paid", 7)):  # ten times the days where there is a tenth of the orders
        found[f"{name}, {days} days, tenfold"] = [
            (Criteria(**{name: search_shapes.days(n, days)}), Criteria(**{name: search_shapes.days(n, days * 10)}))
            for n in range(120, 720, 60)
        ]
    return found


def _by_count(base: Database, column: str) -> dict[int, list[str]]:
    """Values by the number of orders within the scope, beyond the cap all alike."""
    rows = base.values(
        f"SELECT {column}, count(*) FROM orders WHERE {column} IS NOT NULL AND store_id IN :mine GROUP BY {column}"
        f" ORDER BY {column}"
    )
    found: dict[int, list[str]] = {}
    for value, n in rows:
        found.setdefault(min(n, CAP + 1), []).append(value)
    return found


# --- SQLite --------------------------------------------------------------------------------------------------------


def sqlite(runs: int) -> None:
    """The same questions to both, list and count."""
    lite, postgresql = _open(SQLITE), _open(SMALL)
    ratios = {}
    shapes: Shapes = {**search_shapes.exact(postgresql), **search_shapes.codes(postgresql)}
    for name, questions in shapes.items():
        pairs = [(one, one) for one in questions]
        sides = in_turn(lite, lite.ask, postgresql, postgresql.ask, pairs, runs)
        ratios[name] = compared(name, shown_hits(lite, questions[:5]), *sides)
    _extremes(ratios, 2)


PARTS: dict[str, Callable[[int], None]] = {"codes": codes, "counts": counts, "growth": growth, "sqlite": sqlite}

if __name__ == "__main__":
    main()
