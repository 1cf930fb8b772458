"""Work a refund request: standalone it lies on the desk, with a platform it is sent there, once (domain.md 7, 9.2)."""

from __future__ import annotations

import datetime as dt
import re

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actions.orders import lock_order
from app.actions.refunds import apply_platform_refund, reject
from app.db import session as current_session
from app.domain.access import SYSTEM, Actor
from app.domain.refunds import OPEN, RequestStatus, why_not_request
from app.domain.refusal import Refusal
from app.domain.work import ACCOUNT_CLOSED, NO_LONGER_ALLOWED, UNCLEAR, WITHDRAWN
from app.jobs import protocol
from app.jobs.calls import read, write
from app.jobs.protocol import Capability, Outcome, Verdict
from app.jobs.subscriptions import note_end
from app.models import Action, Order, Person, RefundRequest
from app.models.base import utcnow
from app.platform import platform
from app.platform.port import PlatformOrder
from app.queries.facts import refund_facts
from app.settings import settings
from config import PLATFORM_EMAIL_MAX

ACCESS = frozenset({ACCOUNT_CLOSED.code, NO_LONGER_ALLOWED.code})
"""Refusals after which the person who asked is told nothing more about the order."""
_ALREADY = re.compile(
    r"alread|(?<!not )(?<!n't )\bexists?\b|duplic|uncomplet|unfinish|not (yet )?complet|pending|in progress|"
    r"being processed|processing|уже|обрабатыва",
    re.I,
)
"""Words of a refusal because a request exists; code and text are not published."""


class RefundHandler:
    """``request_refund``."""

    permission: tuple[str, str] | None = ("can_request_refund", "OrderView")

    def __init__(self, *, standalone: bool) -> None:
        self.standalone = standalone
        self.capability = Capability.LOCAL if standalone else Capability.LOOKUP

    def guard(self, session: Session, action: Action, actor: Actor) -> Refusal | None:  # noqa: ARG002
        """The rule, its own request left out. A request that people have decided already needs no rule any more."""
        request = session.get_one(RefundRequest, action.refund_request_id)
        if request.status == RequestStatus.WITHDRAWN:
            return WITHDRAWN
        if request.status not in OPEN:
            return None
        order = session.get_one(Order, action.order_id)
        again = settings().refund_again_after_partial
        return why_not_request(
            refund_facts(session, order, again_after_partial=again, but_request_id=action.refund_request_id)
        )

    def lookup(self, action: Action) -> Outcome | None:
        """Does the platform have a request of this order?"""
        return read(lambda: self._there(action))

    def perform(self, action: Action) -> Outcome:
        """Send the request to the platform; in standalone mode it lies on the desk already."""
        if self.standalone:
            return protocol.done()
        reason, email, status = _what(action)
        if status not in OPEN:
            return protocol.done(decided=True)
        port = platform()
        outcome = write(lambda: port.request_refund(action.order_id, reason, email))
        if outcome.verdict is not Verdict.REFUSED or not action.doubt:
            return outcome
        # In doubt: a refusal because a request exists means that our first call worked (domain.md 9.2).
        if outcome.data.get("status") != 404 and _ALREADY.search(outcome.data.get("said", "")):
            return protocol.done(already=True)
        message = outcome.data.get("said") or f"HTTP {outcome.data.get('status')}"
        there = read(lambda: self._there(action))
        if there is not None:
            return there if there.verdict is Verdict.DONE else protocol.unknown("could not read the order")
        return protocol.attention(Refusal(UNCLEAR.code, UNCLEAR.text, {"message": message[:200]}))

    def settle(self, session: Session, action: Action, outcome: Outcome, actor: Actor) -> None:
        """A refused request frees the order; one found at the platform takes over how far it is there."""
        if outcome.verdict is Verdict.DONE:
            status = outcome.data.get("refund_status")
            if status is not None:
                order = lock_order(session, SYSTEM, action.order_id)  # the platform has it, whatever the person may see
                now = utcnow()
                apply_platform_refund(session, order, status, outcome.data.get("refund_result"), now, now=now)
            return
        if outcome.verdict is Verdict.REFUSED and outcome.reason is not None:
            told = outcome.reason.code not in ACCESS
            reject(session, action, outcome.reason.english(), mail=told, now=utcnow())
        note_end(session, action, outcome, actor)

    def mail_taken(self, session: Session, action: Action, actor: Actor) -> None:
        """The result mail comes with the decision, not with this action."""

    def _there(self, action: Action) -> Outcome | None:
        order = platform().read_order(action.order_id)
        try:
            return found_there(order, earlier=earlier_end(current_session, action))
        finally:
            current_session.rollback()


def found_there(order: PlatformOrder | None, *, earlier: dt.datetime | None) -> Outcome | None:
    """Our request, found in the order: done, with how far it is. None: the platform shows none.

    ``earlier``: when another request of the order had ended; a decided one there is that, unless it says that it was
    decided later.
    """
    if order is None or order.refund is None or order.refund.status is None:
        return None
    status = order.refund.status
    decided = order.refund.updated
    if not order.refund.is_open and earlier is not None and (decided is None or decided <= earlier):
        return None
    if status == RequestStatus.SENT:
        return protocol.done(already=True)
    return protocol.done(already=True, refund_status=status.value, refund_result=order.refund.result)


def earlier_end(session: Session, action: Action) -> dt.datetime | None:
    """When the order's other requests had ended, the last of them; None: there is no other that has."""
    ended = sa.func.max(sa.func.coalesce(RefundRequest.decided_at, RefundRequest.updated_at))
    earlier = sa.select(ended).where(
        RefundRequest.order_id == action.order_id,
        RefundRequest.id != action.refund_request_id,
        RefundRequest.status.in_((RequestStatus.COMPLETED, RequestStatus.REFUSED)),
    )
    return session.scalar(earlier)


def _what(action: Action) -> tuple[str, str, str]:
    """Reason, requester's address and status of the request, read outside of any transaction of the call."""
    try:
        request = current_session.get_one(RefundRequest, action.refund_request_id)
        person = current_session.get(Person, action.actor_id)
        email = person.email if person is not None and len(person.email) <= PLATFORM_EMAIL_MAX else settings().mail_from
        return request.reason, email, request.status
    finally:
        current_session.rollback()
