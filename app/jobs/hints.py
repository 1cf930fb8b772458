"""Tell a worker that a row is due. Best effort: whatever is not told, the sweeper finds.

A page must not wait for a queue server that is down or hangs: short time-outs, no retries, and after a failure
no further try for a few seconds.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from flask import Flask

from app import metrics
from app.settings import settings

if TYPE_CHECKING:
    from redis import Redis

log = logging.getLogger(__name__)

TIMEOUT = 0.3
"""Seconds for a connection and for each answer."""
PAUSE = 10.0
"""Seconds without a try after a failure; the sweeper (which has its own hints and no pause) makes up for it."""
ENOUGH = 2
"""Hints that may wait in one queue. Whoever takes one works everything that is due by then, so a further one would
only cost a fork; two, for two workers."""
TTL = 120
"""Seconds a hint lives in Redis; the row outlives it."""


class Hints:
    """Sends hints to one queue server. Thread-safe; call it with a queue's name and a row's id."""

    def __init__(self, url: str | None, *, timeout: float = TIMEOUT, pause: float = PAUSE) -> None:
        self.url = url
        self.timeout = timeout
        self.pause = pause
        self.sent = 0
        self.failed = 0
        self.skipped = 0
        self.spared = 0
        self._closed_until = 0.0
        self._connection: Redis | None = None
        self._lock = threading.Lock()

    def __call__(self, queue: str, row_id: int) -> bool:
        """Send one hint, unless enough are waiting; False when the queue server did not take it.

        Never raises, takes at most about half a second.
        """
        if self.url is None or time.monotonic() < self._closed_until:
            self.skipped += 1
            return False
        try:
            from app.jobs.queues import JOB_TIMEOUT
            from app.jobs.queues import queue as rq_queue

            there = rq_queue(queue, self._connect(self.url))
            if there.count >= ENOUGH:
                self.spared += 1
                return True
            there.enqueue(
                f"app.jobs.tasks.work_{queue}",
                row_id,
                job_timeout=JOB_TIMEOUT,
                result_ttl=0,
                failure_ttl=60,
                ttl=TTL,
                description=f"{queue} {row_id}",
            )
        except Exception as error:  # a hint is never worth an error
            self.failed += 1
            self._closed_until = time.monotonic() + self.pause
            log.warning("hint.failed", extra={"queue": queue, "row": row_id, "error": type(error).__name__})
            return False
        self.sent += 1
        return True

    def answers(self) -> bool:
        """Does the queue server answer? Never raises, takes at most about half a second."""
        if self.url is None:
            return False
        try:
            return bool(self._connect(self.url).ping())
        except Exception:  # whatever it is: nobody can be told through it
            return False

    def _connect(self, url: str) -> Redis:
        from app.jobs.queues import connect

        with self._lock:
            if self._connection is None:
                self._connection = connect(url, self.timeout)
            return self._connection


def note(sent: bool) -> None:
    """Count a hint, of a click or of the sweeper. Inside an app context."""
    metrics.count("portal_hints_total", result="sent" if sent else "failed")


def init_app(app: Flask) -> None:
    """Give the app's session its ``hint`` function and the domain of its Message-IDs (``app/actions/queue.py``)."""
    with app.app_context():
        found = settings()
    app.extensions["hint"] = Hints(found.redis_url)

    def tell(queue: str, row_id: int) -> None:
        note(app.extensions["hint"](queue, row_id))  # looked up when called: tests put another one there

    app.extensions["database"].session.configure(info={"hint": tell, "mail_domain": found.mail_from.rpartition("@")[2]})
