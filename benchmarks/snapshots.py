"""One snapshot by API against a bare upsert of its rows: ``python -m benchmarks.snapshots``.

A real call through WSGI with a token, audit and all, against the same rows (of an order with another id) put into
the same tables by the driver alone: one prepared INSERT … ON CONFLICT DO UPDATE a table, in one transaction. In turn,
CPU of application and database. Writes into the database it is given: use one that may be thrown away.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from typing import Any

import orjson
import psycopg
import sqlalchemy as sa

from app import create_app, logs
from app.actions.tokens import make_token
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES, PLATFORM
from app.models import (
    License,
    Order,
    OrderEvent,
    OrderItem,
    OrderParameter,
    OrderRelation,
    RawSnapshot,
)
from app.tryout.generate import generate, store_names
from benchmarks.common import DEFAULT_URL, Cpu, Run, describe, line, p50, settle
from benchmarks.dataset import STORES
from benchmarks.pages import Bench
from config import load

TABLES: tuple[Any, ...] = (
    Order, OrderItem, License, OrderEvent, OrderParameter, OrderRelation, RawSnapshot,
)  # fmt: skip
WARM = 20
APART = 500_000_000
"""The rows by hand belong to orders with ids so much higher."""


class Upsert:
    """The rows of one order, bare."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.batches: list[tuple[str, list[tuple[Any, ...]]]] = []

    def take(self, order_id: int) -> int:
        """Read what is kept of the order, to write it again under another id; how many rows."""
        self.batches = []
        for model in TABLES:
            table = model.__table__
            owner = table.c.id if model is Order else table.c.order_id
            columns = [c for c in table.columns if model is Order or c.name != "id"]
            found = session.connection().execute(sa.select(*columns).where(owner == order_id)).mappings().all()
            rows = [tuple(_value(c, row[c.name], owner.name) for c in columns) for row in found]
            if rows:
                self.batches.append((_statement(table, columns), rows))
        session.rollback()
        return sum(len(rows) for _, rows in self.batches)

    def write(self) -> None:
        """All of it in one transaction and one round trip."""
        with self.driver.pipeline(), self.driver.cursor() as cursor:
            for statement, rows in self.batches:
                for row in rows:
                    cursor.execute(statement, row, prepare=True)
        self.driver.commit()


def _value(column: sa.Column[Any], value: Any, owner: str) -> Any:
    if column.name == owner:
        return value + APART
    if isinstance(column.type, sa.JSON) and value is not None:
        return orjson.dumps(value).decode()
    return value


def _statement(table: Any, columns: list[sa.Column[Any]]) -> str:
    names = [c.name for c in columns]
    key = ["order_id", "license_id"] if table.name == "license" else [c.name for c in table.primary_key]
    values = ", ".join("%s::json" if isinstance(c.type, sa.JSON) else "%s" for c in columns)
    sets = ", ".join(f"{name} = excluded.{name}" for name in names if name not in key)
    return (
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({values})"
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sets}"
    )


def main() -> None:
    """New orders, then the same orders changed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=150)
    options = parser.parse_args()
    url = os.environ.get("BENCH_DATABASE_URL", f"{DEFAULT_URL}_100k")
    settings = load(dict(os.environ, DATABASE_URL=url, PORTAL_ENV="test", PORTAL_DATA=tempfile.mkdtemp()))
    app = create_app(settings, pool_size=1)
    logs.configure("info").setStream(Bench.unread)  # as in production
    engine: sa.Engine = app.extensions["database"].engine
    print(describe(engine))
    driver = psycopg.connect(sa.engine.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
    with engine.connect() as connection:
        portal = Cpu(connection.scalar(sa.text("SELECT pg_backend_pid()")))
        first = connection.scalar(sa.text(f"SELECT max(id) FROM orders WHERE id < {APART}")) + 1
    hand, by_hand = Upsert(driver), Cpu(driver.info.backend_pid)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        token = make_token(session, f"bench {os.urandom(4).hex()}", store_names(STORES), actor=PLATFORM)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    client = app.test_client()
    bodies = [_renamed(raw, first + n) for n, raw in enumerate(generate(options.runs + WARM, stores=STORES, seed=7))]

    def post(raw: dict[str, Any]) -> None:
        answer = client.post("/api/v1/orders", data=orjson.dumps(raw), headers=headers)
        assert answer.json["results"][0]["result"] == "applied", answer.text

    settle()
    for change, name in ((0, "new order"), (1, "changed order")):
        ours: list[Run] = []
        theirs: list[Run] = []
        rows = 0
        for raw in bodies:
            raw["version"] += change
            raw["external_id"] = f"EXT-{change}"
            ours.append(portal.once(lambda raw=raw: post(raw)))  # type: ignore[misc]
            with app.app_context(), scope_as(ALL_STORES):
                rows += hand.take(raw["order_id"])
            theirs.append(by_hand.once(hand.write))
        ours, theirs = ours[WARM:], theirs[WARM:]
        print(line(f"{name}: by API", ours))
        print(line(f"{name}: bare upsert", theirs))
        print(f"  ratio p50 {p50(ours) / p50(theirs):.2f}; {rows / len(bodies):.1f} rows an order")


def _renamed(raw: dict[str, Any], order_id: int) -> dict[str, Any]:
    """The generated snapshot under an id that is free, without its family."""
    for item in raw["items"]:
        item.pop("subscription", None)
    return {**raw, "order_id": order_id, "refund": None}


if __name__ == "__main__":
    main()
