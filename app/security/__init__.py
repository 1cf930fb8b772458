"""Who is signed in, what they may do, and how the browser is told to behave.

``current_actor()`` is the one way to learn who asks. It is read fresh in every request, and the scope it
carries is set on the database session before any view runs.
"""

from __future__ import annotations

from typing import cast

from flask import Flask, g, has_request_context, request
from werkzeug.wrappers import Response

from app.db import session
from app.domain.access import Actor
from app.i18n import forget_locale, preferred
from app.queries.people import actor_of
from app.security import edge, gate, later, proof
from app.security.sessions import DatabaseSessions, browser_session
from app.settings import settings

ANONYMOUS = Actor(id=None, login="anonymous", name="")


def current_actor() -> Actor:
    """Who asks, in this request; ``ANONYMOUS`` before signing in."""
    if "actor" not in g and has_request_context():
        _load_actor()
    return cast(Actor, g.get("actor") or ANONYMOUS)


def _load_actor() -> None:
    person = browser_session().load_person()
    if person is None:
        g.actor = Actor(id=None, login="anonymous", name="", ip=request.remote_addr)
        return
    g.actor = actor_of(session, person, ip=request.remote_addr, **preferred(person))
    forget_locale()  # a language chosen before we knew who asks
    g.scope = g.actor.stores


def _identify() -> Response | None:
    """Before any view: forget whoever used this context before, learn who asks, and let the gate decide."""
    for name in ("actor", "scope", "denied", "_login_user"):
        g.pop(name, None)
    edge.check_input()
    if request.endpoint in edge.SILENT_ENDPOINTS:
        return None
    if request.cookies.get(DatabaseSessions(settings()).session_cookie):
        return gate.stop(current_actor(), browser_session().person)
    return None


def init_app(app: Flask) -> None:
    """Sessions, headers, limits."""
    found = app.extensions["settings"]
    app.session_interface = DatabaseSessions(found)
    edge.init_app(app, found)
    app.before_request(_identify)
    later.init_app(app)
    proof.init_app(app)
