"""Audit notes about reads, written in batches after the answers, so that no page waits for the audit.

Each process keeps what its pages noted for at most a second, then writes it in one transaction. A process that
is killed loses that second of *reads*; changes are audited in their own transaction and lose nothing.
"""

from __future__ import annotations

import atexit
import logging
import threading
from typing import Any

from flask import Flask, Response

from app.actions import audit
from app.db import session, transaction

log = logging.getLogger(__name__)
EVERY = 1.0
"""Seconds between two writes."""
MOST = 20_000
"""Notes kept while the database is away; older ones are dropped, and the log says how many."""


class ReadNotes:
    """The notes of one process."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.notes: list[dict[str, Any]] = []
        self.lock = threading.Lock()
        self.writing = threading.Lock()
        self.writer: threading.Thread | None = None
        self.wake = threading.Event()

    def add(self, notes: list[dict[str, Any]]) -> None:
        """Keep the notes until the next write."""
        with self.lock:
            self.notes += notes
            dropped = len(self.notes) - MOST
            if dropped > 0:
                del self.notes[:dropped]
                log.error("audit.notes_dropped count=%s", dropped)
            if self.writer is None and not self.app.testing:  # started here: threads do not survive a fork
                self.writer = threading.Thread(target=self._run, name="audit-notes", daemon=True)
                self.writer.start()

    def flush(self) -> None:
        """Write what there is now. What cannot be written is kept for the next time."""
        with self.writing:
            with self.lock:
                taken, self.notes = self.notes, []
            if not taken:
                return
            try:
                with self.app.app_context(), transaction():
                    audit.write_notes(session, taken)
            except Exception:
                log.warning("audit.notes_kept", exc_info=True)
                self.add(taken)

    def _run(self) -> None:
        while not self.wake.wait(EVERY):
            self.flush()


def init_app(app: Flask) -> None:
    """Collect each request's notes when its answer is ready."""
    notes = ReadNotes(app)
    app.extensions["read_notes"] = notes

    @app.after_request
    def collect(response: Response) -> Response:
        found = audit.take_notes(session)
        if found:
            notes.add(found)
        return response

    if not app.testing:
        atexit.register(notes.flush)
