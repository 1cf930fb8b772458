"""What the portal asks of the commerce platform, in the portal's words (domain.md 9.2).

There is no idempotency key anywhere in the platform's API. So every call ends in exactly one of: it happened
(returns), it surely did not happen (``SurelyNot``), it was refused for good (``PlatformRefused``), or nobody knows
(``Unknown``). Only the first three may be believed; the last is looked up before anything is repeated.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.domain.refunds import RequestStatus, Result


class SurelyNot(Exception):
    """Nothing happened: no connection, too many requests, no token. ``after``: seconds to wait at least, if said."""

    def __init__(self, text: str, after: float | None = None) -> None:
        super().__init__(text)
        self.after = after


class Unknown(Exception):
    """It may have happened: time-out, reset, an error of the server, an answer that makes no sense."""


class PlatformRefused(Exception):
    """Refused for good. ``code`` and ``message`` are the platform's own, for people; neither is published."""

    def __init__(self, status: int, code: int | None, message: str) -> None:
        super().__init__(f"{status} {code or ''} {message}".strip())
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class RefundBlock:
    """The order's refund as the platform tells it, in the portal's words. None: not understood."""

    status: RequestStatus | None
    result: Result | None
    updated: dt.datetime | None = None

    @property
    def is_open(self) -> bool:
        """Is a request being processed there?"""
        return self.status in (RequestStatus.SENT, RequestStatus.UPDATING)


@dataclass(frozen=True, slots=True)
class PlatformSubscription:
    """A subscription as the platform tells it; ``active`` None: not understood."""

    code: str
    type: str | None
    status: str | None
    active: bool | None


@dataclass(frozen=True, slots=True)
class PlatformOrder:
    """An order read from the platform: the webhook's fields as received, and the optional blocks as understood."""

    order_id: int
    fields: dict[str, Any]
    products: tuple[dict[str, Any], ...]
    refund: RefundBlock | None = None
    subscription: PlatformSubscription | None = None
    additional: tuple[tuple[str, str], ...] = field(default=())

    @property
    def status_word(self) -> str:
        """The main status as the platform wrote it."""
        return str(self.fields.get("status") or "")


class Platform(Protocol):
    """The port. Readers raise SurelyNot or Unknown when they cannot learn it, and return None for "no such thing"."""

    standalone: bool

    def read_order(self, order_id: int) -> PlatformOrder | None:
        """The order as it is there now."""

    def search(
        self, *, created_from: dt.date | None = None, paid_from: dt.date | None = None, status: str | None = None
    ) -> list[int]:
        """Ids of orders created, or paid, on that day or later."""
        ...

    def request_refund(self, order_id: int, description: str, email: str) -> None:
        """Ask the people there for a refund. ``email``: the requester's address, at most 80 characters."""

    def read_subscription(self, code: str) -> PlatformSubscription | None:
        """The subscription ``NN_MM`` as it is there now."""

    def set_activity(self, code: str, *, active: bool) -> None:
        """Cancel (False) or resume (True) auto-renewal. The platform mails the customer, each time it is called."""
