"""One hint, one job: its row, then whatever else is due, until nothing is, or it is asked to end, or time is up."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from app.db import session
from app.jobs import engine
from app.models import Order
from app.models.base import db_now
from tests.jobs.conftest import ORDER_ID


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """The process-wide wish to end, and no pause after a row that failed."""
    engine.stop.clear()
    monkeypatch.setattr(engine, "time", SimpleNamespace(monotonic=time.monotonic, sleep=lambda _seconds: None))
    yield
    engine.stop.clear()


@pytest.fixture
def clicks(world):
    return [world.click("resend_license", f"L{number}") for number in range(5)]


def states(world, actions):
    return [world.state(action) for action in actions]


def test_a_job_works_its_row_and_whatever_else_is_due(app, world, handler, clicks):
    later = world.click("resend_license", "later", next_at=db_now(600.0))
    assert engine.work(app, "actions", clicks[0]) == 5
    assert handler.calls[0] == clicks[0]
    assert states(world, clicks) == ["done"] * 5
    assert world.state(later) == "waiting"


def test_a_hint_about_a_row_that_is_done_finds_the_others(app, world, clicks):
    assert engine.work(app, "actions", clicks[0]) == 5
    last = world.click("resend_license", "last")
    assert engine.work(app, "actions", clicks[0]) == 1
    assert world.state(last) == "done"


def test_asked_to_end_the_row_at_hand_is_finished_and_no_other_begun(app, world, handler, clicks):
    handler.answers = [lambda _action: engine.stop.set() or "done"]
    assert engine.work(app, "actions", clicks[0]) == 1
    assert states(world, clicks) == ["done", *["waiting"] * 4]
    assert engine.work(app, "actions", clicks[1]) == 0


def test_when_its_time_is_used_it_begins_no_other(app, world, clicks, monkeypatch):
    """A third of RQ's time-out: the row at hand may still need the rest."""
    clock = iter([100.0, 100.0, 119.9, 120.1])
    monkeypatch.setattr(engine.time, "monotonic", lambda: next(clock))  # the engine's own, see ``fresh``
    assert engine.work(app, "actions", clicks[0]) == 2
    assert sorted(states(world, clicks)) == ["done", "done", "waiting", "waiting", "waiting"]


def test_one_bad_row_does_not_keep_the_others_waiting(app, world, clicks, monkeypatch):
    real = engine.WORK["actions"]

    def broken(row_id):
        if row_id == clicks[0]:
            raise KeyError("a row that cannot be worked")
        return real(row_id)

    monkeypatch.setitem(engine.WORK, "actions", broken)
    world.change(clicks[0], next_at=db_now(600.0))  # as claimed: nobody else is told of it before its lease is over
    assert engine.work(app, "actions", clicks[0]) == 5
    assert states(world, clicks) == ["waiting", *["done"] * 4]


def test_each_row_sees_the_present(app, world, handler, clicks):
    """One session serves a whole job: what it has read for one row must not be taken for the present by the next."""
    kept = []

    def read(_action, _outcome):
        order = session.get_one(Order, ORDER_ID)
        kept.append((order, order.order_name))

    handler.on_settle = read
    handler.answers = ["done", lambda _action: in_another_session(app) or "done"]
    engine.work(app, "actions", clicks[0])
    assert [name for _, name in kept] == ["A0012345678", *["changed"] * 4]


def in_another_session(app):
    with app.extensions["database"].engine.begin() as connection:
        connection.execute(sa.update(Order).where(Order.id == ORDER_ID).values(order_name="changed"))
