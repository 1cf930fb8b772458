"""Auto-renewal: block, cancel, resume (domain.md 5, 10.10 and 10.11)."""

import pytest

from app.domain import subscriptions
from app.domain.subscriptions import SubscriptionFacts

PARENT, CHILD = 100, 200


def facts(kind="AR", status="active", order=PARENT, parent_status="paid", **more):
    return SubscriptionFacts(kind, status, order, PARENT, parent_status, **more)


def code(refusal):
    return refusal.code if refusal else None


@pytest.mark.parametrize(
    ("order", "parent_status", "shown"),
    [
        (PARENT, "paid", True),
        (PARENT, "not_paid", False),
        (PARENT, "deleted", False),
        (PARENT, "terminated", False),
        (CHILD, "paid", True),
        (CHILD, "not_paid", True),
        (CHILD, "deleted", True),
        (CHILD, None, True),
    ],
)
def test_a_parent_shows_its_block_when_paid_a_renewal_always(order, parent_status, shown):
    assert subscriptions.shows_block(facts(order=order, parent_status=parent_status)) is shown


@pytest.mark.parametrize("kind", ["AR", "AR Trial", "PMR"])
@pytest.mark.parametrize(
    ("status", "refusal"), [("active", None), ("not_paid", None), ("cancelled", "subscription.cancelled")]
)
def test_every_mechanism_can_be_cancelled(kind, status, refusal):
    assert code(subscriptions.why_not_cancel(facts(kind, status))) == refusal


@pytest.mark.parametrize("kind", ["AR", "AR Trial"])
@pytest.mark.parametrize(
    ("status", "refusal"),
    [("active", "subscription.active"), ("not_paid", "subscription.active"), ("cancelled", None)],
)
def test_auto_renewal_can_be_resumed(kind, status, refusal):
    assert code(subscriptions.why_not_resume(facts(kind, status))) == refusal


@pytest.mark.parametrize("status", ["active", "not_paid", "cancelled"])
@pytest.mark.parametrize("order", [PARENT, CHILD])
def test_pmr_is_never_resumed(status, order):
    assert code(subscriptions.why_not_resume(facts("PMR", status, order))) == "subscription.pmr"


def test_from_the_renewal_order_the_parents_subscription_is_meant():
    renewal = facts(order=CHILD, parent_status="deleted")
    assert subscriptions.why_not_cancel(renewal) is None
    assert subscriptions.why_not_resume(facts(status="cancelled", order=CHILD, parent_status=None)) is None


def test_an_unpaid_parent_has_nothing_to_change():
    assert code(subscriptions.why_not_cancel(facts(parent_status="not_paid"))) == "subscription.not_started"
    unpaid = facts(status="cancelled", parent_status="not_paid")
    assert code(subscriptions.why_not_resume(unpaid)) == "subscription.not_started"


@pytest.mark.parametrize("parent_status", ["deleted", "terminated"])
def test_a_paid_order_that_is_over_is_not_said_to_begin_when_it_is_paid(parent_status):
    assert code(subscriptions.why_not_cancel(facts(parent_status=parent_status))) == "subscription.order_over"
    gone = facts(status="cancelled", parent_status=parent_status)
    assert code(subscriptions.why_not_resume(gone)) == "subscription.order_over"


@pytest.mark.parametrize(
    ("state", "refusal"),
    [("waiting", "subscription.busy"), ("running", "subscription.busy"), ("attention", "action.stuck")],
)
def test_a_change_in_progress_is_waited_for_and_one_that_is_stuck_is_not(state, refusal):
    assert code(subscriptions.why_not_cancel(facts(live_state=state))) == refusal
    assert code(subscriptions.why_not_resume(facts(status="cancelled", live_state=state))) == refusal


def test_resuming_goes_back_to_an_unpaid_renewal_where_there_is_one():
    assert subscriptions.after_resume(True) == "not_paid"
    assert subscriptions.after_resume(False) == "active"


@pytest.mark.parametrize(("status", "active"), [("active", True), ("not_paid", True), ("cancelled", False)])
def test_activity_is_an_attribute_of_its_own(status, active):
    assert subscriptions.is_active(status) is active
