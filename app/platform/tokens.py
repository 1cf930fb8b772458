"""The platform's access token, kept encrypted in the database and so shared by all workers (domain.md 9.2)."""

from __future__ import annotations

import datetime as dt
from typing import Protocol

from flask import current_app

from app.db import session, transaction
from app.domain.refusal import NotFound
from app.models import PlatformToken
from app.models.base import utcnow
from app.safe import Safe

LIFE = dt.timedelta(hours=23)
"""A token is valid for 24 hours; an hour before that we fetch a new one."""


class Tokens(Protocol):
    """Where a client keeps its token."""

    def get(self, username: str) -> str | None:
        """A token that should still be valid; None: fetch one."""

    def put(self, username: str, token: str) -> None:
        """Keep a fresh one."""


class DatabaseTokens:
    """Tokens as rows. Used outside of any transaction: each call is one of its own."""

    def get(self, username: str) -> str | None:
        """The shared token, unless it is about to end or was kept with another key."""
        found = session.get(PlatformToken, username, populate_existing=True)
        closed = found.token if found is not None and found.fetched_at > utcnow() - LIFE else None
        session.rollback()  # no transaction stays open during the call that follows
        try:
            return None if closed is None else _safe().open(closed)
        except NotFound:
            return None

    def put(self, username: str, token: str) -> None:
        """Share a fresh token."""
        with transaction():
            session.merge(PlatformToken(username=username, token=_safe().close(token), fetched_at=utcnow()))


def _safe() -> Safe:
    found: Safe | None = current_app.extensions.get("platform_safe")
    if found is None:
        found = current_app.extensions["platform_safe"] = Safe(str(current_app.secret_key), "platform token")
    return found


class MemoryTokens:
    """Tokens of one process; for checks that need no database."""

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}

    def get(self, username: str) -> str | None:
        """The last one put."""
        return self._tokens.get(username)

    def put(self, username: str, token: str) -> None:
        """Keep it."""
        self._tokens[username] = token
