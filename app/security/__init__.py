"""Who is signed in, what they may do, and how the browser is told to behave.

``current_actor()`` is the one way to learn who asks. It is read fresh in every request, and the scope it
carries is set on the database session before any view runs.
"""

from __future__ import annotations

from typing import cast

from flask import Flask, g

from app.domain.access import Actor

ANONYMOUS = Actor(id=None, login="anonymous", name="")


def current_actor() -> Actor:
    """Who asks, in this request; ``ANONYMOUS`` before signing in."""
    return cast(Actor, g.get("actor") or ANONYMOUS)


def init_app(app: Flask) -> None:
    """Sessions, headers, limits."""
