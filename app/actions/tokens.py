"""API tokens: made once, shown once, kept as a hash; limited to stores (contract.md 4)."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actions import audit
from app.actions.names import lock_name
from app.domain.access import Actor, Scope
from app.domain.audit import TOKEN_MADE, TOKEN_REVOKED
from app.domain.refusal import Invalid, NotFound, Refusal
from app.models import ApiToken, ApiTokenStore, Store

PREFIX = "esp_"
USED_EVERY = dt.timedelta(minutes=1)
"""``last_used_at`` is written no more often."""

NAME_MISSING = Refusal("token.name", "Give the token a name of at most 100 characters.")
NAME_TAKEN = Refusal("token.taken", "There is a token of this name already.")
NO_STORES = Refusal("token.stores", "Choose at least one store.")
UNKNOWN_STORE = Refusal("token.store", "There is no store named %(store)s.")


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """Whoever calls with a valid token."""

    id: int
    name: str
    stores: Scope


def make_token(session: Session, name: str, store_names: Sequence[str], *, actor: Actor) -> str:
    """Make a token for these stores and give its text, which is kept nowhere.

    Raises Invalid for the fields ``name`` and ``stores``.
    """
    name = name.strip()
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise Invalid({"name": [NAME_MISSING]})
    lock_name(session, "token", name)
    if session.scalar(sa.select(ApiToken.id).where(ApiToken.name == name)) is not None:
        raise Invalid({"name": [NAME_TAKEN]})
    if not store_names:
        raise Invalid({"stores": [NO_STORES]})
    rows = session.execute(sa.select(Store.name, Store.id).where(Store.name.in_(store_names)))
    ids = {row.name: row.id for row in rows}
    for store in store_names:
        if store not in ids:
            raise Invalid({"stores": [Refusal(UNKNOWN_STORE.code, UNKNOWN_STORE.text, {"store": store})]})
    text = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(name=name, token_hash=token_hash(text), prefix=text[:12], created_by=actor.id)
    session.add(token)
    session.flush()
    session.add_all(ApiTokenStore(token_id=token.id, store_id=store_id) for store_id in sorted(set(ids.values())))
    audit.record(session, actor, TOKEN_MADE, subject=name, details={"stores": sorted(ids)})
    session.flush()
    return text


def revoke_token(session: Session, token_id: int, *, actor: Actor, now: dt.datetime) -> None:
    """From now on the token opens nothing. Raises NotFound."""
    token = session.get(ApiToken, token_id)
    if token is None:
        raise NotFound
    if token.revoked_at is None:
        token.revoked_at = now
        audit.record(session, actor, TOKEN_REVOKED, subject=token.name)


def token_hash(text: str) -> str:
    """What is kept of a token: it has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(text.encode()).hexdigest()


_token, _store = ApiToken.__table__.c, ApiTokenStore.__table__.c
_HOLDER = (
    sa.select(_token.id, _token.name, _token.last_used_at, _store.store_id)
    .join_from(ApiToken.__table__, ApiTokenStore.__table__, _store.token_id == _token.id)
    .where(_token.token_hash == sa.bindparam("hash"), _token.revoked_at.is_(None))
)


def find_holder(session: Session, text: str) -> tuple[TokenHolder, dt.datetime | None] | None:
    """Whose token this is, and when it was last used; None when it is nobody's, or revoked."""
    if not re.fullmatch(r"[\x21-\x7e]{16,200}", text):
        return None
    # By the connection: tokens belong to no store, and there is nothing to narrow, which every call would pay for.
    rows = session.connection().execute(_HOLDER, {"hash": token_hash(text)}).all()
    if not rows:
        return None
    token_id, name, last_used_at, _ = rows[0]
    return TokenHolder(token_id, name, frozenset(row[3] for row in rows)), last_used_at


def note_use(session: Session, token_id: int, now: dt.datetime) -> None:
    """Write down that the token was used."""
    session.execute(sa.update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=now))
