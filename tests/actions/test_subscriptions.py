"""Cancelling, resuming and resending as actions: what is accepted, what is refused, and that nothing else happens."""

import pytest

from app.actions import licenses, subscriptions
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.domain.refusal import NotFound, Refused
from app.models import Action, AuditEntry, Order, Subscription
from tests.actions.support import NOW, actor, counts, one, rows, run, token

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
    run(app, ann, licenses.resend, order_id, "l2", token=token(), now=NOW)
    assert [a.subject for a in rows(app, Action)] == ["l1", "l2"]


@pytest.mark.parametrize(
    ("locale", "default", "language"),
    [("ru_RU", "en", "ru"), ("en_EN", "ru", "en"), ("RU", "en", "ru"), (None, "ru", "ru"), ("fr_FR", "ru", "en")],
)
def test_the_customers_language_where_there_is_one(locale, default, language):
    assert licenses.language_of(Order(locale=locale), default) == language
