"""Faults of reliability.md 7.3 that need real processes: a database that restarts or hangs, a queue server that is
full or a replica, a worker that is asked to end twice. Each time the platform is called once and the row is done."""

from __future__ import annotations

import datetime as dt
import os
import signal
import time
import uuid

import pytest

from app import create_app, schema
from app.actions.refunds import request_refund
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Action, Person
from app.queries.people import actor_of
from app.security.sync import sync_roles
from tests.conftest import settings_for
from tests.factories import Make
from tests.jobs.processes import Processes, children
from tests.jobs.test_processes import alive, click, look, platform, processes, refunds  # noqa: F401
from tests.servers import NoPostgresError, PostgresServer, free_port, wait_for
from tests.standins.noventiq import PASSWORD, USERNAME

# ruff: noqa: F811 - pytest's fixtures by import
pytestmark = pytest.mark.slow


@pytest.fixture
def own_postgresql():
    """A server that may be stopped and frozen. Where its programs are missing, as the README allows, the test is
    skipped with the reason; ``REQUIRE_POSTGRESQL`` makes that a failure, and .ci/run installs them first."""
    try:
        server = PostgresServer(free_port())
    except NoPostgresError as missing:
        if os.environ.get("REQUIRE_POSTGRESQL"):
            raise
        pytest.skip(str(missing))  # allowed where nobody can install it; REQUIRE_POSTGRESQL in .ci/run forbids it
    yield server
    server.end()


@pytest.mark.parametrize("harm", ["restart", "hang"])
def test_a_database_that_restarts_or_hangs_during_a_call(own_postgresql, own_queue_server, platform, tmp_path, harm):
    app = create_app(settings_for(own_postgresql.url, tmp_path, REDIS_URL=own_queue_server.url()))
    schema.upgrade(app.extensions["database"].engine)
    with app.app_context():
        sync_roles()
    make = Make(app)
    make.store("acme-eu")
    person, order = make.person(stores=("acme-eu",)), make.order()
    started = Processes(
        DATABASE_URL=own_postgresql.url, REDIS_URL=own_queue_server.url(), PORTAL_DATA=str(tmp_path),
        SECRET_KEY="a test key that is long enough to be strong", BASE_URL="http://localhost",
        PLATFORM_URL=platform.url, PLATFORM_USERNAME=USERNAME, PLATFORM_PASSWORD=PASSWORD,
    )  # fmt: skip
    try:
        worker, sweeper = started.worker("actions"), started.sweeper()
        wait_for(lambda: alive(app, "worker") and alive(app, "sweeper"), 60)
        platform.faults.next("refund", "done_then_hang")
        with app.app_context(), scope_as(ALL_STORES):
            actor = actor_of(session, session.get_one(Person, person))
            with transaction():
                request_refund(
                    session, actor, order, reason="broken", token=str(uuid.uuid4()), now=dt.datetime.now(dt.UTC)
                )
        wait_for(lambda: platform.effects("refund"), 30)
        app.extensions["database"].engine.dispose()
        if harm == "restart":
            own_postgresql.restart()
        else:
            own_postgresql.freeze()
            time.sleep(6)  # longer than the lease
            own_postgresql.thaw()
        wait_for(lambda: _states(app) == ["done"], 60, every=0.1)
        assert refunds(platform) == [order]
        assert (worker.poll(), sweeper.poll()) == (None, None)
    finally:
        started.end()
        app.extensions["database"].engine.dispose()


def _states(app):
    with app.app_context(), scope_as(ALL_STORES):
        return [action.state for action in session.query(Action)]


@pytest.mark.parametrize("harm", ["full", "a replica"])
def test_a_queue_server_that_takes_nothing(app, processes, platform, click, look, own_queue_server, harm):
    """Full, or failed over to an empty replica that is no master yet."""
    worker = processes.worker("actions")
    processes.sweeper()
    wait_for(lambda: alive(app, "worker") and alive(app, "sweeper"), 60)
    client = own_queue_server.client()
    if harm == "full":
        client.config_set("maxmemory", "1")
    else:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
    actions = [click() for _ in range(3)]
    time.sleep(3)
    if harm == "full":
        client.config_set("maxmemory", "0")
    else:
        client.execute_command("REPLICAOF", "NO", "ONE")
        client.flushall()
    wait_for(lambda: all(look(action).state == "done" for action in actions), 20, every=0.1)
    assert len(refunds(platform)) == 3
    assert worker.poll() is None


def test_asked_to_end_twice_it_ends_at_once_and_the_row_is_done_once(app, processes, platform, click, look):
    worker = processes.worker("actions")
    processes.sweeper()
    wait_for(lambda: alive(app, "worker") and alive(app, "sweeper"), 60)
    platform.faults.next("refund", "done_then_hang")
    action = click()
    wait_for(lambda: platform.effects("refund"), 30)
    wait_for(lambda: children(worker.pid))
    began = time.monotonic()
    for _ in range(3):
        os.kill(worker.pid, signal.SIGTERM)
        time.sleep(0.1)
    worker.wait(10)
    assert time.monotonic() - began < 5
    processes.worker("actions")
    wait_for(lambda: look(action).state == "done", 30)
    assert len(refunds(platform)) == 1
