"""Requesting and withdrawing refunds (domain.md 7, contract.md 5), on both databases."""

import threading
from decimal import Decimal

import pytest
import sqlalchemy as sa

from app.actions import desk, refunds, subscriptions
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.domain.refusal import Invalid, NotFound, Refused
from app.models import Action, AuditEntry, Mail, Order, RefundRequest, Subscription
from app.queries.order_snapshot import order_snapshot
from tests.actions.refund_support import ask
from tests.actions.support import NOW, actor, counts, one, portal_lines, rows, run, token

AUGUST = "2026-08-14T00:00:00+00:00"


def test_a_request_is_one_row_with_its_action_history_and_audit(app, make, ann):
    order_id = make.order()
    action_id = ask(app, ann, order_id, reason="  Paid twice\r\nreally ")
    request = one(app, RefundRequest)
    assert (request.status, request.reason, request.amount, request.currency, request.requested_by) == (
        "sent", "Paid twice\nreally", Decimal("118.00"), "EUR", ann.id,
    )  # fmt: skip
    action = one(app, Action)
    assert (action.id, action.kind, action.subject, action.state, action.refund_request_id) == (
        action_id, "request_refund", str(order_id), "waiting", request.id,
    )  # fmt: skip
    assert action.payload == {}, "the reason is not copied"
    assert one(app, Order).refund_status == "sent"
    assert portal_lines(app, order_id) == [("refund.requested", "Refund request has been sent by Ann Lee")]
    assert [a.event for a in rows(app, AuditEntry)] == ["refund.requested"]


def test_the_same_form_again_is_the_same_action_even_when_the_rule_says_no_by_now(app, make, ann):
    order_id, form = make.order(), token()
    first = ask(app, ann, order_id, token=form)
    before = counts(app)
    assert ask(app, ann, order_id, token=form) == first
    assert counts(app) == before


@pytest.mark.parametrize(("state", "code"), [("running", "refund.open"), ("attention", "action.stuck")])
def test_a_second_request_is_told_whether_the_first_goes_on_by_itself(app, make, ann, state, code):
    order_id = make.order()
    ask(app, ann, order_id)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.scalars(sa.select(Action)).one().state = state
    before = counts(app)
    with pytest.raises(Refused) as caught:
        ask(app, ann, order_id)
    assert caught.value.refusal.code == code
    assert counts(app) == before


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"status": "not_paid", "pay_date": None}, "refund.not_paid"),
        ({"status": "deleted"}, "refund.not_paid"),
        ({"total": "0.00"}, "refund.nothing_paid"),
        ({"refund": {"status": "updating", "updated": AUGUST}}, "refund.open"),
        ({"refund": {"status": "completed", "result": "full", "updated": AUGUST}}, "refund.completed"),
        ({"refund": {"status": "completed", "result": "partial", "updated": AUGUST}}, "refund.partial"),
    ],
)  # fmt: skip
def test_a_refused_request_leaves_nothing_behind(app, make, ann, order, code):
    order_id = make.order(**order)
    before = counts(app)
    with pytest.raises(Refused) as caught:
        ask(app, ann, order_id)
    assert caught.value.refusal.code == code
    assert counts(app) == before


def test_the_setting_allows_another_request_after_a_partial_refund(app, make, ann):
    updated = "2026-08-14T00:00:00+00:00"
    order_id = make.order(refund={"status": "completed", "result": "partial", "updated": updated})
    ask(app, ann, order_id, again_after_partial=True)
    assert [r.status for r in rows(app, RefundRequest)] == ["completed", "sent"]
    assert one(app, Order).refund_status == "sent"


@pytest.mark.parametrize("reason", ["", "  ", "я" * 501])
def test_a_reason_that_does_not_hold_leaves_nothing_behind(app, make, ann, reason):
    order_id = make.order()
    before = counts(app)
    with pytest.raises(Invalid) as caught:
        ask(app, ann, order_id, reason=reason)
    assert list(caught.value.errors) == ["reason"]
    assert counts(app) == before


def test_an_order_of_another_store_does_not_exist(app, make, ann):
    foreign = make.order(store="other")
    before = counts(app)
    for order_id in (foreign, 999):
        with pytest.raises(NotFound):
            ask(app, ann, order_id)
    assert counts(app) == before


@pytest.mark.parametrize("bad", ["", "short", "x" * 65, "spaces in it here"])
def test_a_form_without_a_token_is_refused(app, make, ann, bad):
    order_id = make.order()
    before = counts(app)
    with pytest.raises(Invalid):
        ask(app, ann, order_id, token=bad)
    assert counts(app) == before


def test_the_token_of_another_form_is_no_token(app, make, ann):
    first, second = make.order(), make.order()
    form = token()
    ask(app, ann, first, token=form)
    before = counts(app)
    with pytest.raises(Invalid):
        ask(app, ann, second, token=form)
    assert counts(app) == before


def test_forty_threads_on_one_button_make_one_request(app, make, ann):
    order_id, form = make.order(), token()
    colleague = actor(app, make.person("colleague@example.org", stores=("acme-eu",)))
    answers, gate = [], threading.Barrier(40)

    def click(number):
        gate.wait()
        try:
            if number % 2:
                answers.append(ask(app, ann, order_id, token=form))
            else:
                answers.append(ask(app, colleague if number % 4 else ann, order_id))
        except Refused as refused:
            answers.append(refused.refusal.code)
        finally:
            with app.app_context():
                session.remove() if hasattr(session, "remove") else session.close()

    threads = [threading.Thread(target=click, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 40
    assert len(rows(app, RefundRequest)) == len(rows(app, Action)) == 1
    assert {a for a in answers if isinstance(a, str)} <= {"refund.open", "refund.live"}
    assert len(portal_lines(app, order_id)) == 1


def test_the_tick_cancels_auto_renewal_in_the_same_step(app, make, ann):
    order_id = make.order(
        items=[{"subscription": {"id": "77_1", "type": "PMR", "status": "active", "parent_order_id": 10_777}}],
        order_id=10_777,
    )
    form = token()
    ask(app, ann, order_id, token=form, cancel_subscription=True)
    found = {a.kind: a for a in rows(app, Action)}
    assert found["cancel_subscription"].subject == "77_1"
    assert len(found) == 2
    before = counts(app)
    ask(app, ann, order_id, token=form, cancel_subscription=True)
    assert counts(app) == before


def test_without_the_tick_the_subscription_is_left_alone(app, make, ann):
    order_id = make.order(
        order_id=10_778,
        items=[{"subscription": {"id": "78_1", "type": "AR", "status": "active", "parent_order_id": 10_778}}],
    )
    ask(app, ann, order_id)
    assert [a.kind for a in rows(app, Action)] == ["request_refund"]
    assert one(app, Subscription).status == "active"


def test_the_sender_may_withdraw_and_ask_again(app, make, ann):
    order_id = make.order()
    ask(app, ann, order_id)
    run(app, ann, refunds.withdraw, order_id, standalone=True, now=NOW)
    assert (one(app, RefundRequest).status, one(app, Order).refund_status) == ("withdrawn", None)
    assert one(app, Action).state == "withdrawn"
    before = counts(app)
    run(app, ann, refunds.withdraw, order_id, standalone=True, now=NOW)
    assert counts(app) == before, "twice is once"
    ask(app, ann, order_id)
    assert one(app, Order).refund_status == "sent"
    assert rows(app, Mail) == []


def test_a_request_withdrawn_at_the_desk_reads_as_withdrawn_outside(app, make, ann):
    order_id = make.order()
    ask(app, ann, order_id)
    with app.app_context(), scope_as(ALL_STORES):
        with transaction():
            session.execute(sa.update(Action).values(state="done"))  # the desk has it
        assert [a["state"] for a in order_snapshot(session, order_id, ALL_STORES, NOW)["actions"]] == ["done"]
    run(app, ann, refunds.withdraw, order_id, standalone=True, now=NOW)
    with app.app_context(), scope_as(ALL_STORES):
        told = order_snapshot(session, order_id, ALL_STORES, NOW)
    assert ([a["state"] for a in told["actions"]], told["statuses"], told["refund"]) == (["withdrawn"], ["paid"], None)


def test_nobody_else_may_withdraw_and_nobody_once_it_is_taken_up(app, make, ann, boss):
    order_id = make.order()
    with pytest.raises(Refused) as caught:
        run(app, ann, refunds.withdraw, order_id, standalone=True, now=NOW)
    assert caught.value.refusal.code == "refund.none"
    ask(app, ann, order_id)
    before = counts(app)
    with pytest.raises(Refused) as caught:
        run(app, boss, refunds.withdraw, order_id, standalone=True, now=NOW)
    assert caught.value.refusal.code == "refund.not_own"
    assert counts(app) == before
    run(app, boss, desk.take, order_id, now=NOW)
    before = counts(app)
    with pytest.raises(Refused) as caught:
        run(app, ann, refunds.withdraw, order_id, standalone=True, now=NOW)
    assert caught.value.refusal.code == "refund.taken"
    assert counts(app) == before


@pytest.mark.parametrize(
    ("state", "doubt", "verdict"),
    [("running", False, None), ("waiting", True, None), ("done", False, None), ("waiting", False, "happened")],
)
def test_with_a_platform_it_is_too_late_once_our_call_went_out(app, make, ann, state, doubt, verdict):
    order_id = make.order()
    ask(app, ann, order_id)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(Action).values(state=state, doubt=doubt, verdict=verdict))
    before = counts(app)
    with pytest.raises(Refused) as caught:
        run(app, ann, refunds.withdraw, order_id, standalone=False, now=NOW)
    assert caught.value.refusal.code == "refund.taken"
    assert counts(app) == before
    assert one(app, RefundRequest).status == "sent"


def test_with_a_platform_it_can_be_withdrawn_before_our_call(app, make, ann):
    order_id = make.order()
    ask(app, ann, order_id)
    run(app, ann, refunds.withdraw, order_id, standalone=False, now=NOW)
    assert (one(app, RefundRequest).status, one(app, Action).state) == ("withdrawn", "withdrawn")


@pytest.mark.parametrize(("state", "doubt"), [("attention", False), ("attention", True), ("waiting", True)])
def test_at_the_desk_a_stuck_action_does_not_keep_a_withdrawn_order_from_asking_again(app, make, ann, state, doubt):
    order_id = make.order()
    ask(app, ann, order_id)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(Action).values(state=state, doubt=doubt))
    run(app, ann, refunds.withdraw, order_id, standalone=True, now=NOW)
    assert (one(app, RefundRequest).status, one(app, Action).state) == ("withdrawn", "withdrawn")
    ask(app, ann, order_id)
    assert [request.status for request in rows(app, RefundRequest)] == ["withdrawn", "sent"]


def test_a_subscription_that_somebody_begins_to_change_just_now_does_not_stop_the_refund(app, make, ann, monkeypatch):
    """From the page of another order of the subscription: the rule saw nothing yet, the database does."""
    word = {"id": "20001_1", "type": "AR", "status": "active", "parent_order_id": 20_001}
    order_id = make.order(order_id=20_001, items=[{"subscription": word}])
    run(app, ann, subscriptions.cancel, order_id, "20001_1", token=token())
    monkeypatch.setattr(subscriptions, "why_not_cancel", lambda _facts: None)
    ask(app, ann, order_id, cancel_subscription=True)
    assert [a.kind for a in rows(app, Action)] == ["cancel_subscription", "request_refund"]
    assert one(app, RefundRequest).status == "sent"
    assert [e.event for e in rows(app, AuditEntry)] == ["subscription.cancel_asked", "refund.requested"]
