"""What RQ calls in a work-horse. Only these names may run (``queues.ALLOWED``); each takes one row's id."""

from __future__ import annotations

from flask import Flask

from app.jobs import engine

_app: list[Flask] = []


def use(app: Flask) -> None:
    """The app of this process, made once before the first fork."""
    _app[:] = [app]


def work_actions(row_id: int) -> int:
    """Work this action and whatever else is due."""
    return engine.work(_app[0], "actions", row_id)


def work_mail(row_id: int) -> int:
    """Send this mail and whatever else is due."""
    return engine.work(_app[0], "mail", row_id)


def work_webhooks(row_id: int) -> int:
    """Apply this delivery and whatever else is due."""
    return engine.work(_app[0], "webhooks", row_id)
