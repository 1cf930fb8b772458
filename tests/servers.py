"""Real servers for tests: a queue server, an SMTP server with faults, the app on a port. All on this machine only."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import redis
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask
from werkzeug.serving import make_server

from launch import queue_server

PG_BIN = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


class NoPostgresError(Exception):
    """There are no server programs on this machine."""


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], Any], seconds: float = 10, every: float = 0.02) -> Any:
    """Wait until the condition is true and give its value; fail the test when it does not come true in time."""
    end = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        if time.monotonic() > end:
            raise AssertionError(f"did not come true within {seconds} s: {condition}")
        time.sleep(every)


class QueueServer:
    """A queue server of one's own: stop it, kill it, freeze it, wipe it."""

    def __init__(self, folder: Path, *, keep: bool = False) -> None:
        self.folder = folder
        self.keep = keep
        self.process: subprocess.Popen[bytes] | None = None

    def url(self, database: int = 0) -> str:
        """Its address for ``REDIS_URL``."""
        return f"{queue_server.url(self.folder)}?db={database}"

    def client(self, database: int = 0) -> redis.Redis:
        """A client for looking and wiping."""
        return redis.Redis.from_url(self.url(database))

    def start(self) -> None:
        """Start and wait until it answers."""
        queue_server.prepare(self.folder)
        self.process = subprocess.Popen(
            queue_server.command(self.folder, keep=self.keep), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        assert queue_server.wait_until_it_answers(self.folder), "the queue server does not answer"

    def _end(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            self.process.wait(timeout=20)
            self.process = None

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """``kill -9``. Without ``keep`` whatever it held is gone."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Hang: connections are accepted by the kernel and never answered."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after ``freeze``."""
        assert self.process
        self.process.send_signal(signal.SIGCONT)

    def wipe(self) -> None:
        """Lose everything while running."""
        self.client().flushall()


class PostgresServer:
    """A PostgreSQL of one's own: restart it as after a power cut, freeze it. NoPostgresError where there is none."""

    def __init__(self, port: int) -> None:
        if PG_BIN is None:
            raise NoPostgresError("no PostgreSQL server programs in /usr/lib/postgresql")
        self.port, self.restarts = port, 0
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "-D", str(self.folder), "-A", "trust", "-U", "postgres", "--no-sync")
        self.start()

    @property
    def url(self) -> str:
        """Its address for ``DATABASE_URL``."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    def _run(self, program: str, *words: str) -> None:
        command = [str(PG_BIN / program), *words]  # type: ignore[operator]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/tmp")

    def start(self) -> None:
        """Start and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='{self.folder}'"
        self._run("pg_ctl", "-D", str(self.folder), "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def restart(self) -> None:
        """Ends as after a power cut, and comes back."""
        self._run("pg_ctl", "-D", str(self.folder), "-m", "immediate", "-w", "stop")
        self.start()
        self.restarts += 1

    def _signal(self, number: int) -> None:
        first = int((self.folder / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        for pid in (first, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def freeze(self) -> None:
        """Hang: connections stand, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after ``freeze``."""
        self._signal(signal.SIGCONT)

    def end(self) -> None:
        """Gone, with its files."""
        with contextlib.suppress(OSError):
            self.thaw()
        self._run("pg_ctl", "-D", str(self.folder), "-m", "immediate", "-w", "stop")
        remove(self.folder)


@dataclass
class SmtpServer:
    """An SMTP server that keeps what it takes, and fails on demand.

    ``faults`` holds what happens to the next messages, one each; ``fault`` to all others (None: taken):

    - ``"451 Try later"``: this reply after DATA; ``"rcpt:550 No such user"``, ``"mail:421 …"``: after that command
    - ``"hang"``: no answer after DATA until ``release()``; ``"lost"``: the connection breaks, the mail is not taken
    - ``"taken_then_lost"``: the mail is taken and the connection breaks before we hear of it
    """

    fault: str | None = None
    faults: deque[str | None] = field(default_factory=deque)
    taken: list[Envelope] = field(default_factory=list)
    tried: int = 0
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    port: int = 0
    _loop: asyncio.AbstractEventLoop | None = None
    _ended: asyncio.Event | None = None
    _released: threading.Event = field(default_factory=threading.Event)
    _current: str | None = None

    @property
    def url(self) -> str:
        """Its address for ``MAIL_URL``."""
        return f"{'smtps' if self.implicit_tls else 'smtp'}://127.0.0.1:{self.port}"

    @property
    def messages(self) -> list[EmailMessage]:
        """The mails taken so far, oldest first."""
        return [email.message_from_bytes(e.content or b"", policy=email.policy.default) for e in list(self.taken)]  # type: ignore[arg-type, misc]

    def wait(self, count: int = 1, seconds: float = 10) -> list[EmailMessage]:
        """Wait until so many mails were taken."""
        wait_for(lambda: len(self.taken) >= count, seconds)
        return self.messages

    def release(self) -> None:
        """Let hanging connections go on: they break."""
        self._released.set()

    def clear(self) -> None:
        """Forget mails and faults."""
        self.taken.clear()
        self.faults.clear()
        self.fault = None
        self.tried = 0
        self._released = threading.Event()

    def start(self) -> None:
        """Listen on a free port of this machine."""
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(10)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        tls = {} if self.implicit_tls else {"tls_context": self.tls}
        server = await self._loop.create_server(
            lambda: SMTP(self, timeout=60, enable_SMTPUTF8=True, hostname="localhost", **tls),
            "127.0.0.1",
            0,
            ssl=self.tls if self.implicit_tls else None,
        )
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._ended.wait()
        server.close()

    def stop(self) -> None:
        """Close."""
        self._released.set()
        if self._loop is not None and self._ended is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(10)

    # --- what aiosmtpd calls -------------------------------------------------------------------------------------

    async def handle_MAIL(self, _s: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]):
        self.tried += 1
        self._current = self.faults.popleft() if self.faults else self.fault
        if self._current and self._current.startswith("mail:"):
            return self._current[5:]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, _s: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]):
        if self._current and self._current.startswith("rcpt:"):
            return self._current[5:]
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        fault = self._current
        if fault in (None, "taken_then_lost"):
            self.taken.append(envelope)
        if fault == "hang":
            while not self._released.is_set():
                await asyncio.sleep(0.02)
        if fault in ("hang", "lost", "taken_then_lost"):
            assert server.transport
            server.transport.abort()
            return "421 Gone"
        return fault or "250 Taken"


@dataclass
class LiveApp:
    """The test's app on a port, in threads of this process: browsers and HTTP clients can reach it."""

    app: Flask
    port: int = 0
    _server: Any = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Its address without a slash at the end."""
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        """Listen on a free port."""
        self._server = make_server("127.0.0.1", 0, self.app, threaded=True)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop and wait for requests under way."""
        self._server.shutdown()
        self._server.server_close()
        assert self._thread
        self._thread.join(10)


def short_folder() -> Path:
    """A folder with a path short enough for a unix socket; the caller removes it."""
    return Path(tempfile.mkdtemp(prefix="q-"))


def remove(folder: Path) -> None:
    """Remove a folder."""
    shutil.rmtree(folder, ignore_errors=True)
