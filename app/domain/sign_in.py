"""Signing in: how long a session lives, how often one may try, what counts as the same name (issue 4, section 4)."""

from __future__ import annotations

import datetime as dt
import unicodedata
from dataclasses import dataclass

TRIES_WINDOW = 15 * 60
"""Seconds over which tries are counted."""
TRIES_PER_ACCOUNT = 5
TRIES_PER_ADDRESS = 30
RESETS_PER_ACCOUNT = 3
RESETS_PER_ADDRESS = 20
RESETS_WINDOW = 60 * 60
LINK_TRIES_PER_ADDRESS = 30
LINK_HOURS = 24
"""How long a link to set a password, or a temporary password, can be used."""
PROOF_MINUTES = 10
"""How long a proof of identity is fresh enough to change people, tokens or security."""
SECOND_STEP_MINUTES = 5
"""How long the second step may follow the first."""
SEEN_EVERY = 60
"""Seconds between two notes that a session was used."""
LOGIN_MAX = 254


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session may stay unused, and how long it may live at all."""

    idle: dt.timedelta = dt.timedelta(minutes=30)
    absolute: dt.timedelta = dt.timedelta(hours=12)


def same_login(typed: str) -> str:
    """The form in which names and addresses are compared: NFKC, no surrounding space, no letter case."""
    return unicodedata.normalize("NFKC", typed).strip().lower()[:LOGIN_MAX]


def is_fresh(proved_at: dt.datetime | None, now: dt.datetime) -> bool:
    """Was identity proved within the last ``PROOF_MINUTES``?"""
    return proved_at is not None and now - proved_at < dt.timedelta(minutes=PROOF_MINUTES)
