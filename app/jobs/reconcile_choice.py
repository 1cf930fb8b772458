"""Which orders a run of the reconciliation reads: no storm, and nothing left out for ever.

1. Orders with an open refund request, with one nobody is sure about, or one refused lately: every run.
2. Orders created or paid in the last 48 hours, or since the last run where that is longer ago (the portal was down, or
   came out of a backup): every run.
3. Orders of those days that we do not have, some each run: the platform names no store, but a renewal names its parent.
4. Older ones, of one day of the last 400 each run. So all are read about every four days: a message lost about an order
   of last spring, a chargeback or a cancelled subscription, is made up for as well.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.orders import Status
from app.domain.refunds import OPEN
from app.models import Action, Order, PeriodicTask, RefundRequest
from app.platform.port import PlatformOrder

EVERY = 900
"""Seconds from one run to the next."""
LOOK_BACK = dt.timedelta(hours=48)
LATENESS = dt.timedelta(hours=1)
"""Before the last run's end: what its search could not show yet."""
OLDEST_DAYS = 400
"""A year's subscription and some."""
OLDER_EACH, UNKNOWN_EACH = 200, 50
"""Most orders of kinds 4 and 3 in one run."""
_BEGINNING = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def waiting(session: Session, now: dt.datetime) -> list[int]:
    """Orders that wait for the platform's answer, and those with a request it refused lately, for it may have another
    one there that nobody told us of; the longest unread first."""
    asked = sa.select(RefundRequest.order_id).where(RefundRequest.status.in_(OPEN))
    unsure = sa.select(Action.order_id).where(Action.kind == "request_refund", Action.state == "attention")
    refused = sa.select(Action.order_id).where(
        Action.kind == "request_refund", Action.state == "refused", Action.finished_at > now - LOOK_BACK
    )
    found = sa.select(Order.id).where(Order.id.in_(asked.union(unsure, refused)))
    return list(session.scalars(found.order_by(sa.nulls_first(Order.read_back_at), Order.id)))


def since(session: Session, now: dt.datetime) -> dt.date:
    """The first day to search: of the last 48 hours, or of the last run before it."""
    last = session.scalar(sa.select(PeriodicTask.finished_at).where(PeriodicTask.name == "platform.reconcile"))
    first = now - LOOK_BACK if last is None else min(now - LOOK_BACK, last - LATENESS)
    return max(first, now - dt.timedelta(days=OLDEST_DAYS)).date()


def known(session: Session, ids: Iterable[int]) -> dict[int, dt.datetime | None]:
    """Those of the orders that we have, and when they were last read."""
    asked, found = sorted(ids), {}
    for start in range(0, len(asked), 500):
        rows = session.execute(sa.select(Order.id, Order.read_back_at).where(Order.id.in_(asked[start : start + 500])))
        found |= {row.id: row.read_back_at for row in rows}
    return found


def longest_unread(found: Mapping[int, dt.datetime | None]) -> list[int]:
    """The orders of ``known``, the longest unread first."""
    return sorted(found, key=lambda order_id: (found[order_id] or _BEGINNING, order_id))


def older(session: Session, now: dt.datetime) -> list[int]:
    """Orders of the day whose turn it is, of those that can still change, the longest unread first."""
    back = dt.timedelta(days=_turn(now) % OLDEST_DAYS)
    day = dt.datetime.combine((now - LOOK_BACK - back).date(), dt.time(), dt.UTC)
    statement = (
        sa.select(Order.id)
        .where(
            Order.created_at >= day,
            Order.created_at < day + dt.timedelta(days=1),
            Order.status.in_((Status.NOT_PAID, Status.PAID)),
        )
        .order_by(sa.nulls_first(Order.read_back_at), Order.id)
        .limit(OLDER_EACH)
    )
    return list(session.scalars(statement))


def turn(ids: list[int], now: dt.datetime) -> list[int]:
    """Some of the orders that we do not have, others in each run."""
    start = _turn(now) * UNKNOWN_EACH % len(ids) if ids else 0
    return [*ids[start:], *ids[:start]][:UNKNOWN_EACH]


def parent_of(read: PlatformOrder) -> int | None:
    """The order that began the subscription which the order belongs to: the first number of its id (domain.md 2.1)."""
    number = read.subscription.code.partition("_")[0] if read.subscription is not None else ""
    return int(number) if number.isascii() and number.isdigit() and len(number) < 19 else None


def _turn(now: dt.datetime) -> int:
    """The number of the run, as the clock counts them: two sweepers agree, and nothing needs to be kept."""
    return int(now.timestamp()) // EVERY
