"""Work one action: claim, ask once more whether it may be, call with no transaction open, end it in one.

What a claim, an outcome and doubt mean is told in docs/queue.md; the handlers (``protocol.py``) know the kinds.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from flask import current_app

from app.actions.queue import settle_mails_of
from app.db import TRANSIENT, scope_as, session, transaction
from app.domain.access import ALL_STORES, SYSTEM, Actor
from app.domain.refusal import NotFound, Refusal, Refused
from app.domain.troubles import NO_HANDLER
from app.domain.work import (
    ACCOUNT_CLOSED,
    LEFT,
    NO_LONGER_ALLOWED,
    ORDER_GONE,
    TOO_MANY,
    UNSURE,
    UNSURE_AND_NOT_ALLOWED,
)
from app.jobs import protocol
from app.jobs.lease import claim, finish, insist
from app.jobs.protocol import Capability, Handler, Outcome, Verdict
from app.jobs.timing import Timing, timing
from app.models import Action, Person
from app.models.base import db_now
from app.queries.people import actor_of

log = logging.getLogger(__name__)

FINAL = {
    Verdict.DONE: "done",
    Verdict.REFUSED: "refused",
    Verdict.ATTENTION: "attention",
    Verdict.PARKED: "running",
}


SAID = {"happened": protocol.done(by_person=True), "left": protocol.refused(LEFT, by_person=True)}
"""What a person's word makes of an action (``app/actions/operations.py``): no rule is asked, and nobody called."""


def work_action(row_id: int) -> str:
    """Work the action if it is due: the state it is in now, ``nothing`` or ``fenced`` (the lease was lost)."""
    times = timing()
    with scope_as(ALL_STORES):
        with transaction():
            row = claim(session, Action, row_id, times)
        if row is None:
            return "nothing"
        actor, closed = who_asked(row)
        attempt = Attempt(row, handler_of(row.kind), actor, closed, times)
        outcome, doubt = attempt.decide()
        state = attempt.end(outcome, doubt=doubt)
    log.info("action.worked", extra={"action": row.id, "kind": row.kind, "attempt": row.attempt, "state": state})
    return state


def handler_of(kind: str) -> Handler | None:
    """The handler of a kind; None in a worker that is older than the kind."""
    found: Handler | None = current_app.extensions["handlers"].get(kind)
    return found


def who_asked(row: Action, *, end_read: bool = True) -> tuple[Actor, Refusal | None]:
    """The person behind the action as they are now, and why the account itself forbids it.

    ``end_read``: end the reading transaction, so that none is open during a call.
    """
    try:
        person = session.get(Person, row.actor_id, populate_existing=True)
        if person is None:
            return SYSTEM, ACCOUNT_CLOSED
        return actor_of(session, person), None if person.active else ACCOUNT_CLOSED
    finally:
        if end_read:
            session.rollback()


@dataclass(frozen=True)
class Attempt:
    """One claimed row and everything that is needed to work it."""

    row: Action
    handler: Handler | None
    actor: Actor
    closed: Refusal | None
    times: Timing

    def decide(self) -> tuple[Outcome, bool]:
        """What becomes of the row, and whether it is in doubt from now on. No transaction is open in a call."""
        row, handler = self.row, self.handler
        said = SAID.get(row.verdict or "")
        if said is not None and handler is not None:
            return said, False
        if row.attempt > self.times.attempts:
            return protocol.attention(TOO_MANY), row.doubt
        if handler is None:
            return protocol.retry(NO_HANDLER.text % {"name": row.kind}), row.doubt
        doubt = row.doubt and handler.capability is not Capability.LOCAL
        if doubt and handler.capability is Capability.NONE:
            return protocol.attention(UNSURE), True
        if doubt and handler.capability is Capability.LOOKUP:
            found = self._lookup(handler)
            if found is not None:
                return found, True
            doubt = False
        refused = self._why_not(handler, doubt=doubt)
        if refused is not None:
            return refused, doubt
        outcome = self._perform(handler)
        return outcome, doubt or outcome.verdict is Verdict.UNKNOWN

    def _lookup(self, handler: Handler) -> Outcome | None:
        try:
            return handler.lookup(self.row)
        except Exception as error:
            log.warning("action.lookup_failed", extra={"action": self.row.id}, exc_info=True)
            return protocol.unknown(_name(error))

    def _why_not(self, handler: Handler, *, doubt: bool) -> Outcome | None:
        """The person's rights and the rules, asked again now; None when nothing speaks against it."""
        try:
            refusal = self.closed or self._not_allowed(handler)
            if refusal is not None:
                return protocol.attention(UNSURE_AND_NOT_ALLOWED) if doubt else protocol.refused(refusal)
            if not doubt and (refusal := self._guard(handler)) is not None:
                return protocol.refused(refusal)
        except Exception as error:
            log.warning("action.guard_failed", extra={"action": self.row.id}, exc_info=True)
            return protocol.retry(_name(error))
        return None

    def _not_allowed(self, handler: Handler) -> Refusal | None:
        if not self.actor.sees(self.row.store_id):
            return NO_LONGER_ALLOWED
        if handler.permission is not None and not self.actor.may(*handler.permission):
            return NO_LONGER_ALLOWED
        return None

    def _guard(self, handler: Handler) -> Refusal | None:
        try:
            with scope_as(self.actor.stores):
                return handler.guard(session, self.row, self.actor)
        except Refused as refused:
            return refused.refusal
        except NotFound:
            return ORDER_GONE
        finally:
            session.rollback()

    def _perform(self, handler: Handler) -> Outcome:
        try:
            return handler.perform(self.row)
        except Exception as error:
            log.warning("action.call_failed", extra={"action": self.row.id}, exc_info=True)
            return protocol.unknown(_name(error))

    def end(self, outcome: Outcome, *, doubt: bool) -> str:
        """Write the outcome in one transaction with all that follows from it; the state, or ``fenced``."""
        session.rollback()
        if outcome.verdict in (Verdict.RETRY, Verdict.UNKNOWN) and self.row.attempt >= self.times.attempts:
            outcome = protocol.attention(TOO_MANY)
        try:
            try:
                return insist(lambda: self._write(outcome, self.handler, doubt=doubt))
            except Refused as refused:  # a LOCAL handler found a rule broken under the lock
                reason = refused.refusal
                return insist(lambda: self._write(protocol.refused(reason), self.handler, doubt=False))
        except TRANSIENT:
            raise
        except Exception as error:
            # It may have happened, and we cannot write it down: come back later and find out.
            log.exception("action.settle_failed", extra={"action": self.row.id})
            local = self.handler is not None and self.handler.capability is Capability.LOCAL
            again = protocol.retry(_name(error)) if local else protocol.unknown(_name(error))
            if self.row.attempt >= self.times.attempts:
                again = protocol.attention(TOO_MANY)
            return insist(lambda: self._write(again, None, doubt=not local))

    def _write(self, outcome: Outcome, handler: Handler | None, *, doubt: bool) -> str:
        row = self.row
        if outcome.verdict in (Verdict.RETRY, Verdict.UNKNOWN):
            wait = max(self.times.wait(row.attempt), outcome.after or 0.0)
            if outcome.verdict is Verdict.UNKNOWN:
                wait = max(wait, self.times.quarantine)
            finish(session, row, "waiting", next_at=db_now(wait), error=outcome.error[:300], doubt=doubt)
            return "waiting"
        state = FINAL[outcome.verdict]
        values: dict[str, Any] = {
            "reason": outcome.reason.english()[:500] if outcome.reason else None,
            "doubt": doubt and outcome.verdict is Verdict.ATTENTION,
            "verdict": None,
            "error": outcome.error[:300] or None,
        }
        finish(session, row, state, **values)
        if outcome.data.get("by_person"):
            settle_mails_of(session, row.id)
        if handler is not None:
            handler.settle(session, row, outcome, self.actor)
        return "parked" if outcome.verdict is Verdict.PARKED else state


def _name(error: BaseException) -> str:
    """What went wrong, without the words of the error: they may hold a customer's data."""
    return type(error).__name__
