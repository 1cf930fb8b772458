"""What a word of the platform may change here: only forward (contract.md 4, domain.md 2, 7 and 9.1)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.domain.refunds import OPEN, RequestStatus
from app.domain.subscriptions import is_active

_RANK = {
    RequestStatus.SENT: 1,
    RequestStatus.UPDATING: 2,
    RequestStatus.COMPLETED: 3,
    RequestStatus.REFUSED: 3,
    RequestStatus.WITHDRAWN: 3,
}


# --- refund requests -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """A refund request as it stands. ``said_at``: the newest word of the platform about it; ``ended_at``: decided.

    ``owned``: a person here decided it, so that no word of the platform undoes that (contract.md 4).
    """

    id: int
    status: str
    result: str | None
    said_at: dt.datetime | None
    ended_at: dt.datetime | None
    owned: bool = False


@dataclass(frozen=True, slots=True)
class RefundStep:
    """What the platform's word does: ``request_id`` None makes a new request, else that one takes the values."""

    request_id: int | None
    status: str
    result: str | None


def refund_step(
    requests: Sequence[RequestFacts], status: str, result: str | None, updated: dt.datetime
) -> RefundStep | None:
    """What the platform's refund word changes; None when it is old news or would undo something.

    ``requests`` are the order's, oldest first. An open request moves forward. After one that has ended, a word
    that is younger than its end is about another request; a full refund is the last word for ever.
    """
    if status == RequestStatus.COMPLETED and result is None:
        result = "full"
    if status != RequestStatus.COMPLETED:
        result = "failed" if status == RequestStatus.REFUSED else None
    if any(r.status == RequestStatus.COMPLETED and r.result == "full" for r in requests):
        return None
    last = requests[-1] if requests else None
    if last is None:
        return RefundStep(None, status, result)
    if last.status in OPEN:
        if last.said_at is not None and updated < last.said_at:
            return None
        if any(updated <= moment for earlier in requests[:-1] for moment in _heard(earlier)):
            return None  # about an earlier request, said again
        if _RANK[RequestStatus(status)] <= _RANK[RequestStatus(last.status)]:
            return None
        return RefundStep(last.id, status, result)
    if (
        last.owned
        or any(updated <= moment for moment in _heard(last))
        or (status, result) == (last.status, last.result)
    ):
        return None  # decided here, older than its end, or the same end said again
    return RefundStep(None, status, result)


def _heard(request: RequestFacts) -> list[dt.datetime]:
    """The moments up to which a word about the request is old news."""
    return [moment for moment in (request.said_at, request.ended_at) if moment is not None]


def order_refund(requests: Iterable[tuple[str, str | None]]) -> tuple[str | None, str | None]:
    """The order's additional status and result from its requests, oldest first; a withdrawn one leaves no trace."""
    found: tuple[str | None, str | None] = (None, None)
    for status, result in requests:
        if status != RequestStatus.WITHDRAWN:
            found = (status, result if status == RequestStatus.COMPLETED else None)
    return found


# --- subscriptions -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SubscriptionWord:
    """What somebody says about a subscription: a snapshot (``version`` set) or a webhook, at a moment."""

    status: str
    at: dt.datetime
    version: int | None


def believes(known: SubscriptionWord, told: SubscriptionWord) -> bool:
    """Is ``told`` the newer word? Among snapshots the one that comes later; against a webhook, the later moment."""
    if known.version is not None and told.version is not None:
        return True
    return told.at >= known.at


def subscription_status(known: str, told: str, *, decided: bool) -> str:
    """The status after a believed word. What the portal decided about the activity stays (contract.md 4)."""
    return known if decided and is_active(known) != is_active(told) else told
