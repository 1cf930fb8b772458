"""Make the benchmark's database: ``python -m benchmarks.dataset 1000000`` (drops and recreates portal_bench).

Generates the snapshots to a file first, so that the time printed is the import's alone: the real command,
validation included.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

from app import create_app, schema
from app.db import make_engine, scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Person, Role, Store, StoreGrant
from app.security.sync import sync_roles
from app.tryout.generate import store_names
from benchmarks.common import database_url, describe
from config import load

PERSON = "bench@esupport.example"
STORES = 200


def main() -> None:
    """Build it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--file", type=Path, help="keep the snapshots here (made when missing)")
    options = parser.parse_args()
    url = database_url()
    environ = dict(os.environ, DATABASE_URL=url, PORTAL_ENV="test", PORTAL_DATA=tempfile.mkdtemp())
    _recreate(url)
    engine = make_engine(url)
    schema.upgrade(engine)
    app = create_app(load(environ))
    with app.app_context(), scope_as(ALL_STORES):
        sync_roles()
        _people()
    flask = [sys.executable, "-m", "flask", "--app", "app", "portal"]
    file = options.file or Path(tempfile.mkdtemp()) / "orders.jsonl"
    if not file.exists():
        begin = time.perf_counter()
        with file.open("wb") as out:
            subprocess.run([*flask, "generate", str(options.count)], check=True, stdout=out, env=environ)
        print(f"generated {options.count:,} snapshots in {time.perf_counter() - begin:.0f} s", flush=True)
    begin = time.perf_counter()
    subprocess.run([*flask, "import", str(file)], check=True, env=environ)
    seconds = time.perf_counter() - begin
    print(f"imported in {seconds:.0f} s: {options.count / seconds:,.0f} snapshots/s, validation included", flush=True)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE" if engine.dialect.name == "postgresql" else "ANALYZE"))
    print(describe(engine))


def _recreate(url: str) -> None:
    target = sa.engine.make_url(url)
    if target.get_backend_name() == "sqlite":
        for suffix in ("", "-wal", "-shm"):
            Path(f"{target.database}{suffix}").unlink(missing_ok=True)
        return
    server = sa.create_engine(target.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(sa.text(f'DROP DATABASE IF EXISTS "{target.database}" WITH (FORCE)'))
        connection.execute(sa.text(f'CREATE DATABASE "{target.database}"'))
    server.dispose()


def _people() -> None:
    """The stores, and a specialist who holds every fourth of them: 50 of 200."""
    with transaction():
        stores = [Store(name=name, currency="EUR") for name in store_names(STORES)]
        session.add_all(stores)
        person = Person(username=PERSON, email=PERSON, first_name="Bench", last_name="Mark", active=True)
        person.roles = list(session.scalars(sa.select(Role).where(Role.name == "Specialist")))
        session.add(person)
        session.flush()
        session.add_all(StoreGrant(user_id=person.id, store_id=store.id) for store in stores[::4])


if __name__ == "__main__":
    main()
