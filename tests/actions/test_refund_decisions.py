"""Deciding refunds at the desk (domain.md 7): once, with its mail, whatever happened to the order meanwhile."""

from decimal import Decimal

import pytest
import sqlalchemy as sa

from app.actions import desk, refunds
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES, PLATFORM
from app.domain.refunds import Event, Result
from app.domain.refusal import Invalid, Refused
from app.models import (
    Action,
    Document,
    DocumentContent,
    License,
    Mail,
    Order,
    OrderItem,
    Person,
    RefundRequest,
    Subscription,
)
from tests.actions.refund_support import as_platform, ask
from tests.actions.support import NOW, actor, counts, one, portal_lines, rows, run
from tests.factories import snapshot

TWO = [
    {"amount": "100.00", "quantity": 2},
    {"amount": "18.00", "licenses": [{"license_id": "l2", "code": "B-1", "deleted": False}]},
]


def test_the_desk_takes_up_and_completes_in_full(app, make, ann, boss):
    order_id = make.order(items=TWO)
    ask(app, ann, order_id)
    run(app, boss, desk.take, order_id, now=NOW)
    assert (one(app, RefundRequest).status, one(app, Order).refund_status) == ("updating", "updating")
    run(app, boss, desk.complete, order_id, result="full", remove_codes=True, now=NOW)
    request, order = one(app, RefundRequest), one(app, Order)
    assert (request.status, request.result, request.amount, request.decided_by, request.item_ids) == (
        "completed", "full", Decimal("118.00"), boss.id, ["i1", "i2"],
    )  # fmt: skip
    assert (order.status, order.refund_status, order.refund_result) == ("deleted", "completed", "full")
    assert all(i.refunded for i in rows(app, OrderItem))
    assert all(code.deleted for code in rows(app, License))
    assert [code.code for code in rows(app, License)] == ["ABCD-1234-EFGH", "B-1"], "kept, and found by search"
    document, content = one(app, Document), one(app, DocumentContent)
    assert (document.kind, document.source, document.size) == ("refund", "portal", len(content.content))
    assert content.content.startswith(b"%PDF-")
    assert [code for code, _ in portal_lines(app, order_id)] == [
        "codes.deleted", "item.refunded", "item.refunded", "order.deleted", "refund.document", "refund.full",
        "refund.requested", "refund.taken",
    ]  # fmt: skip


def test_the_result_mail_goes_to_the_sender_once_with_the_customers_order_number(app, make, ann, boss):
    order_id = make.order(order_id=12345678)
    ask(app, ann, order_id)
    run(app, boss, desk.complete, order_id, result="full", now=NOW)
    mail = one(app, Mail)
    assert (mail.template, mail.user_id, mail.recipient, mail.params) == (
        "refund_result", ann.id, None, {"order_name": "A0012345678", "result": "full refund completed"},
    )  # fmt: skip
    before = counts(app)
    for again in (desk.complete, desk.take):
        with pytest.raises(Refused) as caught:
            run(app, boss, again, order_id, now=NOW, **({"result": "full"} if again is desk.complete else {}))
        assert caught.value.refusal.code == "refund.none"
    assert counts(app) == before


def test_a_refund_of_one_of_two_items_leaves_the_order_paid(app, make, ann, boss):
    order_id = make.order(items=TWO)
    ask(app, ann, order_id)
    run(app, boss, desk.complete, order_id, result="partial", item_ids=["i2"], remove_codes=True, now=NOW)
    request, order = one(app, RefundRequest), one(app, Order)
    assert (order.status, order.refund_status, request.result, request.amount) == (
        "paid", "completed", "partial", Decimal("18.00"),
    )  # fmt: skip
    assert [(i.item_id, i.refunded) for i in rows(app, OrderItem, order_by=OrderItem.item_id)] == [
        ("i1", False),
        ("i2", True),
    ]
    assert [(c.license_id, c.deleted) for c in rows(app, License)] == [("l1", False), ("l2", True)]
    assert one(app, Mail).params["result"] == "partial refund completed"


def test_refunding_what_was_left_makes_it_full(app, make, ann, boss):
    order_id = make.order(items=TWO)
    ask(app, ann, order_id)
    run(app, boss, desk.complete, order_id, result="partial", item_ids=["i2"], now=NOW)
    ask(app, ann, order_id, again_after_partial=True)
    assert rows(app, RefundRequest)[1].amount == Decimal("100.00")
    run(app, boss, desk.complete, order_id, result="partial", item_ids=["i1"], now=NOW)
    assert (one(app, Order).status, rows(app, RefundRequest)[1].result) == ("deleted", "full")


def test_codes_stay_where_nobody_ticked_to_remove_them(app, make, ann, boss):
    order_id = make.order()
    ask(app, ann, order_id)
    run(app, boss, desk.complete, order_id, result="full", remove_codes=False, now=NOW)
    assert [c.deleted for c in rows(app, License)] == [False]


@pytest.mark.parametrize(
    ("result", "item_ids", "field"),
    [
        ("partial", [], "items"),
        ("partial", ["i9"], "items"),
        ("partial", ["i1", "i9"], "items"),
        ("half", [], "result"),
    ],
)
def test_a_decision_that_does_not_hold_changes_nothing(app, make, ann, boss, result, item_ids, field):
    order_id = make.order(items=TWO)
    ask(app, ann, order_id)
    before = counts(app)
    with pytest.raises(Invalid) as caught:
        run(app, boss, desk.complete, order_id, result=result, item_ids=item_ids, now=NOW)
    assert list(caught.value.errors) == [field]
    assert counts(app) == before
    assert not any(i.refunded for i in rows(app, OrderItem))


def test_a_refusal_needs_a_comment_mails_the_sender_and_frees_the_order(app, make, ann, boss):
    order_id = make.order()
    ask(app, ann, order_id)
    with pytest.raises(Invalid):
        run(app, boss, desk.refuse, order_id, comment=" ", now=NOW)
    assert one(app, RefundRequest).status == "sent"
    run(app, boss, desk.refuse, order_id, comment="Used for a year", now=NOW)
    request = one(app, RefundRequest)
    assert (request.status, request.result, request.comment) == ("refused", "failed", "Used for a year")
    assert one(app, Order).refund_status == "refused"
    assert one(app, Mail).params["result"] == "refund failed"
    ask(app, ann, order_id)
    assert one(app, Order).refund_status == "sent"


def test_a_refund_does_not_touch_auto_renewal(app, make, ann, boss):
    order_id = make.order(
        order_id=10_779,
        items=[{"subscription": {"id": "79_1", "type": "AR", "status": "active", "parent_order_id": 10_779}}],
    )
    ask(app, ann, order_id)
    run(app, boss, desk.complete, order_id, result="full", now=NOW)
    assert one(app, Subscription).status == "active"


def test_a_closed_account_gets_no_result_mail(app, make, ann, boss):
    order_id = make.order()
    ask(app, ann, order_id)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.get(Person, ann.id).active = False
    run(app, boss, desk.complete, order_id, result="full", now=NOW)
    assert rows(app, Mail) == []


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


def test_a_colleague_is_told_who_has_taken_it_up_and_may_once_that_account_is_closed(app, make, ann, boss):
    order_id = make.order()
    ask(app, ann, order_id)
    run(app, boss, desk.take, order_id, now=NOW)
    other = actor(app, make.person("second@example.org", role="Admin"))
    before = counts(app)
    with pytest.raises(Refused) as caught:
        run(app, other, desk.take, order_id, now=NOW)
    assert caught.value.refusal.code == "refund.taken_up"
    assert (counts(app), one(app, RefundRequest).taken_by) == (before, boss.id)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.get(Person, boss.id).active = False
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
