"""A small world for the engine: one order, people, and a handler whose platform does what a test says."""

from __future__ import annotations

import dataclasses
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa

from app.actions.queue import submit_action
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES, Actor
from app.jobs import handlers, protocol
from app.jobs.protocol import Capability
from app.models import Action, Order
from app.models.base import db_now, utcnow
from tests.actions.support import actor
from tests.standins.noventiq import PASSWORD, USERNAME, Noventiq

ORDER_ID = 12345678


@dataclass
class FakeHandler:
    """A kind of action whose other side is a list of effects, one entry per call that happened."""

    capability: Capability = Capability.LOOKUP
    permission: tuple[str, str] | None = None
    answers: list[Any] = field(default_factory=list)  # outcomes or exceptions of the next calls; then done()
    effects: list[str] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    settled: list[tuple[int, str]] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    refusal: Any = None
    on_settle: Any = None

    def guard(self, _session, _action, _actor):
        return self.refusal

    def lookup(self, action):
        self.asked.append(action.id)
        return protocol.done() if action.key in self.effects else None

    def perform(self, action):
        self.calls.append(action.id)
        assert not session.in_transaction(), "a transaction is open during the call"
        answer = self.answers.pop(0) if self.answers else "done"
        if callable(answer):
            answer = answer(action)
        if answer == "done":
            self.effects.append(action.key)
            return protocol.done()
        if answer == "done then lost":
            self.effects.append(action.key)
            raise TimeoutError("John Smith, 4242")
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def settle(self, _session, action, outcome, _actor):
        if self.on_settle:
            self.on_settle(action, outcome)
        self.settled.append((action.id, outcome.verdict.value))

    def mail_taken(self, _session, action, _actor):
        self.taken.append(action.id)


@dataclass
class World:
    """The order, the person who clicks, and the handler; with short ways to click and to look."""

    app: Any
    handler: FakeHandler
    actor: Actor

    def click(self, kind="request_refund", subject=str(ORDER_ID), **values):
        with self.app.app_context(), scope_as(ALL_STORES):
            with transaction():
                action, _ = submit_action(
                    session, kind=kind, order=session.get_one(Order, ORDER_ID), subject=subject, actor=self.actor,
                    token=str(uuid.uuid4()),
                )  # fmt: skip
                action_id = action.id
            if values:
                self.change(action_id, **values)
        return action_id

    def change(self, row_id, model=Action, **values):
        with self.app.app_context(), scope_as(ALL_STORES), transaction():
            session.execute(
                sa.update(model).where(model.id == row_id).values(**values).execution_options(synchronize_session=False)
            )

    def make_due(self, row_id, model=Action):
        """Let the waiting time pass."""
        self.change(row_id, model, next_at=db_now(-1.0))

    def let_lease_end(self, row_id, model=Action):
        self.change(row_id, model, lease_until=db_now(-1.0))

    def row(self, row_id, model=Action):
        with self.app.app_context(), scope_as(ALL_STORES):
            found = session.get_one(model, row_id)
            session.expunge(found)
            return found

    def state(self, row_id, model=Action):
        return self.row(row_id, model).state


@pytest.fixture
def handler():
    return FakeHandler()


@pytest.fixture
def world(app, make, handler, monkeypatch):
    """An order of acme-eu, a specialist of that store, and the fake handler for every kind."""
    store = make.store("acme-eu")
    person = make.person(stores=("acme-eu",))
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.add(
            Order(
                id=ORDER_ID, store_id=store, order_name="A0012345678", status="paid", created_at=utcnow(),
                currency="EUR", total="118.00",
            )
        )  # fmt: skip
    kinds = ("request_refund", "resend_license", "cancel_subscription", "resume_subscription")
    monkeypatch.setitem(app.extensions, "handlers", dict.fromkeys(kinds, handler))
    monkeypatch.setitem(app.extensions, "hint", lambda *_: True)
    return World(app, handler, Actor(id=person, login="ann", name="Ann"))


@pytest.fixture
def work(app):
    """Work one row of a queue, as a horse does."""
    from app.jobs.engine import WORK

    def one(queue, row_id):
        with app.app_context():
            return WORK[queue](row_id)

    return one


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
