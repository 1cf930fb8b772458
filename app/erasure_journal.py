"""The journal of erasures, outside the database: which orders' customers must stay forgotten after a restore.

Each line holds a keyed hash of an order id and a moment, nothing else. A line is on disk before the erasure is
committed; ``flask portal erase --replay`` reads it back and erases again whatever a backup brought to life.
"""

from __future__ import annotations

import datetime as dt
import errno
import functools
import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from flask import Flask, current_app
from sqlalchemy.orm import Session

from app.settings import settings


def journal_path() -> Path:
    """Where this host keeps its journal."""
    return settings().portal_data / "erasures.jsonl"


def order_hash(order_id: int) -> str:
    """The order in the journal: HMAC-SHA256 under a key derived from SECRET_KEY, so that ids cannot be guessed."""
    return hmac.new(_key(settings().secret_key), str(order_id).encode(), hashlib.sha256).hexdigest()


@functools.lru_cache(maxsize=1)
def _key(secret: str) -> bytes:
    return hashlib.sha256(b"erasure journal\0" + secret.encode()).digest()


def write_pending(session: Session) -> None:
    """Note the erasures of the transaction that is about to commit. Raises OSError when that cannot be done:
    then the erasure does not happen either, and is asked for again."""
    order_ids = session.info.pop("erased_orders", None)
    if not order_ids:
        return
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    lines = "".join(json.dumps({"at": now, "order": order_hash(order_id)}) + "\n" for order_id in order_ids).encode()
    path = journal_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_APPEND | os.O_CREAT | os.O_RDWR, 0o600)
    try:
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            lines = b"\n" + lines  # a line that was cut off must not take this one with it
        if os.write(handle, lines) != len(lines):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # a full disk takes the beginning without a word
        os.fsync(handle)
    finally:
        os.close(handle)


def read_hashes(paths: Iterable[Path]) -> set[str]:
    """Every order hash in these journals; half-written last lines are skipped."""
    return {found for path in paths for found in _lines(path)}


def _lines(path: Path) -> Iterator[str]:
    for line in filter(None, path.read_text(errors="replace").splitlines()):
        try:
            yield json.loads(line)["order"]
        except (ValueError, KeyError, TypeError):
            current_app.logger.warning("erasure_journal.bad_line")


def init_app(app: Flask) -> None:
    """Have every transaction note its erasures."""
    app.extensions.setdefault("before_commit", []).append(write_pending)
