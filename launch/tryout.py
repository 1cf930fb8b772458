"""A try-out: which processes run, with which settings, and what is printed."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import disk_usage
from typing import IO

from launch import ROOT, STARTED, LaunchError, inbox, queue_server
from launch.supervisor import Service, Supervisor, kill_marked, say

WORKERS = {"actions": 2, "mail": 1, "webhooks": 1}
"""Processes for each queue. Actions have two: one may wait ten seconds for a platform that hangs."""
# What ends together, later numbers first: web, sweeper, workers, inbox, queue server.
QUEUE_SERVER, INBOX, WORKER, SWEEPER, WEB = range(5)
LEAST_ROOM = 1024 * 1024  # bytes; with less left on the disk nothing can be prepared
WORKER_STOP_SECONDS = 90  # longer than a job may take: none is cut in half


def run(host: str, port: int, *, demo: bool) -> int:
    """Prepare the data folder, start everything, stay until told to end. Raises LaunchError."""
    from config import ConfigError, environment, load

    try:
        settings = load()
    except ConfigError as error:
        raise LaunchError(f"A setting is wrong: {error}.") from error
    data = settings.portal_data
    logs = data / "logs"
    try:
        for folder in (data, logs):
            folder.mkdir(parents=True, exist_ok=True)
        data.chmod(0o700)
    except OSError as error:
        raise LaunchError(f"The data folder {data} cannot be used: {error.strerror}.") from error
    with _only_one(data) as lock:
        _check_port(host, port)
        environ = {**os.environ, "PORTAL_DATA": str(data), "PYTHONUNBUFFERED": "1"}
        if not environment().get("BASE_URL"):
            environ["BASE_URL"] = address(host, port)
        services: list[Service] = []
        if settings.queue_embedded:
            services.append(_queue_service(data))
        if settings.inbox_local:
            services.append(_inbox_service(data))
        services += _portal_services(host, port)
        supervisor = Supervisor(services, logs, environ)
        _note_run(lock, supervisor.run_id)
        _prepare(environ, demo=demo, log=logs / "prepare.log")
        return supervisor.run(
            lambda: _announce(environ.get("BASE_URL") or settings.base_url, data, _accounts(data), settings.inbox_local)
        )


def address(host: str, port: int) -> str:
    """Where a browser on this machine finds it."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
    return f"http://{f'[{shown}]' if ':' in shown and not shown.startswith('[') else shown}:{port}"


# --- before anything starts ------------------------------------------------------------------------------------------


def _only_one(data: Path) -> IO[str]:
    """Hold the folder for this run alone, and end what a killed run left behind."""
    lock = (data / "run.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise LaunchError(f"Another run.py already uses the data folder {data}; end it, or choose another.") from error
    lock.seek(0)
    if before := lock.read().strip():
        kill_marked(before, grace=15)
    return lock


def _note_run(lock: IO[str], run_id: str) -> None:
    lock.seek(0)
    lock.truncate()
    lock.write(run_id)
    lock.flush()


def _check_port(host: str, port: int) -> None:
    try:
        family, kind, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
            probe.listen()
    except socket.gaierror as error:
        raise LaunchError(f"The host {host} is unknown: {error.strerror}.") from error
    except OSError as error:
        if error.errno == 98:
            raise LaunchError(f"Port {port} on {host} is taken; choose another with --port.") from error
        raise LaunchError(f"Cannot listen on port {port} of {host}: {error.strerror}.") from error


def _prepare(environ: dict[str, str], *, demo: bool, log: Path) -> None:
    """Migrate, sync roles, load demo data into an empty portal. Raises LaunchError."""
    say("Preparing the database …")
    command = [sys.executable, "-m", "app.tryout.prepare", *([] if demo else ["--no-demo"])]
    done = subprocess.run(
        command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    with contextlib.suppress(OSError):  # a full disk may be the very thing that went wrong
        log.write_text(done.stdout)
    said = done.stdout.splitlines()
    if done.returncode == 2:
        raise LaunchError("\n".join(said[-1:]))
    if done.returncode:
        if disk_usage(log.parent).free < LEAST_ROOM:
            raise LaunchError(f"The disk is full that holds {log.parent.parent}.")
        raise LaunchError(f"The database could not be prepared; the end of {log} says:\n" + "\n".join(said[-12:]))


def _accounts(data: Path) -> list[list[str]]:
    """Role, email and password of each demo account, as ``app/tryout/demo.py`` kept them; none without demo data."""
    try:
        return json.loads((data / "demo_accounts.json").read_text())
    except (OSError, ValueError):
        return []


# --- the processes ---------------------------------------------------------------------------------------------------


def _queue_service(data: Path) -> Service:
    folder = data / "queue"
    try:
        queue_server.binary()
        queue_server.prepare(folder)
    except (queue_server.NoQueueServerError, OSError) as error:
        raise LaunchError(f"{error}.") from error
    return Service(
        "queue-server",
        lambda: queue_server.command(folder),
        order=QUEUE_SERVER,
        ready=lambda: queue_server.answers(folder),
        before=lambda: queue_server.prepare(folder),
    )


def _inbox_service(data: Path) -> Service:
    return Service(
        "inbox",
        lambda: [sys.executable, "-m", "launch.inbox", str(data / "inbox")],
        order=INBOX,
        ready=lambda: inbox.answers(data / "inbox"),
        before=lambda: inbox.prepare(data / "inbox"),
    )


def _portal(*words: str) -> Callable[[], Sequence[str]]:
    return lambda: [sys.executable, "-m", "flask", "--app", "app", "portal", *words]


def _portal_services(host: str, port: int) -> list[Service]:
    bind = f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"
    web = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "app" / "gunicorn.py"), "--bind", bind]
    workers = [
        Service(
            f"worker-{queue}" if number == 1 else f"worker-{queue}-{number}",
            _portal("worker", "--queue", queue),
            order=WORKER,
            stop_seconds=WORKER_STOP_SECONDS,
        )
        for queue, processes in WORKERS.items()
        for number in range(1, processes + 1)
    ]
    ready = {"ready": lambda: _healthy(host, port), "ready_seconds": 60}
    return [  # the web server first: it is what somebody waits for
        Service("web", lambda: web, order=WEB, stop_seconds=40, **ready),
        *workers,
        Service("sweeper", _portal("sweeper"), order=SWEEPER),
    ]


def _healthy(host: str, port: int) -> bool:
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host.strip("[]"))
    connection = http.client.HTTPConnection(shown, port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _announce(url: str, data: Path, accounts: list[list[str]], inbox_local: bool) -> None:
    say()
    say(f"ESupport Portal: {url}/")
    if accounts:
        for account in accounts:
            say("  ".join(account))
    else:
        say("No demo accounts. Make the first account with:")
        say("  .venv/bin/flask --app app portal user EMAIL --first-name F --last-name L --role Admin --password-stdin")
    if inbox_local:
        say(f"Mail is not sent but kept: {data / 'inbox'}")
    say(f"Data and logs: {data}. Ready after {time.time() - float(os.environ[STARTED]):.0f} s; Ctrl-C ends everything.")
