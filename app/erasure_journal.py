"""The journal of erasures, outside the database: which orders' customers must stay forgotten after a restore.

Each line holds a keyed hash of an order id and a moment, nothing else. A line is on disk before the erasure is
committed; ``flask portal erase --replay`` reads it back and erases again whatever a backup brought to life.
"""

from __future__ import annotations

import datetime as dt
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
    key = hashlib.sha256(b"erasure journal\0" + settings().secret_key.encode()).digest()
    return hmac.new(key, str(order_id).encode(), hashlib.sha256).hexdigest()


def write_pending(session: Session) -> None:
    """Note the erasures of the transaction that is about to commit. Raises OSError when that cannot be done:
    then the erasure does not happen either, and is asked for again."""
    order_ids = session.info.pop("erased_orders", None)
    if not order_ids:
        return
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    lines = "".join(json.dumps({"at": now, "order": order_hash(order_id)}) + "\n" for order_id in order_ids)
    path = journal_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        os.write(handle, lines.encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def read_hashes(paths: Iterable[Path]) -> set[str]:
    """Every order hash in these journals; half-written last lines are skipped."""
    return {found for path in paths for found in _lines(path)}


def _lines(path: Path) -> Iterator[str]:
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)["order"]
        except (ValueError, KeyError, TypeError):
            current_app.logger.warning("erasure_journal.bad_line")


def init_app(app: Flask) -> None:
    """Have every transaction note its erasures."""
    app.extensions.setdefault("before_commit", []).append(write_pending)
