"""The engine against an oracle that counts effects: Hypothesis clicks, works, crashes, stalls, ends leases, revokes.

Compound rules matter: "A stalls, its lease ends, B finishes, A writes late" is never found step by step
(reliability.md 3.2). At the end everything left is drained by what the sweeper tells, and must have ended.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.actions.queue import put_mail
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.domain.refusal import Refusal
from app.jobs import protocol, sweeper
from app.jobs.lease import claim
from app.jobs.protocol import Capability
from app.jobs.timing import timing
from app.mail.sending import Answer, Result
from app.models import Action, Mail, StoreGrant
from app.models.base import db_now

NO = Refusal("test.no", "No.")
LATE = {"refused": protocol.refused(NO), "retry": protocol.retry("x"), "unknown": protocol.unknown("x")}
_subjects = itertools.count(1)


class Told(list[tuple[str, int]]):
    """The hints a sweeper sends."""

    def __call__(self, queue: str, row_id: int) -> bool:
        self.append((queue, row_id))
        return True


class MailServer:
    """Takes mails, or fails as the next fault says; keeps what it took, by row."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.taken: dict[str, list[str]] = {}

    def __call__(self, message: Any) -> Answer:
        fault = self.faults.pop() if self.faults else ""
        if fault == "later":
            return Answer(Result.LATER, "451")
        self.taken.setdefault(message.recipients[0], []).append(message.msgId)
        return Answer(Result.LATER, "lost after DATA") if fault == "taken then lost" else Answer(Result.TAKEN)


class EngineMachine(RuleBasedStateMachine):
    """One order, one person, many actions and mails."""

    world: Any
    work: Any
    server: MailServer

    @initialize(capability=st.sampled_from([Capability.LOOKUP, Capability.KEY, Capability.NONE]))
    def begin(self, capability: Capability) -> None:
        handler = self.world.handler
        handler.capability = capability
        handler.answers, handler.effects, handler.settled = [], [], []
        self.keys: dict[int, str] = {}
        self.mails: dict[int, str] = {}
        self.revoked = False
        self.effects_when_revoked: Counter[str] = Counter()
        self.server.faults, self.server.taken = [], {}
        self._grant()

    # --- what happens --------------------------------------------------------------------------------------------

    @rule()
    def click(self) -> None:
        action = self.world.click("resend_license", f"S{next(_subjects)}")
        self.keys[action] = self.world.row(action).key

    @precondition(lambda self: self.keys)
    @rule(data=st.data(), answer=st.sampled_from(["done", "done then lost", "lost", "busy", "no"]))
    def attempt(self, data: Any, answer: str) -> None:
        action = data.draw(st.sampled_from(sorted(self.keys)))
        self._plan(answer)
        self.work("actions", action)
        self.world.handler.answers = []

    def _plan(self, answer: str) -> None:
        self.world.handler.answers = [
            {"lost": ConnectionResetError(), "busy": protocol.retry("429"), "no": protocol.refused(NO)}.get(
                answer, answer
            )
        ]

    @rule()
    def time_passes(self) -> None:
        self._update(Action, Action.state == "waiting", next_at=db_now(-2.0))
        self._update(Mail, Mail.state == "waiting", next_at=db_now(-2.0))

    @precondition(lambda self: self.keys)
    @rule(data=st.data(), called=st.booleans())
    def worker_dies(self, data: Any, called: bool) -> None:
        """Killed after its claim, before or after the call."""
        action = data.draw(st.sampled_from(sorted(self.keys)))
        with self.world.app.app_context(), scope_as(ALL_STORES):
            with transaction():
                row = claim(session, Action, action, timing())
            if row is not None and called and not row.doubt and not self.revoked:
                self.world.handler.effects.append(row.key)

    @rule()
    def leases_end(self) -> None:
        self._update(Action, (Action.state == "running") & Action.lease_until.is_not(None), lease_until=db_now(-1.0))
        self._update(Mail, Mail.state == "running", lease_until=db_now(-1.0))
        self._sweep()

    @precondition(lambda self: not self.revoked)
    @rule(late=st.sampled_from(["refused", "retry", "unknown"]))
    def stalled_worker_writes_late(self, late: str) -> None:
        """A stalls in its call, its lease ends, B takes the row and finishes, A wakes up and writes."""
        self.click()
        action = max(self.keys)
        seen = []

        def stall(_row: Any) -> Any:
            self.leases_end()
            self.world.make_due(action)
            self.world.handler.answers = ["done"]
            thread = threading.Thread(target=lambda: seen.append(self.work("actions", action)))
            thread.start()
            thread.join()
            return {"refused": protocol.refused(NO), "retry": protocol.retry("x"), "unknown": protocol.unknown("x")}[
                late
            ]

        self.world.handler.answers = [stall]
        assert self.work("actions", action) == "fenced"
        assert self.world.state(action) == seen[0]
        assert self.world.handler.settled.count((action, seen[0])) == 1

    @rule()
    def the_person_loses_the_store(self) -> None:
        self.revoked = True
        self.effects_when_revoked = Counter(self.world.handler.effects)
        with self.world.app.app_context(), transaction():
            session.execute(sa.delete(StoreGrant))

    @rule()
    def the_right_is_lost_between_click_and_work(self) -> None:
        if not self.revoked:
            self.click()
            self.the_person_loses_the_store()
            assert self.work("actions", max(self.keys)) == "refused"

    @rule()
    def the_person_gets_it_back(self) -> None:
        self.revoked = False
        self._grant()

    @rule()
    def mail_is_written(self) -> None:
        address = f"m{next(_subjects)}@example.org"
        with self.world.app.app_context(), scope_as(ALL_STORES), transaction():
            mail, _ = put_mail(
                session, address, "password_reset", recipient=address, params={"name": "A", "login": "a", "hours": 1}
            )
        self.mails[mail] = address

    @precondition(lambda self: self.mails)
    @rule(data=st.data(), fault=st.sampled_from(["", "later", "taken then lost"]))
    def mail_is_sent(self, data: Any, fault: str) -> None:
        mail = data.draw(st.sampled_from(sorted(self.mails)))
        self.server.faults = [fault]
        self.work("mail", mail)

    # --- what must hold ------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_done_twice(self) -> None:
        assert max(Counter(self.world.handler.effects).values(), default=0) <= 1 or self._by_key()
        done = Counter(action for action, verdict in self.world.handler.settled if verdict == "done")
        assert max(done.values(), default=0) <= 1

    def _by_key(self) -> bool:
        return self.world.handler.capability is Capability.KEY  # the other side knows the key and does it once

    @invariant()
    def nobody_without_the_right_does_anything(self) -> None:
        if self.revoked:
            assert Counter(self.world.handler.effects) == self.effects_when_revoked

    @invariant()
    def a_mail_has_one_message_id(self) -> None:
        assert all(len(set(ids)) == 1 for ids in self.server.taken.values())

    def teardown(self) -> None:
        """Calm: whatever the sweeper tells is worked, until nothing is alive."""
        if not hasattr(self, "keys"):
            return
        self._grant()
        self.revoked = False
        self.world.handler.answers, self.server.faults = [], []
        for _ in range(4):
            self.time_passes()
            self._update(
                Action, (Action.state == "running") & Action.lease_until.is_not(None), lease_until=db_now(-1.0)
            )
            self._update(Mail, Mail.state == "running", lease_until=db_now(-1.0))
            for queue, row_id in self._sweep():
                self.work(queue, row_id)
        effects = Counter(self.world.handler.effects)
        for action, key in self.keys.items():
            state = self.world.state(action)
            assert state in ("done", "refused", "attention"), f"action {action} is still {state}"
            if state == "done":
                assert effects[key] >= 1, f"action {action} is done and did not happen"
            if state == "refused":
                assert effects[key] == 0, f"action {action} is refused and happened"
        for mail, address in self.mails.items():
            assert self.world.state(mail, Mail) == "done"
            assert self.server.taken[address]
        self.nothing_is_done_twice()
        self.a_mail_has_one_message_id()

    # --- helpers -------------------------------------------------------------------------------------------------

    def _update(self, model: Any, where: Any, **values: Any) -> None:
        ids = self.keys if model is Action else self.mails
        if not ids:
            return
        with self.world.app.app_context(), scope_as(ALL_STORES), transaction():
            session.execute(
                sa.update(model)
                .where(model.id.in_(list(ids)), where)
                .values(hinted_at=None, **values)
                .execution_options(synchronize_session=False)
            )

    def _sweep(self) -> list[tuple[str, int]]:
        told = Told()
        sweeper.sweep(self.world.app, told)  # type: ignore[arg-type]
        return [row for row in told if row[1] in (self.keys if row[0] == "actions" else self.mails)]

    def _grant(self) -> None:
        with self.world.app.app_context(), scope_as(ALL_STORES), transaction():
            if session.get(StoreGrant, (self.world.actor.id, self.world.store)) is None:
                session.add(StoreGrant(user_id=self.world.actor.id, store_id=self.world.store))
