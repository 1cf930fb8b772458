"""Refund requests: when one may be made, what it must say, and how it moves on (domain.md 7).

The screen asks ``why_not_request`` to draw the button or say why it is missing, the action asks it again under
the order's lock, and the job asks it a third time.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from app.domain.orders import Status
from app.domain.refusal import Invalid, Refusal
from app.domain.work import why_wait

REASON_MAX = 500
"""Longest reason, in Unicode code points, after trimming and with CR LF counted as one."""

_UNSEEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
_EDGES = re.compile(r"^[\s\ufeff]+|[\s\ufeff]+$")
"""What trimming takes away: white space as Unicode and as browsers have it. js/fields.js counts the same way."""

COMMENT_MAX = 1000
"""Longest comment of the desk on a decision."""


class RequestStatus(enum.StrEnum):
    """Where a refund request stands; all but the last are the order's additional status (domain.md 2.4)."""

    SENT = "sent"
    UPDATING = "updating"
    COMPLETED = "completed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Result(enum.StrEnum):
    """What a decided request came to."""

    FULL = "full"
    PARTIAL = "partial"
    FAILED = "failed"


class Event(enum.StrEnum):
    """What can happen to a request."""

    TAKE = "take"
    CHANGE = "change"
    COMPLETE = "complete"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"


OPEN = frozenset({RequestStatus.SENT, RequestStatus.UPDATING})
"""Waiting for a decision."""

BLOCKING_STATES: frozenset[tuple[RequestStatus, Result | None]] = frozenset(
    {(status, result) for status in OPEN for result in (None, *Result)} | {(RequestStatus.COMPLETED, Result.FULL)}
)
"""(status, result) of which an order holds at most one: the predicate of ``uq_refund_request_blocking``.

A completed partial refund blocks by the rule alone, because a setting may allow another request after it.
"""

_STEPS: dict[tuple[RequestStatus, Event], RequestStatus] = {
    (RequestStatus.SENT, Event.TAKE): RequestStatus.UPDATING,
    (RequestStatus.SENT, Event.CHANGE): RequestStatus.UPDATING,
    (RequestStatus.SENT, Event.COMPLETE): RequestStatus.COMPLETED,
    (RequestStatus.SENT, Event.REFUSE): RequestStatus.REFUSED,
    (RequestStatus.SENT, Event.WITHDRAW): RequestStatus.WITHDRAWN,
    (RequestStatus.UPDATING, Event.TAKE): RequestStatus.UPDATING,
    (RequestStatus.UPDATING, Event.CHANGE): RequestStatus.UPDATING,
    (RequestStatus.UPDATING, Event.COMPLETE): RequestStatus.COMPLETED,
    (RequestStatus.UPDATING, Event.REFUSE): RequestStatus.REFUSED,
}

RESULT_WORDS = {
    Result.FULL: "full refund completed",
    Result.PARTIAL: "partial refund completed",
    Result.FAILED: "refund failed",
}
"""The status in the result mail, to the letter; a refusal is a failed refund (domain.md 7)."""

RESULT_LABELS = {"full": "Full refund", "partial": "Partial refund", "failed": "No refund"}
"""What a decision is called on the screen (msgids)."""

NOT_PAID = Refusal("refund.not_paid", "Only a paid order can be refunded.")
NOTHING_PAID = Refusal("refund.nothing_paid", "Nothing was paid for this order, so there is nothing to refund.")
ALREADY_OPEN = Refusal("refund.open", "A refund request for this order is already being processed.")
ALREADY_FULL = Refusal("refund.completed", "This order has already been refunded.")
ALREADY_PARTIAL = Refusal("refund.partial", "A refund request for this order has already been completed.")
DECIDED = Refusal("refund.decided", "The refund request has already been decided.")
NOT_WITHDRAWABLE = Refusal(
    "refund.taken", "The refund request has already been taken up, so it cannot be withdrawn any more."
)
NOT_OWN = Refusal("refund.not_own", "Only the person who sent a refund request can withdraw it.")
NO_REQUEST = Refusal("refund.none", "This order has no open refund request.")
TAKEN_BACK = Refusal("refund.withdrawn", "The refund request has been withdrawn by the person who sent it.")
TAKEN_UP = Refusal("refund.taken_up", "%(name)s has already taken this refund request up.", {"name": ""})
NO_ITEMS = Refusal("refund.no_items", "Choose at least one item to refund.")
UNKNOWN_ITEM = Refusal("refund.unknown_item", "This order has no item %(item)s that can still be refunded.")
REASON_EMPTY = Refusal("refund.reason_empty", "Say why the order should be refunded.")
REASON_LONG = Refusal(
    "refund.reason_long",
    "The reason is too long: %(count)d characters, at most %(max)d.",
    {"count": 0, "max": REASON_MAX},
)
COMMENT_LONG = Refusal(
    "refund.comment_long",
    "The comment is too long: %(count)d characters, at most %(max)d.",
    {"count": 0, "max": COMMENT_MAX},
)
COMMENT_EMPTY = Refusal("refund.comment_empty", "Say why the refund is refused.")


class RefundFacts(NamedTuple):
    """What the rule looks at.

    ``requests`` are all requests of the order as (status, result), in any order. ``again_after_partial`` is the
    setting REFUND_AGAIN_AFTER_PARTIAL. ``erased`` changes nothing: erasure takes the name, not the money back.
    ``all_refunded``: it has items and every one is refunded, be it without a request. ``live_state``: the state of the
    action that hands the open request over and has not ended; None without one.
    """

    status: str
    total: Decimal
    requests: tuple[tuple[str, str | None], ...]
    again_after_partial: bool = False
    erased: bool = False
    all_refunded: bool = False
    live_state: str | None = None


def why_not_request(facts: RefundFacts) -> Refusal | None:
    """Why a refund cannot be requested now; None when it can (domain.md 7)."""
    if (RequestStatus.COMPLETED, Result.FULL) in facts.requests:
        return ALREADY_FULL
    if any(status in OPEN for status, _ in facts.requests):
        return why_wait(facts.live_state, ALREADY_OPEN) or ALREADY_OPEN
    if not facts.again_after_partial and any(status == RequestStatus.COMPLETED for status, _ in facts.requests):
        return ALREADY_PARTIAL
    if facts.status != Status.PAID:
        return NOT_PAID
    if facts.total <= 0:
        return NOTHING_PAID
    if facts.all_refunded:  # a chargeback needs no request, and the platform may not have called the order Deleted yet
        return ALREADY_FULL
    return None


def advance(status: str, event: Event) -> RequestStatus | None:
    """The status after the event; None where the event cannot happen in that status."""
    return _STEPS.get((RequestStatus(status), event))


def why_not_withdraw(status: str, *, own: bool, called: bool) -> Refusal | None:
    """Why a request cannot be taken back; ``called``: with a platform, our call went out already (domain.md 7)."""
    if not own:
        return NOT_OWN
    if called or advance(status, Event.WITHDRAW) is None:
        return NOT_WITHDRAWABLE if status in OPEN else DECIDED
    return None


def why_not_take(taken_by: str | None) -> Refusal | None:
    """Why a person of the desk cannot take a request up: ``taken_by`` is the colleague who did and still works here.

    They may still decide it: taking up says who looks into it, and a colleague may be ill.
    """
    return None if taken_by is None else Refusal(TAKEN_UP.code, TAKEN_UP.text, {"name": taken_by})


def why_not_decide(status: str | None) -> Refusal:
    """Why a request that is not open cannot be decided; ``status`` None: there is none."""
    if status is None:
        return NO_REQUEST
    return TAKEN_BACK if status == RequestStatus.WITHDRAWN else DECIDED


def clean_reason(text: str) -> str:
    """The reason as kept: line ends as LF, trimmed, 1 to 500 code points, something to see among them.

    Raises Invalid for the field ``reason``.
    """
    found = _clean(text)
    if not found:
        raise Invalid({"reason": [REASON_EMPTY]})
    if len(found) > REASON_MAX:
        raise Invalid({"reason": [_too_long(REASON_LONG, found)]})
    return found


def clean_comment(text: str) -> str:
    """The desk's comment as kept. Raises Invalid for the field ``comment``."""
    found = _clean(text)
    if not found:
        raise Invalid({"comment": [COMMENT_EMPTY]})
    if len(found) > COMMENT_MAX:
        raise Invalid({"comment": [_too_long(COMMENT_LONG, found)]})
    return found


def same_comment(kept: str | None, typed: str) -> bool:
    """Is what was typed the comment that was kept?"""
    return kept == _clean(typed)


def result_of(refunded: Iterable[bool]) -> Result:
    """Full when every item is refunded, else partial (domain.md 7)."""
    return Result.FULL if all(refunded) else Result.PARTIAL


def result_words(status: str, result: str | None) -> str:
    """The result mail's status for a decided request."""
    if status == RequestStatus.REFUSED or result is None:
        return RESULT_WORDS[Result.FAILED]
    return RESULT_WORDS[Result(result)]


def _clean(text: str) -> str:
    # Control characters cannot be typed and PostgreSQL stores no NUL; line ends and tabs stay.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _EDGES.sub("", re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "", text))
    # Joiners and marks of direction belong to a text, but are none by themselves.
    return text if any(unicodedata.category(c) not in _UNSEEN for c in text) else ""


def _too_long(refusal: Refusal, text: str) -> Refusal:
    return Refusal(refusal.code, refusal.text, {**refusal.params, "count": len(text)})
