"""Let go of what has been kept long enough. Each function does one batch and says how much it did.

The sweeper calls ``run`` every few minutes; a batch is one transaction and holds no lock for long.
"""

from __future__ import annotations

import datetime as dt
import json
import zlib
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.retention import BODY_DAYS, PARAMETER_DAYS, SESSION_DAYS
from app.models import (
    Mail,
    OneTimeToken,
    Order,
    OrderParameter,
    RateHit,
    RawSnapshot,
    StoredSearch,
    UserSession,
    WebhookDelivery,
)

BATCH = 500
AT_REST = ("done", "refused", "ignored", "attention")
"""States in which nothing goes on by itself. What nobody has decided about in 30 days is not kept for longer, either:
tried again, it is refused and says why."""


def expire_parameters(session: Session, now: dt.datetime, limit: int = BATCH) -> int:
    """Additional parameters whose time is over by the order's present status (domain.md 4), the raw record's too."""
    over = [
        sa.and_(Order.status == status.value, Order.created_at <= now - dt.timedelta(days=days))
        for status, days in PARAMETER_DAYS.items()
        if days is not None
    ]
    ids = list(
        session.scalars(
            sa.select(Order.id)
            .where(sa.or_(*over), sa.exists().where(OrderParameter.order_id == Order.id))
            .order_by(Order.id)
            .limit(limit)
        )
    )
    if ids:
        session.execute(sa.delete(OrderParameter).where(OrderParameter.order_id.in_(ids)))
        _strip_raw(session, ids)
    return len(ids)


def _strip_raw(session: Session, order_ids: list[int]) -> None:
    """What was received goes on being kept, its additional parameters do not."""
    for raw in session.scalars(sa.select(RawSnapshot).where(RawSnapshot.order_id.in_(order_ids)).with_for_update()):
        try:
            received = json.loads(zlib.decompress(raw.body))
            received.pop("additional_data", None)
            raw.body = zlib.compress(json.dumps(received).encode())
        except (ValueError, RecursionError):  # nested too deeply to be written again: it goes as a whole
            session.delete(raw)


def drop_webhook_bodies(session: Session, now: dt.datetime, limit: int = BATCH) -> int:
    """Bodies of webhooks that are 30 days old. The digest stays: doubles are still recognised."""
    old = (
        WebhookDelivery.body.is_not(None),
        WebhookDelivery.created_at < now - dt.timedelta(days=BODY_DAYS),
        WebhookDelivery.state.in_(AT_REST),
    )
    ids = list(session.scalars(sa.select(WebhookDelivery.id).where(*old).limit(limit)))
    if ids:
        session.execute(sa.update(WebhookDelivery).where(WebhookDelivery.id.in_(ids)).values(body=None))
    return len(ids)


def drop_mail_bodies(session: Session, now: dt.datetime, limit: int = BATCH) -> int:
    """Addresses and contents of mails that are 30 days old. The row stays, so that nothing is sent twice."""
    old = (
        Mail.recipient.is_not(None),
        Mail.created_at < now - dt.timedelta(days=BODY_DAYS),
        Mail.state.in_(AT_REST),
    )
    ids = list(session.scalars(sa.select(Mail.id).where(*old).limit(limit)))
    if ids:
        session.execute(sa.update(Mail).where(Mail.id.in_(ids)).values(recipient=None, params={}))
    return len(ids)


def drop_searches(session: Session, now: dt.datetime, limit: int = BATCH) -> int:
    """Stored searches past their 30 days."""
    keys = list(session.scalars(sa.select(StoredSearch.key).where(StoredSearch.expires_at <= now).limit(limit)))
    if keys:
        session.execute(sa.delete(StoredSearch).where(StoredSearch.key.in_(keys)))
    return len(keys)


def drop_sessions(session: Session, now: dt.datetime, limit: int = BATCH) -> int:
    """Sessions past their absolute limit."""
    old = sa.select(UserSession.token_hash).where(UserSession.expires_at <= now - dt.timedelta(days=SESSION_DAYS))
    hashes = list(session.scalars(old.limit(limit)))
    if hashes:
        session.execute(sa.delete(UserSession).where(UserSession.token_hash.in_(hashes)))
    return len(hashes)


def drop_sign_in_traces(session: Session, now: dt.datetime, limit: int = BATCH) -> int:
    """Counted tries older than a day, and one-time links a month past their end."""
    hits = list(session.scalars(sa.select(RateHit.id).where(RateHit.at < now - dt.timedelta(days=1)).limit(limit)))
    if hits:
        session.execute(sa.delete(RateHit).where(RateHit.id.in_(hits)))
    ended = sa.select(OneTimeToken.id).where(OneTimeToken.expires_at < now - dt.timedelta(days=BODY_DAYS))
    links = list(session.scalars(ended.limit(limit)))
    if links:
        session.execute(sa.delete(OneTimeToken).where(OneTimeToken.id.in_(links)))
    return len(hits) + len(links)


TASKS: tuple[Callable[[Session, dt.datetime], int], ...] = (
    expire_parameters,
    drop_webhook_bodies,
    drop_mail_bodies,
    drop_searches,
    drop_sessions,
    drop_sign_in_traces,
)
"""Every kind of letting go; one transaction each."""
