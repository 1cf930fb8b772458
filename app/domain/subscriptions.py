"""Auto-renewal: when an order shows it, when it can be cancelled or resumed, and what follows (domain.md 5)."""

from __future__ import annotations

import enum
from typing import NamedTuple

from app.domain.orders import Status
from app.domain.refusal import Refusal
from app.domain.work import why_wait


class Mechanism(enum.StrEnum):
    """How a subscription renews: by itself (AR, its trial), or paid by hand (PMR)."""

    AR = "AR"
    AR_TRIAL = "AR Trial"
    PMR = "PMR"


class SubscriptionStatus(enum.StrEnum):
    """``active`` and ``not_paid`` are active, ``cancelled`` is not."""

    ACTIVE = "active"
    NOT_PAID = "not_paid"
    CANCELLED = "cancelled"


STATE_LABELS = {True: "Auto-renewal has been activated", False: "Auto-renewal has been deactivated"}
"""The portal's words for the activity."""

NOT_STARTED = Refusal("subscription.not_started", "The subscription begins when the order is paid.")
NOT_PAID_ANY_MORE = Refusal("subscription.order_over", "Auto-renewal can be changed for paid orders only.")
ALREADY_CANCELLED = Refusal("subscription.cancelled", "Auto-renewal is already deactivated.")
ALREADY_ACTIVE = Refusal("subscription.active", "Auto-renewal is already activated.")
GONE = Refusal("subscription.gone", "The order does not have this subscription any more.")
PMR_NEVER = Refusal("subscription.pmr", "A PMR subscription cannot be resumed.")
BUSY = Refusal("subscription.busy", "A change of this subscription is already in progress.")


class SubscriptionFacts(NamedTuple):
    """What the rules look at.

    ``order_id`` is the order on whose page it is asked, ``parent_status`` the parent order's main status (None: the
    parent is not known here), ``live_state``: the state of a cancel or resume of it that has not ended.
    """

    type: str
    status: str
    order_id: int
    parent_order_id: int
    parent_status: str | None
    has_unpaid_renewal: bool = False
    live_state: str | None = None


def is_active(status: str) -> bool:
    """The activity of a status: everything but cancelled."""
    return status != SubscriptionStatus.CANCELLED


def shows_block(facts: SubscriptionFacts) -> bool:
    """Does the order show this subscription? A parent only when paid, a renewal order always."""
    return facts.order_id != facts.parent_order_id or facts.parent_status == Status.PAID


def _not_shown(facts: SubscriptionFacts) -> Refusal | None:
    """Why the order shows no block; None when it does. A deleted order is not one that begins when it is paid."""
    if shows_block(facts):
        return None
    return NOT_STARTED if facts.parent_status == Status.NOT_PAID else NOT_PAID_ANY_MORE


def why_not_cancel(facts: SubscriptionFacts) -> Refusal | None:
    """Why auto-renewal cannot be cancelled from this order; None when it can."""
    if refusal := _not_shown(facts):
        return refusal
    if not is_active(facts.status):
        return ALREADY_CANCELLED
    return why_wait(facts.live_state, BUSY)


def why_not_resume(facts: SubscriptionFacts) -> Refusal | None:
    """Why auto-renewal cannot be resumed from this order; None when it can. PMR never can."""
    if facts.type == Mechanism.PMR:
        return PMR_NEVER
    if refusal := _not_shown(facts):
        return refusal
    if is_active(facts.status):
        return ALREADY_ACTIVE
    return why_wait(facts.live_state, BUSY)


def after_resume(has_unpaid_renewal: bool) -> SubscriptionStatus:
    """The status a resumed subscription has: an unpaid renewal order goes on waiting for its payment."""
    return SubscriptionStatus.NOT_PAID if has_unpaid_renewal else SubscriptionStatus.ACTIVE
