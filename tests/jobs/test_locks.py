"""Two who change one order at once on PostgreSQL: the second waits for the first, and never each for the other."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from app.actions import desk, licenses, operations, subscriptions
from app.actions.orders import hold_order, lock_order
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES, PLATFORM
from app.domain.refusal import Refused
from app.jobs import reconcile
from app.models import Action, Mail, OrderEvent, Subscription
from tests.actions.support import NOW, one, portal_lines, rows, run, token
from tests.jobs.support import CODE, PARENT, ask, change, subscribed, work
from tests.servers import wait_for

pytestmark = pytest.mark.only_db("postgresql")
RENEWAL = 20_002


class Meanwhile:
    """Somebody else's transaction, begun in the middle of ours and let go on until it waits for us or has ended."""

    def __init__(self, app, work):
        self.app, self.work, self.error = app, work, None
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            with self.app.app_context(), scope_as(ALL_STORES), transaction():
                self.work()
        except Exception as error:
            self.error = error

    def begin(self):
        self.thread.start()
        engine = self.app.extensions["database"].engine
        waits = sa.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND"
                        " wait_event_type = 'Lock'")  # fmt: skip

        def blocked():
            with engine.connect() as connection:
                return not self.thread.is_alive() or connection.scalar(waits)

        wait_for(blocked, 20)

    def end(self):
        self.thread.join(20)
        assert not self.thread.is_alive()
        return self.error


@pytest.mark.parametrize("say", [operations.it_happened, operations.leave_it])
def test_it_happened_and_the_desk_decide_the_same_request(app, make, ann, boss, say):
    order_id = make.order()
    ask(app, ann, order_id)
    change(app, Action, sa.true(), state="attention")
    action_id = one(app, Action).id
    other = Meanwhile(app, lambda: say(session, boss, action_id))
    with app.app_context(), scope_as(ALL_STORES), transaction():
        lock_order(session, boss, order_id)
        other.begin()
        desk.complete(session, boss, order_id, result="full", now=NOW)
    assert isinstance(other.end(), Refused)
    assert (one(app, Action).state, one(app, Action).verdict) == ("done", None)
    assert [code for code, _ in portal_lines(app, order_id)].count("refund.full") == 1


def test_leaving_a_mail_and_another_word_on_its_action(app, make, ann, boss):
    """The mail's own way goes over the order and the action, too: the second finds it decided."""
    order_id = make.order()
    run(app, ann, licenses.resend, order_id, "l1", token=token(), now=NOW)
    work(app)
    change(app, Mail, sa.true(), state="attention")
    change(app, Action, sa.true(), state="attention")
    action_id, mail_id = one(app, Action).id, one(app, Mail).id
    other = Meanwhile(app, lambda: operations.leave_mail(session, boss, mail_id))
    with app.app_context(), scope_as(ALL_STORES), transaction():
        operations.it_happened(session, boss, action_id)
        other.begin()
    assert isinstance(other.end(), Refused)
    assert (one(app, Action).verdict, one(app, Mail).state) == ("happened", "attention")


def test_reading_back_and_a_click(app, make, ann, connected, monkeypatch):
    order_id = make.order()
    connected.add_order(order_id)
    other = Meanwhile(app, lambda: lock_order(session, ann, order_id))
    picture, pending = reconcile._picture, [other]

    def look(number):
        if pending:
            pending.pop().begin()
        return picture(number)

    monkeypatch.setattr(reconcile, "_picture", look)
    with app.app_context(), scope_as(ALL_STORES):
        reconcile._read_back(reconcile.platform(), order_id, reconcile.Report())
    assert other.end() is None


def test_a_change_on_a_renewals_page_and_a_message_about_the_parent(app, make, ann):
    subscribed(make)
    word = {"id": CODE, "type": "AR", "status": "active", "parent_order_id": PARENT}
    make.order(order_id=RENEWAL, items=[{"subscription": word}])
    run(app, ann, subscriptions.cancel, RENEWAL, CODE, token=token())
    action = one(app, Action)
    other = Meanwhile(app, lambda: subscriptions.apply_change(session, ann, action, now=NOW, decided=True))
    with app.app_context(), scope_as(ALL_STORES), transaction():
        lock_order(session, PLATFORM, PARENT)
        other.begin()
        session.scalars(sa.select(Subscription).where(Subscription.code == CODE).with_for_update()).one()
    assert other.end() is None
    assert one(app, Subscription).status == "cancelled"
    assert len(rows(app, OrderEvent, OrderEvent.code == "subscription.cancelled")) == 2  # the page's and the parent's


def test_an_order_is_held_by_one_at_a_time(app, make):
    order_id, found = make.order(), []
    other = Meanwhile(app, lambda: found.append(hold_order(session, order_id).total))
    with app.app_context(), scope_as(ALL_STORES), transaction():
        hold_order(session, order_id).total = 7
        other.begin()
        assert found == []
    assert other.end() is None
    assert found == [7]
