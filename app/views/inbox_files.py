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
    body = message.get_body(("plain",))
    sender, to, subject, message_id = (str(message[name] or "") for name in ("From", "To", "Subject", "Message-ID"))
    text = str(body.get_content()) if body is not None else ""
    return KeptMail(name, sender, to, subject, _sent(str(message["Date"] or "")), message_id, text)


def _sent(date: str) -> dt.datetime | None:
    try:
        return email.utils.parsedate_to_datetime(date).astimezone(dt.UTC)
    except ValueError:
        return None
