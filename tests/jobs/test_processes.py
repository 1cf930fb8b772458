"""The real processes: a click becomes one call, whatever is killed, stopped, wiped or smuggled in."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import time
import uuid

import pytest
import sqlalchemy as sa

from app.actions.refunds import request_refund
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.jobs.hints import Hints
from app.models import Action, Heartbeat, Person
from app.queries.people import actor_of
from tests.jobs.processes import Processes, children
from tests.servers import wait_for
from tests.standins.noventiq import PASSWORD, USERNAME, Noventiq

pytestmark = pytest.mark.slow


@pytest.fixture
def platform():
    with Noventiq(hang=1.3, late=0.1, any_order=True) as found:
        yield found


@pytest.fixture
def processes(app, own_queue_server, platform, database_url, tmp_path):
    found = Processes(
        DATABASE_URL=database_url, REDIS_URL=own_queue_server.url(), PORTAL_DATA=str(tmp_path),
        SECRET_KEY="a test key that is long enough to be strong", BASE_URL="http://localhost",
        PLATFORM_URL=platform.url, PLATFORM_USERNAME=USERNAME, PLATFORM_PASSWORD=PASSWORD,
    )  # fmt: skip
    yield found
    found.end()


@pytest.fixture
def click(app, make, own_queue_server, monkeypatch):
    """Request a refund of a new order; the action's id. Hints go to the real queue server."""
    monkeypatch.setitem(app.extensions, "hint", Hints(own_queue_server.url(), pause=0.2))
    person = make.person(stores=("acme-eu",))

    def press(**after):
        order = make.order()
        with app.app_context(), scope_as(ALL_STORES):
            actor = actor_of(session, session.get_one(Person, person))
            with transaction():
                action = request_refund(
                    session, actor, order, reason="broken", token=str(uuid.uuid4()), now=dt.datetime.now(dt.UTC)
                )
                return action.id

    return press


@pytest.fixture
def look(app):
    """An action's row, or one of its columns."""

    def at(action_id):
        with app.app_context(), scope_as(ALL_STORES):
            return session.get_one(Action, action_id)

    return at


def alive(app, kind):
    with app.app_context():
        return session.scalar(sa.select(sa.func.count()).where(Heartbeat.kind == kind))


def refunds(platform):
    return [effect["order_id"] for effect in platform.effects("refund")]


def test_a_click_calls_the_platform_within_a_second(app, processes, platform, click, look):
    processes.worker("actions")
    processes.sweeper()
    wait_for(lambda: alive(app, "worker") and alive(app, "sweeper"), 30)
    time.sleep(1)
    waits = []
    for _ in range(12):
        began = time.monotonic()
        action = click()
        wait_for(lambda: len(platform.effects("refund")) > len(waits), 10, every=0.005)
        waits.append(time.monotonic() - began)
        wait_for(lambda: look(action).state == "done")  # noqa: B023
        time.sleep(0.1)
    assert sorted(waits)[-2] < 1.0, waits


def test_without_a_queue_server_clicks_are_kept_and_happen_when_it_is_there(
    app, processes, platform, click, look, own_queue_server
):
    own_queue_server.kill()
    processes.worker("actions")
    processes.sweeper()
    actions = [click() for _ in range(3)]
    wait_for(lambda: alive(app, "worker"), 30)  # it waits for the queue server, and says that it lives
    time.sleep(2)
    assert refunds(platform) == []
    own_queue_server.start()
    wait_for(lambda: all(look(action).state == "done" for action in actions), 15)
    own_queue_server.kill()
    own_queue_server.start()  # empty
    last = click()
    wait_for(lambda: look(last).state == "done", 15)
    assert len(refunds(platform)) == 4


def test_a_hanging_queue_server_delays_and_loses_nothing(app, processes, platform, click, look, own_queue_server):
    processes.worker("actions")
    processes.sweeper()
    wait_for(lambda: alive(app, "worker"), 30)
    time.sleep(1)
    own_queue_server.freeze()
    began = time.monotonic()
    action = click()
    assert time.monotonic() - began < 1
    time.sleep(6)
    own_queue_server.thaw()
    wait_for(lambda: look(action).state == "done", 15)
    assert len(refunds(platform)) == 1


@pytest.mark.parametrize("trouble", ["kill", "freeze"])
def test_asked_to_end_while_the_queue_server_is_away_a_worker_ends(app, processes, own_queue_server, trouble):
    """RQ's goodbye fails then; that must not make us forget that we were asked."""
    worker, sweeper = processes.worker("actions"), processes.sweeper()
    wait_for(lambda: alive(app, "worker") and alive(app, "sweeper"), 30)
    wait_for(lambda: own_queue_server.client().keys("rq:worker:*"), 15)  # it listens, not only lives
    getattr(own_queue_server, trouble)()
    worker.send_signal(signal.SIGTERM)
    sweeper.send_signal(signal.SIGTERM)
    assert (worker.wait(30), sweeper.wait(30)) == (0, 0)
    assert alive(app, "worker") == 0


@pytest.mark.parametrize("victims", ["worker", "horse", "both", "group"])
def test_killed_in_the_middle_of_a_call_it_is_done_once(app, processes, platform, click, look, victims):
    """The effect happens, then whoever waits for the answer is killed; with 'worker' an orphan horse goes on."""
    worker = processes.worker("actions")
    processes.sweeper()
    wait_for(lambda: alive(app, "worker"), 30)
    platform.faults.next("refund", "done_then_hang")
    action = click()
    wait_for(lambda: platform.effects("refund"), 15)
    horses = wait_for(lambda: children(worker.pid))
    if victims == "group":
        os.killpg(worker.pid, signal.SIGKILL)
        os.kill(horses[0], signal.SIGKILL)
    for pid, hit in ((horses[0], victims in ("horse", "both")), (worker.pid, victims in ("worker", "both"))):
        if hit:
            os.kill(pid, signal.SIGKILL)
    if victims != "horse":
        worker.wait(5)
        processes.worker("actions")
    wait_for(lambda: look(action).state == "done", 30)
    assert len(refunds(platform)) == 1
    assert look(action).attempt >= 2 or victims == "worker"


def test_sigterm_lets_the_row_at_hand_be_finished(app, processes, platform, click, look):
    worker = processes.worker("actions")
    wait_for(lambda: alive(app, "worker"), 30)
    platform.hang = 0.8
    platform.faults.next("refund", "done_then_hang")
    action = click()
    wait_for(lambda: platform.effects("refund"), 15)
    os.killpg(worker.pid, signal.SIGTERM)  # the whole group at once, as systemd's default would
    assert worker.wait(15) == 0
    assert look(action).state == "waiting"  # the answer was an error, and that was written down
    assert look(action).doubt
    assert alive(app, "worker") == 0


def test_hostile_jobs_are_not_run_and_do_not_stop_the_others(
    app, processes, platform, click, look, own_queue_server, tmp_path
):
    canary = tmp_path / "executed"
    client = own_queue_server.client()
    ids = []

    def smuggle(data, **fields):
        job_id = str(uuid.uuid4())
        ids.append(job_id)
        base = {
            "data": data, "status": "queued", "origin": "actions", "created_at": "2026-11-23T08:00:00Z",
            "timeout": 60, "description": "x",
        }  # fmt: skip
        client.hset(f"rq:job:{job_id}", mapping={**base, **fields})
        client.rpush("rq:queue:actions", job_id)

    def call(name, *args, **kwargs):
        return json.dumps([name, None, list(args), kwargs]).encode()

    command = f"touch {canary}"
    good = call("app.jobs.tasks.work_actions", 1)
    smuggle(call("os.system", command))
    smuggle(call("app.jobs.tasks.engine.random.os.system", command))
    smuggle(call("app.jobs.tasks.use", 1))
    smuggle(call("subprocess.getoutput", command))
    smuggle(json.dumps(["system", "os", [command], {}]).encode())
    smuggle(call("app.jobs.tasks.work_actions", command))
    smuggle(call("app.jobs.tasks.work_actions", 10**40))
    smuggle(call("app.jobs.tasks.work_actions", -1))
    smuggle(call("app.jobs.tasks.work_actions", True))
    smuggle(call("app.jobs.tasks.work_actions", 1, 2))
    smuggle(call("app.jobs.tasks.work_actions", row_id=1))
    smuggle(b"no json at all")
    smuggle(b'{"a": 1}')
    smuggle(_pickled(command))
    smuggle(good, success_callback_name="os.system", success_callback_timeout="60")
    smuggle(good, failure_callback_name="os.system", retries_left="100", repeats_left="5")
    smuggle(good, timeout="nonsense", ttl="nonsense")
    smuggle(good, status="nonsense")
    smuggle(good, webhooks=json.dumps([{"url": f"{platform.url}/_standin/hook", "job_status": "finished"}]))
    smuggle(good, created_at="no moment", enqueued_at="\xff", started_at="99999-99-99T00:00:00Z")
    smuggle(good, result_ttl="nonsense", failure_ttl="-7", meta="no json", dependency_id="x", group_id="y")
    smuggle(good, origin="another queue", worker_name="z", parent_id="w", allow_dependency_failures="2")
    smuggle(json.dumps(["app.jobs.tasks.work_actions", "os", [1], {}]).encode())  # an instance
    smuggle(json.dumps(["app.jobs.tasks.work_actions", None, {"0": 1}, {}]).encode())
    smuggle(json.dumps(["app.jobs.tasks.work_actions", None, [1.0], None]).encode())
    smuggle(b"[" * 100_000)
    for name, value in (("not-a-hash", "text"), ("nothing", None)):
        if value:
            client.set(f"rq:job:{name}", value)
        client.rpush("rq:queue:actions", name)
    client.rpush("rq:queue:actions", b"\xff\xfe", b"", b"../../etc", b"a" * 5000)
    client.sadd(f"rq:job:{ids[0]}:dependents", ids[1], "not-a-hash")
    client.set("rq:queue:actions:intermediate:x", "y")
    client.publish("rq:pubsub:actions", json.dumps({"command": "shutdown"}))
    worker = processes.worker("actions")
    processes.sweeper()
    wait_for(lambda: client.llen("rq:queue:actions") == 0, 60)
    action = click()
    wait_for(lambda: look(action).state == "done", 30)
    assert not canary.exists()
    assert worker.poll() is None
    assert not [call for call in platform.calls if "hook" in str(call)]
    assert len(refunds(platform)) == 1


def _pickled(command):
    import pickle

    class Evil:
        def __reduce__(self):
            return os.system, (command,)

    return pickle.dumps(Evil())
