"""Who calls: a token in the ``Authorization`` header, and nothing else."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from flask import Response, g, request

from app.actions.tokens import USED_EVERY, TokenHolder, find_holder, note_use
from app.db import scope_as, session, transaction
from app.domain.access import Actor
from app.errors import answer
from app.models.base import utcnow
from app.security.limits import hit

FAILURES = 30
"""Calls without a valid token that one address may make in a minute."""


def with_token(view: Callable[..., Response]) -> Callable[..., Response]:
    """Call the view with the holder of a valid token, in the scope of the token's stores; else 401."""

    @functools.wraps(view)
    def wrapped(**values: Any) -> Response:
        kind, _, text = request.headers.get("Authorization", "").partition(" ")
        found = find_holder(session, text.strip()) if kind.lower() == "bearer" else None
        if found is None:
            # Whoever holds a token is never locked out; whoever guesses gets slower answers and no more.
            return _refuse(401 if hit("api", request.remote_addr or "", FAILURES, 60) else 429)
        holder, last_used = found
        _note(holder, last_used)
        g.actor = Actor(
            id=None, login=f"api:{holder.name}", name=holder.name, stores=holder.stores, ip=request.remote_addr
        )
        with scope_as(holder.stores):
            return view(**values)

    return wrapped


def _note(holder: TokenHolder, last_used: Any) -> None:
    now = utcnow()
    if last_used is None or now - last_used > USED_EVERY:
        with transaction():
            note_use(session, holder.id, now)


def _refuse(status: int) -> Response:
    response = answer(status, "A valid token is needed." if status == 401 else "")
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="orders"'
    else:
        response.headers["Retry-After"] = "60"
    return response
