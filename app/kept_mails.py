"""The mails that the try-out keeps as files (``launch/inbox.py``): who is erased, and what is old, goes from them too.

Without a mail server of its own to send to, the try-out's inbox is one more place that holds what was mailed
(domain.md 8). With a real mail server there is nothing here: what was sent is not ours any more.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

from flask import Flask
from sqlalchemy.orm import Session

from app.domain.retention import BODY_DAYS
from app.settings import settings

NAME = re.compile(r"([0-9]{20})-[0-9]{1,10}-[0-9]{1,10}\.eml")
"""The moment it was kept, in nanoseconds since 1970, and what makes it unique."""
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^>\r\n]{1,255}>)", re.I | re.M)
HEAD = 8192
"""Bytes of a file in which its headers are looked for."""


def folder() -> Path:
    """Where they lie."""
    return settings().portal_data / "inbox"


def drop_pending(session: Session) -> None:
    """Remove the mails that the transaction, which is about to commit, erases. Raises OSError when that cannot be
    done: then the erasure does not happen either, and is asked for again."""
    erased = {message_id.encode() for message_id in session.info.pop("erased_mails", ())}
    if not erased or not settings().inbox_local or not folder().is_dir():
        return
    for path in folder().iterdir():
        if NAME.fullmatch(path.name) and _message_id(path) in erased:
            path.unlink(missing_ok=True)


def drop_old(now: dt.datetime) -> int:
    """Remove the mails that were kept for 30 days, as their rows let go of their contents; how many."""
    if not settings().inbox_local or not folder().is_dir():
        return 0
    oldest = (now - dt.timedelta(days=BODY_DAYS)).timestamp() * 1e9
    old = [path for path in folder().iterdir() if (name := NAME.fullmatch(path.name)) and int(name[1]) < oldest]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _message_id(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            found = _MESSAGE_ID.search(file.read(HEAD))
    except FileNotFoundError:
        return None
    return found[1] if found else None


def init_app(app: Flask) -> None:
    """Have every transaction drop the mails it erases."""
    app.extensions.setdefault("before_commit", []).append(drop_pending)
