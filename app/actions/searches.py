"""Keep a search under a random key, so that no personal data has to stand in an address (contract.md 2).

An erasure deletes the searches that name the customer (``app/actions/erasure.py``).
"""

from __future__ import annotations

import datetime as dt
import secrets

from sqlalchemy.orm import Session

from app.domain.access import Actor
from app.domain.search import Typed
from app.models import StoredSearch

KEPT = dt.timedelta(days=30)


def store_search(session: Session, actor: Actor, typed: Typed, *, now: dt.datetime) -> str:
    """Keep what was typed for 30 days; the key to it, 128 bits nobody can guess."""
    key = secrets.token_urlsafe(16)
    session.add(StoredSearch(key=key, user_id=actor.id, criteria=dict(typed), created_at=now, expires_at=now + KEPT))
    session.flush()
    return key
