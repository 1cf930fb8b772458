"""Take a row, hold it for a while, end it: the same few statements for actions, mails and webhook deliveries.

A claim is one compare-and-swap UPDATE that raises the row's ``fence``. Ending matches id, fence and state, so that
whoever lost the lease can write nothing any more. All times are the database's (``db_now``). PostgreSQL checks the
WHERE again after waiting for a row lock, SQLite has one writer at a time (BEGIN IMMEDIATE): one winner on both.
Callers open the transaction and look through ALL_STORES.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import TRANSIENT, transaction
from app.domain.troubles import LEASE_OVER
from app.jobs.timing import Timing
from app.models.base import db_now
from app.models.work import Leased, live

log = logging.getLogger(__name__)

Row = TypeVar("Row", bound=Leased)
FINISH_TRIES = 6
"""A finished call is worth some patience with a database that restarts or deadlocks."""
NO_SYNC = {"synchronize_session": False}


class LostLeaseError(Exception):
    """Somebody else has the row by now. Everything done in this transaction must be rolled back."""


def claim(session: Session, model: type[Row], row_id: int, timing: Timing) -> Row | None:
    """Take the row for ``timing.lease`` seconds; None when it is not due, not waiting, or somebody was faster.

    The row is given detached, as it was at that moment.
    """
    row = session.scalars(
        sa.update(model)
        .where(model.id == row_id, model.state == "waiting", model.next_at <= db_now())
        .values(
            state="running",
            fence=model.fence + 1,
            attempt=model.attempt + 1,
            lease_until=db_now(timing.lease),
            error=None,
        )
        .returning(model)
        .execution_options(synchronize_session=False, populate_existing=True)
    ).one_or_none()
    if row is not None:
        session.expunge(row)
    return row


def finish(session: Session, row: Leased, state: str, **values: Any) -> None:
    """End the attempt that ``row`` (as claimed) stands for. Raises LostLeaseError when the lease is no longer ours.

    Whoever claimed it held a lease; without one it is parked, which only its mail ends: an attempt that is written
    down twice, because the first commit was acknowledged late, must not take it back from there.
    """
    model = type(row)
    held = model.lease_until.is_(None) if row.lease_until is None else model.lease_until.is_not(None)
    final = {"finished_at": db_now()} if state not in ("waiting", "running") else {}
    found = session.scalars(
        sa.update(model)
        .where(model.id == row.id, model.fence == row.fence, model.state == "running", held)
        .values(state=state, lease_until=None, hinted_at=None, **final, **values)
        .returning(model.id)
        .execution_options(**NO_SYNC)
    ).all()
    if not found:
        raise LostLeaseError(f"{sa.inspect(model).local_table.name} {row.id}")


def insist(write: Callable[[], str]) -> str:
    """Run ``write`` (which ends a lease) in a transaction and give what it gives; ``fenced`` when the lease was lost.

    What it writes down has happened already, so a database that restarts, deadlocks or hangs is tried again.
    """
    for tried in range(1, FINISH_TRIES + 1):
        try:
            with transaction():
                return write()
        except LostLeaseError as lost:
            log.warning("lease.lost", extra={"row": str(lost)})
            return "fenced"
        except TRANSIENT as error:
            log.warning("lease.finish_failed", extra={"tried": tried, "error": type(error).__name__})
            if tried == FINISH_TRIES:
                raise
            time.sleep(min(0.1 * 2**tried, 3))
    raise AssertionError("unreachable")


def due(session: Session, model: type[Leased], limit: int) -> list[int]:
    """Ids of rows that wait and are due, the oldest first."""
    return list(
        session.scalars(
            sa.select(model.id)
            .where(live(model), model.state == "waiting", model.next_at <= db_now())
            .order_by(model.next_at)
            .limit(limit)
        )
    )


def end_leases(session: Session, model: type[Leased], timing: Timing) -> int:
    """Give rows whose lease is over back to the waiting; how many. Safe to run in several sweepers at once.

    Their worker died or hangs. What it was doing may have happened: actions come back in doubt, and not before
    the quarantine is over. (A parked action has no lease and is left alone.)
    """
    table = sa.inspect(model).local_table
    doubt = {"doubt": True} if "doubt" in table.c else {}
    shift = timing.quarantine_after_lease if doubt else 0.0
    return len(
        session.scalars(
            sa.update(model)
            .where(live(model), model.state == "running", model.lease_until < db_now())
            .values(
                state="waiting", next_at=db_now(shift), lease_until=None, hinted_at=None, error=LEASE_OVER.text, **doubt
            )
            .returning(model.id)
            .execution_options(**NO_SYNC)
        ).all()
    )


def take_hints(session: Session, model: type[Leased], timing: Timing, limit: int) -> list[int]:
    """Due rows that nobody was told of lately, marked as told; two sweepers never take the same one.

    A fresh row is left alone for a moment: its click has sent a hint already.
    """
    waiting = (
        sa.select(model.id)
        .where(
            live(model),
            model.state == "waiting",
            model.next_at <= db_now(-1.0),
            sa.or_(model.hinted_at.is_(None), model.hinted_at < db_now(-timing.rehint)),
        )
        .order_by(model.next_at)
        .limit(limit)
    )
    if session.get_bind().dialect.name == "postgresql":
        waiting = waiting.with_for_update(skip_locked=True)
    ids = list(session.scalars(waiting))
    if ids:
        session.execute(
            sa.update(model).where(model.id.in_(ids)).values(hinted_at=db_now()).execution_options(**NO_SYNC)
        )
    return ids


def forget_hints(session: Session, model: type[Leased], ids: list[int]) -> None:
    """The queue server did not take these hints: the next round tries again."""
    if ids:
        session.execute(
            sa.update(model)
            .where(model.id.in_(ids), model.state == "waiting")
            .values(hinted_at=None)
            .execution_options(**NO_SYNC)
        )
