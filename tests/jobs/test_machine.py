"""The stateful test, and proof that it would notice: four named mutants of the engine (issue 3, 9)."""

from __future__ import annotations

import os
import uuid

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from app.jobs import actions, lease, mail, sweeper
from app.models.base import db_now
from tests.jobs.machine import EngineMachine, MailServer

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "15"))


@pytest.fixture
def machine(world, work, make, monkeypatch):
    """The state machine on this test's database."""
    server = MailServer()
    monkeypatch.setattr(mail, "hand_over", server)
    monkeypatch.setattr(mail, "WORDS", {})
    world.store = make.store("acme-eu")
    return type("Machine", (EngineMachine,), {"world": world, "work": staticmethod(work), "server": server})


def run(machine, examples, *, shrink=False):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
            report_multiple_bugs=False,
            print_blob=False,
        ),
    )


def test_the_engine_keeps_its_promises(machine):
    run(machine, EXAMPLES, shrink=True)


def finish_without_fence(session, row, state, **values):
    """As ``lease.finish``, for whoever comes."""
    model = type(row)
    final = {"finished_at": db_now()} if state not in ("waiting", "running") else {}
    session.execute(
        sa.update(model)
        .where(model.id == row.id)
        .values(state=state, lease_until=None, hinted_at=None, **final, **values)
        .execution_options(synchronize_session=False)
    )


MUTANTS = {
    "no fence": [(actions, "finish", finish_without_fence), (mail, "finish", finish_without_fence)],
    "a new Message-ID per attempt": [
        (mail, "make_message", lambda **v: REAL_MESSAGE(**{**v, "message_id": f"<{uuid.uuid4()}@example.org>"}))
    ],
    "no sweeper": [(sweeper, "end_leases", lambda *_: 0)],
    "no scope check": [(actions.Attempt, "_not_allowed", lambda *_: None)],
}
REAL_MESSAGE = mail.make_message


@pytest.mark.parametrize("name", MUTANTS)
def test_each_mutant_is_caught(machine, monkeypatch, name):
    for where, what, instead in MUTANTS[name]:
        monkeypatch.setattr(where, what, instead)
    with pytest.raises((AssertionError, KeyError)):
        run(machine, 200)  # ends at the first failure


def test_the_mutants_change_what_they_say():
    """Should the engine be rebuilt, the mutants must follow."""
    assert actions.finish is mail.finish is lease.finish
    assert sweeper.end_leases is lease.end_leases
