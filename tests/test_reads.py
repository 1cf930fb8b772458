"""Notes about reads: written in batches, kept while the database is away, counted when too many are lost."""

import logging
import threading

import pytest
import sqlalchemy as sa

from app import reads
from app.actions import audit
from app.db import session
from app.domain import audit as events
from app.domain.access import SYSTEM
from app.models import AuditEntry
from app.reads import ReadNotes


def note(order_id=1):
    return audit.facts(SYSTEM, events.ORDER_VIEWED, order_id=order_id)


def entries(app):
    with app.app_context():
        return session.scalars(sa.select(AuditEntry.order_id).order_by(AuditEntry.id)).all()


@pytest.fixture
def notes(app):
    return ReadNotes(app)


def test_a_batch_is_written_in_its_order_and_once(app, notes):
    notes.add([note(1), note(2)])
    notes.add([note(3)])
    assert entries(app) == []
    notes.flush()
    notes.flush()
    assert entries(app) == [1, 2, 3]


def test_what_cannot_be_written_is_kept_for_the_next_time(app, notes, monkeypatch, caplog):
    notes.add([note(1)])
    with monkeypatch.context() as broken, caplog.at_level(logging.WARNING):
        broken.setattr(audit, "write_notes", lambda *_: 1 / 0)
        notes.flush()
    assert "audit.notes_kept" in caplog.text
    assert entries(app) == []
    notes.add([note(2)])
    notes.flush()
    assert sorted(entries(app)) == [1, 2]


def test_the_oldest_are_dropped_when_there_are_too_many_and_the_log_says_so(app, notes, monkeypatch, caplog):
    monkeypatch.setattr(reads, "MOST", 3)
    with caplog.at_level(logging.ERROR):
        notes.add([note(number) for number in range(3)])
        assert caplog.text == ""
        notes.add([note(3), note(4)])
    assert "count=2" in caplog.text
    notes.flush()
    assert entries(app) == [2, 3, 4]


def test_outside_of_tests_a_thread_writes_them(app, monkeypatch):
    monkeypatch.setattr(reads, "EVERY", 0.01)
    monkeypatch.setattr(app, "testing", False)
    notes = ReadNotes(app)
    written = threading.Event()
    flush = notes.flush
    monkeypatch.setattr(notes, "flush", lambda: (flush(), written.set()))
    notes.add([note(7)])
    first = notes.writer
    assert written.wait(10)
    notes.add([])
    assert notes.writer is first
    notes.wake.set()
    first.join(10)
    assert not first.is_alive()
    assert entries(app) == [7]


def test_what_is_left_is_written_at_the_end_of_the_process(app, monkeypatch):
    at_end = []
    monkeypatch.setattr(reads.atexit, "register", at_end.append)
    monkeypatch.setattr(app, "testing", False)
    monkeypatch.setattr(app, "after_request", lambda function: function)
    monkeypatch.setattr(app, "extensions", dict(app.extensions))
    reads.init_app(app)
    assert [function.__func__ for function in at_end] == [ReadNotes.flush]
