"""The try-out's mail inbox: an SMTP server on this machine that keeps every mail as a file and sends none.

``python -m launch.inbox FOLDER`` serves. The port is chosen once and kept in the folder, so that every process
of the portal finds it there (``config.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

PORT_FILE = "port"
KEPT = 2000  # mails; the oldest go first
LARGEST = 32 * 1024 * 1024  # bytes


def port(folder: Path) -> int | None:
    """The inbox's port; None when none was ever chosen."""
    try:
        return int((folder / PORT_FILE).read_text())
    except (OSError, ValueError):
        return None


def prepare(folder: Path) -> None:
    """Make the folder and choose the port: the one of last time while it is free."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for wanted in (port(folder), 0):
        if wanted is None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            (folder / PORT_FILE).write_text(str(probe.getsockname()[1]))
            return


def answers(folder: Path) -> bool:
    """Does it greet?"""
    number = port(folder)
    if number is None:
        return False
    try:
        with socket.create_connection(("127.0.0.1", number), timeout=1) as client:
            return client.recv(3) == b"220"
    except OSError:
        return False


class Keeper:
    """What aiosmtpd calls: keeps each mail as one ``.eml`` file, whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number = 0

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep a mail with its envelope as the first two headers."""
        self.number += 1
        name = f"{time.time_ns():020d}-{os.getpid()}-{self.number}.eml"
        envelope_lines = f"X-Envelope-From: {envelope.mail_from}\r\nX-Envelope-To: {', '.join(envelope.rcpt_tos)}\r\n"
        part = self.folder / f".{name}.part"
        try:
            with part.open("wb") as file:
                file.write(envelope_lines.encode() + envelope.content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.folder / name)
        except OSError as error:
            print(f"a mail could not be kept: {error.strerror}", file=sys.stderr)
            return "452 Requested action not taken: insufficient system storage"
        if self.number % 100 == 0:
            self.forget_oldest()
        return "250 OK"

    def forget_oldest(self) -> None:
        """Keep the folder at a size that a person can look through."""
        for old in sorted(self.folder.glob("*.eml"))[:-KEPT]:
            old.unlink(missing_ok=True)


async def serve(folder: Path, number: int) -> None:
    """Take mails until SIGTERM or SIGINT."""
    from aiosmtpd.smtp import SMTP

    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(wanted, ended.set)
    keeper = Keeper(folder)
    keeper.forget_oldest()
    for part in folder.glob(".*.part"):
        part.unlink()
    server = await loop.create_server(
        lambda: SMTP(keeper, enable_SMTPUTF8=True, data_size_limit=LARGEST, hostname="inbox.localhost"),
        "127.0.0.1",
        number,
        reuse_address=True,
    )
    await ended.wait()
    server.close()


def main() -> int:
    """Serve the folder given on the command line."""
    folder = Path(sys.argv[1])
    prepare(folder)
    number = port(folder)
    assert number is not None
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(folder, number))
    return 0


if __name__ == "__main__":
    sys.exit(main())
