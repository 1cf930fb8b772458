"""Read the mails the try-out keeps as files (``launch/inbox.py`` writes them)."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import email.utils
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import cast

from app.domain.refusal import NotFound
from app.kept_mails import NAME

LONGEST = 100_000
"""Characters of a mail that are shown."""


@dataclass(frozen=True, slots=True)
class KeptMail:
    """A mail as it was sent."""

    name: str
    sender: str
    to: str
    subject: str
    date: dt.datetime | None
    message_id: str
    text: str


def newest(folder: Path, *, before: str, limit: int) -> Sequence[KeptMail]:
    """The newest mails, one more than ``limit`` when there are more; ``before``: older than this name."""
    try:
        names = sorted((p.name for p in folder.iterdir() if NAME.fullmatch(p.name)), reverse=True)
    except OSError:
        return []
    if before:
        names = [name for name in names if name < before]
    return [read(folder, name) for name in names[: limit + 1]]


def read(folder: Path, name: str) -> KeptMail:
    """One mail. Raises NotFound for a name that is none or a file that is gone."""
    if not NAME.fullmatch(name):
        raise NotFound
    try:
        raw = (folder / name).read_bytes()
    except OSError:
        raise NotFound from None
    message = cast(EmailMessage, email.message_from_bytes(raw, policy=email.policy.default))  # type: ignore[arg-type]
    sender, to, subject, message_id = (_header(message, name) for name in ("From", "To", "Subject", "Message-ID"))
    return KeptMail(name, sender, to, subject, _sent(_header(message, "Date")), message_id, _text(message)[:LONGEST])


def _header(message: EmailMessage, name: str) -> str:
    """A header; empty where Python's parser cannot make sense of it. Anybody on this machine may send here."""
    try:
        return str(message[name] or "")
    except Exception:  # the parser raises IndexError, AttributeError and more for what is no header
        return ""


def _text(message: EmailMessage) -> str:
    """The text, or the HTML as it is written where there is none; in any encoding, known or not."""
    body = message.get_body(("plain", "html"))
    if body is None:
        return ""
    try:
        return str(body.get_content())
    except (LookupError, ValueError):  # an encoding nobody knows
        raw = body.get_payload(decode=True)
        return raw.decode(errors="replace") if isinstance(raw, bytes) else ""


def _sent(date: str) -> dt.datetime | None:
    try:
        return email.utils.parsedate_to_datetime(date).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
