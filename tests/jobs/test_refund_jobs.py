"""Refund requests from the click to its end, standalone and against the platform, and what a refusal in doubt means."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.actions import refunds
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.jobs.refunds import _ALREADY
from app.models import Action, Mail, Order, RefundRequest, StoreGrant
from tests.actions.support import NOW, actor, one, rows, run
from tests.jobs.support import FAULTS, ask, change, work


def test_a_request_reaches_the_desk_or_the_platform(app, make, ann, side):
    order_id = make.order()
    if side:
        side.add_order(order_id)
    ask(app, ann, order_id)
    work(app)
    assert one(app, Action).state == "done"
    assert (one(app, RefundRequest).status, one(app, Order).refund_status) == ("sent", "sent")
    assert rows(app, Mail) == []
    if side:
        (effect,) = side.effects("refund")
        assert (effect["description"], effect["email"]) == ("Paid twice, sorry", "ann@example.org")


def test_a_request_whose_sender_lost_the_store_is_refused_and_not_mailed(app, make, ann, side):
    order_id = make.order()
    if side:
        side.add_order(order_id)
    ask(app, ann, order_id)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.delete(StoreGrant).where(StoreGrant.user_id == ann.id))
    work(app)
    assert (one(app, Action).state, one(app, RefundRequest).status) == ("refused", "refused")
    assert rows(app, Mail) == []
    assert not side or side.effects() == []


def test_a_request_for_an_order_that_is_deleted_by_now_is_refused(app, make, ann, side):
    order_id = make.order()
    if side:
        side.add_order(order_id)
    ask(app, ann, order_id)
    change(app, Order, Order.id == order_id, status="deleted")
    work(app)
    assert (one(app, Action).state, one(app, RefundRequest).status) == ("refused", "refused")
    assert one(app, Mail).params["result"] == "refund failed"
    assert not side or side.effects() == []


def test_a_withdrawn_request_never_goes_out(app, make, ann, side):
    order_id = make.order()
    if side:
        side.add_order(order_id)
    ask(app, ann, order_id)
    run(app, ann, refunds.withdraw, order_id, standalone=side is None, now=NOW)
    work(app)
    assert (one(app, Action).state, one(app, RefundRequest).status) == ("withdrawn", "withdrawn")
    assert not side or side.effects() == []


@pytest.mark.only_db("sqlite")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_refund_request_survives_every_fault_once(app, make, ann, connected, fault):
    order_id = make.order()
    connected.add_order(order_id)
    connected.faults.next("refund", fault)
    ask(app, ann, order_id)
    work(app)
    if fault == "late":
        connected.stopping.wait(1.6)
    work(app, times=3)
    assert one(app, Action).state == "done"
    assert len(connected.effects("refund")) == 1
    assert (one(app, RefundRequest).status, rows(app, Mail)) == ("sent", [])


@pytest.mark.only_db("sqlite")
@pytest.mark.parametrize("answer", [(2044, "An uncompleted refund request exists."), (7, "Already requested")])
def test_already_requested_after_our_own_time_out_means_that_it_worked(app, make, ann, connected, answer):
    order_id = make.order()
    connected.add_order(order_id)
    connected.already = answer
    connected.faults.next("refund", "done_then_hang")
    ask(app, ann, order_id)
    work(app)
    assert one(app, Action).doubt
    # The order does not show its refund block: it is optional.
    connected.hide_refund = True
    work(app)
    assert one(app, Action).state == "done"
    assert len(connected.effects("refund")) == 1
    assert one(app, RefundRequest).status == "sent"


@pytest.mark.only_db("sqlite")
def test_already_requested_without_doubt_is_a_refusal_and_frees_the_order(app, make, ann, connected):
    order_id = make.order()
    connected.add_order(order_id, refund={"status": "New"})
    ask(app, ann, order_id)
    work(app)
    assert (one(app, Action).state, one(app, RefundRequest).status) == ("refused", "refused")
    assert one(app, Mail).params["result"] == "refund failed"
    assert connected.effects() == []


@pytest.mark.only_db("sqlite")
def test_a_refusal_in_doubt_that_says_something_else_needs_a_person(app, make, ann, connected):
    order_id = make.order()
    connected.add_order(order_id)
    connected.faults.next("refund", "hang")
    ask(app, ann, order_id)
    work(app)
    connected.orders[order_id]["status"] = "deleted"
    work(app)
    action = one(app, Action)
    assert action.state == "attention"
    assert "The order cannot be refunded." in action.reason
    assert one(app, RefundRequest).status == "sent"
    assert connected.effects() == []


@pytest.mark.parametrize(
    ("text", "already"),
    [
        ("An uncompleted refund request exists.", True),
        ("Refund already requested", True),
        ("Duplicate request", True),
        ("The previous request is not completed", True),
        ("A request is being processed", True),
        ("Заявка уже создана", True),
        ("The order does not exist.", False),
        ("Order doesn't exist", False),
        ("The order cannot be processed", False),
        ("The order cannot be refunded.", False),
        ("", False),
    ],
)
def test_the_words_of_a_refusal_because_a_request_exists(text, already):
    assert bool(_ALREADY.search(text)) is already


@pytest.mark.only_db("sqlite")
def test_a_request_decided_while_we_were_in_doubt_is_taken_over(app, make, ann, connected):
    order_id = make.order()
    connected.add_order(order_id)
    connected.faults.next("refund", "done_then_502")
    ask(app, ann, order_id)
    work(app)
    connected.decide_refund(order_id, "partial refund completed")
    work(app)
    assert (one(app, Action).state, one(app, RefundRequest).result) == ("done", "partial")
    assert one(app, Mail).params["result"] == "partial refund completed"


@pytest.mark.only_db("sqlite")
def test_an_older_request_at_the_platform_is_not_taken_for_ours(app, make, ann, connected):
    updated = "2026-08-14T00:00:00+00:00"
    order_id = make.order(refund={"status": "refused", "updated": updated})
    connected.add_order(order_id, refund={"status": "declined"})
    connected.faults.next("refund", "hang")
    ask(app, ann, order_id)
    work(app, times=2)
    assert one(app, Action).state == "done"
    assert len(connected.effects("refund")) == 1
    assert rows(app, RefundRequest)[1].status == "sent"


@pytest.mark.only_db("sqlite")
def test_our_request_that_was_decided_at_once_is_not_sent_again_for_an_older_one(app, make, ann, connected):
    order_id = make.order(refund={"status": "refused", "updated": "2026-08-14T00:00:00+00:00"})
    connected.add_order(order_id)
    connected.faults.next("refund", "done_then_hang")
    ask(app, ann, order_id)
    work(app)
    connected.orders[order_id]["refund"] = {"status": "declined", "updated": "2026-08-14T00:00:01+00:00"}
    work(app)
    assert one(app, Action).state == "done"
    assert len(connected.effects("refund")) == 1
    assert [request.status for request in rows(app, RefundRequest)] == ["refused", "refused"]


@pytest.mark.only_db("sqlite")
@pytest.mark.parametrize(("length", "own"), [(80, True), (81, False)])
def test_the_requesters_address_goes_out_unless_it_is_too_long_for_the_platform(app, make, connected, length, own):
    email = "a" * 60 + "@" + "b" * (length - 69) + ".example"
    assert len(email) == length
    order_id = make.order()
    connected.add_order(order_id)
    ask(app, actor(app, make.person(email, stores=("acme-eu",))), order_id, reason="é" * 500)
    work(app)
    assert one(app, Action).state == "done"
    (sent,) = connected.effects("refund")
    assert sent["email"] == (email if own else app.extensions["settings"].mail_from)
    assert [len(call["body"]["description"]) for name, call in connected.calls if name == "refund"] == [500]
