"""When a session was last used is noted after the answer, at most once a minute: no page waits for it."""

from __future__ import annotations

import logging

import sqlalchemy as sa
from flask import Flask, Response, current_app, request
from sqlalchemy.exc import SQLAlchemyError

from app.db import transaction
from app.models import Person
from app.models.base import utcnow
from app.security.sessions import browser_session, seen_note

log = logging.getLogger(__name__)


def _arrange(response: Response) -> Response:
    found = browser_session()
    # A page that asks by itself how far things are (js/poll.js) is no person at work: the session may end meanwhile.
    note = seen_note() if found.read and "X-Partial" not in request.headers else None
    if note is not None and found.person is not None:
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        person = sa.update(Person).where(Person.id == found.person.id).values(last_seen_at=utcnow())
        response.call_on_close(lambda: write(app, note, person))
    return response


def write(app: Flask, *statements: sa.Update) -> None:
    """Write them in one transaction of their own. A failure is logged and forgotten: the next minute notes it again."""
    try:
        with app.app_context(), transaction() as writing:
            for statement in statements:
                writing.execute(statement, execution_options={"synchronize_session": False})
    except SQLAlchemyError:
        log.warning("session.not_noted", exc_info=True)


def init_app(app: Flask) -> None:
    """Arrange it for every answer."""
    app.after_request(_arrange)
