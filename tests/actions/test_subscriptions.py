"""Cancelling, resuming and resending as actions: what is accepted, what is refused, and that nothing else happens."""

import pytest
import sqlalchemy as sa

from app.actions import licenses, subscriptions
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.domain.refusal import NotFound, Refused
from app.models import Action, AuditEntry, Order, OrderEvent, Subscription
from tests.actions.support import NOW, actor, counts, one, portal_lines, rows, run, token

PARENT, RENEWAL, CODE = 40_001, 40_002, "40001_1"


@pytest.fixture
def ann(app, make):
    return actor(app, make.person("ann@example.org", stores=("acme-eu",)))


def subscribed(make, kind="AR", status="active", **values):
    word = {"id": CODE, "type": kind, "status": status, "parent_order_id": PARENT}
    return make.order(order_id=PARENT, items=[{"subscription": word}], **values)


def press(app, who, verb, order_id=PARENT, code=CODE, form=None):
    return run(app, who, getattr(subscriptions, verb), order_id, code, token=form or token())


def refused(app, who, verb, **options):
    before = counts(app)
    with pytest.raises(Refused) as caught:
        press(app, who, verb, **options)
    assert counts(app) == before
    return caught.value.refusal.code


@pytest.mark.parametrize("kind", ["AR", "AR Trial", "PMR"])
@pytest.mark.parametrize("status", ["active", "not_paid"])
def test_a_cancellation_is_accepted_as_a_row_and_an_audit_entry(app, make, ann, kind, status):
    subscribed(make, kind, status)
    action_id = press(app, ann, "cancel")
    action = one(app, Action)
    assert (action.id, action.kind, action.subject, action.state) == (action_id, "cancel_subscription", CODE, "waiting")
    assert one(app, Subscription).status == status
    assert [a.event for a in rows(app, AuditEntry)] == ["subscription.cancel_asked"]


def test_the_rules_refuse(app, make, ann):
    subscribed(make)
    assert refused(app, ann, "resume") == "subscription.active"
    press(app, ann, "cancel")
    assert refused(app, ann, "cancel") == "subscription.busy"
    assert refused(app, ann, "resume") == "subscription.active"


def stick(app):
    """The one action needs attention."""
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.scalars(sa.select(Action)).one().state = "attention"


def test_one_that_needs_attention_is_not_said_to_be_in_progress(app, make, ann):
    subscribed(make)
    press(app, ann, "cancel")
    stick(app)
    assert refused(app, ann, "cancel") == "action.stuck"


@pytest.mark.parametrize("status", ["active", "not_paid", "cancelled"])
def test_pmr_is_never_resumed(app, make, ann, status):
    subscribed(make, "PMR", status)
    assert refused(app, ann, "resume") == "subscription.pmr"


def test_an_unpaid_parent_has_no_subscription_to_change(app, make, ann):
    subscribed(make)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.get(Order, PARENT).status = "not_paid"
    assert refused(app, ann, "cancel") == "subscription.not_started"


def test_the_same_form_again_is_the_same_action(app, make, ann):
    subscribed(make)
    form = token()
    first = press(app, ann, "cancel", form=form)
    before = counts(app)
    assert press(app, ann, "cancel", form=form) == first
    assert counts(app) == before


def test_parent_and_renewal_mean_the_same_subscription(app, make, ann):
    word = {"id": CODE, "type": "AR", "status": "active", "parent_order_id": PARENT, "child_order_ids": [RENEWAL]}
    make.order(order_id=PARENT, items=[{"subscription": word}])
    make.order(order_id=RENEWAL, items=[{"subscription": word}])
    press(app, ann, "cancel", order_id=RENEWAL)
    assert refused(app, ann, "cancel", order_id=PARENT) == "subscription.busy"
    assert [a.order_id for a in rows(app, Action)] == [RENEWAL]


def test_another_orders_subscription_is_not_there(app, make, ann):
    subscribed(make)
    other = make.order()
    before = counts(app)
    for order_id, code in ((other, CODE), (PARENT, "40001_2"), (PARENT, "x" * 100)):
        with pytest.raises(NotFound):
            press(app, ann, "cancel", order_id=order_id, code=code)
    assert counts(app) == before


def test_a_foreign_store_is_not_there(app, make, ann):
    subscribed(make, store="other")
    before = counts(app)
    for verb in ("cancel", "resume"):
        with pytest.raises(NotFound):
            press(app, ann, verb)
    with pytest.raises(NotFound):
        run(app, ann, licenses.resend, PARENT, "l1", token=token(), now=NOW)
    assert counts(app) == before


def test_a_second_resend_of_the_same_code_waits_for_the_first(app, make, ann):
    order_id = make.order(items=[{}, {}])
    run(app, ann, licenses.resend, order_id, "l1", token=token(), now=NOW)
    before = counts(app)
    with pytest.raises(Refused) as caught:
        run(app, ann, licenses.resend, order_id, "l1", token=token(), now=NOW)
    assert caught.value.refusal.code == "license.busy"
    assert counts(app) == before
    stick(app)
    with pytest.raises(Refused) as caught:
        run(app, ann, licenses.resend, order_id, "l1", token=token(), now=NOW)
    assert caught.value.refusal.code == "action.stuck"
    assert counts(app) == before
    run(app, ann, licenses.resend, order_id, "l2", token=token(), now=NOW)
    assert [a.subject for a in rows(app, Action)] == ["l1", "l2"]


@pytest.mark.parametrize(
    ("locale", "default", "language"),
    [("ru_RU", "en", "ru"), ("en_EN", "ru", "en"), ("RU", "en", "ru"), (None, "ru", "ru"), ("fr_FR", "ru", "en")],
)
def test_the_customers_language_where_there_is_one(locale, default, language):
    assert licenses.language_of(Order(locale=locale), default) == language


def test_cancelling_with_a_refund_takes_those_that_can_be_cancelled(app, make, ann):
    words = [
        {"id": f"{PARENT}_{number}", "type": "AR", "status": status, "parent_order_id": PARENT}
        for number, status in enumerate(("active", "cancelled", "not_paid"), 1)
    ]
    make.order(order_id=PARENT, items=[{"subscription": word} for word in words])
    form = token()
    with app.app_context(), scope_as(ann.stores), transaction():
        order = session.get(Order, PARENT)
        found = [action.subject for action in subscriptions.cancel_all_of(session, ann, order, token=form)]
    assert sorted(found) == [f"{PARENT}_1", f"{PARENT}_3"]
    assert len({action.request_token for action in rows(app, Action)} | {form}) == 3
    assert [e.event for e in rows(app, AuditEntry)] == ["subscription.cancel_asked"] * 2


def test_a_change_of_a_subscription_that_is_gone_changes_nothing(app, make, ann):
    subscribed(make)
    press(app, ann, "cancel")
    action = one(app, Action)
    before = counts(app)
    action.subject = "40001_9"
    assert run(app, ann, subscriptions.apply_change, action, now=NOW, decided=True) is None
    assert counts(app) == before


def test_a_change_is_told_on_the_page_and_on_the_parents(app, make, ann):
    word = {"id": CODE, "type": "AR", "status": "not_paid", "parent_order_id": PARENT, "child_order_ids": [RENEWAL]}
    make.order(order_id=PARENT, items=[{"subscription": word}])
    make.order(order_id=RENEWAL, status="not_paid", pay_date=None, items=[{"subscription": word}])
    press(app, ann, "cancel", order_id=RENEWAL)
    run(app, ann, subscriptions.apply_change, one(app, Action), now=NOW, decided=True)
    assert [len(portal_lines(app, order_id)) for order_id in (PARENT, RENEWAL)] == [1, 1]
    subscription = one(app, Subscription)
    assert (subscription.status, subscription.source_at, subscription.decided_at) == ("cancelled", NOW, NOW)


def test_a_parent_the_portal_does_not_know_is_told_nothing(app, make, ann):
    word = {"id": CODE, "type": "AR", "status": "not_paid", "parent_order_id": PARENT}
    make.order(order_id=RENEWAL, items=[{"subscription": word}])
    press(app, ann, "cancel", order_id=RENEWAL)
    run(app, ann, subscriptions.apply_change, one(app, Action), now=NOW, decided=False)
    assert len(portal_lines(app, RENEWAL)) == 1
    assert len(rows(app, OrderEvent, OrderEvent.source == "portal")) == 1
    assert one(app, Subscription).decided_at is None
