"""A hint has arrived: work its row, then whatever else is due, one row and one lease at a time."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable

from flask import Flask

from app import metrics
from app.db import scope_as, session
from app.domain.access import ALL_STORES
from app.jobs.actions import work_action
from app.jobs.lease import due
from app.jobs.mail import work_mail
from app.jobs.timing import timing
from app.jobs.webhooks import work_delivery
from app.models.work import QUEUES

log = logging.getLogger(__name__)

WORK: dict[str, Callable[[int], str]] = {"actions": work_action, "mail": work_mail, "webhooks": work_delivery}
BATCH = 20
stop = threading.Event()
"""Set when the process was asked to end: the row at hand is finished, no other is begun."""


def work(app: Flask, queue: str, row_id: int | None = None) -> int:
    """Work the row and then the queue's due rows until none is left or the job's time is used; how many.

    A fork per row is slow and a hint may have been lost: draining makes up for both.
    """
    worked = 0
    with app.app_context():
        ends = time.monotonic() + timing().budget
        ids = [] if row_id is None else [row_id]
        while not stop.is_set() and time.monotonic() < ends:
            if not ids:
                ids = _due(queue)
                if not ids:
                    break
            state = _one(queue, ids.pop())
            if state != "nothing":
                worked += 1
                metrics.count("portal_rows_worked_total", queue=queue, state=state)
        metrics.flush()  # the work-horse ends without a goodbye
    return worked


def _one(queue: str, row_id: int) -> str:
    try:
        return WORK[queue](row_id)
    except Exception:
        # The row's lease will end and bring it back; one bad row must not keep the others waiting.
        log.exception("queue.row_failed", extra={"queue": queue, "row": row_id})
        time.sleep(0.2)
        return "failed"
    finally:
        session.rollback()
        session.expunge_all()


def _due(queue: str) -> list[int]:
    with scope_as(ALL_STORES):
        ids = due(session, QUEUES[queue], BATCH)
    session.rollback()
    random.shuffle(ids)  # several workers drain the same queue: let them begin at different ends
    return ids
