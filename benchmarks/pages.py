"""The list of orders against the same page written by hand, behind the same sign-in: ``python -m benchmarks.pages``.

Needs the database of ``benchmarks.dataset``. Both pages are asked for in turn (A B A B …) in this process through
WSGI, so that whatever else the machine does falls on both; what is compared is CPU, application plus database.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import Flask

from app import create_app, logs
from app.db import scope_as
from app.domain.access import ALL_STORES
from app.models import Order, Person, StoreGrant
from benchmarks.common import Cpu, Run, database_url, describe, line, p50, p99, settle
from benchmarks.dataset import PERSON
from benchmarks.handwritten import blueprint
from config import load
from tests.factories import Make
from tests.statements import counted


class Bench:
    """An app with the handwritten page beside the real one, and a person signed in."""

    unread = Path(os.devnull).open("w")  # noqa: SIM115 - as long as the process

    def __init__(self) -> None:
        url = database_url()
        environ = dict(os.environ, DATABASE_URL=url, PORTAL_ENV="test", PORTAL_DATA=tempfile.mkdtemp())
        self.app: Flask = create_app(load(environ), **({} if url.startswith("sqlite") else {"pool_size": 1}))
        logs.configure("info").setStream(self.unread)  # as in production
        self.app.register_blueprint(blueprint)
        self.engine: sa.Engine = self.app.extensions["database"].engine
        with self.app.app_context(), scope_as(ALL_STORES):
            session = self.app.extensions["database"].session()
            self.person = session.scalar(sa.select(Person.id).where(Person.email == PERSON))
            stores = sa.select(StoreGrant.store_id).where(StoreGrant.user_id == self.person)
            mine = sa.select(Order).where(Order.store_id.in_(stores))
            newest = session.scalars(mine.order_by(Order.created_at.desc()).limit(3000)).all()
            repeated = [o for o in newest if o.email_key]
            self.emails = [o.email or "" for o in repeated[::40]]
            self.keys = [o.email_key or "" for o in repeated[::40]]
        self.client = Make(self.app).signed_in(self.person)
        self.backend: int | None = None
        if self.engine.dialect.name == "postgresql":
            with self.engine.connect() as connection:
                self.backend = connection.scalar(sa.text("SELECT pg_backend_pid()"))
        self.cpu = Cpu(self.backend)

    def get(self, path: str) -> Callable[[], object]:
        """A function that asks for the page and checks that it came."""

        def ask() -> None:
            answer = self.client.get(path)
            assert answer.status_code == 200, (path, answer.status_code)

        return ask

    def search(self, **fields: str) -> str:
        """Store a search as the form does; the address of its results."""
        token = self.client.get("/orders/").text.split('name="csrf_token"', 1)[1].split('value="', 1)[1].split('"')[0]
        answer = self.client.post("/orders/search", data={"csrf_token": token, **fields})
        assert answer.status_code == 303, answer.status_code
        return answer.headers["Location"]

    def statements(self, path: str) -> int:
        """How many statements a page takes, sign-in included."""
        with counted(self.engine) as seen:
            self.get(path)()
        return len(seen)

    def pair(self, ours: Callable[[], object], theirs: Callable[[], object], runs: int) -> tuple[list[Run], list[Run]]:
        """Costs of both, asked for in turn."""
        for _ in range(8):
            ours()
            theirs()
        a, b = [], []
        for _ in range(runs):
            a.append(self.cpu.once(ours))
            b.append(self.cpu.once(theirs))
        return a, b


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--long", type=int, default=500, help="pages of the run that looks at p99/p50 and memory")
    options = parser.parse_args()
    bench = Bench()
    print(describe(bench.engine))
    settle()
    by_email = bench.search(email=bench.emails[0])
    shapes = {
        "first page": ("/orders/", "/bench/handwritten"),
        "status = paid": ("/orders/?status=paid", "/bench/handwritten?by=status&value=paid"),
        "email": (by_email, "/bench/handwritten?" + urlencode({"by": "email", "value": bench.keys[0]})),
    }
    for name, (ours, theirs) in shapes.items():
        a, b = bench.pair(bench.get(ours), bench.get(theirs), options.runs)
        print(line(f"{name}: portal", a))
        print(line(f"{name}: by hand", b))
        print(
            f"  ratio p50 {p50(a) / p50(b):.2f}, ratio p99 {p99(a) / p99(b):.2f}, statements {bench.statements(ours)}"
        )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    runs = bench.cpu.of(bench.get("/orders/"), options.long)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(line(f"{options.long} pages", runs))
    print(f"  p99 / p50 {p99(runs) / p50(runs):.2f}; peak memory {before / 1024:.0f} -> {after / 1024:.0f} MB")


if __name__ == "__main__":
    main()
