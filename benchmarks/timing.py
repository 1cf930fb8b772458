"""Does the time of an answer tell what exists? ``python -m benchmarks.timing``

Another store's order, document, person or team against one that does not exist; signing in and asking for a new
password with a known against an unknown name. 200 calls of each in turns, in this process through WSGI, on SQLite or
``--database``. Medians must lie within 5 % or 2 ms of each other, by CPU of the application or by the clock.
Exits 1 when a pair does not.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app import create_app, logs, schema
from app.actions.credentials import put_password
from app.actions.tokens import make_token
from app.db import Database, scope_as, session, transaction
from app.domain.access import ALL_STORES, PLATFORM
from app.models import Person, RateHit
from app.security.sync import sync_roles
from config import load
from tests.factories import Browser, Make
from tests.isolation.world import OWN, World, build

MISSING = 987_654_321
PASSWORD = "a long way to the sea"
SHARE, MILLISECONDS = 0.05, 2.0
Call = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two calls that must take as long: what exists (elsewhere) and what does not."""

    name: str
    there: Call
    missing: Call


@dataclass(frozen=True, slots=True)
class Times:
    """Medians in milliseconds."""

    cpu: tuple[float, float]
    clock: tuple[float, float]

    @property
    def alike(self) -> bool:
        """Within the bounds, by either measure?"""
        return _near(*self.cpu) or _near(*self.clock)


def _near(one: float, two: float) -> bool:
    return abs(one - two) <= max(MILLISECONDS, SHARE * max(one, two))


def measure(pair: Pair, calls: int) -> Times:
    """Both calls in turns, in random order, after ten of each to get warm."""
    found: dict[Call, list[tuple[float, float]]] = {pair.there: [], pair.missing: []}
    statuses: dict[Call, set[int]] = {pair.there: set(), pair.missing: set()}
    order = random.Random(1)
    for number in range(calls + 10):
        both = [pair.there, pair.missing]
        order.shuffle(both)
        for call in both:
            cpu, clock = time.process_time(), time.perf_counter()
            answer = call()
            spent = (time.process_time() - cpu) * 1000, (time.perf_counter() - clock) * 1000
            statuses[call].add(answer.status_code)
            if number >= 10:
                found[call].append(spent)
    if statuses[pair.there] != statuses[pair.missing] or len(statuses[pair.there]) != 1:
        raise SystemExit(f"{pair.name}: answers differ, {statuses[pair.there]} and {statuses[pair.missing]}")
    cpu, clock = ([statistics.median(s[i] for s in found[call]) for call in found] for i in (0, 1))
    return Times((cpu[0], cpu[1]), (clock[0], clock[1]))


class Stage:
    """The portal with two stores and people in it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.app = create_app(load({
            "PORTAL_ENV": "test", "PORTAL_DATA": str(folder), "DATABASE_URL": url, "BASE_URL": "http://localhost",
            "SECRET_KEY": "a key of the clock that is long enough",
        }))  # fmt: skip
        database: Database = self.app.extensions["database"]
        schema.upgrade(database.engine)
        with self.app.app_context():
            sync_roles()
        self.world: World = build(self.app, Make(self.app))
        with self.app.app_context(), scope_as(ALL_STORES), transaction():
            self.token = make_token(session, "clock", [OWN], actor=PLATFORM)
            put_password(session.scalars(sa.select(Person).where(Person.email == "nobody@own.example")).one(), PASSWORD)

    def get(self, who: str, path: str) -> Call:
        """A page, as somebody."""
        return lambda: self.world.people[who].get(path)

    def post(self, who: str, path: str, **form: str) -> Call:
        """A form, as somebody."""
        browser = self.world.people[who]
        assert isinstance(browser, Browser)
        data = {"csrf_token": browser.csrf(), "request_token": "t" * 32, **form}
        return lambda: browser.post(path, data=data)

    def visitor(self, path: str, **form: str) -> Call:
        """A visitor's form; earlier tries are forgotten, so that no limit answers in the view's place."""
        browser = Browser(self.app)
        data = {"csrf_token": browser.csrf(), **form}

        def call() -> Any:
            with self.app.app_context(), transaction():
                session.execute(sa.delete(RateHit))
            return browser.post(path, data=data)

        return call

    def api(self, order_id: int) -> Call:
        """An order by the API."""
        browser, headers = Browser(self.app), {"Authorization": f"Bearer {self.token}"}
        return lambda: browser.get(f"/api/v1/orders/{order_id}", headers=headers)

    def pairs(self) -> Iterator[Pair]:
        """Everything that is compared."""
        foreign = self.world.foreign
        for name, path in (
            ("order", "/orders/{}"), ("blocks of an order", "/orders/{}/blocks"),
            ("document", "/orders/{}/documents/doc"), ("state of actions", "/orders/{}/actions"),
        ):  # fmt: skip
            who = "specialist"
            yield Pair(name, self.get(who, path.format(foreign.order_id)), self.get(who, path.format(MISSING)))
        for verb, form in (("refund", {"reason": "because"}), ("licenses/1/resend", {})):
            paths = (f"/orders/{order_id}/{verb}" for order_id in (foreign.order_id, MISSING))
            yield Pair(f"POST {verb}", *(self.post("specialist", path, **form) for path in paths))
        yield Pair("order by the API", self.api(foreign.order_id), self.api(MISSING))
        yield Pair("person", self.get("lead", f"/people/{foreign.person_id}"), self.get("lead", f"/people/{MISSING}"))
        known, unknown = "nobody@own.example", "somebody@own.example"
        signs = (self.visitor("/login/", username=name, password="not this one at all") for name in (known, unknown))
        yield Pair("sign-in, known and unknown name", *signs)
        asks = (self.visitor("/forgot-password", username=name) for name in (known, unknown))
        yield Pair("forgotten password, known and unknown", *asks)


@contextlib.contextmanager
def _database(url: str | None, folder: Path) -> Iterator[str]:
    """The address given, or a new SQLite file. A server gets a database of its own, dropped afterwards."""
    if url is None:
        yield f"sqlite:///{folder / 'clock.sqlite3'}"
        return
    server = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    name = f"portal_clock_{random.SystemRandom().randrange(10**9)}"
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    try:
        yield sa.engine.make_url(url).set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--database", help="a PostgreSQL server's address; default: SQLite")
    given = parser.parse_args()
    logs.configure("critical")
    apart = []
    with tempfile.TemporaryDirectory() as folder, _database(given.database, Path(folder)) as url:
        stage = Stage(url, Path(folder))
        print(f"{given.calls} calls of each, medians in ms: there / missing")
        for pair in stage.pairs():
            times = measure(pair, given.calls)
            told = "  ".join(f"{name} {a:7.2f} / {b:7.2f}" for name, (a, b) in
                             (("CPU", times.cpu), ("clock", times.clock)))  # fmt: skip
            print(f"{pair.name:40} {told}  {'alike' if times.alike else 'APART'}", flush=True)
            if not times.alike:
                apart.append(pair.name)
        database: Database = stage.app.extensions["database"]
        database.engine.dispose()
    print(f"apart: {', '.join(apart) or 'none'}")
    return 1 if apart else 0


if __name__ == "__main__":
    raise SystemExit(main())
