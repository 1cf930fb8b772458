"""How often something may be tried. Counted in the database, so that it holds on every host and with Redis down.

Tries are forgotten with time; nothing is ever locked for good.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import zlib

import sqlalchemy as sa
from flask import current_app

from app.db import session, transaction
from app.models import RateHit
from app.models.base import utcnow


def bucket_name(bucket: str, key: str) -> str:
    """The row's name: the kind and a keyed hash, so that the table tells nobody which names were typed."""
    secret = str(current_app.secret_key).encode()
    return f"{bucket}:{hmac.new(secret, key.encode(errors='replace'), hashlib.sha256).hexdigest()[:40]}"


def hit(bucket: str, key: str, limit: int, seconds: int) -> bool:
    """Count a try. True when it is within the limit, False when it is one too many (which then does not count).

    Opens a transaction of its own, so that the try counts whatever becomes of it.
    """
    name, now = bucket_name(bucket, key), utcnow()
    with transaction():
        if session.get_bind().dialect.name == "postgresql":  # SQLite has one writer anyway
            session.execute(sa.select(sa.func.pg_advisory_xact_lock(zlib.crc32(name.encode()))))
        session.execute(
            sa.delete(RateHit).where(RateHit.bucket == name, RateHit.at <= now - dt.timedelta(seconds=seconds))
        )
        tried = session.scalar(sa.select(sa.func.count()).select_from(RateHit).where(RateHit.bucket == name)) or 0
        if tried >= limit:
            return False
        session.add(RateHit(bucket=name, at=now))
    return True


def forget(bucket: str, key: str) -> None:
    """Forget the tries, in the running transaction: it went well."""
    session.execute(sa.delete(RateHit).where(RateHit.bucket == bucket_name(bucket, key)))
