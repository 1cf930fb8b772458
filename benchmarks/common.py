"""What every benchmark shares: where it ran, how CPU is counted, how figures are printed.

CPU is what counts: application (this process) plus database (its backend process on this machine, read from
/proc/PID/schedstat; PostgreSQL must run here). Wall time on a shared machine says little.
"""

from __future__ import annotations

import gc
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

DEFAULT_URL = "postgresql+psycopg://postgres@127.0.0.1:5432/portal_bench"
Run = tuple[float, float, float]
"""CPU of the application, CPU of the database, wall time; milliseconds."""


def database_url() -> str:
    """``BENCH_DATABASE_URL`` or the local server's ``portal_bench``."""
    return os.environ.get("BENCH_DATABASE_URL", DEFAULT_URL)


def commit() -> str:
    """What was measured: the commit, and ``+`` where files differ from it."""
    words = ["git", "describe", "--always", "--exclude=*", "--dirty=+"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip() or "?"


def describe(engine: sa.Engine) -> str:
    """Machine, versions, commit and row counts, for the head of every report."""
    postgresql = engine.dialect.name == "postgresql"
    with engine.connect() as connection:
        version = connection.scalar(sa.text("SHOW server_version" if postgresql else "SELECT sqlite_version()"))
        counts = {
            table: connection.scalar(sa.text(f"SELECT count(*) FROM {table}"))
            for table in ("orders", "order_item", "license", "order_event", "store")
        }
    rows = ", ".join(f"{count:,} {table}" for table, count in counts.items())
    return (
        f"{engine.dialect.name} {version}, Python {platform.python_version()}, {os.cpu_count()} cores,"
        f" load {os.getloadavg()[0]:.1f}, commit {commit()}\n{rows}"
    )


class Cpu:
    """CPU milliseconds of this process and of one database backend."""

    def __init__(self, backend: int | None) -> None:
        self.file = Path(f"/proc/{backend}/schedstat") if backend else None

    def read(self) -> tuple[float, float]:
        """(application, database), cumulated."""
        database = int(self.file.read_text().split()[0]) / 1e6 if self.file else 0.0
        return time.process_time() * 1000, database

    def of(self, function: Callable[[], object], runs: int, *, warm: int = 5) -> list[Run]:
        """The cost of each run, after some uncounted ones."""
        for _ in range(warm):
            function()
        return [self.once(function) for _ in range(runs)]

    def once(self, function: Callable[[], object]) -> Run:
        """The cost of one run."""
        app, database = self.read()
        begin = time.perf_counter()
        function()
        wall = (time.perf_counter() - begin) * 1000
        app2, database2 = self.read()
        return app2 - app, database2 - database, wall


def cpu(runs: list[Run]) -> list[float]:
    """Application plus database CPU of each run, ms."""
    return [app + database for app, database, _ in runs]


def quantile(values: list[float], share: float) -> float:
    """The value below which ``share`` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def p50(runs: list[Run]) -> float:
    """Median CPU, ms."""
    return statistics.median(cpu(runs))


def p99(runs: list[Run]) -> float:
    """p99 of CPU, ms."""
    return quantile(cpu(runs), 0.99)


def line(name: str, runs: list[Run]) -> str:
    """One line of a report."""
    app, database = (statistics.median(r[n] for r in runs) for n in (0, 1))
    return (
        f"{name:<40} cpu p50 {p50(runs):7.2f}  p99 {p99(runs):7.2f}  min {min(cpu(runs)):7.2f} ms"
        f"  (app {app:6.2f}, db {database:6.2f})  n={len(runs)}"
    )


def settle() -> None:
    """As the web server does after start-up: what lives for ever is not looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
