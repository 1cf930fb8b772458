"""Sending license information again, from the click to the mail server, and the result mail of a refund."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from app.actions import desk, licenses
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Action, DeliveryBan, License, Mail, Order, OrderEvent
from tests.actions.support import NOW, one, portal_lines, rows, run, token
from tests.jobs.support import ask, work


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


def sent_line(number):
    return "license.sent", f"License information has been sent again by Ann Lee: Demo, code {number}"


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
    assert portal_lines(app, order_id) == [
        ("license.sent", "License information has been sent again by Ann Lee: Demo, code 1")
    ]
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


def test_a_code_that_left_the_order_is_not_called_a_missing_order(app, make, ann, inbox):
    order_id = make.order()
    resend(app, ann, order_id)
    make.order(order_id=order_id, version=2, items=[{"licenses": []}])
    work(app)
    assert (one(app, Action).state, one(app, Action).reason) == (
        "refused",
        "No activation code is saved for this item.",
    )
    assert (inbox, portal_lines(app, order_id)) == ([], [])


@pytest.mark.parametrize(
    ("code", "linked"),
    [("https://dl.example/get?a=1", True), ("https://bank.example@evil.example/x", False), ("javascript:x", False),
     ("https://dl.example/a\nSECOND", False)],
)  # fmt: skip
def test_what_is_a_link_on_the_screen_is_one_in_the_mail_and_nothing_else(app, make, ann, inbox, code, linked):
    order_id = make.order(items=[{"licenses": [{"license_id": "l1", "code": code}]}])
    resend(app, ann, order_id)
    work(app)
    work(app, "mail")
    assert code in inbox[0].body
    assert ("href=" in inbox[0].html) is linked


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
    assert portal_lines(app, order_id) == [
        ("license.sent", "License information has been sent again by Ann Lee: Demo, code 2.2")
    ]


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
