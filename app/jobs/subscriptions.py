"""Work a cancel or resume: standalone decides in ``settle``; with a platform it is read first, then set.

Setting an activity is repeatable, but each call may mail the customer: where it is already so, nothing is sent.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.actions import audit
from app.actions.subscriptions import CANCEL, apply_change, why_not
from app.domain import audit as events
from app.domain.access import Actor
from app.domain.refusal import NotFound, Refusal, Refused
from app.domain.subscriptions import GONE, PMR_NEVER, Mechanism
from app.domain.work import UNKNOWN_THERE
from app.jobs import protocol
from app.jobs.calls import read, write
from app.jobs.protocol import Capability, Outcome, Verdict
from app.models import Action, Order
from app.models.base import utcnow
from app.platform import platform


class SubscriptionHandler:
    """``cancel_subscription`` and ``resume_subscription``."""

    def __init__(self, kind: str, *, standalone: bool) -> None:
        self.kind = kind
        self.standalone = standalone
        self.capability = Capability.LOCAL if standalone else Capability.LOOKUP
        self.permission: tuple[str, str] | None = (f"can_{kind}", "OrderView")

    @property
    def wanted(self) -> bool:
        """The activity this kind sets."""
        return self.kind != CANCEL

    def guard(self, session: Session, action: Action, actor: Actor) -> Refusal | None:  # noqa: ARG002
        """The rule, its own action left out; the subscription may have left the order since the click."""
        order = session.get_one(Order, action.order_id)
        try:
            return why_not(session, order, action.subject, self.kind, live_action=False)
        except NotFound:
            return GONE

    def lookup(self, action: Action) -> Outcome | None:
        """Is it already so at the platform?"""
        return read(lambda: self._already(action))

    def perform(self, action: Action) -> Outcome:
        """Set the activity, unless it is already so."""
        if self.standalone:
            return protocol.done()
        port = platform()

        def look() -> Outcome | None:
            there = port.read_subscription(action.subject)
            if there is None:
                return protocol.refused(UNKNOWN_THERE)
            if there.active is self.wanted:
                return protocol.done(already=True)
            # What we know of it may be older: PMR is never resumed, whoever says that it is one (domain.md 5).
            return protocol.refused(PMR_NEVER) if self.wanted and there.type == Mechanism.PMR else None

        return read(look) or write(lambda: port.set_activity(action.subject, active=self.wanted))

    def settle(self, session: Session, action: Action, outcome: Outcome, actor: Actor) -> None:
        """Write the change; in standalone mode decide it here, under the order's lock."""
        if outcome.verdict is Verdict.DONE:
            if self.standalone and not outcome.data.get("by_person"):
                order = session.get_one(Order, action.order_id)
                refusal = why_not(session, order, action.subject, self.kind, live_action=False)
                if refusal is not None:
                    raise Refused(refusal)
            apply_change(session, actor, action, now=utcnow(), decided=self.standalone)
            return
        note_end(session, action, outcome, actor)

    def mail_taken(self, session: Session, action: Action, actor: Actor) -> None:
        """No mail of ours belongs to it."""

    def _already(self, action: Action) -> Outcome | None:
        there = platform().read_subscription(action.subject)
        return protocol.done(already=True) if there is not None and there.active is self.wanted else None


def note_end(session: Session, action: Action, outcome: Outcome, actor: Actor) -> None:
    """The audit of an action that was refused, or that needs a person."""
    audit.record(
        session,
        actor,
        events.ACTION_ENDED,
        result="refused" if outcome.verdict is Verdict.REFUSED else "failed",
        order_id=action.order_id,
        store_id=action.store_id,
        subject=action.subject,
        details={"action": action.id, "kind": action.kind, "why": outcome.reason.code if outcome.reason else None},
    )
