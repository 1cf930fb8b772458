"""The portal's own lines in an order's history: one code per kind of fact, its sentence and its sort (contract.md 4).

Platform lines are kept as sent; the portal's are stored as code and params, and said in the reader's language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REFUND_REQUESTED = "refund.requested"
REFUND_WITHDRAWN = "refund.withdrawn"
REFUND_TAKEN = "refund.taken"
REFUND_UPDATING = "refund.updating"
REFUND_FULL = "refund.full"
REFUND_PARTIAL = "refund.partial"
REFUND_REFUSED = "refund.refused"
REFUND_DOCUMENT = "refund.document"
ITEM_REFUNDED = "item.refunded"
CODES_DELETED = "codes.deleted"
ORDER_DELETED = "order.deleted"
SUBSCRIPTION_CANCELLED = "subscription.cancelled"
SUBSCRIPTION_RESUMED = "subscription.resumed"
LICENSE_SENT = "license.sent"
DECIDED_HAPPENED = "action.happened"
DECIDED_AGAIN = "action.again"
DECIDED_LEFT = "action.left"
PERSONAL_DATA_ERASED = "order.anonymized"


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a code says: ``kind`` as in contract.md 4, ``text`` an English msgid with ``%(name)s`` places."""

    kind: str
    text: str


SENTENCES: Mapping[str, Sentence] = {
    REFUND_REQUESTED: Sentence("status", "Refund request has been sent by %(who)s"),
    REFUND_WITHDRAWN: Sentence("status", "Refund request has been withdrawn by %(who)s"),
    REFUND_TAKEN: Sentence("status", "Refund request has been taken up by %(who)s"),
    REFUND_UPDATING: Sentence("status", "Refund info is being updated"),
    REFUND_FULL: Sentence("status", "Refund request has been completed: full refund"),
    REFUND_PARTIAL: Sentence("status", "Refund request has been completed: partial refund"),
    REFUND_REFUSED: Sentence("status", "Refusal to refund"),
    REFUND_DOCUMENT: Sentence("document", "Refund document: %(name)s"),
    ITEM_REFUNDED: Sentence("status", "Refunded: %(product)s"),
    CODES_DELETED: Sentence("other", "Activation codes marked deleted: %(count)s"),
    ORDER_DELETED: Sentence("status", "The order is deleted: every item has been refunded"),
    SUBSCRIPTION_CANCELLED: Sentence(
        "subscription", "Auto-renewal has been deactivated by %(who)s, subscription %(subscription)s"
    ),
    SUBSCRIPTION_RESUMED: Sentence(
        "subscription", "Auto-renewal has been activated by %(who)s, subscription %(subscription)s"
    ),
    LICENSE_SENT: Sentence("mail", "License information has been sent again by %(who)s: %(product)s, code %(number)s"),
    DECIDED_HAPPENED: Sentence("other", "%(who)s stated that action %(number)s has happened"),
    DECIDED_AGAIN: Sentence("other", "%(who)s stated that action %(number)s has not happened, and started it again"),
    DECIDED_LEFT: Sentence("other", "%(who)s stated that action %(number)s has not happened, and left it at that"),
    PERSONAL_DATA_ERASED: Sentence("anonymize", "Personal data anonymize"),
}
"""Every code of the portal's own lines. A code that is not here cannot be added."""

KINDS = ("mail", "error", "status", "subscription", "related", "anonymize", "document", "other")
"""Sorts of history lines (contract.md 4)."""


def english(code: str, params: Mapping[str, Any]) -> str:
    """The line in English, for the row and the API. Raises KeyError for an unknown code or a missing place."""
    sentence = SENTENCES[code]
    return sentence.text % params if params else sentence.text
