"""Somebody has looked, and it did not happen: it ends as refused, nobody is called, and it can be asked for anew."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.actions import licenses, operations, refunds, subscriptions
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.domain.refusal import Refused
from app.domain.work import LEFT
from app.jobs import reconcile
from app.mail.sending import Answer, Result
from app.models import Action, AuditEntry, Mail, Order, RefundRequest, Subscription
from tests.actions.support import NOW, one, portal_lines, rows, run, token
from tests.jobs.support import CODE, PARENT, ask, change, subscribed, work


def leave(app, boss):
    """Say so of the action that needs a person, and let a worker write it down."""
    run(app, boss, operations.leave_it, one(app, Action, Action.state == "attention").id)
    assert one(app, Action, Action.verdict == "left").state == "waiting"
    work(app)


def ended(app):
    action = one(app, Action)
    assert (action.state, action.reason, action.doubt, action.verdict) == ("refused", LEFT.english(), False, None)
    entry = one(app, AuditEntry, AuditEntry.event == "action.ended", AuditEntry.result == "refused")
    assert entry.details["why"] == LEFT.code
    return action


@pytest.fixture
def dead_address(monkeypatch):
    """A mail server that never takes the address; what it was asked to take."""
    from app.jobs import mail as mail_job

    asked = []

    def hand_over(message):
        asked.append(message.msgId)
        return Answer(Result.NEVER, "recipient refused: 550")

    monkeypatch.setattr(mail_job, "hand_over", hand_over)
    return asked


def stuck_resend(app, make, ann):
    order_id = make.order()
    run(app, ann, licenses.resend, order_id, "l1", token=token(), now=NOW)
    work(app)
    work(app, "mail")
    assert (one(app, Action).state, one(app, Mail).state) == ("attention", "attention")
    return order_id


@pytest.mark.parametrize("said_of", ["action", "mail"])
def test_a_resend_to_a_dead_address_is_left_and_the_code_can_be_sent_again(app, make, ann, boss, dead_address, said_of):
    order_id = stuck_resend(app, make, ann)
    with pytest.raises(Refused):
        run(app, ann, licenses.resend, order_id, "l1", token=token(), now=NOW)
    if said_of == "mail":
        run(app, boss, operations.leave_mail, one(app, Mail).id, fence=one(app, Mail).fence)
        work(app)
    else:
        leave(app, boss)
    assert ended(app).resolved_by == boss.id
    assert (one(app, Mail).state, one(app, Mail).error) == ("refused", "settled by a person")
    work(app, "mail")
    assert len(dead_address) == 1
    assert [code for code, _ in portal_lines(app, order_id)] == ["action.left"]
    run(app, ann, licenses.resend, order_id, "l1", token=token(), now=NOW)
    assert [action.state for action in rows(app, Action)] == ["refused", "waiting"]


def test_a_mail_whose_action_waits_for_it_is_not_left_alone(app, make, ann, boss, dead_address):
    """Parked, the action would wait for ever for a mail that is not sent any more."""
    stuck_resend(app, make, ann)
    change(app, Action, sa.true(), state="running", lease_until=None, finished_at=None, reason=None)
    run(app, boss, operations.leave_mail, one(app, Mail).id)
    work(app)
    assert (one(app, Action).state, one(app, Mail).state) == ("refused", "refused")
    assert len(dead_address) == 1


def stuck_refund(app, make, ann, side):
    order_id = make.order()
    if side:
        side.add_order(order_id)
    ask(app, ann, order_id)
    change(app, Action, sa.true(), state="attention", doubt=True, attempt=60)
    return order_id


def test_a_refund_request_that_did_not_arrive_is_left_and_frees_the_order(app, make, ann, boss, side):
    order_id = stuck_refund(app, make, ann, side)
    leave(app, boss)
    ended(app)
    request = one(app, RefundRequest)
    assert (request.status, request.result, request.comment) == ("refused", "failed", LEFT.english())
    assert one(app, Order).refund_status == "refused"
    assert one(app, Mail).params["result"] == "refund failed"
    said = sorted(code for code, _ in portal_lines(app, order_id))
    assert said == ["action.left", "refund.refused", "refund.requested"]
    assert not side or side.effects() == []
    work(app)
    assert len(rows(app, Mail)) == 1
    ask(app, ann, order_id)
    assert one(app, Order).refund_status == "sent"


def test_a_request_that_is_left_and_turns_up_at_the_platform_is_taken_over(app, make, ann, boss, connected):
    """Whoever looked was wrong: reading back finds it, and nothing was sent there meanwhile."""
    order_id = stuck_refund(app, make, ann, connected)
    leave(app, boss)
    connected.decide_refund(order_id, "Processing")
    with app.app_context(), scope_as(ALL_STORES):
        reconcile._read_back(reconcile.platform(), order_id, reconcile.Report())
    assert [r.status for r in rows(app, RefundRequest)] == ["refused", "updating"]
    assert [action.state for action in rows(app, Action)] == ["refused"]


def test_a_request_decided_before_a_worker_came_stays_as_decided(app, make, ann, boss):
    from app.actions import desk

    order_id = stuck_refund(app, make, ann, None)
    run(app, boss, operations.leave_it, one(app, Action).id)
    run(app, boss, desk.complete, order_id, result="full", now=NOW)
    work(app)
    assert (one(app, Action).state, one(app, RefundRequest).status) == ("done", "completed")
    assert one(app, Mail).params["result"] == "full refund completed"


def test_a_change_that_did_not_happen_is_left_and_can_be_asked_for_again(app, make, ann, boss, side):
    subscribed(make)
    if side:
        side.add_subscription(CODE)
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    change(app, Action, sa.true(), state="attention", doubt=True, attempt=60)
    leave(app, boss)
    ended(app)
    assert one(app, Subscription).status == "active"
    assert not side or side.effects() == []
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    assert [action.state for action in rows(app, Action)] == ["refused", "waiting"]


def test_what_waits_to_be_written_down_is_not_withdrawn_nor_said_to_have_happened(app, make, ann, boss, connected):
    order_id = stuck_refund(app, make, ann, connected)
    action_id = one(app, Action).id
    run(app, boss, operations.leave_it, action_id)
    before = len(rows(app, AuditEntry))
    for again in (operations.it_happened, operations.try_again, operations.leave_it):
        with pytest.raises(Refused):
            run(app, boss, again, action_id)
    with pytest.raises(Refused):
        run(app, ann, refunds.withdraw, order_id, standalone=False, now=NOW)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        assert reconcile.happened(action_id) == 0
        assert operations.doubt_what_waits(session) == 0
    assert len(rows(app, AuditEntry)) == before
    assert (one(app, Action).state, one(app, Action).verdict) == ("waiting", "left")
    assert one(app, RefundRequest).status == "sent"
