"""Small periodic tasks of the queue itself."""

from __future__ import annotations

from flask import Flask

from app.db import transaction
from app.jobs.heartbeat import forget_silent
from app.jobs.periodic import periodic


@periodic("heartbeat.forget", every=60)
def forget_silent_processes(_app: Flask) -> None:
    """Take processes off the list that died without a word."""
    with transaction():
        forget_silent()
