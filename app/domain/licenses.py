"""License information: when a code may be sent again (domain.md 6)."""

from __future__ import annotations

from typing import NamedTuple

from app.domain.delivery import Ban
from app.domain.orders import Status
from app.domain.refusal import Refusal
from app.domain.work import STUCK, why_wait

NO_CODE = Refusal("license.none", "No activation code is saved for this item.")
DELETED = Refusal("license.deleted", "The activation code is marked deleted.")
REFUNDED = Refusal("license.refunded", "The item has been refunded.")
NOT_PAID = Refusal("license.not_paid", "License information is sent for paid orders only.")
ERASED = Refusal("license.erased", "The customer's personal data was erased, so there is nobody to send it to.")
NO_EMAIL = Refusal("license.no_email", "The order has no email address.")
FORBIDDEN = Refusal("license.forbidden", "Delivery is forbidden for this store: %(reason)s", {"reason": ""})
FORBIDDEN_PRODUCT = Refusal(
    "license.forbidden_product", "Delivery is forbidden for this product: %(reason)s", {"reason": ""}
)
BUSY = Refusal("license.busy", "This license information is already being sent.")


class LicenseFacts(NamedTuple):
    """What the rule looks at.

    ``ban`` is the delivery ban in force, None without one; ``live_state`` the state of a resend of this code that has
    not ended, None without one.
    """

    has_code: bool
    deleted: bool
    order_status: str
    item_refunded: bool
    erased: bool
    has_email: bool
    ban: Ban | None = None
    live_state: str | None = None


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
    if facts.ban is not None:
        return forbidden(facts.ban)
    return why_wait(facts.live_state, BUSY)


def forbidden(ban: Ban) -> Refusal:
    """What a ban says where Resend would be: what it is for, and the reason."""
    words = FORBIDDEN if ban.product_id is None else FORBIDDEN_PRODUCT
    return Refusal(words.code, words.text, {"reason": ban.reason})


def says_ban(refusal: Refusal) -> bool:
    """Is a delivery ban the reason?"""
    return refusal.code in (FORBIDDEN.code, FORBIDDEN_PRODUCT.code)


def may_be_sent(refusal: Refusal | None) -> bool:
    """Is the code one that is sent: now, or once the resend under way has ended?"""
    return refusal is None or refusal.code in (BUSY.code, STUCK.code)
