"""Every kind of action from the click to its end, standalone and against the platform: one suite for both.

Rules, scope and role are asked again by the job; faults of the platform neither lose nor double anything.
"""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
import sqlalchemy as sa

from app.actions import desk, licenses, refunds, subscriptions
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.jobs import handlers
from app.jobs.engine import WORK
from app.jobs.refunds import _ALREADY
from app.models import (
    Action,
    DeliveryBan,
    License,
    Mail,
    Order,
    OrderEvent,
    Person,
    RefundRequest,
    StoreGrant,
    Subscription,
)
from app.models.base import db_now
from tests.actions.support import NOW, actor, one, portal_lines, rows, run, token
from tests.standins.noventiq import PASSWORD, USERNAME, Noventiq

PARENT, RENEWAL, CODE = 20_001, 20_002, "20001_1"


@pytest.fixture
def platform():
    with Noventiq(hang=1.2, late=0.1) as server:
        yield server


@pytest.fixture(params=["standalone", "noventiq"])
def mode(request):
    return request.param


@pytest.fixture
def connected(app, platform, monkeypatch):
    """The portal with the platform behind it."""
    before = app.extensions["settings"]
    changed = dataclasses.replace(
        before, platform_url=platform.url, platform_username=USERNAME, platform_password=PASSWORD,
        queue_timing={**before.queue_timing, "call": 0.4},
    )  # fmt: skip
    monkeypatch.setitem(app.extensions, "settings", changed)
    monkeypatch.setitem(app.extensions, "handlers", handlers.make_handlers(changed))
    return platform


@pytest.fixture
def side(request, mode):
    """Standalone (None) or the platform's stand-in."""
    return request.getfixturevalue("connected") if mode == "noventiq" else None


@pytest.fixture
def ann(app, make):
    return actor(app, make.person("ann@example.org", stores=("acme-eu",), first_name="Ann", last_name="Lee"))


@pytest.fixture
def boss(app, make):
    return actor(app, make.person("boss@example.org", role="Admin"))


def work(app, queue="actions", times=1):
    """Let every waiting time pass and work what is due."""
    model = {"actions": Action, "mail": Mail}[queue]
    for _ in range(times):
        with app.app_context(), scope_as(ALL_STORES), transaction():
            session.execute(
                sa.update(model)
                .where(model.state == "waiting")
                .values(next_at=db_now(-1.0))
                .execution_options(synchronize_session=False)
            )
        for row in rows(app, model, model.state == "waiting"):
            with app.app_context():
                WORK[queue](row.id)


def subscribed(make, kind="AR", status="active", **values):
    word = {"id": CODE, "type": kind, "status": status, "parent_order_id": PARENT}
    return make.order(order_id=PARENT, items=[{"subscription": word}], **values)


def change(app, model, where, **values):
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(model).where(where).values(**values).execution_options(synchronize_session=False))


# --- subscriptions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["AR", "AR Trial", "PMR"])
def test_a_cancellation_is_done_and_told_in_the_history(app, make, ann, side, kind):
    subscribed(make, kind)
    if side:
        side.add_subscription(CODE, kind)
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    assert one(app, Subscription).status == "active", "nothing is done inside the request"
    assert portal_lines(app, PARENT) == []
    work(app)
    assert (one(app, Action).state, one(app, Subscription).status) == ("done", "cancelled")
    assert portal_lines(app, PARENT) == [
        ("subscription.cancelled", f"Auto-renewal has been deactivated by Ann Lee, subscription {CODE}")
    ]
    if side:
        assert [e["activity"] for e in side.effects("activity")] == [False]


def test_a_resumption_without_an_unpaid_renewal_is_active(app, make, ann, side):
    subscribed(make, status="cancelled")
    if side:
        side.add_subscription(CODE, status="cancelled")
    run(app, ann, subscriptions.resume, PARENT, CODE, token=token())
    work(app)
    assert (one(app, Action).state, one(app, Subscription).status) == ("done", "active")


def test_a_resumption_from_the_unpaid_renewals_page_gives_not_paid(app, make, ann, side):
    word = {"id": CODE, "type": "AR", "status": "cancelled", "parent_order_id": PARENT, "child_order_ids": [RENEWAL]}
    make.order(order_id=PARENT, items=[{"subscription": word}])
    make.order(order_id=RENEWAL, status="not_paid", pay_date=None, items=[{"subscription": word}])
    if side:
        side.add_subscription(CODE, status="cancelled")
    run(app, ann, subscriptions.resume, RENEWAL, CODE, token=token())
    work(app)
    assert (one(app, Action).state, one(app, Subscription).status) == ("done", "not_paid")
    for order_id in (PARENT, RENEWAL):
        assert [code for code, _ in portal_lines(app, order_id)] == ["subscription.resumed"]


def test_what_the_platform_calls_a_pmr_is_never_resumed(app, make, ann, connected):
    """We may know it as an AR still: what was just read counts, and no call goes out (domain.md 5)."""
    subscribed(make, status="cancelled")
    connected.add_subscription(CODE, "PMR", status="cancelled")
    run(app, ann, subscriptions.resume, PARENT, CODE, token=token())
    work(app)
    action = one(app, Action)
    assert (action.state, action.reason) == ("refused", "A PMR subscription cannot be resumed.")
    assert (one(app, Subscription).status, portal_lines(app, PARENT)) == ("cancelled", [])
    assert connected.effects("activity") == []


def test_the_job_asks_the_rule_again(app, make, ann, side):
    subscribed(make)
    if side:
        side.add_subscription(CODE)
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    change(app, Subscription, Subscription.code == CODE, status="cancelled")
    work(app)
    action = one(app, Action)
    assert (action.state, action.reason) == ("refused", "Auto-renewal is already deactivated.")
    assert portal_lines(app, PARENT) == []
    assert not side or side.effects() == []


@pytest.mark.parametrize("lost", ["store", "role", "account"])
def test_the_job_asks_for_scope_role_and_account_again(app, make, ann, side, lost):
    subscribed(make)
    if side:
        side.add_subscription(CODE)
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    with app.app_context(), scope_as(ALL_STORES), transaction():
        if lost == "store":
            session.execute(sa.delete(StoreGrant).where(StoreGrant.user_id == ann.id))
        elif lost == "role":
            session.get(Person, ann.id).roles = []
        else:
            session.get(Person, ann.id).active = False
    work(app)
    assert one(app, Action).state == "refused"
    assert (one(app, Subscription).status, portal_lines(app, PARENT)) == ("active", [])
    assert not side or side.effects() == []


def test_what_is_already_so_at_the_platform_mails_nobody_again(app, make, ann, connected):
    subscribed(make)
    connected.add_subscription(CODE, status="cancelled")
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    work(app)
    assert (one(app, Action).state, one(app, Subscription).status) == ("done", "cancelled")
    assert connected.effects() == []


FAULTS = ["429", "500", "502", "503", "reset", "hang", "done_then_502", "done_then_reset", "done_then_hang", "late",
          "truncated", "expired", "invalid", "redirect", "html", "huge"]  # fmt: skip


@pytest.mark.only_db("sqlite")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_cancellation_survives_every_fault_once(app, make, ann, connected, fault):
    subscribed(make)
    connected.add_subscription(CODE)
    connected.faults.next("activity", fault)
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    work(app)
    connected.stopping.wait(0.3 if fault == "late" else 0)
    if fault == "late":
        connected.stopping.wait(1.2)
    work(app, times=3)
    assert one(app, Action).state == "done"
    assert [e["activity"] for e in connected.effects("activity")] == [False]
    assert len(connected.effects("mail")) == 1
    assert len(portal_lines(app, PARENT)) == 1


@pytest.mark.only_db("sqlite")
def test_a_refusal_of_the_platform_ends_the_action_with_its_words(app, make, ann, connected):
    subscribed(make)
    connected.add_subscription(CODE)
    connected.faults.next("activity", "error_in_200")
    run(app, ann, subscriptions.cancel, PARENT, CODE, token=token())
    work(app)
    action = one(app, Action)
    assert action.state == "refused"
    assert action.reason == "The platform refused it: Something is wrong."
    assert (one(app, Subscription).status, portal_lines(app, PARENT)) == ("active", [])


# --- refund requests -------------------------------------------------------------------------------------------------


def ask(app, who, order_id, **options):
    options = {"reason": "Paid twice, sorry", "token": token(), "now": NOW, **options}
    return run(app, who, refunds.request_refund, order_id, **options)


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


# --- license information ---------------------------------------------------------------------------------------------


@pytest.fixture
def inbox(monkeypatch):
    """What the mail server takes."""
    from app.jobs import mail as mail_job
    from app.mail.sending import Answer, Result

    taken = []

    def hand_over(message):
        taken.append(message)
        return Answer(Result.TAKEN)

    monkeypatch.setattr(mail_job, "hand_over", hand_over)
    return taken


def resend(app, who, order_id, license_id="l1", **options):
    return run(app, who, licenses.resend, order_id, license_id, token=token(), now=NOW, **options)


def test_the_history_says_sent_only_after_the_mail_server_took_it(app, make, ann, side, inbox):
    order_id = make.order(order_id=12345678, locale="ru_RU")
    resend(app, ann, order_id)
    work(app)
    assert (one(app, Action).state, one(app, Mail).state) == ("running", "waiting")
    assert portal_lines(app, order_id) == []
    assert one(app, Mail).params == {"license": one(app, License).id}, "no code in the row"
    assert (one(app, Mail).recipient, one(app, Mail).language) == ("marcel.laporte@example.com", "ru")
    work(app, "mail")
    assert (one(app, Action).state, one(app, Mail).state) == ("done", "done")
    assert portal_lines(app, order_id) == [("license.sent", "License information has been sent again: Demo, code 1")]
    (message,) = inbox
    assert list(message.recipients) == ["marcel.laporte@example.com"]
    for word in ("A0012345678", "Demo", "ABCD-1234-EFGH"):
        assert word in message.body
        assert word in message.html


@pytest.mark.parametrize("change_of_mind", ["deleted", "refunded", "ban", "erased", "order"])
@pytest.mark.parametrize("moment", ["before the job", "before the mail"])
def test_a_rule_that_changes_its_mind_stops_the_mail(app, make, ann, inbox, change_of_mind, moment):
    order_id = make.order()
    resend(app, ann, order_id)
    if moment == "before the mail":
        work(app)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        order = session.get(Order, order_id)
        if change_of_mind == "deleted":
            session.scalars(sa.select(License)).one().deleted = True
        elif change_of_mind == "refunded":
            session.execute(sa.text("UPDATE order_item SET refunded = true"))
        elif change_of_mind == "ban":
            session.add(DeliveryBan(store_id=order.store_id, reason="recall", starts_at=NOW - dt.timedelta(days=3650)))
        elif change_of_mind == "erased":
            order.erased_at, order.email = NOW, None
        else:
            order.status = "deleted"
    work(app)
    work(app, "mail")
    assert one(app, Action).state == "refused"
    assert one(app, Action).reason
    assert inbox == []
    assert portal_lines(app, order_id) == []


def test_a_refund_stops_a_mail_with_a_removed_code(app, make, ann, boss, inbox):
    order_id = make.order()
    resend(app, ann, order_id)
    work(app)
    ask(app, ann, order_id)
    run(app, boss, desk.complete, order_id, result="full", remove_codes=True, now=NOW)
    work(app, "mail")
    assert "ABCD" not in "".join(m.body for m in inbox)
    assert [m.template for m in rows(app, Mail, Mail.state == "refused")] == ["license"]


def test_each_code_of_an_item_is_sent_by_itself(app, make, ann, inbox):
    codes = [{"license_id": f"k{n}", "code": f"CODE-{n}", "deleted": False} for n in (1, 2)]
    order_id = make.order(items=[{}, {"licenses": codes}])
    resend(app, ann, order_id, "k2")
    work(app)
    work(app, "mail")
    assert "CODE-2" in inbox[0].body
    assert "CODE-1" not in inbox[0].body
    assert portal_lines(app, order_id) == [("license.sent", "License information has been sent again: Demo, code 2.2")]


def test_the_result_mail_is_to_the_letter(app, make, ann, boss, inbox):
    order_id = make.order(order_id=12345678)
    ask(app, ann, order_id)
    run(app, boss, desk.complete, order_id, result="full", now=NOW)
    work(app, "mail")
    (message,) = inbox
    assert message.subject == "[Esupport] Refund request for A0012345678 has been completed"
    assert message.body == "Your refund request for A0012345678 has been completed with result: full refund completed\n"
    assert list(message.recipients) == ["ann@example.org"]
    assert len(rows(app, OrderEvent, OrderEvent.code == "refund.full")) == 1
