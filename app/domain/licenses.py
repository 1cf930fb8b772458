"""License information: when a code may be sent again (domain.md 6)."""

from __future__ import annotations

from typing import NamedTuple

from app.domain.orders import Status
from app.domain.refusal import Refusal

NO_CODE = Refusal("license.none", "No activation code is saved for this item.")
DELETED = Refusal("license.deleted", "The activation code is marked deleted.")
REFUNDED = Refusal("license.refunded", "The item has been refunded.")
NOT_PAID = Refusal("license.not_paid", "License information is sent for paid orders only.")
ERASED = Refusal("license.erased", "The customer's personal data was erased, so there is nobody to send it to.")
NO_EMAIL = Refusal("license.no_email", "The order has no email address.")
FORBIDDEN = Refusal("license.forbidden", "Delivery is forbidden for this store: %(reason)s", {"reason": ""})
BUSY = Refusal("license.busy", "This license information is already being sent.")


class LicenseFacts(NamedTuple):
    """What the rule looks at. ``ban_reason`` is the reason of the delivery ban in force, None without one."""

    has_code: bool
    deleted: bool
    order_status: str
    item_refunded: bool
    erased: bool
    has_email: bool
    ban_reason: str | None = None
    live_action: bool = False


def why_not_resend(facts: LicenseFacts) -> Refusal | None:
    """Why this code cannot be sent again; None when it can.

    What lasts is said before what passes: a deleted code stays deleted when the ban is lifted.
    """
    lasting = (
        (not facts.has_code, NO_CODE),
        (facts.deleted, DELETED),
        (facts.item_refunded, REFUNDED),
        (facts.order_status != Status.PAID, NOT_PAID),
        (facts.erased, ERASED),
        (not facts.has_email, NO_EMAIL),
    )
    for holds, refusal in lasting:
        if holds:
            return refusal
    if facts.ban_reason is not None:
        return Refusal(FORBIDDEN.code, FORBIDDEN.text, {"reason": facts.ban_reason})
    return BUSY if facts.live_action else None
