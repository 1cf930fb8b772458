"""What ``portal doctor`` asks of queue, mail server and platform. Each answers ``ok …`` or what is wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import sqlalchemy as sa
from flask import Flask
from redis.exceptions import RedisError

from app.db import session
from app.jobs.queues import connect
from app.mail.connection import PortalMail
from app.models import Action, Mail, WebhookDelivery
from app.models.base import db_now, utcnow
from app.platform import platform
from app.platform.port import SurelyNot, Unknown
from app.queries.operations import alive_processes, workers_of
from app.settings import settings

PATIENCE = 2.0
"""Seconds to wait for the queue server."""
OVERDUE = 60
"""Seconds after which a due row that nobody took is stuck."""


def queue_answers(_app: Flask) -> str:
    """Does the queue server answer? Without it actions wait; nothing is lost."""
    url = settings().redis_url
    if url is None:
        return "REDIS_URL is not set: run.py starts a queue server of its own while it runs"
    try:
        connect(url, PATIENCE).ping()
    except (RedisError, OSError) as error:
        return f"does not answer: {type(error).__name__}"
    return "ok"


def mail_answers(app: Flask) -> str:
    """Does the mail server greet us, with the encryption the settings ask for? Nothing is sent."""
    if settings().mail_url is None:
        return "MAIL_URL is not set: run.py keeps mails in an inbox of its own while it runs"
    mail = PortalMail()
    mail.bind(app, settings())
    try:
        with mail.connect():
            return "ok"
    except Exception as error:
        return f"does not take us: {type(error).__name__}"


def platform_answers(_app: Flask) -> str:
    """Does the platform know us? Standalone: there is none to ask."""
    if settings().standalone:
        return "ok, standalone: the portal decides itself"
    try:
        platform().search(created_from=utcnow().date() + dt.timedelta(days=1))
    except (SurelyNot, Unknown) as error:
        return f"is of no use: {error}"
    return "ok"


def workers() -> Iterator[tuple[str, str]]:
    """For each queue, whether somebody serves it."""
    for queue, number in workers_of(alive_processes(session.connection())).items():
        yield f"worker of {queue}", f"ok, {number}" if number else "none: what waits there waits for ever"


def stuck_rows() -> Iterator[tuple[str, str]]:
    """For each table of work: its name, and ``ok`` or how many rows are stuck."""
    for model, name in ((Action, "actions"), (Mail, "mails"), (WebhookDelivery, "webhooks")):
        attention = session.scalar(sa.select(sa.func.count()).select_from(model).where(model.state == "attention"))
        overdue = session.scalar(
            sa.select(sa.func.count())
            .select_from(model)
            .where(
                sa.or_(
                    sa.and_(model.state == "waiting", model.next_at < db_now(-OVERDUE)),
                    sa.and_(model.state == "running", model.lease_until < db_now(-OVERDUE)),
                )
            )
        )
        if attention or overdue:
            yield name, f"{attention} need attention, {overdue} overdue: see Jobs and mail"
        else:
            yield name, "ok"
