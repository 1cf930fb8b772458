"""What was forgotten is found: ended leases, due rows, two sweepers at once, tasks with a lease of their own."""

from __future__ import annotations

import dataclasses
import threading

import pytest
import sqlalchemy as sa

from app.actions.queue import put_mail
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.jobs import periodic
from app.jobs.sweeper import run_sweeper, sweep
from app.jobs.timing import of
from app.models import Heartbeat, Mail, MetricCount, PeriodicTask
from app.models.base import db_now
from config import QUEUE_TIMING, ConfigError, load


class Told:
    """Hints that are kept; ``up`` False: the queue server is down."""

    def __init__(self, up=True):
        self.up = up
        self.rows = []

    def __call__(self, queue, row_id):
        if self.up:
            self.rows.append((queue, row_id))
        return self.up


def test_a_row_nobody_was_told_of_is_found(app, world):
    action = world.click(next_at=db_now(-5.0))
    told = Told()
    assert sweep(app, told) == 1
    assert told.rows == [("actions", action)]
    assert sweep(app, told) == 0  # told once; again only after a while
    world.change(action, hinted_at=db_now(-100.0))
    assert sweep(app, told) == 1


def test_a_fresh_click_and_a_row_that_is_not_due_are_left_alone(app, world):
    world.click()
    world.click("resend_license", "L1", next_at=db_now(100.0))
    assert sweep(app, Told()) == 0


def test_with_the_queue_server_down_nothing_counts_as_told(app, world):
    actions = [world.click("resend_license", f"L{number}", next_at=db_now(-5.0)) for number in range(3)]
    app.test_client().get("/metrics")  # writes what tests before this one counted
    with app.app_context(), transaction():
        session.execute(sa.delete(MetricCount))
    assert sweep(app, Told(up=False)) == 0
    assert [world.row(action).hinted_at for action in actions] == [None] * 3
    assert sweep(app, Told()) == 3
    counted = app.test_client().get("/metrics").text  # an alarm must not need a click to see it
    assert 'portal_hints_total{result="failed"} 1.0' in counted


@pytest.mark.parametrize("up", [True, False])
def test_a_sweeper_says_whether_it_reaches_the_queue_server(app, own_queue_server, monkeypatch, up):
    if not up:
        own_queue_server.kill()
    monkeypatch.setitem(app.extensions, "settings", dataclasses.replace(
        app.extensions["settings"], redis_url=own_queue_server.url()))  # fmt: skip
    monkeypatch.setattr("app.jobs.sweeper.heartbeat.leave", lambda *_: None)
    stop = threading.Event()
    monkeypatch.setattr("app.jobs.sweeper.sweep", lambda *_: stop.set())
    monkeypatch.setattr("app.jobs.sweeper.periodic.run_due", lambda _app: None)
    run_sweeper(app, stop)
    with app.app_context():
        assert session.scalar(sa.select(Heartbeat.info))["queue_server"] is up
    assert f"portal_queue_server_up {float(up)}" in app.test_client().get("/metrics").text
    assert ("queue server does not answer" in app.test_client().get("/readyz").json["checks"]["sweeper"]) is not up


def test_with_the_queue_server_down_leases_end_all_the_same(app, world, make):
    person = make.person()
    world.click(next_at=db_now(-5.0))
    with app.app_context(), transaction():
        mail, _ = put_mail(session, "x", "access", user_id=person)
    world.change(mail, Mail, state="running", fence=1, lease_until=db_now(-1.0))
    assert sweep(app, Told(up=False)) == 0
    assert world.state(mail, Mail) == "waiting"


def test_a_dead_workers_action_comes_back_in_doubt_and_its_mail_without(app, world, make):
    person = make.person()
    action = world.click(state="running", fence=1, attempt=1, lease_until=db_now(-1.0))
    with app.app_context(), transaction():
        mail, _ = put_mail(session, "x", "access", user_id=person)
    world.change(mail, Mail, state="running", fence=1, lease_until=db_now(-1.0))
    sweep(app, Told())
    row = world.row(action)
    assert (row.state, row.doubt, row.lease_until, row.fence) == ("waiting", True, None, 1)
    assert world.state(mail, Mail) == "waiting"


def test_a_lease_that_is_not_over_is_left_alone(app, world):
    action = world.click(state="running", lease_until=db_now(60.0))
    sweep(app, Told())
    assert world.state(action) == "running"


def test_the_quarantine_is_counted_from_the_last_moment_a_call_could_begin():
    assert of(QUEUE_TIMING).quarantine_after_lease == 0
    assert of({**QUEUE_TIMING, "quarantine": 100.0}).quarantine_after_lease == 40


def test_recovery_after_a_workers_death_takes_130_seconds_at_most():
    times = of(QUEUE_TIMING)
    assert times.lease + times.quarantine_after_lease + times.tick * 4 / 3 + 1 <= 130


def test_two_sweepers_tell_of_each_row_once(app, world):
    rows = [world.click("resend_license", f"L{n}", next_at=db_now(-5.0)) for n in range(30)]
    told = Told()
    start = threading.Barrier(2)

    def run():
        start.wait()
        for _ in range(3):
            sweep(app, told)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told.rows) == [("actions", row) for row in rows]


def test_a_periodic_task_runs_when_it_is_due_and_once_at_a_time(app, monkeypatch):
    ran = []
    monkeypatch.setattr(periodic, "_tasks", {})
    monkeypatch.setattr(periodic, "MODULES", ())
    periodic.periodic("test.task", every=3600)(lambda _app: ran.append(1))
    assert periodic.run_due(app) == []  # writes itself down
    start = threading.Barrier(4)

    def run():
        start.wait()
        periodic.run_due(app)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ran == [1]
    assert periodic.run_due(app) == []


def test_a_failing_task_keeps_nobody_else_and_is_tried_again(app, monkeypatch):
    ran = []
    monkeypatch.setattr(periodic, "_tasks", {})
    monkeypatch.setattr(periodic, "MODULES", ())

    @periodic.periodic("test.broken", every=0)
    def broken(_app):
        ran.append("broken")
        raise KeyError

    periodic.periodic("test.sound", every=0)(lambda _app: ran.append("sound"))
    periodic.run_due(app)
    periodic.run_due(app)
    periodic.run_due(app)
    assert ran.count("sound") == 2
    assert ran.count("broken") == 2
    with app.app_context():
        errors = dict(session.execute(sa.select(PeriodicTask.name, PeriodicTask.error)).all())
    assert errors == {"test.broken": "KeyError", "test.sound": None}


def test_a_task_that_outlived_its_lease_does_not_end_the_run_of_another(app, monkeypatch):
    monkeypatch.setattr(periodic, "_tasks", {})
    monkeypatch.setattr(periodic, "MODULES", ())
    second_runs, first_is_over = threading.Event(), threading.Event()
    other = threading.Thread(target=lambda: periodic.run_due(app))
    runs = []

    @periodic.periodic("test.slow", every=0, lease=300)
    def slow(_app):
        runs.append(1)
        if len(runs) == 2:
            second_runs.set()
            assert first_is_over.wait(20)
            return
        with app.app_context(), transaction():
            session.execute(sa.update(PeriodicTask).values(next_at=db_now(-1.0), started_at=db_now(-301.0)))
        other.start()
        assert second_runs.wait(20)

    periodic.run_due(app)
    assert periodic.run_due(app) == ["test.slow"]
    assert periodic.run_due(app) == []  # the second one is still at it
    with app.app_context():
        assert session.get_one(PeriodicTask, "test.slow").finished_at is None
    first_is_over.set()
    other.join()
    assert periodic.run_due(app) == ["test.slow"]
    assert len(runs) == 3


def test_a_heartbeat_is_written_kept_fresh_and_taken_off(app):
    from app.jobs.heartbeat import beat, forget_silent, leave

    assert beat(app, "worker:mail@here:1", "worker", {"queue": "mail"})
    assert beat(app, "worker:mail@here:1", "worker", {"queue": "mail"})
    assert beat(app, "sweeper@here:2", "sweeper", {})
    leave(app, "sweeper@here:2")
    with app.app_context(), scope_as(ALL_STORES):
        assert session.scalars(sa.select(Heartbeat.name)).all() == ["worker:mail@here:1"]
        with transaction():
            session.execute(sa.update(Heartbeat).values(seen_at=db_now(-3600.0)))
        with transaction():
            forget_silent()
        assert session.scalars(sa.select(Heartbeat.name)).all() == []


def test_every_periodic_task_has_a_name_and_a_time():
    assert all(task.every > 0 and task.lease >= 60 for task in periodic.tasks())


@pytest.mark.parametrize(
    "text", ["lease=5", "lease", "lease=-1", "other=1", "job=130", "call=90", "attempts=0", "job=60.5"]
)
def test_a_wrong_timing_is_named(tmp_path, text):
    with pytest.raises(ConfigError, match="QUEUE_TIMING"):
        load({"PORTAL_ENV": "test", "PORTAL_DATA": str(tmp_path), "QUEUE_TIMING": text})


def test_waiting_doubles_and_is_capped():
    times = of(QUEUE_TIMING)
    assert [times.wait(n, lambda: 0.5) for n in (1, 2, 3, 11, 60)] == [5, 10, 20, 3600, 3600]
    assert times.wait(1, lambda: 0.0) == 2.5
