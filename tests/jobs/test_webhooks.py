"""Stored webhooks worked with a platform to ask: what it answers counts, and not what the message says."""

import json

import pytest
import sqlalchemy as sa

from app.actions.webhooks import receive_delivery
from app.db import scope_as, session, transaction
from app.domain import work
from app.domain.access import ALL_STORES
from app.jobs.webhooks import NOT_THERE
from app.models import Order, WebhookDelivery
from app.models.base import db_now
from tests.actions.support import one, rows
from tests.webhooks.test_applying import message


@pytest.fixture
def delivery(app, make):
    """A signed message about order 1, which is not known here, stored and due."""
    store_id = make.store("acme-eu")
    value = message("order.payment.succeeded", status="paid")
    with app.app_context(), scope_as(ALL_STORES), transaction():
        return receive_delivery(session, store_id, value, json.dumps(value).encode())


@pytest.fixture
def attempt(app, work, delivery):
    """Let the waiting time pass and work the message: the state it is in now."""

    def one_more():
        with app.app_context(), scope_as(ALL_STORES), transaction():
            session.execute(sa.update(WebhookDelivery).values(next_at=db_now(-1.0)))
        return work("webhooks", delivery)

    return one_more


def test_a_message_quicker_than_the_platforms_own_answer_waits_for_it(app, connected, attempt):
    assert attempt() == "waiting"
    assert rows(app, Order) == []
    connected.add_order(1, status="not paid", pay_date="")
    assert attempt() == "done"
    assert one(app, Order).status == "not_paid"  # the message said paid, unsigned


def test_an_order_the_platform_does_not_know_is_never_made_from_a_message(app, connected, attempt):
    states = [attempt() for _ in range(NOT_THERE)]
    assert states == [*["waiting"] * (NOT_THERE - 1), "refused"]
    row = one(app, WebhookDelivery)
    assert (row.reason, row.body is not None) == (work.UNKNOWN_ORDER.english(), True)
    assert rows(app, Order) == []
    assert attempt() == "nothing"


def test_a_known_order_the_platform_does_not_know_is_left_as_it_is(app, make, connected, attempt):
    make.order(order_id=1, status="not_paid", pay_date=None)
    assert {attempt() for _ in range(NOT_THERE)} == {"waiting", "refused"}
    assert one(app, Order).status == "not_paid"


def test_without_a_platform_the_message_itself_is_applied(app, attempt):
    assert attempt() == "done"
    assert one(app, Order).status == "paid"


@pytest.mark.parametrize(
    ("value", "state", "reason"),
    [
        (message(order_id="none"), "refused", work.NO_ORDER_ID.english()),
        (message("order.unheard_of"), "ignored", work.UNKNOWN_EVENT.english()),
    ],
)
def test_a_message_that_means_nothing_here_asks_nobody(app, make, connected, work, value, state, reason):
    store_id = make.store("acme-eu")
    with app.app_context(), scope_as(ALL_STORES), transaction():
        row_id = receive_delivery(session, store_id, value, json.dumps(value).encode())
    assert work("webhooks", row_id) == state
    assert one(app, WebhookDelivery).reason == reason


@pytest.mark.parametrize(("tried", "state"), [(59, "done"), (60, "attention")])
def test_a_message_that_kills_its_workers_is_not_tried_for_ever(app, attempt, tried, state):
    """Each attempt was claimed and never ended: the sweeper gave the row back when the lease was over."""
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(WebhookDelivery).values(attempt=tried))
    assert attempt() == state
    assert [order.status for order in rows(app, Order)] == (["paid"] if state == "done" else [])
    assert one(app, WebhookDelivery).reason == (work.NOT_APPLIED.english() if state == "attention" else None)
