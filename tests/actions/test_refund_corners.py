"""Refunds where two things happened at once: a decision twice, an order that was deleted meanwhile."""

import datetime as dt

import pytest
import sqlalchemy as sa

from app.actions import desk, refunds
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES, PLATFORM
from app.domain.refunds import Event, Result
from app.domain.refusal import Refused
from app.models import Action, AuditEntry, Mail, Order, RefundRequest
from tests.actions.support import NOW, actor, counts, one, portal_lines, rows, run, token
from tests.factories import snapshot


@pytest.fixture
def ann(app, make):
    return actor(app, make.person("ann@example.org", stores=("acme-eu",), first_name="Ann", last_name="Lee"))


@pytest.fixture
def boss(app, make):
    return actor(app, make.person("boss@example.org", role="Admin", first_name="Bo", last_name="Ss"))


def ask(app, who, order_id, **options):
    return run(app, who, refunds.request_refund, order_id, reason="Paid twice", token=token(), now=NOW, **options)


def as_platform(app, function, order_id, **options):
    with app.app_context(), scope_as(ALL_STORES), transaction():
        order = session.get_one(Order, order_id)
        return function(session, order=order, **options)


def decide_again(session, *, order):
    request = session.scalars(sa.select(RefundRequest)).one()
    refunds.decide(session, PLATFORM, order, request, event=Event.COMPLETE, result=Result.FULL, now=NOW)


def test_taking_up_twice_is_once(app, make, ann, boss):
    order_id = make.order()
    ask(app, ann, order_id)
    first = run(app, boss, desk.take, order_id, now=NOW)
    before = counts(app)
    assert run(app, boss, desk.take, order_id, now=NOW) == first
    assert counts(app) == before


def test_another_person_may_take_it_over(app, make, ann, boss):
    order_id = make.order()
    ask(app, ann, order_id)
    run(app, boss, desk.take, order_id, now=NOW)
    other = actor(app, make.person("second@example.org", role="Admin"))
    run(app, other, desk.take, order_id, now=NOW)
    assert one(app, RefundRequest).taken_by == other.id


def test_a_full_refund_of_an_order_that_is_deleted_already_says_so_once(app, make, ann, boss):
    order_id = make.order(order_id=77)
    ask(app, ann, order_id)
    make.record(snapshot(order_id=77, version=2, status="deleted"))
    lines = len(portal_lines(app, order_id))
    run(app, boss, desk.complete, order_id, result="full", now=NOW)
    assert one(app, Order).status == "deleted"
    assert [code for code, _ in portal_lines(app, order_id)].count("order.deleted") == 0
    assert len(portal_lines(app, order_id)) > lines
    assert one(app, RefundRequest).status == "completed"


def test_a_request_that_has_ended_is_not_decided_again(app, make, ann, boss):
    order_id = make.order()
    ask(app, ann, order_id)
    run(app, boss, desk.refuse, order_id, comment="No", now=NOW)
    before = counts(app)
    with pytest.raises(Refused):
        as_platform(app, decide_again, order_id)
    assert counts(app) == before
    action = one(app, Action)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        refunds.reject(session, action, "too late", mail=True, now=NOW)
    assert counts(app) == before
    assert one(app, RefundRequest).comment == "No"


def test_a_rejection_frees_the_order_and_tells_the_sender_only_where_asked(app, make, ann):
    order_id = make.order()
    for mail, mails in ((False, 0), (True, 1)):
        ask(app, ann, order_id)
        action = rows(app, Action)[-1]
        with app.app_context(), scope_as(ALL_STORES), transaction():
            refunds.reject(session, action, "not here", mail=mail, now=NOW)
        request = rows(app, RefundRequest)[-1]
        assert (request.status, request.result, request.comment) == ("refused", "failed", "not here")
        assert len(rows(app, Mail)) == mails
        assert one(app, Order).refund_status == "refused"


def test_a_partial_refund_that_turns_out_to_be_full(app, make, ann, boss):
    order_id = make.order()
    word = {"status": "completed", "result": "partial", "updated": NOW}
    as_platform(app, refunds.apply_platform_refund, order_id, **word, now=NOW)
    mails, entries = len(rows(app, Mail)), len(rows(app, AuditEntry))
    as_platform(app, refunds.make_full, order_id)
    assert (one(app, RefundRequest).result, one(app, Order).refund_result) == ("full", "full")
    assert (len(rows(app, Mail)), len(rows(app, AuditEntry))) == (mails, entries)


def test_what_people_decided_is_not_made_full(app, make, ann, boss):
    items = [{"amount": "100.00"}, {"amount": "18.00"}]
    decided, open_one, none = make.order(items=items), make.order(items=items), make.order()
    ask(app, ann, decided)
    run(app, boss, desk.complete, decided, result="partial", item_ids=["i1"], now=NOW)
    ask(app, ann, open_one)
    for order_id in (decided, open_one, none):
        as_platform(app, refunds.make_full, order_id)
    assert [(r.status, r.result) for r in rows(app, RefundRequest)] == [("completed", "partial"), ("sent", None)]


@pytest.fixture
def second(app, make, ann):
    """An order whose first request the platform refused, and which ann asks for once more; the order's id."""
    order_id = make.order(refund={"status": "refused", "updated": "2026-08-20T00:00:00+00:00"})
    ask(app, ann, order_id)
    return order_id


def requests(app):
    return [(request.origin, request.status, request.result) for request in rows(app, RefundRequest)]


@pytest.mark.parametrize(
    ("status", "result", "ended"), [("sent", None, False), ("refused", "failed", True), ("completed", "full", True)]
)
def test_a_request_that_only_the_platform_knows(app, make, status, result, ended):
    said = dt.datetime(2026, 8, 20, tzinfo=dt.UTC)
    order_id = make.order(refund={"status": status, "updated": said.isoformat()})
    request, order = one(app, RefundRequest), one(app, Order)
    assert (request.order_id, request.store_id, request.origin) == (order_id, make.store(), "platform")
    assert (request.status, request.result, request.reason) == (status, result, "")
    assert (str(request.amount), request.currency, request.remove_codes) == ("118.00", "EUR", False)
    assert (request.requested_at, request.platform_updated) == (said, said)
    assert request.decided_at == (said if ended else None)
    assert request.updated_at == order.recorded_at


def test_a_later_word_moves_the_platforms_request_on(app, make):
    first, second = (dt.datetime(2026, 8, day, tzinfo=dt.UTC) for day in (20, 25))
    order_id = make.order(refund={"status": "sent", "updated": first.isoformat()})
    word = {"status": "completed", "result": "partial", "updated": second.isoformat()}
    make.record(snapshot(order_id=order_id, version=2, refund=word))
    request = one(app, RefundRequest)
    assert (request.status, request.result) == ("completed", "partial")
    assert (request.requested_at, request.decided_at, request.platform_updated) == (first, second, second)


def test_a_snapshots_word_is_about_the_last_request_and_its_sender_is_told(app, make, ann, second):
    assert requests(app) == [("platform", "refused", "failed"), ("portal", "sent", None)]
    word = {"status": "completed", "result": "full", "updated": "2026-12-01T00:00:00+00:00"}
    make.record(snapshot(order_id=second, version=2, refund=word))
    assert requests(app) == [("platform", "refused", "failed"), ("portal", "completed", "full")]
    mail = one(app, Mail)
    assert (mail.user_id, mail.params["result"]) == (ann.id, "full refund completed")
    order = one(app, Order)
    assert (order.refund_status, order.refund_result) == ("completed", "full")


def test_an_order_that_changes_moves_its_last_request(app, make, ann, second):
    make.record(snapshot(order_id=second, version=2, total="117.00"))
    assert requests(app) == [("platform", "refused", "failed"), ("portal", "updating", None)]
    assert one(app, Order).refund_status == "updating"
    assert rows(app, Mail) == []
