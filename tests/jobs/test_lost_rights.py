"""Somebody's rights are gone while nobody knows whether their action happened: what happened is still written down."""

from __future__ import annotations

import sqlalchemy as sa

from app.actions import operations, subscriptions
from app.db import session, transaction
from app.models import Action, RefundRequest, StoreGrant, Subscription
from tests.actions.support import one, portal_lines, run, token
from tests.jobs.support import CODE, PARENT, ask, change, subscribed, work


def lose_the_store(app):
    with app.app_context(), transaction():
        session.execute(sa.delete(StoreGrant))


def test_a_cancellation_that_happened_is_found_although_its_sender_lost_the_store(app, make, ann, connected):
    subscribed(make)
    connected.add_subscription(CODE)
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    connected.faults.next("activity", "done_then_502")
    work(app)
    assert (one(app, Action).state, one(app, Action).doubt) == ("waiting", True)
    lose_the_store(app)
    work(app)
    assert (one(app, Action).state, one(app, Subscription).status) == ("done", "cancelled")
    assert [code for code, _ in portal_lines(app, PARENT)] == ["subscription.cancelled"]
    assert len(connected.effects("activity")) == 1


def test_a_refund_that_is_taken_up_there_is_found_although_its_sender_lost_the_store(app, make, ann, connected):
    order_id = make.order()
    connected.add_order(order_id)
    ask(app, ann, order_id)
    connected.faults.next("refund", "done_then_502")
    work(app)
    assert (one(app, Action).state, one(app, Action).doubt) == ("waiting", True)
    connected.decide_refund(order_id, "Processing")
    lose_the_store(app)
    work(app)
    assert (one(app, Action).state, one(app, RefundRequest).status) == ("done", "updating")
    assert len(connected.effects("refund")) == 1


def test_what_a_person_saw_happen_is_written_down_although_its_sender_lost_the_store(app, make, ann, boss, side):
    subscribed(make)
    if side:
        side.add_subscription(CODE)
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    change(app, Action, sa.true(), state="attention", doubt=True)
    lose_the_store(app)
    run(app, boss, operations.it_happened, one(app, Action).id)
    work(app)
    assert (one(app, Action).state, one(app, Subscription).status) == ("done", "cancelled")
