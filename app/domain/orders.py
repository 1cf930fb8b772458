"""Order statuses, their labels, order numbers, and what is shown of an erased customer (domain.md 2 and 4)."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterable

MAX_ID = 2**63 - 1


class Status(enum.StrEnum):
    """Main status (domain.md 2.2)."""

    NOT_PAID = "not_paid"
    PAID = "paid"
    DELETED = "deleted"
    TERMINATED = "terminated"


class Delivery(enum.StrEnum):
    """Delivery of the order as a whole (domain.md 2.3)."""

    NOT_DELIVERED = "not_delivered"
    PARTLY = "partly_delivered"
    DELIVERED = "delivered"


class RefundStatus(enum.StrEnum):
    """The additional status of an order (domain.md 2.4)."""

    SENT = "sent"
    UPDATING = "updating"
    COMPLETED = "completed"
    REFUSED = "refused"


STATUS_LABELS = {
    Status.NOT_PAID: "Not paid",
    Status.PAID: "Paid",
    Status.DELETED: "Deleted",
    Status.TERMINATED: "Terminated",
}
REFUND_LABELS = {
    RefundStatus.SENT: "Refund request has been sent",
    RefundStatus.UPDATING: "Refund info is being updated",
    RefundStatus.COMPLETED: "Request has been completed",
    RefundStatus.REFUSED: "Refusal to refund",
}
DELIVERY_LABELS = {
    Delivery.NOT_DELIVERED: "Not delivered",
    Delivery.PARTLY: "Partly delivered",
    Delivery.DELIVERED: "Delivered",
}
FILTER_STATUSES = (*(s.value for s in Status), *(f"refund_{s.value}" for s in RefundStatus))
"""Values of the form's ``status`` boxes, in the order shown (contract.md 2)."""

ERASED = "deleted"
"""What stands in place of an erased customer's data, exactly (domain.md 4)."""

# From → allowed next; domain.md 2.2. "None" is an order not seen before.
_STEPS: dict[Status | None, frozenset[Status]] = {
    None: frozenset(Status),
    Status.NOT_PAID: frozenset({Status.PAID, Status.DELETED, Status.TERMINATED}),
    Status.PAID: frozenset({Status.DELETED, Status.TERMINATED}),
    Status.DELETED: frozenset({Status.TERMINATED}),
    Status.TERMINATED: frozenset(),
}


def next_status(now: Status | None, told: Status) -> Status:
    """The status after a message says ``told``: forward steps are taken, anything else leaves it as it is.

    However late or reordered a message is, an order never moves backwards (domain.md 2.2 and 10.17).
    """
    return told if now is None or told in _STEPS[now] else now


def read_status(word: str) -> Status | None:
    """The status a platform word means: ``not paid`` and ``not_paid`` are one (domain.md 2.2); else None."""
    try:
        return Status(word.strip().lower().replace(" ", "_"))
    except ValueError:
        return None


def order_delivery(items_delivered: Iterable[bool]) -> Delivery:
    """Delivered when every item is, partly when some are, else not (domain.md 2.3). No items: not delivered."""
    found = list(items_delivered)
    if found and all(found):
        return Delivery.DELIVERED
    return Delivery.PARTLY if any(found) else Delivery.NOT_DELIVERED


def order_name(order_id: int) -> str:
    """The customer's form of a number where the platform sent none: A0012345678 (domain.md 2.1)."""
    return f"A{order_id:010d}"


def shown(value: str | None, *, erased: bool) -> str | None:
    """A personal value as people may see it: ``deleted`` once the customer is erased."""
    return ERASED if erased else value


def days_between(earlier: dt.datetime, later: dt.datetime) -> float:
    """Time passed, in days of 24 hours."""
    return (later - earlier).total_seconds() / 86400
