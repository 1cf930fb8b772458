"""Read back from the platform what is still open, and whatever changed while webhooks were lost (contract.md 5).

Which orders a run reads is told in ``reconcile_choice.py``; what they say comes in by the road of the webhooks. A
difference means that a message was lost: it is written into the audit, and counted in a metric whose target is 0.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
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
from app.jobs import reconcile_choice as choice
from app.jobs.periodic import periodic
from app.jobs.reconcile_choice import EVERY
from app.jobs.refunds import earlier_end, found_there
from app.models import Action, Order, OrderItem, Subscription
from app.models.base import db_now, utcnow
from app.platform import platform
from app.platform.port import Platform, PlatformOrder, SurelyNot, Unknown
from app.settings import settings

log = logging.getLogger(__name__)

BUDGET = 420.0
"""Seconds of one run; the lease of a task is 600. What it does not reach comes first in the next one."""
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


@dataclass
class Patience:
    """How long a run goes on: neither for ever, nor against a platform that fails or asks to be left alone."""

    until: float
    failed: int = 0
    sent_away: bool = False

    @property
    def over(self) -> bool:
        """Is this run at its end?"""
        return self.sent_away or self.failed >= GIVE_UP or time.monotonic() > self.until

    def try_to(self, what: Callable[[], None], report: Report, **named: object) -> bool:
        """Do something that reads. False: it could not be learned, or not be written down."""
        try:
            what()
        except (SurelyNot, Unknown) as error:
            self.failed += 1
            self.sent_away = isinstance(error, SurelyNot) and error.after is not None
            report.failed += 1
            log.warning("reconcile.not_read", extra={**named, "why": str(error)})
            return False
        except Exception:  # what cannot be written down must not keep all that comes after it
            report.failed += 1
            log.exception("reconcile.not_written", extra=named)
            return False
        self.failed = 0
        return True


@periodic("platform.reconcile", every=EVERY)
def reconcile(_app: Flask) -> Report:
    """One run. In standalone mode there is nobody to ask."""
    report = Report()
    if settings().standalone:
        return report
    patience = Patience(time.monotonic() + BUDGET)
    for order_id in _chosen(patience, report):
        if patience.over:
            break
        if not patience.try_to(lambda: _read_back(platform(), order_id, report), report, order=order_id):  # noqa: B023
            _asked(order_id)
    for action in _doubtful_subscriptions():
        if patience.over:
            break
        patience.try_to(lambda: _ask_subscription(action, report), report, action=action.id)  # noqa: B023
    log.info("reconcile", extra=vars(report))
    return report


def _chosen(patience: Patience, report: Report) -> list[int]:
    """Order ids: what waits for an answer first, then what changed lately, then a part of what is older."""
    now = utcnow()
    waiting = choice.waiting(session, now)
    since = choice.since(session, now)
    session.rollback()  # no transaction stays open during the calls that follow
    changed: set[int] = set()

    def search() -> None:
        port = platform()
        changed.update(port.search(created_from=since))
        changed.update(port.search(paid_from=since))

    patience.try_to(search, report)
    known = choice.known(session, changed)
    older = choice.older(session, now)
    session.rollback()
    unknown = sorted(changed - known.keys())
    report.unknown += len(unknown)
    if unknown:
        log.warning("reconcile.unknown_orders", extra={"orders": unknown[:20], "number": len(unknown)})
    found = [*waiting, *choice.longest_unread(known), *choice.turn(unknown, now), *older]
    return list(dict.fromkeys(found))


def _asked(order_id: int) -> None:
    """It could not be read, or is not there: the next run begins with others, or a few such would keep all away."""
    with transaction():
        session.execute(
            sa.update(Order)
            .where(Order.id == order_id)
            .values(read_back_at=utcnow())
            .execution_options(synchronize_session=False)
        )


def _read_back(port: Platform, order_id: int, report: Report) -> None:
    read = port.read_order(order_id)
    report.read += 1
    metrics.count("portal_reconcile_read_total")
    if read is None:
        report.unknown += 1
        _asked(order_id)
        return
    with transaction():
        order = hold_order(session, order_id)
        if order is None:
            report.differences += _make_renewal(read)
            return
        before = _picture(order_id)
        state, _ = record_platform_order(session, read, store_id=order.store_id, now=utcnow())
        session.flush()
        if state == "done" and _picture(order_id) != before:
            report.differences += 1
            metrics.count("portal_reconcile_differences_total")
            audit.record(session, PLATFORM, ORDER_RECONCILED, order_id=order_id, store_id=order.store_id)
        report.settled += _settle_refund(order_id, read)


def _make_renewal(read: PlatformOrder) -> bool:
    """An order nobody told us of. The platform names no store, but a renewal belongs to its parent's (domain.md 5)."""
    parent_id = choice.parent_of(read)
    parent = session.get(Order, parent_id) if parent_id is not None else None
    if parent is None or parent.id == read.order_id:
        return False
    state, _ = record_platform_order(session, read, store_id=parent.store_id, now=utcnow())
    if state != "done":
        return False
    metrics.count("portal_reconcile_differences_total")
    audit.record(session, PLATFORM, ORDER_RECONCILED, order_id=read.order_id, store_id=parent.store_id)
    return True


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
        if found_there(read, earlier=earlier_end(session, action)) is not None:
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
    there = platform().read_subscription(action.subject)
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
