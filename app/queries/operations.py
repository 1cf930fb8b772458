"""*Jobs and mail*: what waits, runs and needs a person, and who is there to work. For administrators."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import scope_ids
from app.domain.access import ALL_STORES, Actor
from app.models import Heartbeat, Person, Store
from app.models.base import UtcDateTime, db_now
from app.models.work import LIVE, QUEUES, live

STATES = {
    "actions": ("waiting", "running", "attention", "done", "refused", "withdrawn"),
    "mail": ("waiting", "running", "attention", "done", "refused"),
    "webhooks": ("waiting", "running", "attention", "done", "ignored", "refused"),
}
"""What each list can be filtered by; ``live`` (not ended) and ``all`` besides."""


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """One queue: how many rows are in each live state, how old the oldest due one is, how many work on it."""

    name: str
    waiting: int
    running: int
    attention: int
    oldest: float
    """Seconds since the oldest due row became due; 0 when none is due."""
    workers: int


@dataclass(frozen=True, slots=True)
class Health:
    """The queues, and whether a sweeper is there."""

    queues: tuple[QueueHealth, ...]
    sweepers: int

    @property
    def attention(self) -> int:
        """How much needs a person."""
        return sum(queue.attention for queue in self.queues)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of one of the lists; ``it`` is the table's row."""

    it: Any
    store: str
    who: str


def health(session: Session) -> Health:
    """How the queues are. Counts of every store: the page is for administrators only."""
    seen = session.execute(sa.select(Heartbeat.kind, Heartbeat.info).where(Heartbeat.seen_at > db_now(-90.0))).all()
    working = [info.get("queue") for kind, info in seen if kind == "worker"]
    queues = tuple(_queue(session, name, working.count(name)) for name in QUEUES)
    return Health(queues, sum(kind == "sweeper" for kind, _ in seen))


def _queue(session: Session, name: str, workers: int) -> QueueHealth:
    model = QUEUES[name]
    alive = live(model)
    states = sa.select(model.state, sa.func.count()).where(alive).group_by(model.state)
    counts: dict[str, int] = dict(session.execute(states).all())  # type: ignore[arg-type]
    due, now = session.execute(
        sa.select(sa.func.min(model.next_at, type_=UtcDateTime()), sa.type_coerce(db_now(), UtcDateTime())).where(
            alive, model.state == "waiting", model.next_at <= db_now()
        )
    ).one()
    return QueueHealth(
        name,
        counts.get("waiting", 0),
        counts.get("running", 0),
        counts.get("attention", 0),
        (now - due).total_seconds() if due else 0.0,
        workers,
    )


def rows(session: Session, actor: Actor, name: str, *, state: str, before: int | None, limit: int) -> Sequence[Row]:
    """Rows of a list, newest first, one more than ``limit`` if there are more. ``state``: one, ``live`` or ``all``."""
    model = QUEUES[name]
    statement = sa.select(model, Store.name).outerjoin(Store, Store.id == model.store_id)  # type: ignore[attr-defined]
    if actor.stores is not ALL_STORES:
        statement = statement.where(model.store_id.in_(scope_ids(actor.stores)))  # type: ignore[attr-defined]
    if state == "live":
        statement = statement.where(live(model))
    elif state != "all":
        statement = statement.where(model.state == state)
        if state in LIVE:
            statement = statement.where(live(model))
    if before is not None:
        statement = statement.where(model.id < before)
    found = session.execute(statement.order_by(model.id.desc()).limit(limit + 1)).all()
    people = _people(session, {getattr(it, "actor_id", None) or getattr(it, "user_id", None) for it, _ in found})
    return [
        Row(it, store or "", people.get(getattr(it, "actor_id", None) or getattr(it, "user_id", None), ""))
        for it, store in found
    ]


def _people(session: Session, ids: set[int | None]) -> dict[int | None, str]:
    wanted = [one for one in ids if one is not None]
    if not wanted:
        return {}
    return {
        one: f"{first} {last}".strip()
        for one, first, last in session.execute(
            sa.select(Person.id, Person.first_name, Person.last_name).where(Person.id.in_(wanted))
        )
    }


def processes(session: Session) -> Sequence[tuple[str, str, dt.datetime]]:
    """(name, kind, last sign of life) of every process that reported lately."""
    return [
        (name, kind, seen)
        for name, kind, seen in session.execute(
            sa.select(Heartbeat.name, Heartbeat.kind, Heartbeat.seen_at).order_by(Heartbeat.kind.desc(), Heartbeat.name)
        )
    ]
