"""Reading back what is open and what changed while webhooks were lost (contract.md 5)."""

import datetime as dt

import pytest
import sqlalchemy as sa

from app.actions import subscriptions
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.jobs import reconcile as jobs
from app.jobs import reconcile_choice as choice
from app.jobs.reconcile import reconcile
from app.models import Action, AuditEntry, Mail, Order, OrderItem, PeriodicTask, RefundRequest, Subscription
from app.models.base import utcnow
from tests.actions.support import actor, one, rows, run, token
from tests.jobs.support import CODE, PARENT, RENEWAL, ask, change, subscribed, work


def read_back(app):
    with app.app_context(), scope_as(ALL_STORES):
        return reconcile(app)


def in_step(app, server, order_id, **fields):
    """The platform's order, old, and ours made equal to it."""
    from app.actions.webhooks import record_platform_order
    from app.platform import platform as port

    server.add_order(order_id, **fields)
    with app.app_context(), scope_as(ALL_STORES):
        read = port().read_order(order_id)
        with transaction():
            record_platform_order(session, read, store_id=session.get(Order, order_id).store_id, now=utcnow())


def lately(server, order_id, ago=dt.timedelta(hours=1), **fields):
    """The platform's order, paid an hour ago."""
    at = (utcnow() - ago).isoformat()
    return server.add_order(order_id, **{"create_date": at, "pay_date": at, **fields})


def test_in_standalone_mode_nobody_is_asked(app):
    assert vars(read_back(app)) == {"read": 0, "unknown": 0, "differences": 0, "settled": 0, "failed": 0}


def test_a_lost_webhook_is_made_up_for_and_counted(app, make, connected):
    order_id = make.order(status="not_paid", pay_date=None)
    lately(connected, order_id, status="paid")
    lately(connected, 77_777_777)
    report = read_back(app)
    assert (report.read, report.differences, report.unknown) == (2, 1, 1)
    assert one(app, Order).status == "paid"
    assert [e.event for e in rows(app, AuditEntry, AuditEntry.event == "order.reconciled")] == ["order.reconciled"]
    assert read_back(app).differences == 0


def test_nothing_moves_backwards(app, make, connected):
    order_id = make.order(status="deleted")
    lately(connected, order_id, status="paid")
    read_back(app)
    assert one(app, Order).status == "deleted"


def test_a_result_that_comes_hours_later_is_read_back_and_mailed_once(app, make, ann, connected):
    order_id = make.order()
    in_step(app, connected, order_id)  # too old for the search: it is read because its request is open
    ask(app, ann, order_id)
    work(app)
    read_back(app)
    assert (one(app, RefundRequest).status, rows(app, Mail)) == ("sent", [])
    connected.decide_refund(order_id, "Processing")
    read_back(app)
    assert (one(app, RefundRequest).status, one(app, Order).refund_status) == ("updating", "updating")
    connected.decide_refund(order_id, "completed", "full")
    connected.orders[order_id]["status"] = "deleted"
    for _ in range(2):
        read_back(app)
    assert (one(app, RefundRequest).result, one(app, Order).refund_status) == ("full", "completed")
    assert one(app, Mail).params["result"] == "full refund completed"
    assert (one(app, Order).status, one(app, OrderItem).refunded) == ("deleted", True)


@pytest.mark.parametrize("dated", [False, True])
def test_an_old_refusal_is_not_the_answer_to_a_request_that_has_not_gone_out(app, make, ann, connected, dated):
    told = {"status": "refused", "updated": "2026-08-14T00:00:00+00:00"}
    order_id = make.order(refund=told)
    in_step(app, connected, order_id, refund=told if dated else {"status": "declined"})
    ask(app, ann, order_id)
    read_back(app)
    assert [r.status for r in rows(app, RefundRequest)] == ["refused", "sent"]
    assert rows(app, Mail) == []


def test_a_request_somebody_else_made_there_is_learned_when_ours_is_refused_for_it(app, make, ann, connected):
    """Or the page would offer another one for days."""
    order_id = make.order()
    in_step(app, connected, order_id)
    connected.add_order(order_id, refund={"status": "Processing"})
    ask(app, ann, order_id)
    work(app)
    assert (one(app, Action).state, one(app, Order).refund_status) == ("refused", "refused")
    read_back(app)
    assert [(r.status, r.origin) for r in rows(app, RefundRequest)] == [("refused", "portal"), ("updating", "platform")]
    assert one(app, Order).refund_status == "updating"
    change(app, Action, Action.id > 0, finished_at=utcnow() - dt.timedelta(days=3))
    change(app, RefundRequest, RefundRequest.id > 0, status="refused")
    assert read_back(app).read == 0


@pytest.mark.parametrize("there", [True, False])
def test_a_refund_nobody_was_sure_of_is_settled_by_reading_it(app, make, ann, connected, there):
    order_id = make.order()
    connected.add_order(order_id, refund={"status": "New"} if there else None)
    ask(app, ann, order_id)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(Action).values(state="attention", doubt=True, reason="?"))
    assert read_back(app).settled == int(there)
    work(app)
    assert one(app, Action).state == ("done" if there else "attention")
    assert connected.effects() == []


@pytest.mark.parametrize("there", [True, False])
def test_a_cancellation_nobody_was_sure_of_is_settled_by_reading_it(app, make, ann, connected, there):
    subscribed(make)
    connected.add_subscription(CODE, status="cancelled" if there else "active")
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(Action).values(state="attention", doubt=True, reason="?"))
    assert read_back(app).settled == int(there)
    work(app)
    assert one(app, Action).state == ("done" if there else "attention")
    assert one(app, Subscription).status == ("cancelled" if there else "active")
    assert connected.effects() == []


@pytest.mark.only_db("sqlite")
def test_a_platform_that_is_down_is_left_alone_after_a_few_tries(app, make, connected):
    for n in range(8):
        lately(connected, make.order(order_id=500 + n))
    connected.faults.next("order", *["500"] * 20)
    report = read_back(app)
    assert (report.failed, report.read) == (5, 0)
    connected.faults.next("search", "500")
    assert read_back(app).failed == 1


def test_items_of_a_known_order_are_kept(app, make, connected):
    order_id = make.order(items=[{}, {}])
    lately(connected, order_id)
    read_back(app)
    assert len(rows(app, OrderItem)) == 2


def test_an_order_that_cannot_be_written_down_keeps_no_other(app, make, connected, monkeypatch):
    first, second = (make.order(order_id=n, status="not_paid", pay_date=None) for n in (501, 502))
    for order_id in (first, second):
        lately(connected, order_id, status="paid")
    record = jobs.record_platform_order

    def broken(_session, read, **given):
        if read.order_id == first:
            raise KeyError
        return record(_session, read, **given)

    monkeypatch.setattr(jobs, "record_platform_order", broken)
    report = read_back(app)
    assert (report.failed, report.differences) == (1, 1)
    assert [order.status for order in rows(app, Order)] == ["not_paid", "paid"]


def test_a_run_whose_time_is_over_begins_nothing_more(app, make, ann, connected, monkeypatch):
    from app.actions import subscriptions

    subscribed(make)
    connected.add_subscription(CODE, status="cancelled")
    lately(connected, PARENT)
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(Action).values(state="attention", doubt=True, reason="?"))
    monkeypatch.setattr(jobs, "BUDGET", -1.0)
    assert (read_back(app).read, one(app, Action).state) == (0, "attention")
    assert {name for name, _ in connected.calls} <= {"login", "search"}


def test_a_renewal_nobody_told_of_is_made_in_its_parents_store(app, make, connected):
    make.store("other")
    subscribed(make, store="other")
    connected.add_subscription(CODE, status="not paid")
    block = {"id": CODE, "type": "AR", "status": "not paid"}
    lately(connected, RENEWAL, status="not paid", pay_date="", subscription=block)
    report = read_back(app)
    assert (report.differences, report.unknown) == (1, 1)
    renewal, parent = one(app, Order, Order.id == RENEWAL), one(app, Order, Order.id == PARENT)
    assert (renewal.store_id, renewal.status) == (parent.store_id, "not_paid")
    assert one(app, Subscription).status == "not_paid"
    assert [(e.event, e.order_id) for e in rows(app, AuditEntry)] == [("order.reconciled", RENEWAL)]
    assert read_back(app).unknown == 0


@pytest.mark.parametrize(
    "block",
    [None, {"id": "99_1", "type": "AR"}, {"id": "no order", "type": "AR"}, {"id": f"{RENEWAL}_1", "type": "AR"}],
)
def test_an_order_of_no_known_store_is_counted_and_not_made(app, make, connected, block):
    subscribed(make)
    lately(connected, RENEWAL, subscription=block)
    report = read_back(app)
    assert (report.unknown, report.differences) == (1, 0)
    assert [order.id for order in rows(app, Order)] == [PARENT]


def test_a_renewal_that_cannot_be_made_is_left_alone(app, make, connected):
    subscribed(make)
    lately(connected, RENEWAL, currency="", subscription={"id": CODE, "type": "AR", "status": "active"})
    assert read_back(app).differences == 0
    assert [order.id for order in rows(app, Order)] == [PARENT]


@pytest.mark.parametrize("days", [3, 500])
def test_after_days_of_silence_all_of_them_are_read(app, make, connected, days):
    """The portal was down, or came out of a backup."""
    order_id = make.order(status="not_paid", pay_date=None)
    lately(connected, order_id, dt.timedelta(days=3), status="paid")
    assert read_back(app).read == 0
    ended = utcnow() - dt.timedelta(days=days)
    with app.app_context(), transaction():
        session.add(PeriodicTask(name="platform.reconcile", next_at=utcnow(), finished_at=ended))
    assert read_back(app).differences == 1
    assert one(app, Order).status == "paid"


def test_every_day_of_the_last_year_has_its_turn(app, make, connected, monkeypatch):
    """The customer cancelled last spring's subscription, and nobody told us."""
    at = utcnow() - dt.timedelta(days=200)
    subscribed(make, create_date=at.isoformat(), pay_date=at.isoformat())
    final = make.order(order_id=77, status="deleted", create_date=at.isoformat())
    block = {"id": CODE, "type": "AR", "status": "cancelled"}
    connected.add_order(PARENT, create_date=at.isoformat(), pay_date=at.isoformat(), subscription=block)
    connected.add_order(final, create_date=at.isoformat(), pay_date=at.isoformat())
    monkeypatch.setattr(choice, "_turn", lambda _now: 197)
    assert read_back(app).read == 0
    monkeypatch.setattr(choice, "_turn", lambda _now: 198 + choice.OLDEST_DAYS)
    assert read_back(app).read == 1
    assert one(app, Subscription).status == "cancelled"


def test_orders_that_cannot_be_read_do_not_keep_the_others_away(app, make, connected):
    for n in range(7):
        lately(connected, make.order(order_id=500 + n))
    connected.faults.next("order", *["500"] * 5)
    assert read_back(app).read == 0
    connected.faults.next("order", "ok", "ok", *["500"] * 5)
    assert read_back(app).read == 2
    assert all(order.read_back_at is not None for order in rows(app, Order))


def test_what_is_not_there_counts_as_asked_too(app, make, connected):
    make.order(refund={"status": "sent", "updated": utcnow().isoformat()})
    report = read_back(app)
    assert (report.read, report.unknown, report.differences) == (1, 1, 0)
    assert one(app, Order).read_back_at is not None


def test_a_platform_that_asks_to_be_left_alone_is(app, make, connected):
    for n in range(3):
        lately(connected, make.order(order_id=500 + n))
    connected.faults.next("order", "429")
    report = read_back(app)
    assert (report.failed, report.read) == (1, 0)
    subscribed(make)
    run(app, actor(app, make.person(stores=("acme-eu",))), subscriptions.cancel, PARENT, CODE, token=token())
    change(app, Action, Action.kind == "cancel_subscription", state="attention", doubt=True)
    connected.faults.next("search", "429")
    before = len(connected.calls)
    assert read_back(app).failed == 1
    assert [name for name, _ in connected.calls[before:]] == ["search"]


def test_of_orders_that_we_do_not_have_others_are_asked_each_time():
    ids = list(range(120))
    now = utcnow()
    found = [set(choice.turn(ids, now + n * dt.timedelta(seconds=choice.EVERY))) for n in range(3)]
    assert set().union(*found) == set(ids)
    assert max(map(len, found)) == choice.UNKNOWN_EACH
    assert choice.turn([], now) == []


@pytest.mark.parametrize("state", ["waiting", "running", "done", "refused", "withdrawn"])
def test_what_people_have_decided_meanwhile_is_not_decided_by_reading(app, make, ann, state):
    ask(app, ann, make.order())
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(Action).values(state=state))
    with app.app_context(), scope_as(ALL_STORES), transaction():
        assert jobs.happened(one(app, Action).id) == 0
    assert (one(app, Action).state, one(app, Action).verdict) == (state, None)
