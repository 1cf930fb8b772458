"""Work a resend: the action waits for its mail, and is done when the mail server has taken that (domain.md 6)."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.actions.licenses import post_mail, sent, why_not
from app.domain.access import Actor
from app.domain.licenses import NO_CODE
from app.domain.refusal import NotFound, Refusal
from app.jobs import protocol
from app.jobs.protocol import Capability, Outcome, Verdict
from app.jobs.subscriptions import note_end
from app.models import Action, Order
from app.models.base import utcnow
from app.settings import settings


class LicenseHandler:
    """``resend_license``."""

    capability = Capability.LOCAL
    permission: tuple[str, str] | None = ("can_resend", "OrderView")

    def guard(self, session: Session, action: Action, actor: Actor) -> Refusal | None:  # noqa: ARG002
        """The rule, its own action left out; a code may have left the order since the click."""
        order = session.get_one(Order, action.order_id)
        try:
            return why_not(session, order, action.subject, utcnow(), live_action=False)
        except NotFound:
            return NO_CODE

    def lookup(self, action: Action) -> Outcome | None:  # noqa: ARG002
        """Nothing leaves the portal before the mail row."""
        return None

    def perform(self, action: Action) -> Outcome:  # noqa: ARG002
        """Hand on to a mail row."""
        return protocol.parked()

    def settle(self, session: Session, action: Action, outcome: Outcome, actor: Actor) -> None:
        """Write the mail row, the rule asked under the order's lock."""
        if outcome.verdict is Verdict.PARKED:
            post_mail(session, actor, action, now=utcnow(), default_language=settings().default_language)
        elif outcome.verdict is Verdict.DONE:  # a person saw that the customer has it
            sent(session, actor, action, now=utcnow())
        else:
            note_end(session, action, outcome, actor)

    def mail_taken(self, session: Session, action: Action, actor: Actor) -> None:
        """Sent: the history may say so."""
        sent(session, actor, action, now=utcnow())
