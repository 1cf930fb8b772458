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
KINDS: tuple[str, ...] = ("worker", "sweeper")
"""Kinds of processes that report."""
SILENT_AFTER = 30.0
"""Seconds without a sign of life (there is one every five) after which a process is thought to be dead. The page,
``/readyz``, ``/metrics`` and ``portal doctor`` all go by it."""


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
    """The queues, whether a sweeper is there, and whether it reaches the queue server (None: no sweeper to say so)."""

    queues: tuple[QueueHealth, ...]
    sweepers: int
    queue_server: bool | None

    @property
    def attention(self) -> int:
        """How much needs a person."""
        return sum(queue.attention for queue in self.queues)


@dataclass(frozen=True, slots=True)
class Process:
    """A process that reported lately; ``silent``: it is thought to be dead, and not because it was asked to end."""

    name: str
    seen: dt.datetime
    silent: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A row of one of the lists; ``it`` is the table's row."""

    it: Any
    store: str
    who: str
    """Who asked for it, or whom the mail is for."""
    decided_by: str = ""
    """The person who settled an action that had needed attention."""

    @property
    def parked(self) -> bool:
        """Does the action wait for its mail? Then nobody holds a lease of it."""
        return self.it.state == "running" and self.it.lease_until is None

    @property
    def body_size(self) -> int | None:
        """Bytes of a webhook's body; None when it was dropped."""
        return None if self.it.body is None else len(self.it.body.encode())


def health(session: Session) -> Health:
    """How the queues are. Counts of every store: the page is for administrators only."""
    alive = alive_processes(session.connection())
    queues = tuple(_queue(session, name, number) for name, number in workers_of(alive).items())
    return Health(queues, sum(kind == "sweeper" for kind, _ in alive), reached(alive))


def alive_processes(connection: sa.Connection) -> list[tuple[str, dict[str, Any]]]:
    """Kind and report of every process with a fresh sign of life."""
    fresh = sa.select(Heartbeat.kind, Heartbeat.info).where(Heartbeat.seen_at > db_now(-SILENT_AFTER))
    return [(kind, info) for kind, info in connection.execute(fresh)]


def workers_of(alive: list[tuple[str, dict[str, Any]]]) -> dict[str, int]:
    """How many workers of each queue are alive; 0 for a queue that nobody serves: what waits there waits for ever."""
    serving = [info.get("queue") for kind, info in alive if kind == "worker"]
    return {queue: serving.count(queue) for queue in QUEUES}


def reached(alive: list[tuple[str, dict[str, Any]]]) -> bool | None:
    """Do all sweepers reach the queue server? None when none says so."""
    said = [info["queue_server"] for kind, info in alive if kind == "sweeper" and "queue_server" in info]
    return all(said) if said else None


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
    people = _people(session, {number for it, _ in found for number in (_whose(it), _decider(it))})
    return [Row(it, store or "", people.get(_whose(it), ""), people.get(_decider(it), "")) for it, store in found]


def _whose(it: Any) -> int | None:
    return getattr(it, "actor_id", None) or getattr(it, "user_id", None)


def _decider(it: Any) -> int | None:
    return getattr(it, "resolved_by", None)


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


def processes(session: Session) -> Sequence[Process]:
    """Every process that reported lately, sweepers after workers."""
    silent = Heartbeat.seen_at <= db_now(-SILENT_AFTER)
    found = sa.select(Heartbeat.name, Heartbeat.seen_at, silent).order_by(Heartbeat.kind.desc(), Heartbeat.name)
    return [Process(name, seen, bool(dead)) for name, seen, dead in session.execute(found)]
