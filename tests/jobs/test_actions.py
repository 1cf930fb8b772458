"""The engine's promises for one action: each state, doubt, rights asked again, and no write without the lease."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.domain.refusal import Refusal, Refused
from app.jobs import protocol
from app.jobs.lease import LostLeaseError, claim, finish
from app.jobs.protocol import Capability
from app.jobs.timing import timing
from app.models import Action, Person, StoreGrant

NO = Refusal("test.no", "No, because of %(why)s.", {"why": "a rule"})


def test_an_action_is_done_once_and_settled_with_it(world, work, handler):
    action = world.click()
    assert work("actions", action) == "done"
    row = world.row(action)
    assert (row.state, row.attempt, row.fence, row.doubt) == ("done", 1, 1, False)
    assert row.finished_at is not None
    assert handler.settled == [(action, "done")]
    assert work("actions", action) == "nothing"
    assert len(handler.effects) == 1


def test_a_refusal_of_the_other_side_is_kept_with_its_reason(world, work, handler):
    handler.answers = [protocol.refused(NO)]
    action = world.click()
    assert work("actions", action) == "refused"
    assert world.row(action).reason == "No, because of a rule."
    assert handler.settled == [(action, "refused")]


def test_what_surely_did_not_happen_waits_and_is_done_later(world, work, handler):
    handler.answers = [protocol.retry("503", after=100)]
    action = world.click()
    assert work("actions", action) == "waiting"
    row = world.row(action)
    assert (row.doubt, row.error) == (False, "503")
    assert work("actions", action) == "nothing"  # not due yet
    world.make_due(action)
    assert work("actions", action) == "done"
    assert handler.asked == []
    assert handler.settled == [(action, "done")]


def test_an_unknown_outcome_is_looked_up_and_not_repeated_when_it_happened(world, work, handler):
    handler.answers = ["done then lost"]
    action = world.click()
    assert work("actions", action) == "waiting"
    row = world.row(action)
    assert row.doubt
    assert row.error == "TimeoutError"  # never the words: they may hold a customer's data
    world.make_due(action)
    assert work("actions", action) == "done"
    assert not world.row(action).doubt
    assert len(handler.effects) == 1
    assert handler.asked == [action]


def test_an_unknown_outcome_that_did_not_happen_is_repeated(world, work, handler):
    handler.answers = [ConnectionResetError()]
    action = world.click()
    work("actions", action)
    world.make_due(action)
    assert work("actions", action) == "done"
    assert len(handler.effects) == 1


def test_a_lookup_that_fails_keeps_the_doubt_and_repeats_nothing(world, work, handler):
    handler.answers = ["done then lost"]
    action = world.click()
    work("actions", action)
    world.make_due(action)
    handler.lookup = lambda _action: protocol.retry("no answer")
    assert work("actions", action) == "waiting"
    assert world.row(action).doubt
    assert len(handler.calls) == 1


def test_where_nobody_can_be_asked_a_person_decides(world, work, handler):
    handler.capability = Capability.NONE
    handler.answers = ["done then lost"]
    action = world.click()
    work("actions", action)
    world.make_due(action)
    assert work("actions", action) == "attention"
    assert len(handler.effects) == 1
    assert world.row(action).doubt


@pytest.mark.parametrize("capability", [Capability.KEY, Capability.REPEATABLE])
def test_what_may_be_repeated_is_repeated(world, work, handler, capability):
    handler.capability = capability
    handler.answers = ["done then lost"]
    handler.refusal = None
    action = world.click()
    work("actions", action)
    world.make_due(action)
    handler.refusal = NO  # its own effect makes the rule say no: it must not be asked while in doubt
    assert work("actions", action) == "done"
    assert set(handler.effects) == {world.row(action).key}


def test_too_many_attempts_become_a_persons_matter(world, work, handler):
    handler.answers = [protocol.retry("429")]
    action = world.click(attempt=59)
    assert work("actions", action) == "attention"
    assert handler.settled == [(action, "attention")]


def test_a_row_that_kills_its_workers_is_not_tried_for_ever(world, work, handler):
    action = world.click(attempt=60, doubt=True)
    assert work("actions", action) == "attention"
    assert handler.calls == []


def test_the_rules_are_asked_again_when_the_job_runs(world, work, handler):
    handler.refusal = NO
    action = world.click()
    assert work("actions", action) == "refused"
    assert handler.calls == []
    assert world.row(action).reason == "No, because of a rule."


def test_a_person_who_lost_the_store_is_refused_when_the_job_runs(world, work, handler):
    action = world.click()
    with world.app.app_context(), transaction():
        session.execute(sa.delete(StoreGrant))
    assert work("actions", action) == "refused"
    assert handler.calls == []
    assert "may not do it any more" in world.row(action).reason


def test_a_person_who_lost_the_permission_is_refused_when_the_job_runs(world, work, handler):
    handler.permission = ("can_nothing", "Nowhere")
    action = world.click()
    assert work("actions", action) == "refused"
    assert handler.calls == []


def test_a_closed_account_is_refused_when_the_job_runs(world, work, handler):
    action = world.click()
    with world.app.app_context(), transaction():
        session.get_one(Person, world.actor.id).active = False
    assert work("actions", action) == "refused"
    assert handler.calls == []
    assert "closed" in world.row(action).reason


def test_who_lost_the_right_after_an_unclear_attempt_is_not_told_that_nothing_happened(world, work, handler):
    handler.capability = Capability.REPEATABLE
    handler.answers = ["done then lost"]
    action = world.click()
    work("actions", action)
    world.make_due(action)
    with world.app.app_context(), transaction():
        session.execute(sa.delete(StoreGrant))
    assert work("actions", action) == "attention"
    assert len(handler.calls) == 1


def test_whoever_lost_the_lease_writes_nothing(world, work, handler):
    """A stalls, its lease ends, B finishes, A writes late (reliability.md 3.2)."""
    action = world.click()
    app = world.app

    def stall(_action):
        world.let_lease_end(action)
        sweep(app)
        world.make_due(action)
        assert in_thread(lambda: work("actions", action)) == "done"
        return protocol.refused(NO)

    handler.answers = [stall]
    assert work("actions", action) == "fenced"
    assert world.state(action) == "done"
    assert handler.settled == [(action, "done")]
    assert len(handler.effects) == 1


def in_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def sweep(app):
    from app.jobs.hints import Hints
    from app.jobs.sweeper import sweep as one_round

    return one_round(app, Hints(None))


def test_settling_fails_and_the_outcome_is_found_again(world, work, handler):
    def broken(_action, outcome):
        handler.on_settle = None
        raise KeyError("settle")

    handler.on_settle = broken
    action = world.click()
    assert work("actions", action) == "waiting"
    assert world.row(action).doubt
    world.make_due(action)
    assert work("actions", action) == "done"
    assert len(handler.effects) == 1


def test_a_local_handler_may_refuse_under_the_lock(world, work, handler):
    handler.capability = Capability.LOCAL

    def no(action, outcome):
        if outcome.verdict is protocol.Verdict.DONE:
            raise Refused(NO)

    handler.on_settle = no
    action = world.click()
    assert work("actions", action) == "refused"
    assert world.row(action).reason == "No, because of a rule."
    assert handler.settled == [(action, "refused")]


def test_a_kind_this_worker_does_not_know_waits_for_a_newer_one(world, work, app, monkeypatch):
    action = world.click()
    monkeypatch.setitem(app.extensions, "handlers", {})
    assert work("actions", action) == "waiting"
    assert not world.row(action).doubt


@pytest.mark.parametrize("verdict", [None, "happened", "left"])
def test_a_kind_that_no_worker_comes_to_know_is_a_persons_matter_again(world, work, app, handler, monkeypatch, verdict):
    action = world.click(attempt=60, verdict=verdict)
    monkeypatch.setitem(app.extensions, "handlers", {})
    assert work("actions", action) == "attention"
    assert (world.row(action).verdict, handler.settled) == (None, [])


@pytest.mark.parametrize(("verdict", "state"), [("happened", "done"), ("left", "refused")])
def test_what_a_person_said_is_written_down_by_whoever_knows_the_kind(
    world, work, app, handler, monkeypatch, verdict, state
):
    """No call, no lookup, no rule; and a worker that is older than the kind could not write what follows."""
    handler.refusal = NO
    action = world.click(verdict=verdict, doubt=True)
    with monkeypatch.context() as older:
        older.setitem(app.extensions, "handlers", {})
        assert work("actions", action) == "waiting"
    assert world.row(action).verdict == verdict
    world.make_due(action)
    assert work("actions", action) == state
    assert (handler.calls, handler.asked, handler.settled) == ([], [], [(action, state)])


def test_a_deadlock_at_the_end_does_not_lose_the_outcome(world, work, handler):
    def fail_once(_action, _outcome):
        handler.on_settle = None
        raise sa.exc.OperationalError("x", {}, Exception("deadlock detected"))

    handler.on_settle = fail_once
    action = world.click()
    assert work("actions", action) == "done"
    assert len(handler.effects) == 1


@pytest.mark.parametrize("trouble", [sa.exc.OperationalError("COMMIT", {}, Exception("closed")), TimeoutError("alarm")])
@pytest.mark.parametrize(
    ("answer", "state", "settled"), [("done", "done", 1), ("parked", "running", 1), ("busy", "waiting", 0)]
)
def test_a_commit_that_was_acknowledged_late_is_not_done_again(
    world, work, handler, monkeypatch, trouble, answer, state, settled
):
    """The client thinks the commit failed, but it did not (reliability.md 7.3, 18), or the job's time is over.

    A parked action stays parked: given back to the waiting, it would never hear of its mail's end.
    """
    from app.jobs import lease

    real = lease.transaction
    left = [1]

    class Late:
        def __init__(self):
            self.inner = real()

        def __enter__(self):
            return self.inner.__enter__()

        def __exit__(self, *error):
            self.inner.__exit__(*error)
            if left:
                left.pop()
                raise trouble

    monkeypatch.setattr(lease, "transaction", Late)
    handler.answers = [{"parked": protocol.parked(), "busy": protocol.retry("429")}.get(answer, answer)]
    action = world.click()
    assert work("actions", action) == "fenced"
    row = world.row(action)
    assert (row.state, row.doubt, row.lease_until) == (state, False, None)
    assert len(handler.calls) == 1
    assert len(handler.settled) == settled


def test_twenty_claims_at_once_have_one_winner(world, app):
    action = world.click()
    won, start = [], threading.Barrier(20)

    def take():
        with app.app_context(), scope_as(ALL_STORES):
            start.wait()
            with transaction():
                if claim(session, Action, action, timing()) is not None:
                    won.append(1)

    threads = [threading.Thread(target=take) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [1]


def test_finishing_needs_id_fence_and_state(world, app):
    action = world.click()

    def end(row):
        with transaction():
            finish(session, row, "done")

    with app.app_context(), scope_as(ALL_STORES):
        with transaction():
            first = claim(session, Action, action, timing())
        world.let_lease_end(action)
        sweep(app)
        world.make_due(action)
        with transaction():
            second = claim(session, Action, action, timing())
        assert (first.fence, second.fence) == (1, 2)
        with pytest.raises(LostLeaseError):
            end(first)
        end(second)
        with pytest.raises(LostLeaseError):
            end(second)


def test_a_parked_action_ends_with_its_mail(world, work, handler, app):
    from app.actions.queue import put_mail
    from app.models import Mail

    mails = []

    def write_mail(action, outcome):
        if outcome.verdict is protocol.Verdict.PARKED:
            mail_id, _ = put_mail(
                session, f"resend-{action.id}", "reset", recipient="a@example.org", action_id=action.id,
                order_id=action.order_id, store_id=action.store_id,
                params={"name": "A", "login": "a", "until": "x", "link": "y"},
            )  # fmt: skip
            mails.append(mail_id)

    handler.capability = Capability.LOCAL
    handler.on_settle = write_mail
    handler.answers = [protocol.parked()]
    action = world.click("resend_license", "L1")
    assert work("actions", action) == "parked"
    assert world.state(action) == "running"
    sweep(app)
    assert world.state(action) == "running"  # it has no lease that could end
    assert handler.taken == []
    assert world.state(mails[0], Mail) == "waiting"
    assert work("mail", mails[0]) == "waiting"  # no server is set
    assert world.state(action) == "running"
