"""The facts that rules look at, each with what must not count: other orders, other stores, other kinds."""

import pytest
import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Action, Order, OrderItem, OrderRelation, Subscription
from app.queries import facts
from tests.actions.support import actor

PARENT, RENEWAL, OTHER, CODE = 40_001, 40_002, 40_003, "40001_1"
WORD = {"id": CODE, "type": "AR", "status": "active", "parent_order_id": PARENT}


def asked(app, function, order_id=PARENT, code=CODE):
    """The answer of a question about the subscription, asked on the order's page."""
    with app.app_context(), scope_as(ALL_STORES):
        order = session.get(Order, order_id)
        return function(session, order, session.scalars(sa.select(Subscription).where(Subscription.code == code)).one())


def unpaid(app):
    return asked(app, lambda db, _order, subscription: facts.has_unpaid_renewal(db, subscription))


def without_relations(app):
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.delete(OrderRelation))


def test_a_renewal_known_by_its_item_only(app, make):
    make.order(order_id=PARENT, items=[{"subscription": WORD}])
    make.order(order_id=RENEWAL, status="not_paid", pay_date=None, items=[{"subscription": WORD}])
    without_relations(app)
    assert unpaid(app) is True
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.get(Order, RENEWAL).status = "paid"
    assert unpaid(app) is False


def test_a_renewal_known_by_its_relation_only(app, make):
    make.order(order_id=PARENT, items=[{"subscription": WORD | {"child_order_ids": [RENEWAL]}}])
    make.order(order_id=RENEWAL, status="not_paid", pay_date=None)
    assert unpaid(app) is True
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(OrderRelation).values(kind="related"))
    assert unpaid(app) is False


@pytest.mark.parametrize("item_code", [None, "40001_2"])
def test_an_unpaid_order_of_nobody_or_of_another_subscription_is_no_renewal(app, make, item_code):
    make.order(order_id=PARENT, items=[{"subscription": WORD}])
    make.order(order_id=OTHER, status="not_paid", pay_date=None)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(OrderItem).where(OrderItem.order_id == OTHER).values(subscription_code=item_code))
    assert unpaid(app) is False


def test_the_unpaid_parent_is_not_its_own_renewal(app, make):
    make.order(order_id=PARENT, status="not_paid", pay_date=None, items=[{"subscription": WORD}])
    assert unpaid(app) is False


@pytest.mark.parametrize(
    ("kind", "state", "subject", "live_state"),
    [
        ("cancel_subscription", "waiting", CODE, "waiting"),
        ("resume_subscription", "attention", CODE, "attention"),
        ("cancel_subscription", "done", CODE, None),
        ("resend_license", "waiting", CODE, None),
        ("cancel_subscription", "waiting", "40001_2", None),
    ],
)
def test_what_is_under_way_with_a_subscription(app, make, kind, state, subject, live_state):
    make.order(order_id=PARENT, items=[{"subscription": WORD}])
    who = actor(app, make.person(stores=("acme-eu",)))
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.add(
            Action(
                kind=kind, order_id=PARENT, store_id=make.store(), subject=subject, state=state, actor_id=who.id,
                request_token="form", key="key",
            )
        )  # fmt: skip
    found = asked(app, facts.subscription_facts)
    assert found.live_state == live_state
    assert (found.order_id, found.parent_order_id, found.parent_status) == (PARENT, PARENT, "paid")
    assert asked(app, lambda *given: facts.subscription_facts(*given, live_action=False)).live_state is None


def test_a_subscription_is_found_from_its_family_only(app, make):
    make.order(order_id=PARENT, items=[{"subscription": WORD | {"child_order_ids": [RENEWAL]}}])
    make.order(order_id=RENEWAL)
    make.order(order_id=OTHER)
    with app.app_context(), scope_as(ALL_STORES):
        found = {
            order_id: facts.find_subscription(session, session.get(Order, order_id), CODE)
            for order_id in (PARENT, RENEWAL, OTHER)
        }
        assert facts.find_subscription(session, session.get(Order, PARENT), "40001_2") is None
    assert {order_id: one.code if one else None for order_id, one in found.items()} == {
        PARENT: CODE, RENEWAL: CODE, OTHER: None,
    }  # fmt: skip


def test_a_code_is_found_in_its_own_order_only(app, make):
    first, second = make.order(), make.order(items=[{}, {}])
    with app.app_context(), scope_as(ALL_STORES):
        of = {order_id: session.get(Order, order_id) for order_id in (first, second)}
        assert facts.find_license(session, of[first], "l1").order_id == first
        assert facts.find_license(session, of[second], "l2").order_id == second
        assert facts.find_license(session, of[first], "l2") is None
