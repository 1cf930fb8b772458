"""The processes that ``run.py`` starts, for commands that measure or kill them; and a database of one's own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import requests
import sqlalchemy as sa

from tests.servers import PostgresServer
from tests.standins.noventiq import PASSWORD, USERNAME

ROOT = Path(__file__).resolve().parents[1]


class Database:
    """Where the portal keeps its rows: a file, or a PostgreSQL server of our own that can be restarted."""

    def __init__(self, kind: str, folder: Path, port: int) -> None:
        self.kind = kind
        self.server = PostgresServer(port) if kind == "postgresql" else None
        self.url = self.server.url if self.server else f"sqlite:///{folder / 'data' / 'portal.sqlite3'}"

    @property
    def restarts(self) -> int:
        """How often it ended as after a power cut."""
        return self.server.restarts if self.server else 0

    def restart(self) -> None:
        """As after a power cut; a file cannot."""
        if self.server:
            self.server.restart()

    def rows(self, text: str) -> list[tuple]:
        """Ask, outside of the portal."""
        engine = sa.create_engine(self.url, poolclass=sa.pool.NullPool)
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(text))]

    def end(self) -> None:
        """A server ends and is gone; a file stays in its folder."""
        if self.server:
            self.server.end()


class Portal:
    """``run.py`` on its own data folder, and a view of the processes under it."""

    def __init__(self, folder: Path, port: int, database: Database, log: Path, **environ: str) -> None:
        """``environ``: settings of this run; without PLATFORM_URL the portal decides itself."""
        self.folder, self.port = folder, port
        self.url = f"http://127.0.0.1:{port}"
        self.environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("REDIS_", "MAIL_", "PLATFORM_", "QUEUE_"))},
            "PORTAL_ENV": "tryout", "PORTAL_DATA": str(folder), "DATABASE_URL": database.url, "BASE_URL": self.url,
            "PLATFORM_USERNAME": USERNAME, "PLATFORM_PASSWORD": PASSWORD, "SESSION_IDLE_MINUTES": "600", **environ,
        }  # fmt: skip
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "run.py", "--no-demo", "--port", str(self.port), "--data", str(self.folder)]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environ, stdout=output, stderr=output)
        end = time.monotonic() + 180
        while time.monotonic() < end:
            try:
                if requests.get(f"{self.url}/readyz", timeout=3).status_code == 200:
                    return
            except requests.RequestException:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.3)
        raise SystemExit(f"run.py did not get ready:\n{self.log.read_text()}")

    def portal(self, *words: str, given: str = "") -> None:
        command = [sys.executable, "-m", "flask", "--app", "app", "portal", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environ, input=given, text=True, capture_output=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"portal {' '.join(words)}: {done.stdout}{done.stderr}")

    def processes(self) -> Iterator[tuple[int, str]]:
        """(pid, what it is) of everything run.py started, of their children, and of work-horses they left behind."""
        try:
            started = json.loads((self.folder / "logs" / "processes.json").read_text())
        except (OSError, ValueError):
            started = {}
        for name, pid in started.items():
            kind = "worker" if name.startswith("worker-") else name.replace("-", " ")
            if Path(f"/proc/{pid}").exists():
                yield pid, kind
            for child in children(pid):
                yield child, {"worker": "horse", "web": "web worker"}.get(kind, kind)
        yield from self.left_behind(orphans_only=True)

    def left_behind(self, *, orphans_only: bool) -> Iterator[tuple[int, str]]:
        """Processes that carry our data folder's mark and have lost their parent (or all of them)."""
        mark = f"PORTAL_DATA={self.folder}".encode()
        ours = {os.getpid(), self.process.pid if self.process else 0}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) in ours:
                continue
            try:
                marked = mark in (entry / "environ").read_bytes()
            except OSError:
                continue
            if marked and (not orphans_only or parent(int(entry.name)) == 1):
                yield int(entry.name), "horse"

    def pids(self, kind: str) -> list[int]:
        """The processes of a kind: ``worker``, ``horse``, ``web``, ``queue server`` …"""
        return [pid for pid, name in self.processes() if name == kind]

    def cpu(self) -> dict[str, float]:
        """Seconds of CPU so far by kind of process, what it has started and waited for included."""
        used: dict[str, float] = {}
        for pid, kind in self.processes():
            with contextlib.suppress(OSError):
                ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
                used[kind] = used.get(kind, 0.0) + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
        return used

    def kill_all(self) -> None:
        """Whatever is still there, at once."""
        if self.process and self.process.poll() is None:
            self.process.kill()
        for pid, _ in [*self.processes(), *self.left_behind(orphans_only=False)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def end(self) -> float:
        """SIGTERM; how long the end took."""
        began = time.monotonic()
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(150)
        return time.monotonic() - began


def children(pid: int) -> list[int]:
    """What the process has started and not left."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def parent(pid: int) -> int:
    """Who started it; 1 for an orphan, 0 for nobody."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return 0
