"""People, teams and what they hold: reads for the screens and facts for the rules.

Memberships and grants are read from bare tables on purpose (``raw`` below): they say what scopes are made of.
Whoever shows stores to a lead joins them to ``Store``, which is narrowed to the lead's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app.domain.access import ALL_STORES, Actor, Scope
from app.domain.people import Manager, PersonFacts, highest
from app.models import AuditEntry, Group, Order, Person, Role, Store, StoreGrant, TeamStore
from app.models.people import assoc_user_group, assoc_user_role
from app.queries.audit import newest_entries, visible_to

PAGE = 50


@dataclass(frozen=True, slots=True)
class Row:
    """A person in a list."""

    person: Person
    facts: PersonFacts
    teams: list[Group] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)
    """Stores held through teams or directly, as far as the reader sees them."""
    lately: AuditEntry | None = None
    """The newest thing they did, as far as the reader may know of it."""


def teams_of(session: Session, user_id: int | None) -> frozenset[int]:
    """The teams a person is in."""
    if user_id is None:
        return frozenset()
    link = assoc_user_group.c
    return frozenset(session.scalars(sa.select(link.group_id).where(link.user_id == user_id)))


def manager_of(session: Session, actor: Actor) -> Manager:
    """The actor as somebody who changes people."""
    return Manager(actor, teams_of(session, actor.id))


def facts_of(session: Session, people: Iterable[Person]) -> dict[int, PersonFacts]:
    """What the rules need, by person; three statements for any number."""
    found = {person.id: person for person in people}
    teams: dict[int, set[int]] = {id_: set() for id_ in found}
    grants: dict[int, set[int]] = {id_: set() for id_ in found}
    roles: dict[int, set[str]] = {id_: set() for id_ in found}
    link, grant, held = assoc_user_group.c, StoreGrant.__table__.c, assoc_user_role.c
    for user_id, group_id in session.execute(sa.select(link.user_id, link.group_id).where(link.user_id.in_(found))):
        teams[user_id].add(group_id)
    for user_id, store_id in session.execute(sa.select(grant.user_id, grant.store_id).where(grant.user_id.in_(found))):
        grants[user_id].add(store_id)
    names = sa.select(held.user_id, Role.name).join(Role, Role.id == held.role_id).where(held.user_id.in_(found))
    for user_id, name in session.execute(names):
        roles[user_id].add(name)
    return {
        id_: PersonFacts(
            id_, highest(roles[id_]), bool(person.active), frozenset(teams[id_]), frozenset(grants[id_]),
            person.totp_confirmed_at is not None,
        )
        for id_, person in found.items()
    }  # fmt: skip


def find_person(session: Session, manager: Manager, person_id: int) -> tuple[Person, PersonFacts] | None:
    """The person and the facts, if they exist for this manager.

    Whoever is not known is not even read, so that a stranger takes no longer than nobody.
    """
    statement = sa.select(Person).where(Person.id == person_id)
    if not manager.rules_all:
        statement = statement.where(sa.or_(Person.id == manager.actor.id, Person.id.in_(_own_people(manager))))
    person = session.scalar(statement)
    if person is None:
        return None
    facts = facts_of(session, [person])[person.id]
    return (person, facts) if manager.knows(facts) else None


def list_people(
    session: Session, manager: Manager, *, find: str = "", team: int | None = None, closed: bool = False, page: int = 1
) -> tuple[list[Row], bool]:
    """People by name: an administrator sees all, a lead those of the lead's teams. One page, and whether more follow.

    ``find`` is part of a name, an address or a username; ``closed``: deactivated accounts too. A lead is not told who
    else is in ``team``, so a team that is not the lead's has nobody in it.
    """
    statement = sa.select(Person).order_by(
        sa.desc(Person.active), sa.func.lower(Person.last_name), sa.func.lower(Person.first_name), Person.id
    )
    link = assoc_user_group.c
    if not manager.rules_all:
        statement = statement.where(Person.id.in_(_own_people(manager)))
    if team is not None:
        inside = sa.select(link.user_id).where(link.group_id == team)
        known = manager.rules_all or team in manager.teams
        statement = statement.where(Person.id.in_(inside) if known else sa.false())
    if not closed:
        statement = statement.where(Person.active.is_(True))
    if find:
        names = (Person.first_name + " " + Person.last_name, Person.email, Person.username)
        statement = statement.where(
            sa.or_(*(sa.func.lower(text).contains(find.lower(), autoescape=True) for text in names))
        )
    people = list(session.scalars(statement.limit(PAGE + 1).offset((page - 1) * PAGE)))
    return rows_of(session, manager, people[:PAGE]), len(people) > PAGE


def _own_people(manager: Manager) -> sa.Select[tuple[int]]:
    """Ids of the people in the teams a lead leads; nobody for others."""
    link = assoc_user_group.c
    return sa.select(link.user_id).where(link.group_id.in_(manager.teams if manager.actor.is_lead else ()))


def rows_of(session: Session, manager: Manager, people: list[Person]) -> list[Row]:
    """The people with their teams and stores, narrowed to what the reader sees: a lead no teams but the own."""
    facts = facts_of(session, people)
    team_ids = {team for f in facts.values() for team in f.teams if manager.rules_all or team in manager.teams}
    groups = {g.id: g for g in session.scalars(sa.select(Group).where(Group.id.in_(team_ids)))}
    by_team = stores_of_teams(session, team_ids)
    ids = {s for f in facts.values() for s in f.grants} | {s for found in by_team.values() for s in found}
    stores = {s.id: s for s in session.scalars(sa.select(Store).where(Store.id.in_(ids)))}
    newest = newest_entries(session, manager.actor, facts)
    return [
        Row(
            person,
            facts[person.id],
            sorted((groups[t] for t in facts[person.id].teams if t in groups), key=lambda g: g.name),
            sorted(
                (
                    stores[s]
                    for s in facts[person.id].grants.union(*(by_team.get(t, ()) for t in facts[person.id].teams))
                    if s in stores
                ),
                key=lambda s: s.name,
            ),
            newest.get(person.id),
        )
        for person in people
    ]


def stores_of_teams(session: Session, team_ids: Iterable[int]) -> dict[int, set[int]]:
    """Store ids by team, narrowed to the reader's scope."""
    found: dict[int, set[int]] = {}
    for group_id, store_id in session.execute(
        sa.select(TeamStore.group_id, TeamStore.store_id).where(TeamStore.group_id.in_(team_ids))
    ):
        found.setdefault(group_id, set()).add(store_id)
    return found


def choices(session: Session, manager: Manager) -> tuple[list[Group], list[Store]]:
    """Teams and stores the manager can give: an administrator all, a lead the own ones."""
    teams = sa.select(Group).order_by(Group.name)
    if not manager.rules_all:
        teams = teams.where(Group.id.in_(manager.teams))
    return list(session.scalars(teams)), list(session.scalars(sa.select(Store).order_by(Store.name)))


def lately(session: Session, person_id: int, actor: Actor, limit: int = 10) -> list[AuditEntry]:
    """What the person did lately, as far as the reader's stores go."""
    return list(
        session.scalars(
            sa.select(AuditEntry)
            .where(AuditEntry.actor_id == person_id, visible_to(actor))
            .order_by(AuditEntry.id.desc())
            .limit(limit)
        )
    )


def newest_orders(session: Session, scope: Scope, limit: int = 5) -> list[Order]:
    """A preview: the newest orders in this scope that the reader sees as well."""
    statement = sa.select(Order).order_by(Order.created_at.desc(), Order.id.desc()).limit(limit)
    if scope is not ALL_STORES:
        statement = statement.where(Order.store_id.in_(sorted(scope)))  # type: ignore[arg-type]
    return list(session.scalars(statement.options(joinedload(Order.store))))


@dataclass(frozen=True, slots=True)
class TeamRow:
    """A team in a list, with its people, how many deactivated accounts are in it, and the stores the reader sees."""

    team: Group
    people: list[Person]
    closed: int
    stores: list[Store]


def list_teams(session: Session, manager: Manager, *, page: int = 1) -> tuple[list[TeamRow], bool]:
    """One page of teams by name: an administrator sees all, a lead the own ones."""
    statement = sa.select(Group).order_by(Group.name)
    if not manager.rules_all:
        statement = statement.where(Group.id.in_(manager.teams))
    teams = list(session.scalars(statement.limit(PAGE + 1).offset((page - 1) * PAGE)))
    ids = [team.id for team in teams[:PAGE]]
    people: dict[int, list[Person]] = {}
    closed: dict[int, int] = {}
    link = assoc_user_group.c
    for team_id, person in session.execute(
        sa.select(link.group_id, Person)
        .join(Person, Person.id == link.user_id)
        .where(link.group_id.in_(ids))
        .order_by(Person.last_name, Person.first_name, Person.id)
    ):
        if person.active:
            people.setdefault(team_id, []).append(person)
        else:
            closed[team_id] = closed.get(team_id, 0) + 1
    by_team = stores_of_teams(session, ids)
    known = {
        store.id: store
        for store in session.scalars(sa.select(Store).where(Store.id.in_({s for f in by_team.values() for s in f})))
    }
    return [
        TeamRow(
            team, people.get(team.id, []), closed.get(team.id, 0),
            sorted((known[s] for s in by_team.get(team.id, ()) if s in known), key=lambda store: store.name),
        )
        for team in teams[:PAGE]
    ], len(teams) > PAGE  # fmt: skip
