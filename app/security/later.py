"""Writes that wait until the answer has gone out: notes of reads for the audit, and when a session was last used.

A page never waits for them and never fails by them. What a read showed is in memory until then; a process that is
killed in between loses the note, which is the price of pages that do not write (issue 4, section 7).
"""

from __future__ import annotations

import logging

import sqlalchemy as sa
from flask import Flask, Response, current_app

from app.actions.audit import take_notes
from app.db import database, transaction
from app.models import AuditEntry, Person
from app.models.base import utcnow
from app.security.sessions import browser_session, seen_note

log = logging.getLogger(__name__)


def _arrange(response: Response) -> Response:
    found = browser_session()
    statements: list[sa.Executable] = []
    notes: list[AuditEntry] = []
    if found.accessed:
        notes = take_notes(database().session())
        seen = seen_note()
        if seen is not None and found.person is not None:
            statements = [seen, sa.update(Person).where(Person.id == found.person.id).values(last_seen_at=utcnow())]
    if notes or statements:
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        response.call_on_close(lambda: write(app, statements, notes))
    return response


def write(app: Flask, statements: list[sa.Executable], notes: list[AuditEntry]) -> None:
    """Write them in one transaction of their own."""
    try:
        with app.app_context(), transaction() as writing:
            for statement in statements:
                writing.execute(statement, execution_options={"synchronize_session": False})
            writing.add_all(notes)
    except sa.exc.SQLAlchemyError:
        log.warning("later.failed", exc_info=True)


def init_app(app: Flask) -> None:
    """Arrange it for every answer."""
    app.after_request(_arrange)
