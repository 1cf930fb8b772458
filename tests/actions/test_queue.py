"""Accepting work: one row per click, one live action per subject, hints only after the commit."""

from __future__ import annotations

import threading
import uuid

import pytest
import sqlalchemy as sa

from app.actions.queue import put_mail, submit_action, withdraw_action
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES, Actor
from app.domain.refusal import Invalid, Refused
from app.models import Action, Mail, Order
from app.models.base import utcnow


@pytest.fixture
def order(app, make):
    """A bare order of acme-eu; its id."""
    store = make.store("acme-eu")
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.add(
            Order(
                id=12345678, store_id=store, order_name="A0012345678", status="paid", created_at=utcnow(),
                currency="EUR", total="118.00",
            )
        )  # fmt: skip
    return 12345678


@pytest.fixture
def hints(app, monkeypatch):
    """The hints that were sent."""
    found = []
    monkeypatch.setitem(app.extensions, "hint", lambda queue, row_id: found.append((queue, row_id)))
    return found


@pytest.fixture
def actor(make):
    return Actor(id=make.person(stores=("acme-eu",)), login="ann", name="Ann")


def click(actor, order_id, token="", kind="request_refund", subject="1"):
    with transaction():
        action, created = submit_action(
            session,
            kind=kind,
            order=session.get_one(Order, order_id),
            subject=subject,
            actor=actor,
            token=token or str(uuid.uuid4()),
            payload={"reason": "broken"},
        )
        return action.id, created


def count(model=Action):
    return session.scalar(sa.select(sa.func.count()).select_from(model))


def test_a_click_is_one_row_and_a_hint_after_the_commit(context, order, actor, hints):
    action_id, created = click(actor, order)
    assert created
    assert hints == [("actions", action_id)]
    row = session.get_one(Action, action_id)
    assert (row.state, row.fence, row.attempt, row.doubt) == ("waiting", 0, 0, False)
    assert row.payload == {"reason": "broken"}
    assert row.next_at is not None


def test_the_same_token_is_the_same_action(context, order, actor, hints):
    token = str(uuid.uuid4())
    first, created = click(actor, order, token)
    again, created_again = click(actor, order, token)
    assert (first, created, created_again) == (again, True, False)
    assert hints == [("actions", first)]
    assert count() == 1


def test_a_live_rival_is_refused_and_nothing_is_written(context, order, actor, hints):
    click(actor, order)
    with pytest.raises(Refused, match="already in progress"):
        click(actor, order)
    assert count() == 1


def test_cancel_and_resume_of_one_subscription_are_rivals_resends_of_two_codes_are_not(context, order, actor):
    click(actor, order, kind="cancel_subscription", subject="1_2")
    with pytest.raises(Refused):
        click(actor, order, kind="resume_subscription", subject="1_2")
    click(actor, order, kind="resend_license", subject="L1")
    click(actor, order, kind="resend_license", subject="L2")
    assert count() == 3


@pytest.mark.parametrize("token", ["", "short", "x" * 65, "spaces in it!"])
def test_a_token_that_is_none_is_named(context, order, actor, token):
    with pytest.raises(Invalid) as caught, transaction():
        submit_action(
            session, kind="request_refund", order=session.get_one(Order, order), subject="1", actor=actor, token=token
        )
    assert list(caught.value.errors) == ["request_token"]
    assert count() == 0


def test_a_token_is_not_taken_for_another_thing_or_person(context, order, actor, make):
    token = str(uuid.uuid4())
    click(actor, order, token)
    with pytest.raises(Invalid):
        click(actor, order, token, kind="resend_license", subject="L1")
    other = Actor(id=make.person(stores=("acme-eu",)), login="bob", name="Bob")
    with pytest.raises(Invalid):
        click(other, order, token)
    assert count() == 1


def test_a_rolled_back_click_leaves_no_row_and_no_hint(context, order, actor, hints):
    def failing_click():
        with transaction():
            submit_action(
                session, kind="request_refund", order=session.get_one(Order, order), subject="1", actor=actor,
                token=str(uuid.uuid4()),
            )  # fmt: skip
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing_click()
    assert count() == 0
    assert hints == []


def test_it_works_within_the_persons_own_scope(app, order, actor, make):
    own = make.store("acme-eu")
    with app.app_context(), scope_as(frozenset({own})):
        token = str(uuid.uuid4())
        first, _ = click(actor, order, token)
        assert click(actor, order, token) == (first, False)
        with pytest.raises(Refused):
            click(actor, order)


def test_forty_threads_on_one_button_make_one_row(app, order, actor, hints):
    token = str(uuid.uuid4())
    results, errors = [], []
    start = threading.Barrier(40)

    def press(own):
        try:
            with app.app_context(), scope_as(ALL_STORES):
                start.wait()
                results.append(click(actor, order, own or token))
        except Refused:
            results.append((None, False))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=press, args=("" if n % 2 else str(uuid.uuid4()),)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sum(created for _, created in results) == 1
    with app.app_context(), scope_as(ALL_STORES):
        assert count() == 1
    assert len(hints) == 1


def test_only_an_action_nobody_has_begun_is_withdrawn(context, order, actor):
    first, _ = click(actor, order)
    with transaction():
        assert withdraw_action(session, first)
    assert session.get_one(Action, first, populate_existing=True).state == "withdrawn"
    second, _ = click(actor, order)  # the order is free again
    with transaction():
        session.execute(sa.update(Action).where(Action.id == second).values(state="running"))
    with transaction():
        assert not withdraw_action(session, second)


def test_one_mail_for_each_fact(context, hints, make):
    store = make.store("acme-eu")
    with transaction():
        first, created = put_mail(
            session, "refund-7-result", "refund_result", recipient="a@example.org", store_id=store, order_id=7
        )
        again, created_again = put_mail(session, "refund-7-result", "refund_result", recipient="b@example.org")
    assert (first, created, created_again) == (again, True, False)
    assert hints == [("mail", first)]
    row = session.get_one(Mail, first)
    assert row.recipient == "a@example.org"
    assert row.message_id.startswith("<")
    assert row.message_id.endswith("@localhost>")


@pytest.mark.parametrize("to", [{}, {"recipient": "a@example.org", "user_id": 1}])
def test_a_mail_has_exactly_one_recipient(context, to):
    with pytest.raises(ValueError, match="either"), transaction():
        put_mail(session, "x", "access", **to)


def test_without_workers_to_tell_a_mail_waits_for_the_sweeper(app, make):
    person = make.person()
    with app.app_context(), transaction():
        tell = session.info.pop("hint", None)
        try:
            mail_id, new = put_mail(session, "quiet", "license", user_id=person)
            assert session.info["after_commit"] == []
        finally:
            if tell is not None:
                session.info["hint"] = tell
    assert new
    with app.app_context(), scope_as(ALL_STORES):
        assert session.get(Mail, mail_id).state == "waiting"
