"""The three queues in Redis and the one shape of job that may run from them.

A job holds one integer. Whatever else somebody who can write to Redis puts there is not run: not another function,
no instance, no pickle, no callback, no webhook (RQ would import or call any of them).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from app.models.work import QUEUES

ALLOWED = {f"app.jobs.tasks.work_{name}" for name in QUEUES}
JOB_TIMEOUT = 60
"""Seconds; longer than a client's time-out (10), shorter than a lease (120)."""


class UnsafeJobError(Exception):
    """A job in Redis that is not one of ours. It is dropped, not run."""


class SafeJob(Job):
    """An RQ job that can only be one of ours."""

    @property
    def func(self) -> Callable[..., Any]:
        """The function, if it is on the list and called with one id."""
        # Web processes make queues too, and never run a job: they are spared the code of it.
        from app.jobs import tasks

        if self.func_name not in ALLOWED or self.instance is not None or self.kwargs:
            raise UnsafeJobError("a job that is not on the list was dropped")
        if len(self.args) != 1 or type(self.args[0]) is not int or not 0 < self.args[0] < 2**63:
            raise UnsafeJobError("a job without a proper id was dropped")
        found: Callable[..., Any] = getattr(tasks, str(self.func_name).rpartition(".")[2])
        return found

    @property
    def success_callback(self) -> None:  # type: ignore[override]
        """Never one."""
        return

    @property
    def failure_callback(self) -> None:  # type: ignore[override]
        """Never one."""
        return

    @property
    def stopped_callback(self) -> None:  # type: ignore[override]
        """Never one."""
        return

    def restore(self, raw_data: Any) -> Any:
        """Read the job, without what could make RQ repeat it, time it out differently or call out."""
        for name in (b"webhooks", b"success_callback_name", b"failure_callback_name", b"stopped_callback_name",
                     b"retries_left", b"repeats_left", b"dependency_ids", b"timeout"):  # fmt: skip
            raw_data.pop(name, None)
        result = super().restore(raw_data)
        self.timeout = JOB_TIMEOUT
        return result

    def send_webhooks(self, *_args: Any, **_kwargs: Any) -> None:
        """Never: an address in Redis could be any host of our network."""


def connect(url: str, timeout: float, **options: Any) -> Redis:
    """A client that answers or fails within ``timeout`` seconds and never tries twice."""
    return Redis.from_url(
        url, socket_connect_timeout=timeout, socket_timeout=timeout, retry=Retry(NoBackoff(), 0), **options
    )


def queue(name: str, connection: Redis) -> Queue:
    """The RQ queue of the name, made for our kind of job."""
    return Queue(name, connection=connection, serializer=JSONSerializer, job_class=SafeJob, default_timeout=JOB_TIMEOUT)
