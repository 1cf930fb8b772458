"""Read the audit: an administrator all of it, a lead the part of the people they lead."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.access import ALL_STORES, Actor
from app.models import AuditEntry, Group, Person, Store
from app.models.people import assoc_user_group

RECENT = 50
"""How many of a person's entries are looked at for the newest that a reader may see."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What to show; every filled field must hold."""

    event: str | None = None
    actors: tuple[str, ...] = ()
    """Logins: any of them."""
    result: str | None = None
    order_id: int | None = None
    store_id: int | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None


def visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    """An administrator: everything. A lead: what people of the lead's teams did, in the lead's stores or in none.

    Anybody else: nothing.
    """
    if actor.is_admin:
        return sa.true()
    if not actor.is_lead:
        return sa.false()
    return sa.and_(AuditEntry.actor_id.in_(_led_by(actor)), of_stores(actor, AuditEntry.store_id))


def of_stores(actor: Actor, store_id: sa.SQLColumnExpression[int | None]) -> sa.ColumnElement[bool]:
    """An entry of the actor's stores, or of none."""
    stores = sa.true() if actor.stores is ALL_STORES else store_id.in_(sorted(actor.stores))  # type: ignore[arg-type]
    return sa.or_(store_id.is_(None), stores)


def newest_entries(session: Session, actor: Actor, person_ids: Iterable[int]) -> dict[int, AuditEntry]:
    """The newest entry of each of these people, of the actor's stores or of none; for people the actor looks after.

    Only the newest ``RECENT`` of each are looked at: somebody may have done ten thousand things in other stores.
    """
    recent = (
        sa.select(AuditEntry.id, AuditEntry.store_id)
        .where(AuditEntry.actor_id == Person.id)
        .order_by(AuditEntry.id.desc())
        .limit(RECENT)
        .correlate(Person)
        .subquery()
    )
    newest = sa.select(sa.func.max(recent.c.id)).where(of_stores(actor, recent.c.store_id)).correlate(Person)
    named = sa.select(Person.id, newest.scalar_subquery().label("entry")).where(Person.id.in_(person_ids)).subquery()
    found = sa.select(named.c.id, AuditEntry).join(AuditEntry, AuditEntry.id == named.c.entry)
    return dict(session.execute(found).all())  # type: ignore[arg-type]


def _led_by(actor: Actor) -> sa.Select[tuple[int]]:
    mine = sa.select(assoc_user_group.c.group_id).where(assoc_user_group.c.user_id == actor.id)
    return sa.select(assoc_user_group.c.user_id).where(assoc_user_group.c.group_id.in_(mine))


def logins(session: Session, actor: Actor, entries: list[AuditEntry]) -> dict[str, tuple[int, str]]:
    """Id and login of the people that ``subject`` of the entries names (``person:7``), by that subject.

    Of the people the actor may see: an administrator's are all, a lead's those of the led teams.
    """
    named = {entry.subject for entry in entries if entry.subject and entry.subject.startswith("person:")}
    ids = [int(number) for name in named if (number := name.removeprefix("person:")).isdecimal()]
    if not ids:
        return {}
    found = sa.select(Person.id, Person.username).where(Person.id.in_(ids))
    if not actor.is_admin:
        found = found.where(Person.id.in_(_led_by(actor)))
    return {f"person:{number}": (number, login) for number, login in session.execute(found)}


def list_entries(
    session: Session, actor: Actor, wanted: AuditFilter, *, before: int | None = None, limit: int = 100
) -> list[AuditEntry]:
    """Entries, newest first; ``before`` is the id the previous page ended with. One more than ``limit`` tells
    that there is a next page."""
    conditions: list[sa.ColumnElement[bool]] = [visible_to(actor)]
    for column, value in (
        (AuditEntry.event, wanted.event),
        (AuditEntry.result, wanted.result),
        (AuditEntry.order_id, wanted.order_id),
        (AuditEntry.store_id, wanted.store_id),
    ):
        if value is not None:
            conditions.append(column == value)
    if wanted.actors:
        conditions.append(AuditEntry.actor.in_(wanted.actors))
    if wanted.since:
        conditions.append(AuditEntry.at >= wanted.since)
    if wanted.until:
        conditions.append(AuditEntry.at < wanted.until)
    if before is not None:
        conditions.append(AuditEntry.id < before)
    return list(
        session.scalars(sa.select(AuditEntry).where(*conditions).order_by(AuditEntry.id.desc()).limit(limit + 1))
    )


def team_names(session: Session, actor: Actor) -> dict[int, str]:
    """Names of the teams the actor may see, by id: an administrator all, a lead the led ones."""
    found = sa.select(Group.id, Group.name)
    if not actor.is_admin:
        mine = sa.select(assoc_user_group.c.group_id).where(assoc_user_group.c.user_id == actor.id)
        found = found.where(Group.id.in_(mine))
    return dict(session.execute(found).all())  # type: ignore[arg-type]


def store_names(session: Session) -> dict[int, str]:
    """Names of the stores in scope, by id."""
    return dict(session.execute(sa.select(Store.id, Store.name)).all())  # type: ignore[arg-type]
