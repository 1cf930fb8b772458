"""Work one stored webhook: with a platform API it is a hint to read the order again, without one it is applied.
Only what the platform itself tells counts then: an order that it does not know is not made from a message.

What a message means is decided by ``app/actions/webhooks.py``; here are the lease, the reading and the retries.
"""

from __future__ import annotations

import logging

from app.actions.webhooks import apply_delivery
from app.db import TRANSIENT, scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.domain.troubles import NO_END
from app.domain.webhooks import SENTENCES
from app.domain.work import NOT_APPLIED, UNKNOWN_ORDER
from app.jobs.lease import claim, finish, insist
from app.jobs.timing import Timing, timing
from app.models import WebhookDelivery
from app.models.base import db_now, utcnow
from app.platform import platform
from app.platform.port import PlatformOrder
from app.settings import settings

log = logging.getLogger(__name__)

NOT_THERE = 8
"""How often an order that the platform does not know is asked for: a message may be quicker than the platform's own
API. That is some twenty minutes."""


class NotThere(Exception):
    """The platform's answer is that it has no such order."""


class AttemptsUsedUp(Exception):
    """What ``NO_END`` tells of."""


def work_delivery(row_id: int) -> str:
    """Apply the delivery if it is due: the state it is in now, ``nothing`` or ``fenced``."""
    times = timing()
    with scope_as(ALL_STORES):
        with transaction():
            row = claim(session, WebhookDelivery, row_id, times)
        if row is None:
            return "nothing"
        try:
            read = _read(row, times)
            state = insist(lambda: _apply(row, read))
        except TRANSIENT:
            raise
        except AttemptsUsedUp:
            state = insist(lambda: _again(row, NO_END.text, times))
        except NotThere:
            state = insist(lambda: _ask_again(row, times))
        except Exception as error:
            log.warning("webhook.failed", extra={"delivery": row.id}, exc_info=True)
            name = type(error).__name__
            state = insist(lambda: _again(row, name, times))
    log.info("webhook.worked", extra={"delivery": row.id, "attempt": row.attempt, "state": state})
    return state


def _read(row: WebhookDelivery, times: Timing) -> PlatformOrder | None:
    """The order as the platform tells it now; None without a platform, and where the message is about no order or of
    an event that nobody knows.

    Raises NotThere, and SurelyNot or Unknown when it cannot be learned just now: then the delivery is tried again.
    Raises AttemptsUsedUp when it is too late for that.
    """
    if row.attempt > times.attempts:
        raise AttemptsUsedUp
    known = row.event in SENTENCES
    if settings().standalone or not known or row.order_id is None or row.body is None:
        return None
    found = platform().read_order(row.order_id)
    if found is None:
        raise NotThere
    return found


def _apply(row: WebhookDelivery, read: PlatformOrder | None) -> str:
    state, reason = apply_delivery(session, row, row.body, utcnow(), read)
    finish(session, row, state, reason=(reason or "")[:500] or None)
    return state


def _ask_again(row: WebhookDelivery, times: Timing) -> str:
    if row.attempt < min(NOT_THERE, times.attempts):
        finish(session, row, "waiting", next_at=db_now(times.wait(row.attempt)), error=UNKNOWN_ORDER.english())
        return "waiting"
    finish(session, row, "refused", reason=UNKNOWN_ORDER.english())
    return "refused"


def _again(row: WebhookDelivery, error: str, times: Timing) -> str:
    if row.attempt >= times.attempts:
        finish(session, row, "attention", error=error, reason=NOT_APPLIED.english())
        return "attention"
    finish(session, row, "waiting", next_at=db_now(times.wait(row.attempt)), error=error)
    return "waiting"
