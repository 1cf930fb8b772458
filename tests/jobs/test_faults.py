"""Faults of reliability.md 7.3 that one process can inject into itself; docs/queue.md maps every one to its test.

``Killed`` stands for a process that ends at that very statement: nothing of ours catches it.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import socket
import sys
import time

import pytest
import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.jobs import lease
from app.jobs.sweeper import sweep
from app.models import Action, Mail, RefundRequest
from app.models.base import db_now, utcnow
from app.platform.noventiq import Noventiq
from app.platform.port import SurelyNot
from app.platform.tokens import MemoryTokens
from tests.actions.support import one, rows
from tests.jobs.support import ask
from tests.jobs.support import work as work_all
from tests.jobs.test_mail import post, smtp  # noqa: F401
from tests.jobs.test_sweeper import Told

# ruff: noqa: F811 - pytest's fixtures by import


class Killed(BaseException):
    """The process ends here."""


def killed(*_given, **_named):
    raise Killed


# --- killed at a statement -------------------------------------------------------------------------------------------


def test_killed_before_the_claim_is_committed_nothing_has_happened(app, world, work, handler, monkeypatch):
    action = world.click(next_at=db_now(-5.0))
    with monkeypatch.context() as broken:
        broken.setitem(app.extensions, "before_commit", (killed,))
        with pytest.raises(Killed):
            work("actions", action)
    row = world.row(action)
    assert (row.state, row.fence, row.attempt, handler.calls) == ("waiting", 0, 0, [])
    told = Told()
    assert sweep(app, told) == 1
    assert told.rows == [("actions", action)]
    assert work("actions", action) == "done"


@pytest.mark.parametrize("moment", ["before the call", "after the call"])
def test_killed_between_claim_and_finish_it_is_done_once(app, world, work, handler, moment, monkeypatch):
    action = world.click()
    with monkeypatch.context() as broken:
        if moment == "before the call":
            broken.setattr(handler, "perform", killed)
        else:
            broken.setattr("app.jobs.actions.insist", killed)
        with pytest.raises(Killed):
            work("actions", action)
    assert world.state(action) == "running"
    assert sweep(app, Told()) == 0  # its lease is not over
    world.let_lease_end(action)
    sweep(app, Told())
    assert world.row(action).doubt
    world.make_due(action)
    assert work("actions", action) == "done"
    assert len(handler.effects) == 1
    assert handler.asked == [action]


def test_killed_between_finishing_and_the_next_hint_the_mail_is_found(app, world, make, monkeypatch):
    from app.actions.queue import put_mail

    person = make.person()
    with monkeypatch.context() as broken:
        broken.setitem(app.extensions, "hint", killed)
        with pytest.raises(Killed), app.app_context(), scope_as(ALL_STORES), transaction():
            put_mail(session, "fault-5", "access", user_id=person)
    (mail,) = (row.id for row in rows(app, Mail))
    world.change(mail, Mail, next_at=db_now(-5.0))
    told = Told()
    assert sweep(app, told) == 1
    assert told.rows == [("mail", mail)]


def test_a_sweeper_killed_between_its_mark_and_the_hint_is_made_up_for(app, world):
    action = world.click(next_at=db_now(-5.0))
    with pytest.raises(Killed):
        sweep(app, killed)
    assert world.row(action).hinted_at is not None  # marked as told, and nobody was
    assert sweep(app, Told()) == 0
    world.change(action, hinted_at=db_now(-16.0))  # ``rehint`` is over
    assert sweep(app, Told()) == 1


# --- the database ----------------------------------------------------------------------------------------------------


@pytest.fixture
def full_disk(app):
    """Call with True: SQLite finds no room for another page; with False: there is room again."""
    engine = app.extensions["database"].engine
    now = {"full": False}

    def limit(connection):
        pages = connection.execute("PRAGMA page_count").fetchone()[0] if now["full"] else 2**31
        connection.execute(f"PRAGMA max_page_count = {pages}")

    def switch(full):
        now["full"] = full
        engine.dispose()

    def on_connect(connection, _record):
        limit(connection)

    with engine.connect() as connection:
        connection.connection.dbapi_connection.execute("VACUUM")  # no free pages from earlier tests
    sa.event.listen(engine, "connect", on_connect)
    yield switch
    switch(False)
    sa.event.remove(engine, "connect", on_connect)
    engine.dispose()


@pytest.mark.only_db("sqlite")
def test_a_full_disk_refuses_the_click_and_keeps_the_outcome(app, world, work, handler, full_disk, monkeypatch):
    monkeypatch.setattr(lease.time, "sleep", lambda _seconds: None)
    action = world.click()
    handler.answers.append(lambda _action: full_disk(True) or "done")  # full when the call comes back
    handler.on_settle = lambda *_: fill_a_page()
    with pytest.raises(sa.exc.OperationalError, match="full"):
        work("actions", action)
    with pytest.raises(sa.exc.OperationalError, match="full"), app.app_context(), scope_as(ALL_STORES), transaction():
        fill_a_page()
    full_disk(False)
    handler.on_settle = None
    assert world.state(action) == "running"
    world.let_lease_end(action)
    sweep(app, Told())
    world.make_due(action)
    assert work("actions", action) == "done"
    assert len(handler.effects) == 1
    assert rows(app, Mail) == []


def fill_a_page():
    for number in range(50):
        session.add(Mail(dedupe=f"full-{number}", template="x" * 40, message_id=f"<{number}>", error="x" * 300))
    session.flush()


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_host_with_a_wrong_clock_takes_no_lease_from_others_and_keeps_its_own(
    app, world, work, handler, monkeypatch, hours
):
    """Leases, due times and ends are the database's clock; the shifted host is us."""
    right = utcnow
    shift = dt.timedelta(hours=hours)
    for name, module in list(sys.modules.items()):
        if name.startswith("app.") and getattr(module, "utcnow", None) is right:
            monkeypatch.setattr(module, "utcnow", lambda: right() + shift)
    host = time.time
    monkeypatch.setattr(time, "time", lambda: host() + shift.total_seconds())
    held = world.click("resend_license", "L1", state="running", fence=1, lease_until=db_now(60.0))
    later = world.click("resend_license", "L2", next_at=db_now(600.0))
    over = world.click("resend_license", "L3", state="running", fence=1, lease_until=db_now(-1.0))
    ours = world.click()
    sweep(app, Told())
    assert [world.state(row) for row in (held, over)] == ["running", "waiting"]
    assert work("actions", later) == "nothing"

    def look(_action):
        left = world.row(ours).lease_until - right()
        assert dt.timedelta(seconds=100) < left < dt.timedelta(seconds=121)
        return "done"

    handler.answers.append(look)
    assert work("actions", ours) == "done"
    assert abs(world.row(ours).finished_at - right()) < dt.timedelta(seconds=10)


# --- the platform ----------------------------------------------------------------------------------------------------


def test_a_connection_that_does_not_stand_in_time_surely_did_nothing(monkeypatch):
    monkeypatch.setattr("app.platform.noventiq.CONNECT", 0.3)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one_more in waiting:  # the queue of the kernel is full: further ones get no answer
            one_more.setblocking(False)
            one_more.connect_ex(("127.0.0.1", port))
        client = Noventiq(f"http://127.0.0.1:{port}", "u", "p", MemoryTokens())
        client._tokens.put("u", "t")
        with pytest.raises(SurelyNot, match="no connection in time"):
            client.request_refund(1, "x", "ann@example.org")
        for one_more in waiting:
            one_more.close()


def test_a_token_that_ends_while_nobody_can_log_in_waits_and_is_done_once(app, make, ann, connected):
    order_id = make.order()
    connected.add_order(order_id)
    ask(app, ann, order_id)
    connected.faults.next("refund", "expired")
    connected.faults.next("login", "ok", "500", "hang")
    work_all(app, times=2)
    action = one(app, Action)
    assert (action.state, action.doubt, connected.effects()) == ("waiting", False, [])
    work_all(app)
    assert one(app, Action).state == "done"
    assert len(connected.effects("refund")) == 1


def test_a_password_changed_at_the_platform_first_waits_for_ours(app, make, ann, connected, monkeypatch):
    """Secrets are rotated while requests are in flight: nothing is refused, nothing is lost."""
    good = app.extensions["settings"]
    monkeypatch.setitem(app.extensions, "settings", dataclasses.replace(good, platform_password="the old one"))
    order_id = make.order()
    connected.add_order(order_id)
    ask(app, ann, order_id)
    work_all(app)
    assert (one(app, Action).state, one(app, RefundRequest).status) == ("waiting", "sent")
    monkeypatch.setitem(app.extensions, "settings", good)
    work_all(app)
    assert one(app, Action).state == "done"
    assert len(connected.effects("refund")) == 1


# --- mail ------------------------------------------------------------------------------------------------------------


def test_a_mail_server_that_never_greets_is_left_in_time(app, world, work, post, smtp, monkeypatch):
    from app.mail.server import MailServer

    mail = post()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        port = silent.getsockname()[1]
        with monkeypatch.context() as broken:
            broken.setitem(app.extensions, "mail_server", (MailServer("127.0.0.1", port, "offered"), 0.5))
            began = time.monotonic()
            assert work("mail", mail) == "waiting"
            assert time.monotonic() - began < 5
    world.make_due(mail, Mail)
    assert work("mail", mail) == "done"
    assert [message["Message-ID"] for message in smtp.messages] == [world.row(mail, Mail).message_id]


def test_a_mail_that_was_taken_and_not_acknowledged_goes_again_with_its_own_id(world, work, post, smtp):
    smtp.faults.append("taken_then_lost")
    mail = post()
    assert work("mail", mail) == "waiting"
    world.make_due(mail, Mail)
    assert work("mail", mail) == "done"
    assert {message["Message-ID"] for message in smtp.messages} == {world.row(mail, Mail).message_id}
    assert len(smtp.taken) == 2


# --- old and new code ------------------------------------------------------------------------------------------------


def test_a_mail_that_only_newer_code_can_write_waits_for_it(world, work, post, smtp):
    mail = post("a_newer_kind")
    assert work("mail", mail) == "waiting"
    assert world.row(mail, Mail).error == "not made: TemplateNotFound"
    assert smtp.tried == 0
    world.change(mail, Mail, template="password_reset", next_at=db_now(-1.0))
    assert work("mail", mail) == "done"
