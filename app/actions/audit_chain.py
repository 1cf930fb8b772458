"""Seal audit entries into a hash chain, and check that nobody touched it.

Entries are written without a global lock; the sweeper gives them their place afterwards. Each hash covers the
entry and the hash before it, so that a change, a removal or an insertion breaks the chain from there on.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from app.models import AuditEntry

START = "0" * 64
BATCH = 2000
_FIELDS = ("id", "at", "event", "result", "actor_id", "actor", "ip", "order_id", "store_id", "subject", "details")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of the chain found: how many entries hold, its head, and the first break, if any."""

    checked: int
    unsealed: int
    head: str
    broken: str | None


def _hash(before: str, entry: Any) -> str:
    facts = {name: getattr(entry, name) for name in _FIELDS}
    facts["at"] = entry.at.astimezone(dt.UTC).isoformat(timespec="microseconds")
    return hashlib.sha256(before.encode() + orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def seal(session: Session, *, limit: int = 1000) -> int:
    """Give the oldest unsealed entries their place in the chain; how many were sealed.

    Only one sealer works at a time: the last sealed entry is locked first (SQLite has one writer anyway).
    """
    if session.get_bind().dialect.name == "postgresql" and not session.scalar(
        sa.select(sa.func.pg_try_advisory_xact_lock(7_031_995))
    ):
        return 0
    seq, before = chain_head(session)
    waiting = sa.select(AuditEntry).where(AuditEntry.seq.is_(None)).order_by(AuditEntry.id).limit(limit)
    entries = session.scalars(waiting).all()
    for entry in entries:
        seq += 1
        before = _hash(before, entry)
        entry.seq, entry.hash = seq, before
    session.flush()
    return len(entries)


def chain_head(session: Session) -> tuple[int, str]:
    """The number and the hash of the last sealed entry; 0 and ``START`` for an empty chain."""
    last = sa.select(AuditEntry.seq, AuditEntry.hash).where(AuditEntry.seq.is_not(None))
    found = session.execute(last.order_by(AuditEntry.seq.desc()).limit(1)).first()
    return (found.seq or 0, found.hash or START) if found else (0, START)


def verify(session: Session, *, head: str | None = None) -> Verdict:
    """Walk the whole chain. ``head`` is a hash noted elsewhere earlier: it must still be part of the chain,
    which shows that nobody cut the end off."""
    before: str = START
    expected, seen_head = 0, head in (None, START)  # of an empty chain every chain is the continuation
    broken = None
    for entry in _sealed(session):
        broken = _wrong(entry, expected + 1, before)
        if broken or entry is None:
            break
        expected += 1
        before = entry.hash or ""
        seen_head = seen_head or before == head
    if not broken and not seen_head:
        broken = "the given head is not part of the chain: its end was cut off or rewritten"
    unsealed = session.scalar(sa.select(sa.func.count()).where(AuditEntry.seq.is_(None)).select_from(AuditEntry))
    return Verdict(checked=expected, unsealed=unsealed or 0, head=before, broken=broken)


def _wrong(entry: AuditEntry | None, number: int, before: str) -> str | None:
    """What is wrong with the entry that stands in the chain's place ``number``; None where nothing is."""
    if entry is None:
        return f"entry number {number} of the chain cannot be read: it was changed"
    if entry.seq != number:
        return f"entry number {number} of the chain is missing"
    try:
        same = entry.hash == _hash(before, entry)
    except (TypeError, ValueError):  # a value of a kind that was never written
        same = False
    return None if same else f"entry {entry.id} (number {entry.seq}) was changed"


def _sealed(session: Session) -> Iterator[AuditEntry | None]:
    """The chain from its beginning; None in the place of an entry that cannot be read, after which nothing follows."""
    after: int | None = None
    while found := _batch(session, after, BATCH):
        yield from found
        last = found[-1]
        assert last is not None  # the reader stops there
        after = last.seq


def _batch(session: Session, after: int | None, most: int) -> Sequence[AuditEntry | None]:
    """The next entries: so many at once, or one by one where some of them cannot be read."""
    sealed = AuditEntry.seq.is_not(None) if after is None else AuditEntry.seq > after
    next_ones = sa.select(AuditEntry).where(sealed).order_by(AuditEntry.seq).limit(most)
    try:
        return session.scalars(next_ones).all()
    except (TypeError, ValueError, DataError):
        session.rollback()
        return _batch(session, after, 1) if most > 1 else [None]
