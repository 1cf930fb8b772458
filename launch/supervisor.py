"""Start processes in order, keep them running, end them in the opposite order, leave none behind.

Every child runs in a session of its own (a Ctrl-C in the terminal reaches only us), gets SIGTERM from the kernel when
we die in whatever way, and carries a mark in its environment by which it and all its descendants are found.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from launch import ROOT, LaunchError

MARK = "ESUPPORT_RUN"
KEEP_ENVIRON = {"SPT_NOENV": "1"}  # setproctitle (gunicorn, RQ) must not write over the mark
LOG_MAX = 8 * 1024 * 1024  # bytes; a longer log is set aside at the next start
PR_SET_PDEATHSIG = 1
FIRST_DELAY, LONGEST_DELAY = 0.2, 10.0  # seconds between death and restart, doubled by each death soon after a start
SOON = 10.0  # seconds
TRIES_BEFORE_READY = 3
_libc = ctypes.CDLL(None, use_errno=True)


def say(text: str = "") -> None:
    """Print; a terminal that is gone must not end the processes."""
    with contextlib.suppress(OSError, ValueError):
        print(text, flush=True)


@dataclass
class Service:
    """A process to keep running. ``order`` groups what is ended together: higher numbers end first."""

    name: str
    command: Callable[[], Sequence[str]]
    order: int
    ready: Callable[[], bool] | None = None
    ready_seconds: float = 30
    stop_seconds: float = 20
    before: Callable[[], None] | None = None
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restart_at: float | None = None
    delay: float = FIRST_DELAY
    deaths: int = 0


@dataclass
class Supervisor:
    """Runs services until told to stop."""

    services: list[Service]
    logs: Path
    environ: Mapping[str, str]
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    stopping: bool = False
    _signals: int = 0
    _wake: tuple[int, int] = (-1, -1)

    def run(self, on_ready: Callable[[], None]) -> int:
        """Start all, call ``on_ready``, watch until SIGINT, SIGTERM or SIGHUP, end all. The exit code."""
        self._listen()
        try:
            for service in self.services:
                self._start_and_wait(service)
                if self.stopping:
                    break
            else:
                on_ready()
            while not self.stopping:
                self._watch()
        finally:
            self._stop_all()
        return 0

    # --- signals -------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._told_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _told_to_stop(self, _number: int, _frame: object) -> None:
        self.stopping = True
        self._signals += 1

    def _sleep(self, seconds: float) -> None:
        """Sleep, but wake for a signal or the death of a child."""
        if select.select([self._wake[0]], [], [], max(0.0, seconds))[0]:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake[0], 4096)

    # --- starting and watching -----------------------------------------------------------------------------------

    def _start(self, service: Service) -> None:
        if service.before:
            service.before()
        log = self.logs / f"{service.name}.log"
        with log.open("ab") as output:
            service.process = subprocess.Popen(
                list(service.command()),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**self.environ, MARK: self.run_id, **KEEP_ENVIRON},
                start_new_session=True,
                preexec_fn=_end_with_parent(os.getpid()),  # noqa: PLW1509 - we have one thread
            )
        service.started = time.monotonic()
        service.restart_at = None
        self._note_processes()

    def _note_processes(self) -> None:
        """Say who is who, for people and tools: names and process ids as JSON beside the logs."""
        running = {s.name: s.process.pid for s in self.services if s.process is not None}
        part = self.logs / ".processes.part"
        part.write_text(json.dumps(running, indent=1))
        part.replace(self.logs / "processes.json")

    def _start_and_wait(self, service: Service) -> None:
        set_aside(self.logs / f"{service.name}.log")
        for _ in range(TRIES_BEFORE_READY):
            self._start(service)
            if service.ready is None or self._wait_until_ready(service) or self.stopping:
                return
            self._end([service], 5)
        raise LaunchError(
            f"{service.name} does not start; the end of {self.logs / (service.name + '.log')} says:\n"
            f"{tail(self.logs / (service.name + '.log'))}"
        )

    def _wait_until_ready(self, service: Service) -> bool:
        assert service.process
        assert service.ready
        end = time.monotonic() + service.ready_seconds
        while time.monotonic() < end and not self.stopping:
            if service.process.poll() is not None:
                return False
            if service.ready():
                return True
            self._sleep(0.05)
        return False

    def _watch(self) -> None:
        now = time.monotonic()
        for service in self.services:
            if service.restart_at is not None:
                if now >= service.restart_at:
                    try:
                        self._start(service)
                    except OSError as error:
                        self._restart_later(service, f"cannot start: {error.strerror}")
            elif service.process is None or service.process.poll() is not None:
                code = service.process.returncode if service.process else None
                self._restart_later(service, f"ended with {_why(code)}")
        waits = [s.restart_at - time.monotonic() for s in self.services if s.restart_at is not None]
        self._sleep(min([1.0, *waits]))

    def _restart_later(self, service: Service, what: str) -> None:
        lived = time.monotonic() - service.started
        service.delay = FIRST_DELAY if lived > SOON else min(service.delay * 2, LONGEST_DELAY)
        service.deaths += 1
        service.restart_at = time.monotonic() + service.delay
        say(f"{service.name} {what}; starting it again in {service.delay:.1f} s")

    # --- ending --------------------------------------------------------------------------------------------------

    def _stop_all(self) -> None:
        self.stopping = True
        running = [s for s in self.services if s.process is not None and s.process.poll() is None]
        if running:
            say("Ending … (once more Ctrl-C ends at once)")
        for order in sorted({s.order for s in running}, reverse=True):
            group = [s for s in running if s.order == order]
            self._end(group, max(s.stop_seconds for s in group))
        kill_marked(self.run_id)

    def _end(self, group: Sequence[Service], seconds: float) -> None:
        """SIGTERM, wait, then SIGKILL; at once for this and every further group when a second signal came."""
        for service in group:
            _send(service, signal.SIGTERM)
        end = time.monotonic() + seconds
        while any(s.process and s.process.poll() is None for s in group):
            if time.monotonic() > end or self._signals > 1:
                for service in group:
                    _send(service, signal.SIGKILL)
            self._sleep(0.05)


def _send(service: Service, number: int) -> None:
    if service.process is not None and service.process.poll() is None:
        service.process.send_signal(number)


def _why(code: int | None) -> str:
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


def _end_with_parent(parent: int) -> Callable[[], None]:
    """Runs in the child before it becomes its program: the kernel sends it SIGTERM when the parent dies."""

    def ask() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    return ask


def marked(run_id: str) -> list[int]:
    """Processes of ours that carry the mark of that run, descendants of descendants included."""
    wanted = f"{MARK}={run_id}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def kill_marked(run_id: str, *, grace: float = 0.0) -> None:
    """End what is left of a run: after ``grace`` seconds in which it may end by itself, with SIGKILL."""
    end = time.monotonic() + grace
    while (left := marked(run_id)) and time.monotonic() < end:
        time.sleep(0.1)
    for _ in range(50):
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
        left = marked(run_id)


def set_aside(log: Path) -> None:
    """Keep logs from growing for ever: a long one is renamed, the one before is dropped."""
    with contextlib.suppress(OSError):
        if log.stat().st_size > LOG_MAX:
            log.replace(log.with_suffix(".log.1"))


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(there is no log)"


if sys.platform != "linux":
    raise LaunchError("The try-out runs on Linux; elsewhere use the Dockerfile.")
