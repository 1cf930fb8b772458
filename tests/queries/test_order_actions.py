"""The refund requests shown with an order, whether something is under way, and who may ask."""

import dataclasses
import datetime as dt
from decimal import Decimal

import pytest
import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.domain.refusal import NotFound
from app.models import Action, Person, RefundRequest
from app.queries.order_actions import order_actions, sent_before
from tests.actions.support import NOW, actor


@pytest.fixture
def ann(app, make):
    return actor(app, make.person("ann@example.org", stores=("acme-eu",), first_name="Ann", last_name="Lee"))


def add(app, *rows):
    with app.app_context(), scope_as(ALL_STORES), transaction():
        for row in rows:
            session.add(row)
            session.flush()


def request(order_id, store, **values):
    return RefundRequest(
        **{"order_id": order_id, "store_id": store, "status": "refused", "reason": "why", "amount": Decimal("118.00"),
           "currency": "EUR", "requested_at": NOW, "updated_at": NOW, **values}
    )  # fmt: skip


def action(who, order_id, store, number=1, **values):
    return Action(
        **{"kind": "resend_license", "order_id": order_id, "store_id": store, "subject": "l1", "state": "waiting",
           "actor_id": who.id, "request_token": f"form-{number}", "key": f"key-{number}", **values}
    )  # fmt: skip


def asked(app, who, order_id):
    with app.app_context(), scope_as(ALL_STORES):
        return order_actions(session, who, order_id)


def test_requests_of_this_order_newest_first_and_who_sent_them(app, make, ann):
    order_id, other, store = make.order(), make.order(), make.store()
    make.person("bob@example.org", first_name="Bob", last_name="Ray")
    add(
        app,
        request(order_id, store, reason="first", requested_by=ann.id, comment="no", requested_at=NOW),
        request(order_id, store, reason="second", status="completed", result="full"),
        request(other, store, reason="of another order", requested_by=ann.id),
    )
    found = asked(app, ann, order_id)
    assert [(line.reason, line.status, line.result, line.comment, line.who) for line in found.requests] == [
        ("second", "completed", "full", None, None),
        ("first", "refused", None, "no", "Ann Lee"),
    ]
    assert [line.at for line in found.requests] == [NOW, NOW]
    assert {line.amount for line in found.requests} == {"€118.00"}
    assert found.order_id == order_id
    with app.app_context():
        assert session.scalar(sa.select(sa.func.count()).select_from(Person)) == 2


def test_no_more_than_ten_are_shown(app, make, ann):
    order_id, store = make.order(), make.store()
    add(app, *(request(order_id, store, reason=str(number)) for number in range(12)))
    assert [line.reason for line in asked(app, ann, order_id).requests] == [str(n) for n in range(11, 1, -1)]


@pytest.mark.parametrize(
    ("state", "live"), [("waiting", True), ("running", True), ("attention", False), ("refused", False)]
)
def test_something_is_under_way(app, make, ann, state, live):
    order_id, other, store = make.order(), make.order(), make.store()
    add(app, action(ann, order_id, store, state=state))
    assert asked(app, ann, order_id).live is live
    assert asked(app, ann, other).live is False


def test_an_order_outside_the_scope_is_like_one_that_is_not_there(app, make, ann):
    foreign = make.order(store="rival")
    blind = dataclasses.replace(ann, stores=frozenset())
    for who, order_id in ((ann, foreign), (ann, 1), (blind, make.order())):
        with pytest.raises(NotFound):
            asked(app, who, order_id)


def test_earlier_resends_are_the_finished_ones_of_this_order(app, make, ann):
    order_id, other, store = make.order(), make.order(), make.store()
    moments = [NOW - dt.timedelta(hours=hours) for hours in range(4)]
    add(
        app,
        *(action(ann, order_id, store, n, state="done", finished_at=at) for n, at in enumerate(moments)),
        action(ann, order_id, store, 10, state="done", finished_at=NOW, subject="l2"),
        action(ann, order_id, store, 11, state="refused", finished_at=NOW, subject="l3"),
        action(ann, order_id, store, 12, state="done", subject="l4"),
        action(ann, order_id, store, 13, state="done", finished_at=NOW, kind="request_refund", subject="l5"),
        action(ann, other, store, 14, state="done", finished_at=NOW, subject="l6"),
    )
    with app.app_context(), scope_as(ALL_STORES):
        found = sent_before(session, ann, order_id)
        assert found == {"l1": [(at, "Ann Lee") for at in moments[:3]], "l2": [(NOW, "Ann Lee")]}
        assert sent_before(session, ann, order_id, limit=1) == {"l1": found["l1"][:1], "l2": found["l2"]}
