"""What happens again and again: each task under a lease of its own in the database, whoever's sweeper is first.

A task is a function of the app that opens its own transactions, may be repeated, and ends within its lease.
Register it with ``@periodic("audit.seal", every=60)`` in a module that ``TASKS`` names.
"""

from __future__ import annotations

import datetime as dt
import importlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from flask import Flask

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import PeriodicTask
from app.models.base import db_now

log = logging.getLogger(__name__)

MODULES: tuple[str, ...] = (
    "app.jobs.upkeep",
    "app.jobs.housekeeping",
    "app.jobs.reconcile",
)
"""Modules that register tasks."""


@dataclass(frozen=True, slots=True)
class Task:
    """A registered task: every so many seconds, at most ``lease`` seconds long."""

    name: str
    every: float
    lease: float
    run: Callable[[Flask], object]


_tasks: dict[str, Task] = {}


def periodic(
    name: str, *, every: float, lease: float = 600
) -> Callable[[Callable[[Flask], object]], Callable[[Flask], object]]:
    """Register the function as a task. ``every``: seconds from the end of one run to the next."""

    def register(function: Callable[[Flask], object]) -> Callable[[Flask], object]:
        _tasks[name] = Task(name, every, lease, function)
        return function

    return register


def tasks() -> list[Task]:
    """All tasks, their modules imported."""
    for module in MODULES:
        importlib.import_module(module)
    return list(_tasks.values())


def run_due(app: Flask) -> list[str]:
    """Run the tasks that are due, one after the other; their names. One that fails does not keep the others."""
    ran = []
    for task in tasks():
        with app.app_context(), scope_as(ALL_STORES):
            began = _take(task)
            if began is None:
                continue
            error = None
            try:
                task.run(app)
            except Exception as failed:
                log.exception("periodic.failed", extra={"task": task.name})
                error = type(failed).__name__
            session.rollback()
            _end(task, began, error)
            ran.append(task.name)
    return ran


def _take(task: Task) -> dt.datetime | None:
    """Take the task's lease if it is due and free: since when we have it, by the database's clock."""
    with transaction():
        began = session.scalar(
            sa.update(PeriodicTask)
            .where(PeriodicTask.name == task.name, PeriodicTask.next_at <= db_now())
            .values(next_at=db_now(task.lease), started_at=db_now())
            .returning(PeriodicTask.started_at)
            .execution_options(synchronize_session=False)
        )
        if began is None and session.get(PeriodicTask, task.name) is None:
            session.add(PeriodicTask(name=task.name, next_at=db_now()))  # the first run is in the next round
    return began


def _end(task: Task, began: dt.datetime, error: str | None) -> None:
    """Say when it is due again; not for whom it took so long that another sweeper has begun it anew."""
    with transaction():
        session.execute(
            sa.update(PeriodicTask)
            .where(PeriodicTask.name == task.name, PeriodicTask.started_at == began)
            .values(next_at=db_now(task.every), finished_at=db_now(), error=error)
            .execution_options(synchronize_session=False)
        )
