"""Find what was forgotten: leases whose worker died, due rows nobody was told of, tasks whose time has come.

Several sweepers may run at once, on one host or many.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.jobs import heartbeat, periodic
from app.jobs.hints import Hints, note
from app.jobs.lease import end_leases, forget_hints, take_hints
from app.jobs.timing import timing
from app.models.work import QUEUES, live

log = logging.getLogger(__name__)

AT_ONCE = 50
"""Hints sent for one queue in one round. Each job drains more, so the queue in Redis stays short."""


def sweep(app: Flask, hints: Hints) -> int:
    """One round: end what is over, tell the workers what is due; how many hints were sent."""
    sent = 0
    with app.app_context(), scope_as(ALL_STORES):
        times = timing()
        reachable = True
        for name, model in QUEUES.items():
            if not _anything(name):
                continue
            with transaction():
                ended = end_leases(session, model, times)
            if ended:
                log.warning("sweep.leases_ended", extra={"queue": name, "rows": ended})
            if not reachable:
                continue
            with transaction():
                ids = take_hints(session, model, times, AT_ONCE)
            for number, row_id in enumerate(ids):
                told = hints(name, row_id)
                note(told)
                if not told:
                    reachable = False
                    with transaction():
                        forget_hints(session, model, ids[number:])
                    break
                sent += 1
    return sent


def _anything(queue: str) -> bool:
    """Is there a row that waits or runs? Asked without a writing transaction: an idle portal writes nothing."""
    model = QUEUES[queue]
    alive = sa.select(model.id).where(live(model), model.state.in_(("waiting", "running"))).limit(1)
    found = session.scalar(alive)
    session.rollback()
    return found is not None


def run_sweeper(app: Flask, stop: threading.Event) -> None:
    """Sweep every tick (give or take a third) until ``stop``; periodic tasks run beside it on a thread of their own."""
    hints = Hints(app.extensions["settings"].redis_url, pause=0.0)
    name = heartbeat.process_name("sweeper")
    runner = threading.Thread(target=_run_tasks, args=(app, stop), name="periodic", daemon=True)
    runner.start()
    beat_at = 0.0
    with app.app_context():
        tick = timing().tick
    while not stop.is_set():
        if time.monotonic() - beat_at >= heartbeat.EVERY:
            beat_at = time.monotonic()
            heartbeat.beat(app, name, "sweeper", {"pid": os.getpid(), "queue_server": hints.answers()})
        try:
            sweep(app, hints)
        except SQLAlchemyError as error:
            log.warning("sweep.failed", extra={"error": type(error).__name__})
        except Exception:
            log.exception("sweep.failed")
        stop.wait(tick * (2 / 3 + random.random() * 2 / 3))  # noqa: S311 - not for secrets
    runner.join(timeout=20)
    heartbeat.leave(app, name)


def _run_tasks(app: Flask, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            periodic.run_due(app)
        except Exception as error:
            log.warning("periodic.round_failed", extra={"error": type(error).__name__})
        stop.wait(1.0)
