"""The work that people ask for and the portal does later, in words: kinds of actions, and why one ends without effect;
webhooks with them.

*Jobs and mail*, the page of an order and the audit say the same of the same.
"""

from __future__ import annotations

from app.domain.orders import ERASED
from app.domain.refusal import Refusal

KINDS = {
    "request_refund": "Refund request",
    "cancel_subscription": "Cancel subscription",
    "resume_subscription": "Resume subscription",
    "resend_license": "Resend license information",
}
"""Kinds of actions (msgids)."""

ACCOUNT_CLOSED = Refusal("action.account_closed", "The account of the person who asked for this has been closed.")
NO_LONGER_ALLOWED = Refusal("action.not_allowed", "The person who asked for this may not do it any more.")
ORDER_GONE = Refusal("action.order_gone", "The order is not there any more.")
UNSURE = Refusal("action.unsure", "An earlier attempt may have happened, and nobody can be asked.")
UNSURE_AND_NOT_ALLOWED = Refusal(
    "action.unsure_not_allowed",
    "An earlier attempt may have happened, and the person who asked for this may not do it any more.",
)
TOO_MANY = Refusal("action.too_many", "It was tried many times without a clear answer.")
LEFT = Refusal("action.left", "An administrator has looked: it did not happen, and it is not tried again.")
STUCK = Refusal("action.stuck", "Somebody has to look at an earlier attempt first.")
WITHDRAWN = Refusal("refund.withdrawn", "The refund request has been withdrawn.")
UNKNOWN_THERE = Refusal("subscription.unknown_there", "The platform does not know this subscription.")
REFUSED_THERE = Refusal("platform.refused", "The platform refused it: %(message)s", {"message": ""})
UNCLEAR = Refusal(
    "refund.unclear", "An earlier attempt may have reached the platform, which now says: %(message)s", {"message": ""}
)

BODY_GONE = Refusal("webhook.body_gone", "The body is gone: the customer was erased, or it is too old.")
NO_OBJECT = Refusal("webhook.no_object", "The body is no JSON object.")
UNKNOWN_EVENT = Refusal("webhook.unknown_event", "The portal does not know this event.")
NO_ORDER_ID = Refusal("webhook.no_order_id", "The message names no order.")
FOREIGN_STORE = Refusal("webhook.foreign_store", "The order belongs to another store.")
CLOSED_STORE = Refusal("webhook.closed_store", "The store %(store)s is closed: nothing new comes in.")
INCOMPLETE = Refusal("webhook.incomplete", "%(field)s is missing, and the order is not known yet.")
UNKNOWN_ORDER = Refusal("webhook.unknown_order", "The platform does not know this order.")
NOT_APPLIED = Refusal("webhook.not_applied", "It could not be applied in many attempts.")


def why_wait(live_state: str | None, under_way: Refusal) -> Refusal | None:
    """Why nothing more can be asked of what an action is about already; None when none is.

    ``live_state`` is the state of the action that has not ended. ``under_way`` is said while it waits or runs; one that
    needs attention does not go on by itself, and to say that it does would have people wait for nothing.
    """
    if live_state is None:
        return None
    return STUCK if live_state == "attention" else under_way


def without_foreign_words(reason: str | None) -> str | None:
    """A kept reason without what the platform said in it, which may name a customer; other reasons as they are."""
    for refusal in (REFUSED_THERE, UNCLEAR):
        ours = refusal.text.partition("%(")[0]
        if reason is not None and reason.startswith(ours):
            return ours + ERASED
    return reason
