"""``portal worker`` and ``portal sweeper``: the processes that do what was asked for."""

from __future__ import annotations

import signal
import threading
from typing import Any, cast

import click
from flask import Flask, current_app

from app.cli import portal
from app.models.work import QUEUES
from app.settings import settings


def _app() -> Flask:
    return cast(Any, current_app)._get_current_object()


@portal.command("worker")
@click.option("--queue", type=click.Choice(list(QUEUES)), required=True, help="One queue; start a process for each.")
def worker(queue: str) -> None:
    """Work the rows of a queue until SIGTERM; the row at hand is finished first."""
    from app.jobs.worker import run_worker

    url = settings().redis_url
    if url is None:
        raise click.ClickException("REDIS_URL is not set: run.py starts a queue server of its own, or name yours")
    run_worker(_app(), queue, url)


@portal.command("sweeper")
def sweeper() -> None:
    """Find forgotten work and run the periodic tasks until SIGTERM. Two may run; one is enough."""
    from app.jobs.sweeper import run_sweeper

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    run_sweeper(_app(), stop)
