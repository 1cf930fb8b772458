"""An RQ worker for one queue: the app made once, a fork per job, signs of life in the database.

What RQ 3 does by default and this changes, each for a reason (docs/queue.md):
it ends itself when the queue server stumbles; it listens to commands in Redis (kill, stop, shut down) on a thread
of its own, which does not go well with fork; a SIGTERM to the whole group kills the work-horse in the middle.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
import uuid
from types import FrameType
from typing import Any

import redis
from flask import Flask
from rq import Queue, Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from app.db import Database
from app.jobs import engine, heartbeat, queues, tasks
from app.jobs.queues import SafeJob
from app.jobs.timing import timing

log = logging.getLogger(__name__)


class PortalWorker(Worker):
    """RQ's forking worker, made to last."""

    max_connection_wait_time = 2.0
    exponential_backoff_factor = 1.5
    log_result_lifespan = False

    def __init__(self, app: Flask, queue_name: str, beat_name: str, connection: redis.Redis) -> None:
        self.app = app
        self.beat_name = beat_name
        self.queue_name = queue_name
        self.beat_at = 0.0
        super().__init__(
            [queues.queue(queue_name, connection)],
            name=f"{queue_name}-{uuid.uuid4().hex}",
            connection=connection,
            job_class=SafeJob,
            serializer=JSONSerializer,
            worker_ttl=20,  # it waits for a job five seconds less fifteen: a sign of life every five seconds
            job_monitoring_interval=5,
            log_job_description=False,
        )

    def sign_of_life(self) -> None:
        """Beat, at most every few seconds, and leave no connection open for a fork to inherit."""
        if self._is_horse or time.monotonic() - self.beat_at < heartbeat.EVERY:
            return
        self.beat_at = time.monotonic()
        heartbeat.beat(self.app, self.beat_name, "worker", {"queue": self.queue_name, "pid": os.getpid()})
        database: Database = self.app.extensions["database"]
        database.engine.dispose()

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """RQ's own in Redis, and ours in the database first: that one must not need Redis."""
        self.sign_of_life()
        super().heartbeat(timeout, pipeline)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """With the time-out of our settings, whatever Redis says."""
        with self.app.app_context():
            job.timeout = int(timing().job)
        super().execute_job(job, queue)

    def subscribe(self) -> None:
        """No commands from Redis: whoever can write there must not be able to kill a job."""

    def unsubscribe(self) -> None:
        """Nothing was subscribed."""

    def run_maintenance_tasks(self) -> None:
        """Tidy up RQ's lists; a job that cannot be read there must not end the worker."""
        try:
            super().run_maintenance_tasks()
        except (redis.ConnectionError, redis.TimeoutError):
            raise
        except Exception:
            log.warning("worker.maintenance_failed", exc_info=True)
            for queue in self.queues:
                self.connection.delete(queue.intermediate_queue_key)
            self.last_cleaned_at = None

    def set_shutdown_requested_date(self) -> None:
        """Not written to Redis: a queue server that hangs must not delay the end."""

    def handle_warm_shutdown_request(self) -> None:
        """Asked to end: so is the work-horse, after the row it has."""
        super().handle_warm_shutdown_request()
        if self.horse_pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)

    def setup_work_horse_signals(self) -> None:
        """In the horse, SIGTERM means: finish the row at hand and begin no other."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda _number, _frame: engine.stop.set())

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """The work-horse: connections of its own, whatever the parent had."""
        database: Database = self.app.extensions["database"]
        database.engine.dispose(close=False)
        super().main_work_horse(job, queue)


class Ending(SystemExit):
    """Asked to end before the worker had begun."""


def run_worker(app: Flask, queue_name: str, url: str) -> None:
    """Serve the queue until SIGTERM or SIGINT; wait out a queue server that is not there, however long."""
    tasks.use(app)
    name = heartbeat.process_name(f"worker:{queue_name}")
    asked = []

    def ask(_number: int, _frame: FrameType | None) -> None:
        asked.append(True)
        raise Ending

    pause = 0.2
    try:
        while not asked:
            signal.signal(signal.SIGTERM, ask)
            signal.signal(signal.SIGINT, ask)
            heartbeat.beat(app, name, "worker", {"queue": queue_name, "pid": os.getpid()})
            app.extensions["database"].engine.dispose()
            began = time.monotonic()
            worker: PortalWorker | None = None
            try:
                worker = PortalWorker(app, queue_name, name, queues.connect(url, 5.0))
                worker.work(logging_level="WARNING")
            except (redis.RedisError, OSError, ValueError) as error:
                log.warning("worker.no_queue_server", extra={"error": type(error).__name__})
            # Asked also when its goodbye to a queue server that is away failed. Set however busy it was;
            # _stop_requested is not.
            if worker is not None and worker._shutdown_requested_date is not None:
                break
            pause = 0.2 if time.monotonic() - began > 5 else min(pause * 2, 2.0)
            time.sleep(pause)
    except Ending:
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        heartbeat.leave(app, name)
