"""Cancelling and resuming subscriptions from the click to its end, standalone and against the platform.

Rules, scope and role are asked again by the job; faults of the platform neither lose nor double anything.
"""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.actions import subscriptions
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Action, Person, StoreGrant, Subscription
from tests.actions.support import one, portal_lines, run, token
from tests.jobs.support import CODE, FAULTS, PARENT, RENEWAL, change, subscribed, work


@pytest.mark.parametrize("kind", ["AR", "AR Trial", "PMR"])
def test_a_cancellation_is_done_and_told_in_the_history(app, make, ann, side, kind):
    subscribed(make, kind)
    if side:
        side.add_subscription(CODE, kind)
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    assert one(app, Subscription).status == "active", "nothing is done inside the request"
    assert portal_lines(app, PARENT) == []
    work(app)
    assert (one(app, Action).state, one(app, Subscription).status) == ("done", "cancelled")
    assert portal_lines(app, PARENT) == [
        ("subscription.cancelled", f"Auto-renewal has been deactivated by Ann Lee, subscription {CODE}")
    ]
    if side:
        assert [e["activity"] for e in side.effects("activity")] == [False]


def test_a_resumption_without_an_unpaid_renewal_is_active(app, make, ann, side):
    subscribed(make, status="cancelled")
    if side:
        side.add_subscription(CODE, status="cancelled")
    run(app, ann, subscriptions.resume, PARENT, CODE, token=token())
    work(app)
    assert (one(app, Action).state, one(app, Subscription).status) == ("done", "active")


def test_a_resumption_from_the_unpaid_renewals_page_gives_not_paid(app, make, ann, side):
    word = {"id": CODE, "type": "AR", "status": "cancelled", "parent_order_id": PARENT, "child_order_ids": [RENEWAL]}
    make.order(order_id=PARENT, items=[{"subscription": word}])
    make.order(order_id=RENEWAL, status="not_paid", pay_date=None, items=[{"subscription": word}])
    if side:
        side.add_subscription(CODE, status="cancelled")
    run(app, ann, subscriptions.resume, RENEWAL, CODE, token=token())
    work(app)
    assert (one(app, Action).state, one(app, Subscription).status) == ("done", "not_paid")
    for order_id in (PARENT, RENEWAL):
        assert [code for code, _ in portal_lines(app, order_id)] == ["subscription.resumed"]


def test_what_the_platform_calls_a_pmr_is_never_resumed(app, make, ann, connected):
    """We may know it as an AR still: what was just read counts, and no call goes out (domain.md 5)."""
    subscribed(make, status="cancelled")
    connected.add_subscription(CODE, "PMR", status="cancelled")
    run(app, ann, subscriptions.resume, PARENT, CODE, token=token())
    work(app)
    action = one(app, Action)
    assert (action.state, action.reason) == ("refused", "A PMR subscription cannot be resumed.")
    assert (one(app, Subscription).status, portal_lines(app, PARENT)) == ("cancelled", [])
    assert connected.effects("activity") == []


def test_the_job_asks_the_rule_again(app, make, ann, side):
    subscribed(make)
    if side:
        side.add_subscription(CODE)
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    change(app, Subscription, Subscription.code == CODE, status="cancelled")
    work(app)
    action = one(app, Action)
    assert (action.state, action.reason) == ("refused", "Auto-renewal is already deactivated.")
    assert portal_lines(app, PARENT) == []
    assert not side or side.effects() == []


@pytest.mark.parametrize("ask", [subscriptions.cancel, subscriptions.resume])
def test_a_subscription_that_left_the_order_is_not_called_a_missing_order(app, make, ann, side, ask):
    word = {"id": CODE, "type": "AR", "parent_order_id": PARENT}
    word["status"] = "active" if ask is subscriptions.cancel else "cancelled"
    make.order(order_id=RENEWAL, items=[{"subscription": word}])
    run(app, ann, ask, RENEWAL, CODE, token=token())
    make.order(order_id=RENEWAL, version=2, items=[{}])
    work(app)
    action = one(app, Action)
    assert (action.state, action.reason) == ("refused", "The order does not have this subscription any more.")
    assert portal_lines(app, RENEWAL) == []
    assert not side or side.effects() == []


@pytest.mark.parametrize("lost", ["store", "role", "account"])
def test_the_job_asks_for_scope_role_and_account_again(app, make, ann, side, lost):
    subscribed(make)
    if side:
        side.add_subscription(CODE)
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    with app.app_context(), scope_as(ALL_STORES), transaction():
        if lost == "store":
            session.execute(sa.delete(StoreGrant).where(StoreGrant.user_id == ann.id))
        elif lost == "role":
            session.get(Person, ann.id).roles = []
        else:
            session.get(Person, ann.id).active = False
    work(app)
    assert one(app, Action).state == "refused"
    assert (one(app, Subscription).status, portal_lines(app, PARENT)) == ("active", [])
    assert not side or side.effects() == []


def test_what_is_already_so_at_the_platform_mails_nobody_again(app, make, ann, connected):
    subscribed(make)
    connected.add_subscription(CODE, status="cancelled")
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    work(app)
    assert (one(app, Action).state, one(app, Subscription).status) == ("done", "cancelled")
    assert connected.effects() == []


@pytest.mark.only_db("sqlite")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_cancellation_survives_every_fault_once(app, make, ann, connected, fault):
    subscribed(make)
    connected.add_subscription(CODE)
    connected.faults.next("activity", fault)
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    work(app)
    connected.stopping.wait(0.3 if fault == "late" else 0)
    if fault == "late":
        connected.stopping.wait(1.2)
    work(app, times=3)
    assert one(app, Action).state == "done"
    assert [e["activity"] for e in connected.effects("activity")] == [False]
    assert len(connected.effects("mail")) == 1
    assert len(portal_lines(app, PARENT)) == 1


@pytest.mark.only_db("sqlite")
def test_a_refusal_of_the_platform_ends_the_action_with_its_words(app, make, ann, connected):
    subscribed(make)
    connected.add_subscription(CODE)
    connected.faults.next("activity", "error_in_200")
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    work(app)
    action = one(app, Action)
    assert action.state == "refused"
    assert action.reason == "The platform refused it: Something is wrong."
    assert (one(app, Subscription).status, portal_lines(app, PARENT)) == ("active", [])
