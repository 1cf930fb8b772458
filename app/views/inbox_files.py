"""Read the mails the try-out keeps as files (``launch/inbox.py`` writes them). Anybody on this machine may send there,
so a mail is whatever somebody made of it: nothing in one is believed, and none is an error."""

from __future__ import annotations

import datetime as dt
import email.parser
import email.policy
import email.utils
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import TypeVar, cast

from app.domain.refusal import NotFound
from app.kept_mails import NAME

LONGEST = 100_000
"""Characters of a mail's text that are shown."""
LONGEST_HTML = 2_000_000
"""Characters of its HTML that are shown."""
HEAD = 65_536
"""Bytes of a file that the list reads: the headers, without a long body."""

Made = TypeVar("Made")
_DOCTYPE = re.compile(r"\s*<!doctype[^>]*>", re.I)
_FIRST = '<base target="_blank"><meta name="color-scheme" content="only light">'
"""Said before the mail's own head, so that it counts: links open beside the portal, as the frame that shows the mail
goes nowhere, and the paper is white in the dark theme too."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the list says of a mail."""

    name: str
    sender: str
    to: str
    subject: str
    date: dt.datetime | None
    message_id: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """Something that came with a mail; ``size`` in bytes, as it was before it was encoded."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class KeptMail:
    """A mail as it was sent. ``has_html``: it has an HTML version, which ``html`` reads."""

    head: Head
    text: str
    has_html: bool
    attachments: tuple[Attachment, ...]


def newest(folder: Path, *, before: str, limit: int) -> Sequence[Head]:
    """The newest mails, one more than ``limit`` when there are more; ``before``: older than this name."""
    try:
        names = sorted((p.name for p in folder.iterdir() if NAME.fullmatch(p.name)), reverse=True)
    except OSError:
        return []
    if before:
        names = [name for name in names if name < before]
    found = []
    for name in names[: limit + 1]:
        try:
            found.append(_head(_headers(_bytes(folder, name, HEAD)), name))
        except NotFound:  # it was forgotten or erased meanwhile
            continue
    return found


def read(folder: Path, name: str) -> KeptMail:
    """One mail. Raises NotFound for a name that is none or a file that is gone."""
    message = _message(_bytes(folder, name))
    text, html = _body(message, "plain"), _body(message, "html")
    shown = _content(html if text is None else text)[:LONGEST]
    return KeptMail(_head(message, name), shown, html is not None, _attachments(message, (text, html)))


def html(folder: Path, name: str) -> str:
    """The HTML version of a mail: white paper, and links that open windows of their own. NotFound where it has none."""
    part = _body(_message(_bytes(folder, name)), "html")
    if part is None:
        raise NotFound
    written = _content(part)[:LONGEST_HTML]
    start = found.end() if (found := _DOCTYPE.match(written)) else 0  # before it, the browser would see an old page
    return written[:start] + _FIRST + written[start:]


def _bytes(folder: Path, name: str, most: int = -1) -> bytes:
    if not NAME.fullmatch(name):
        raise NotFound
    try:
        with (folder / name).open("rb") as file:
            return file.read(most)
    except OSError:
        raise NotFound from None


def _message(raw: bytes) -> EmailMessage:
    """The mail with its parts; with its headers alone where they lie in each other deeper than Python goes."""
    parser = email.parser.BytesParser(policy=email.policy.default)  # type: ignore[arg-type]
    return _made_out(lambda: cast(EmailMessage, parser.parsebytes(raw)), _headers(raw))


def _headers(raw: bytes) -> EmailMessage:
    parser = email.parser.BytesHeaderParser(policy=email.policy.default)  # type: ignore[arg-type]
    return cast(EmailMessage, parser.parsebytes(raw))


def _made_out(read_it: Callable[[], Made], otherwise: Made) -> Made:
    """What can be made out of a mail. Python's parser raises IndexError, RecursionError and more for what is none."""
    try:
        return read_it()
    except Exception:
        return otherwise


def _head(message: EmailMessage, name: str) -> Head:
    sender, to, subject, message_id = (_header(message, key) for key in ("From", "To", "Subject", "Message-ID"))
    return Head(name, sender, to, subject, _sent(_header(message, "Date")), message_id)


def _header(message: EmailMessage, name: str) -> str:
    """A header; empty where it cannot be made out."""
    return _storable(_made_out(lambda: str(message[name] or ""), ""))


def _body(message: EmailMessage, kind: str) -> EmailMessage | None:
    return _made_out(lambda: cast("EmailMessage | None", message.get_body((kind,))), None)


def _content(part: EmailMessage | None) -> str:
    """The words of a part, in any encoding, known or not."""
    if part is None:
        return ""
    return _storable(_made_out(lambda: str(part.get_content()), _raw(part).decode(errors="replace")))


def _raw(part: EmailMessage) -> bytes:
    raw = _made_out(lambda: cast(object, part.get_payload(decode=True)), None)
    return raw if isinstance(raw, bytes) else b""


def _attachments(message: EmailMessage, shown: Sequence[EmailMessage | None]) -> tuple[Attachment, ...]:
    """Every part that is not shown as the mail itself, pictures within its HTML among them."""
    parts = _made_out(lambda: [part for part in message.walk() if not part.is_multipart()], [])
    return tuple(_attachment(cast(EmailMessage, part)) for part in parts if not any(part is one for one in shown))


def _attachment(part: EmailMessage) -> Attachment:
    name = _made_out(part.get_filename, None) or _made_out(part.get_content_type, "")
    return Attachment(_storable(name), len(_raw(part)))


def _storable(text: str) -> str:
    """Without halves of characters, which some encodings can write and no answer can carry."""
    return text.encode(errors="replace").decode()


def _sent(date: str) -> dt.datetime | None:
    try:
        return email.utils.parsedate_to_datetime(date).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
