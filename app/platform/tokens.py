"""The platform's access token, kept in the database and so shared by all workers (domain.md 9.2)."""

from __future__ import annotations

import datetime as dt
from typing import Protocol

from app.db import session, transaction
from app.models import PlatformToken
from app.models.base import utcnow

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
        """The shared token, unless it is about to end."""
        found = session.get(PlatformToken, username, populate_existing=True)
        token = found.token if found is not None and found.fetched_at > utcnow() - LIFE else None
        session.rollback()  # no transaction stays open during the call that follows
        return token

    def put(self, username: str, token: str) -> None:
        """Share a fresh token."""
        with transaction():
            session.merge(PlatformToken(username=username, token=token, fetched_at=utcnow()))


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
