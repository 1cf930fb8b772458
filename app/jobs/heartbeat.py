"""Say that a process is alive: a row in the database, so that it shows without the queue server, too."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from app.db import session, transaction
from app.models import Heartbeat
from app.models.base import db_now, utcnow

log = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two beats."""
FORGET = 600
"""Seconds after which a silent process is taken off the list."""


def process_name(kind: str) -> str:
    """A name for this process: what it does, where, and its number."""
    return f"{kind}@{socket.gethostname()}:{os.getpid()}"[:128]


def beat(app: Flask, name: str, kind: str, info: dict[str, Any]) -> bool:
    """Write the sign of life; False (and no error) when the database does not take it."""
    try:
        with app.app_context(), transaction():
            values = {"seen_at": db_now(), "info": info}
            found = session.execute(
                sa.update(Heartbeat)
                .where(Heartbeat.name == name)
                .values(**values)
                .execution_options(synchronize_session=False)
            )
            if not found.rowcount:  # type: ignore[attr-defined]
                session.add(Heartbeat(name=name, kind=kind, started_at=utcnow(), **values))
    except SQLAlchemyError as error:
        log.warning("heartbeat.failed", extra={"beat": name, "error": type(error).__name__})
        return False
    return True


def leave(app: Flask, name: str) -> None:
    """Take the process off the list at its orderly end."""
    try:
        with app.app_context(), transaction():
            session.execute(sa.delete(Heartbeat).where(Heartbeat.name == name))
    except SQLAlchemyError:
        log.warning("heartbeat.failed", extra={"beat": name})


def forget_silent() -> None:
    """Take processes off the list that died without a word. Call inside a transaction."""
    session.execute(sa.delete(Heartbeat).where(Heartbeat.seen_at < db_now(-FORGET)))
