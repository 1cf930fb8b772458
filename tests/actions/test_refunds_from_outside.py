"""Refunds that the platform decides or changes, and whoever is told of it (contract.md 5)."""

import datetime as dt

import pytest

from app.actions import desk, refunds
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Action, AuditEntry, Mail, Order, RefundRequest
from tests.actions.refund_support import as_platform, ask
from tests.actions.support import NOW, counts, one, portal_lines, rows, run
from tests.factories import snapshot


def platform_says(app, order_id, status, result, updated=NOW):
    with app.app_context(), scope_as(ALL_STORES), transaction():
        return refunds.apply_platform_refund(
            session, session.get(Order, order_id), status, result, updated, now=NOW + dt.timedelta(hours=1)
        )


@pytest.mark.parametrize(
    ("status", "result", "kept", "words"),
    [
        ("completed", "full", "full", "full refund completed"),
        ("completed", "partial", "partial", "partial refund completed"),
        ("refused", "failed", "failed", "refund failed"),
        ("refused", None, "failed", "refund failed"),
    ],
)
def test_whoever_decides_the_sender_is_told_once(app, make, ann, status, result, kept, words):
    order_id = make.order()
    ask(app, ann, order_id)
    later = NOW + dt.timedelta(hours=2)
    assert platform_says(app, order_id, "updating", None, later)
    assert one(app, Order).refund_status == "updating"
    assert platform_says(app, order_id, status, result, later + dt.timedelta(hours=1))
    assert (one(app, RefundRequest).status, one(app, RefundRequest).result) == (status, kept)
    assert one(app, Mail).params["result"] == words
    before = counts(app)
    assert not platform_says(app, order_id, status, result, later + dt.timedelta(hours=1))
    assert not platform_says(app, order_id, "sent", None, later)
    assert counts(app) == before


def test_a_request_nobody_here_sent_mails_nobody(app, make):
    order_id = make.order()
    assert platform_says(app, order_id, "sent", None)
    assert platform_says(app, order_id, "completed", "full", NOW + dt.timedelta(hours=1))
    request = one(app, RefundRequest)
    assert (request.origin, request.status, request.requested_by) == ("platform", "completed", None)
    assert rows(app, Mail) == []


def test_a_snapshot_that_decides_tells_the_sender_too(app, make, ann):
    order_id = make.order()
    ask(app, ann, order_id)
    make.order(order_id=order_id, version=2, status="deleted",
               refund={"status": "completed", "result": "full", "updated": "2026-12-01T00:00:00+00:00"})  # fmt: skip
    assert (one(app, RefundRequest).status, one(app, Order).refund_status) == ("completed", "completed")
    assert one(app, Mail).params["result"] == "full refund completed"
    assert "refund.full" in [code for code, _ in portal_lines(app, order_id)]


def test_the_order_changing_under_an_open_request_makes_it_updating(app, make, ann):
    order_id = make.order()
    ask(app, ann, order_id)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        assert refunds.note_order_change(session, session.get(Order, order_id), now=NOW)
    assert (one(app, RefundRequest).status, one(app, Order).refund_status) == ("updating", "updating")
    with app.app_context(), scope_as(ALL_STORES), transaction():
        assert not refunds.note_order_change(session, session.get(Order, order_id), now=NOW)


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
