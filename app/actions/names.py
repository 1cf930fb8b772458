"""Names that may exist once: people's addresses, stores, teams, tokens."""

from __future__ import annotations

import zlib

from sqlalchemy.orm import Session

from app.actions.rows import lock_names

LOCK_NAME = 3
"""The kind of ``lock_names``, after those of orders."""


def lock_name(session: Session, kind: str, name: str) -> None:
    """Whoever gives the same name just now has finished before this goes on: the second is told that it is taken."""
    lock_names(session, [(LOCK_NAME, zlib.crc32(f"{kind} {name}".encode(errors="replace")) & 0x7FFFFFFF)])
