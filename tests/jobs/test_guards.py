"""What is asked before and after a call when something beside it fails: nothing is lost, nothing is done twice."""

from __future__ import annotations

import dataclasses

import pytest
import sqlalchemy as sa

from app.actions import operations, refunds, subscriptions
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES, SYSTEM
from app.domain.refusal import NotFound, Refusal, Refused
from app.jobs import protocol
from app.jobs import refunds as refund_jobs
from app.jobs.actions import who_asked
from app.jobs.protocol import Capability
from app.jobs.refunds import RefundHandler
from app.jobs.subscriptions import SubscriptionHandler
from app.models import Action, AuditEntry, Mail, Order, RefundRequest, Subscription
from app.models.base import UtcDateTime, db_now
from tests.actions.support import NOW, actor, one, portal_lines, rows, run, token
from tests.jobs.support import CODE, PARENT, ask, change, subscribed
from tests.jobs.support import work as work_all

NO = Refusal("test.no", "No.")


def test_nobody_behind_an_action_is_a_closed_account(world):
    action = world.click()
    with world.app.app_context(), scope_as(ALL_STORES):
        row = session.get_one(Action, action)
        session.expunge(row)
        row.actor_id = 999_999
        who, refusal = who_asked(row)
    assert who is SYSTEM
    assert refusal.code == "action.account_closed"


def test_a_lookup_that_breaks_keeps_the_doubt(world, work, handler):
    handler.answers = ["done then lost"]
    action = world.click()
    work("actions", action)
    world.make_due(action)

    def broken(_action):
        raise ConnectionError("john@example.org")

    handler.lookup = broken
    assert work("actions", action) == "waiting"
    row = world.row(action)
    assert (row.doubt, row.error) == (True, "ConnectionError")
    assert len(handler.calls) == 1


@pytest.mark.parametrize(
    ("raised", "state", "reason"),
    [(Refused(NO), "refused", "No."), (NotFound(), "refused", None), (KeyError("john"), "waiting", None)],
)
def test_a_rule_that_raises_is_an_answer_and_calls_nobody(world, work, handler, raised, state, reason):
    def guard(*_):
        raise raised

    handler.guard = guard
    action = world.click()
    assert work("actions", action) == state
    assert handler.calls == []
    row = world.row(action)
    if state == "waiting":
        assert (row.error, row.doubt) == ("KeyError", False)
    else:
        assert row.reason == reason if reason else row.reason


@pytest.mark.parametrize("answer", [None, Refused(NO)])
def test_what_a_rule_has_read_is_over_before_the_call(world, work, handler, answer):
    """The handler's ``perform`` looks: no transaction is open during the call."""
    read = []

    def guard(asked, action, _actor):
        read.append(asked.get_one(Order, action.order_id).id)
        assert asked.in_transaction()
        if answer is not None:
            raise answer

    handler.guard = guard
    action = world.click()
    assert work("actions", action) == ("done" if answer is None else "refused")
    assert read == [world.row(action).order_id]


@pytest.mark.parametrize(
    ("capability", "state", "doubt"), [(Capability.LOCAL, "waiting", False), (Capability.LOOKUP, "waiting", True)]
)
def test_what_cannot_be_written_down_is_in_doubt_only_where_something_left(
    world, work, handler, capability, state, doubt
):
    handler.capability = capability

    def broken(_action, _outcome):
        raise KeyError("settle")

    handler.on_settle = broken
    action = world.click()
    assert work("actions", action) == state
    assert world.row(action).doubt is doubt


@pytest.mark.parametrize(("tried", "state"), [(58, "waiting"), (59, "attention"), (60, "attention")])
def test_what_can_never_be_written_down_becomes_a_persons_matter(world, work, handler, tried, state):
    def broken(_action, _outcome):
        raise KeyError("settle")

    handler.on_settle = broken
    action = world.click(attempt=tried)
    assert work("actions", action) == state
    row = world.row(action)
    assert (row.state, bool(row.reason)) == (state, state == "attention")


@pytest.mark.parametrize(
    ("tried", "answer", "least", "most"),
    [
        (0, protocol.retry("503"), 2.5, 7.5),  # 5 s, give or take half
        (0, protocol.retry("429", after=300), 300, 300),
        (0, protocol.unknown("no answer"), 60, 60),  # the quarantine
        (19, protocol.unknown("no answer"), 1800, 5400),  # the cap, which is longer
    ],
)
def test_how_long_an_attempt_waits_for_the_next(world, work, handler, tried, answer, least, most):
    handler.answers = [answer]
    action = world.click(attempt=tried)
    assert work("actions", action) == "waiting"
    with world.app.app_context(), scope_as(ALL_STORES):
        now = session.scalar(sa.select(sa.type_coerce(db_now(), UtcDateTime())))
        left = (session.get_one(Action, action).next_at - now).total_seconds()
    assert least - 2 < left <= most


def test_a_database_that_stays_away_is_left_to_the_lease(world, work, handler, monkeypatch):
    monkeypatch.setattr("app.jobs.lease.FINISH_TRIES", 2)
    monkeypatch.setattr("app.jobs.lease.time.sleep", lambda _seconds: None)

    def away(_action, _outcome):
        raise sa.exc.OperationalError("x", {}, Exception("server closed the connection"))

    handler.on_settle = away
    action = world.click()
    with pytest.raises(sa.exc.OperationalError):
        work("actions", action)
    row = world.row(action)
    assert row.state == "running", "whoever finds the lease ended looks it up"
    assert row.lease_until is not None


# --- refunds ---


@pytest.mark.parametrize(("status", "code"), [("withdrawn", "refund.withdrawn"), ("completed", None), ("sent", None)])
def test_the_rule_of_a_request_that_people_have_ended(app, make, ann, status, code):
    ask(app, ann, make.order())
    change(app, RefundRequest, sa.true(), status=status)
    with app.app_context(), scope_as(ALL_STORES):
        refusal = RefundHandler(standalone=True).guard(session, session.scalars(sa.select(Action)).one(), ann)
    assert (refusal.code if refusal else None) == code


def test_a_request_that_is_decided_already_calls_nobody(app, make, ann, monkeypatch):
    ask(app, ann, make.order())
    change(app, RefundRequest, sa.true(), status="refused")
    monkeypatch.setattr(refund_jobs, "platform", lambda: pytest.fail("the platform was called"))
    with app.app_context(), scope_as(ALL_STORES):
        outcome = RefundHandler(standalone=False).perform(session.scalars(sa.select(Action)).one())
    assert (outcome.verdict, outcome.data) == (protocol.Verdict.DONE, {"decided": True})


def test_a_refusal_in_doubt_and_an_order_that_cannot_be_read_stay_in_doubt(app, make, ann, monkeypatch):
    ask(app, ann, make.order())
    no = dataclasses.replace(protocol.refused(NO), data={"status": 422, "said": "The order cannot be refunded."})

    class Silent:
        def request_refund(self, *_):
            return no

        def read_order(self, *_):
            raise TimeoutError

    monkeypatch.setattr(refund_jobs, "platform", Silent)
    monkeypatch.setattr(refund_jobs, "write", lambda call: call())
    monkeypatch.setattr(refund_jobs, "read", lambda _call: protocol.retry("no answer"))
    with app.app_context(), scope_as(ALL_STORES):
        action = session.scalars(sa.select(Action)).one()
        session.expunge(action)
        action.doubt = True
        assert RefundHandler(standalone=False).perform(action).verdict is protocol.Verdict.UNKNOWN


def test_a_missing_order_in_doubt_is_no_sign_of_our_request_whatever_it_says(app, make, ann, monkeypatch):
    ask(app, ann, make.order())

    class Gone:
        def request_refund(self, *_):
            return protocol.refused(NO, status=404, said="No order exists.")

        def read_order(self, *_):
            return None

    monkeypatch.setattr(refund_jobs, "platform", Gone)
    monkeypatch.setattr(refund_jobs, "write", lambda call: call())
    monkeypatch.setattr(refund_jobs, "read", lambda call: call())
    with app.app_context(), scope_as(ALL_STORES):
        action = session.scalars(sa.select(Action)).one()
        session.expunge(action)
        action.doubt = True
        outcome = RefundHandler(standalone=False).perform(action)
    assert outcome.verdict is protocol.Verdict.ATTENTION
    assert (outcome.reason.code, outcome.reason.params) == ("refund.unclear", {"message": "No order exists."})


# --- subscriptions and licenses ---


def test_a_subscription_the_platform_does_not_have_is_refused(app, make, ann, monkeypatch):
    from app.jobs import subscriptions as jobs

    subscribed(make)
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())

    class Empty:
        def read_subscription(self, _code):
            return None

        def set_activity(self, *_, **__):
            pytest.fail("nothing to set")

    monkeypatch.setattr(jobs, "platform", Empty)
    with app.app_context(), scope_as(ALL_STORES):
        outcome = SubscriptionHandler("cancel_subscription", standalone=False).perform(
            session.scalars(sa.select(Action)).one()
        )
    assert outcome.verdict is protocol.Verdict.REFUSED
    assert outcome.reason is not None


def test_a_rule_broken_between_the_question_and_the_lock_refuses(app, make, ann):
    subscribed(make)
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    change(app, Subscription, sa.true(), status="cancelled")
    handler = SubscriptionHandler("cancel_subscription", standalone=True)
    with app.app_context(), scope_as(ALL_STORES), pytest.raises(Refused), transaction():
        handler.settle(session, session.scalars(sa.select(Action)).one(), protocol.done(), ann)
    assert portal_lines(app, PARENT) == []


def test_what_a_person_saw_happen_asks_no_rule(app, make, ann):
    subscribed(make)
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    change(app, Order, sa.true(), status="deleted")
    handler = SubscriptionHandler("cancel_subscription", standalone=True)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        handler.settle(session, session.scalars(sa.select(Action)).one(), protocol.done(by_person=True), ann)
    assert one(app, Subscription).status == "cancelled"


def test_what_the_platform_did_asks_no_rule(app, make, ann):
    subscribed(make)
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    change(app, Order, sa.true(), status="deleted")
    handler = SubscriptionHandler("cancel_subscription", standalone=False)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        handler.settle(session, session.scalars(sa.select(Action)).one(), protocol.done(), ann)
    assert one(app, Subscription).status == "cancelled"
    assert len(portal_lines(app, PARENT)) == 1


@pytest.mark.parametrize(
    ("mail", "after"), [("attention", "refused"), ("waiting", "refused"), ("running", "running"), ("done", "done")]
)
def test_a_resend_that_a_person_saw_happen_is_said_and_its_mail_never_goes(app, make, ann, mail, after):
    """What still waits; what a server has, or has taken, stays as it is."""
    from app.actions import licenses

    order_id = make.order()
    boss = actor(app, make.person("boss@example.org", role="Admin"))
    run(app, ann, licenses.resend, order_id, "l1", token=token(), now=NOW)
    work_all(app)
    assert one(app, Mail).state == "waiting"
    change(app, Action, sa.true(), state="attention")
    change(app, Mail, sa.true(), state=mail)
    run(app, boss, operations.it_happened, one(app, Action).id)
    work_all(app)
    assert (one(app, Action).state, one(app, Mail).state) == ("done", after)
    assert one(app, Action).verdict is None
    assert [code for code, _ in portal_lines(app, order_id)].count("license.sent") == 1
    assert [e.event for e in rows(app, AuditEntry)].count("license.sent") == 1


def test_before_its_mail_there_is_nothing_to_look_up(app):
    from app.jobs.licenses import LicenseHandler

    assert LicenseHandler().lookup(Action()) is None


def test_a_rejection_asks_refunds_only(app, make, ann):
    order_id = make.order()
    ask(app, ann, order_id)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        handler = RefundHandler(standalone=True)
        handler.settle(session, session.scalars(sa.select(Action)).one(), protocol.refused(NO), ann)
    assert one(app, RefundRequest).status == "refused"
    assert refunds.REQUEST == "request_refund"


@pytest.mark.parametrize(
    ("outcome", "result", "why"),
    [(protocol.refused(NO), "refused", "test.no"), (protocol.unknown("lost"), "failed", None)],
)
def test_an_end_without_a_change_stands_in_the_audit(app, make, ann, outcome, result, why):
    subscribed(make)
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    with app.app_context(), scope_as(ALL_STORES), transaction():
        handler = SubscriptionHandler("cancel_subscription", standalone=True)
        action = session.scalars(sa.select(Action)).one()
        handler.settle(session, action, outcome, ann)
        named = {"action": action.id, "kind": "cancel_subscription", "why": why}
    entry = one(app, AuditEntry, AuditEntry.event == "action.ended")
    assert (entry.result, entry.actor, entry.order_id, entry.subject) == (result, ann.login, PARENT, CODE)
    assert entry.store_id == make.store()
    assert entry.details == named
    assert one(app, Subscription).status == "active"


@pytest.mark.parametrize(
    ("verb", "before", "after"), [("cancel", "active", "cancelled"), ("resume", "cancelled", "active")]
)
def test_a_change_that_happened_stands_in_the_audit(app, make, ann, verb, before, after):
    subscribed(make, status=before)
    run(app, ann, getattr(subscriptions, verb), PARENT, CODE, token=token())
    work_all(app)
    assert one(app, Subscription).status == after
    action = one(app, Action)
    event = {"cancel": "subscription.cancelled", "resume": "subscription.resumed"}[verb]
    entry = one(app, AuditEntry, AuditEntry.event == event)
    assert (entry.result, entry.actor, entry.order_id, entry.subject) == ("ok", ann.login, PARENT, CODE)
    assert (entry.store_id, entry.details) == (make.store(), {"action": action.id})


def test_a_resend_that_was_refused_stands_in_the_audit(app, make, ann):
    from app.actions import licenses

    order_id = make.order()
    run(app, ann, licenses.resend, order_id, "l1", token=token(), now=NOW)
    change(app, Order, sa.true(), status="deleted")
    work_all(app)
    action, entry = one(app, Action), one(app, AuditEntry, AuditEntry.event == "action.ended")
    assert action.state == "refused"
    assert (entry.result, entry.order_id, entry.subject) == ("refused", order_id, "l1")
    assert entry.details == {"action": action.id, "kind": "resend_license", "why": "license.not_paid"}
    assert rows(app, Mail) == []
