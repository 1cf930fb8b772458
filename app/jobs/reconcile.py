"""Read back from the platform what is still open, and whatever changed while webhooks were lost (contract.md 5).

Orders with an open refund request, orders with an action nobody is sure about, and orders created or paid in the last
48 hours are read again every 15 minutes; what they say comes in by the road of the webhooks. A difference means that
a message was lost: it is written into the audit, and counted in a metric whose target is 0.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from flask import Flask

from app import metrics
from app.actions import audit
from app.actions.orders import hold_order
from app.actions.webhooks import record_platform_order
from app.db import session, transaction
from app.domain.access import PLATFORM
from app.domain.audit import ORDER_RECONCILED
from app.domain.refunds import OPEN
from app.jobs.periodic import periodic
from app.jobs.refunds import found_there, has_earlier
from app.models import Action, Order, OrderItem, RefundRequest, Subscription
from app.models.base import db_now, utcnow
from app.platform import platform
from app.platform.port import Platform, PlatformOrder, SurelyNot, Unknown
from app.settings import settings

log = logging.getLogger(__name__)

EVERY = 900
LOOK_BACK = dt.timedelta(hours=48)
BUDGET = 480.0
"""Seconds of one run; what it does not reach is older, and comes first in the next one."""
GIVE_UP = 5
"""Failed readings in a row after which the platform is left alone until the next run."""


@dataclass
class Report:
    """What one run did."""

    read: int = 0
    unknown: int = 0
    differences: int = 0
    settled: int = 0
    failed: int = 0


@periodic("platform.reconcile", every=EVERY)
def reconcile(_app: Flask) -> Report:
    """One run. In standalone mode there is nobody to ask."""
    report = Report()
    if settings().standalone:
        return report
    until, failed = time.monotonic() + BUDGET, 0
    for order_id in _to_read(report):
        if time.monotonic() > until or failed >= GIVE_UP:
            break
        try:
            _read_back(platform(), order_id, report)
            failed = 0
        except (SurelyNot, Unknown) as error:
            failed += 1
            report.failed += 1
            log.warning("reconcile.not_read", extra={"order": order_id, "why": str(error)})
        except Exception:  # one order that cannot be written down must not keep all that come after it
            report.failed += 1
            log.exception("reconcile.not_written", extra={"order": order_id})
    for action in _doubtful_subscriptions():
        if time.monotonic() > until:
            break
        _ask_subscription(action, report)
    log.info("reconcile", extra=vars(report))
    return report


def _to_read(report: Report) -> list[int]:
    """Order ids: what waits for an answer first, then what changed lately, the longest unread first."""
    waiting = set(session.scalars(sa.select(RefundRequest.order_id).where(RefundRequest.status.in_(OPEN))))
    waiting |= set(
        session.scalars(sa.select(Action.order_id).where(Action.kind == "request_refund", Action.state == "attention"))
    )
    session.rollback()  # no transaction stays open during the calls that follow
    since = (utcnow() - LOOK_BACK).date()
    changed: set[int] = set()
    try:
        port = platform()
        changed = {*port.search(created_from=since), *port.search(paid_from=since)}
    except (SurelyNot, Unknown) as error:
        report.failed += 1
        log.warning("reconcile.no_search", extra={"why": str(error)})
    known = dict(_known(changed - waiting))
    report.unknown += len(changed - waiting - known.keys())
    beginning = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return [*sorted(waiting), *sorted(known, key=lambda order_id: (known[order_id] or beginning, order_id))]


def _known(ids: set[int]) -> Iterator[tuple[int, dt.datetime | None]]:
    """Those of the orders that we have, and when they were last read. The platform names no store for the others."""
    found = sorted(ids)
    for start in range(0, len(found), 500):
        rows = session.execute(sa.select(Order.id, Order.read_back_at).where(Order.id.in_(found[start : start + 500])))
        yield from ((row.id, row.read_back_at) for row in rows)
    session.rollback()


def _read_back(port: Platform, order_id: int, report: Report) -> None:
    read = port.read_order(order_id)
    report.read += 1
    metrics.count("portal_reconcile_read_total")
    if read is None:
        report.unknown += 1
        return
    with transaction():
        order = hold_order(session, order_id)
        if order is None:
            return
        before = _picture(order_id)
        state, _ = record_platform_order(session, read, store_id=order.store_id, now=utcnow())
        session.flush()
        if state == "done" and _picture(order_id) != before:
            report.differences += 1
            metrics.count("portal_reconcile_differences_total")
            audit.record(session, PLATFORM, ORDER_RECONCILED, order_id=order_id, store_id=order.store_id)
        report.settled += _settle_refund(order_id, read)


def _picture(order_id: int) -> tuple[object, ...]:
    """What webhooks tell of an order. Its refund is left out: no webhook exists for that."""
    order = session.get_one(Order, order_id)
    items = session.execute(
        sa.select(OrderItem.item_id, OrderItem.refunded, OrderItem.quantity)
        .where(OrderItem.order_id == order_id)
        .order_by(OrderItem.item_id)
    ).all()
    subscriptions = session.execute(
        sa.select(Subscription.code, Subscription.status)
        .where(Subscription.parent_order_id == order_id, Subscription.store_id == order.store_id)
        .order_by(Subscription.code)
    ).all()
    return order.status, order.paid_at, order.total, tuple(map(tuple, items)), tuple(map(tuple, subscriptions))


def _settle_refund(order_id: int, read: PlatformOrder) -> int:
    """A request we were not sure of is there: its action goes back to the worker, who ends it as done."""
    settled = 0
    for action in session.scalars(
        sa.select(Action).where(
            Action.order_id == order_id, Action.kind == "request_refund", Action.state == "attention"
        )
    ):
        if found_there(read, earlier=has_earlier(session, action)) is not None:
            settled += happened(action.id)
    return settled


def _doubtful_subscriptions() -> list[Action]:
    found = list(
        session.scalars(
            sa.select(Action).where(
                Action.kind.in_(("cancel_subscription", "resume_subscription")), Action.state == "attention"
            )
        )
    )
    for action in found:
        session.expunge(action)
    session.rollback()
    return found


def _ask_subscription(action: Action, report: Report) -> None:
    try:
        there = platform().read_subscription(action.subject)
    except (SurelyNot, Unknown):
        report.failed += 1
        return
    if there is not None and there.active is (action.kind == "resume_subscription"):
        with transaction():
            report.settled += happened(action.id)


def happened(action_id: int) -> int:
    """The platform itself says that it happened: the worker ends the action as done, with all that follows."""
    return len(
        session.scalars(
            sa.update(Action)
            .where(Action.id == action_id, Action.state == "attention")
            .values(state="waiting", verdict="happened", next_at=db_now(), finished_at=None, hinted_at=None)
            .returning(Action.id)
            .execution_options(synchronize_session=False)
        ).all()
    )
