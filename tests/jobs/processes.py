"""The real processes for tests: ``portal worker`` and ``portal sweeper`` with short times, on the test's database."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHORT = "call=1 job=3 lease=4 quarantine=1.5 backoff=0.2 cap=2 attempts=60 tick=0.2 rehint=1"


class Processes:
    """Starts the portal's processes and ends every one of them."""

    def __init__(self, **environ: str) -> None:
        self.environ = {
            **os.environ,
            "PORTAL_ENV": "test",
            "QUEUE_TIMING": SHORT,
            "PYTHONWARNINGS": "ignore",
            **environ,
        }
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start ``portal …`` in a process group of its own."""
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "app", "portal", *words],
            cwd=ROOT, env=self.environ, start_new_session=True,
        )  # fmt: skip
        self.started.append(process)
        return process

    def worker(self, queue: str) -> subprocess.Popen[bytes]:
        """A worker of the queue."""
        return self.start("worker", "--queue", queue)

    def sweeper(self) -> subprocess.Popen[bytes]:
        """A sweeper."""
        return self.start("sweeper")

    def end(self) -> None:
        """``kill -9`` for whatever is left, work-horses included."""
        for process in self.started:
            for pid in [*children(process.pid), process.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait(10)


def children(pid: int) -> list[int]:
    """The processes a process has forked: a worker's work-horse."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
