"""Make, change and remove teams (FAB's groups) and the stores they work with. For administrators and commands."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actions import audit
from app.actions.names import lock_name
from app.domain import audit as events
from app.domain import people as people_rules
from app.domain import stores as rules
from app.domain.access import Actor
from app.domain.people import Boxes
from app.domain.refusal import Invalid, NotFound, Refusal, Refused
from app.models import Group, Store, TeamStore
from app.models.people import assoc_user_group


def make_team(session: Session, actor: Actor, name: str, stores: frozenset[int]) -> Group:
    """A new team with its stores. Raises Invalid at ``name``, ``stores``."""
    clean = _check(session, name, stores, None)
    team = Group(name=clean, label=clean, description="")
    session.add(team)
    session.flush()
    _set_stores(session, team.id, frozenset(), stores)
    audit.record(
        session, actor, events.TEAM_MADE, subject=f"team:{team.id}", details={"name": clean, "stores": sorted(stores)}
    )
    session.flush()
    return team


def change_team(session: Session, actor: Actor, team_id: int, name: str, wanted: frozenset[int] | Boxes) -> Group:
    """Change a team's name and stores (all of them, or what a form's boxes say).

    Raises NotFound, Invalid at ``name``, ``stores``.
    """
    session.execute(sa.select(Group.id).where(Group.id == team_id).with_for_update())
    team = find_team(session, team_id)
    before = stores_of_team(session, team_id)
    stores = wanted.applied_to(before) if isinstance(wanted, Boxes) else wanted
    clean = _check(session, name, stores, team_id)
    if clean != team.name or stores != before:
        team.name = team.label = clean
        _set_stores(session, team_id, before, stores)
        audit.record(
            session, actor, events.TEAM_CHANGED, subject=f"team:{team_id}",
            details={"name": clean, "given": sorted(stores - before), "taken": sorted(before - stores)},
        )  # fmt: skip
    session.flush()
    return team


def remove_team(session: Session, actor: Actor, team_id: int) -> None:
    """Remove a team nobody is in. Raises NotFound, Refused."""
    team = find_team(session, team_id)
    link = assoc_user_group.c
    if session.scalar(sa.select(sa.func.count()).select_from(assoc_user_group).where(link.group_id == team_id)):
        raise Refused(rules.TEAM_HAS_PEOPLE)
    session.execute(sa.delete(TeamStore).where(TeamStore.group_id == team_id))
    audit.record(session, actor, events.TEAM_REMOVED, subject=f"team:{team_id}", details={"name": team.name})
    session.delete(team)
    session.flush()


def find_team(session: Session, team_id: int) -> Group:
    """The team; raises NotFound."""
    team = session.get(Group, team_id)
    if team is None:
        raise NotFound
    return team


def stores_of_team(session: Session, team_id: int) -> frozenset[int]:
    """Ids of the stores a team works with."""
    return frozenset(session.scalars(sa.select(TeamStore.store_id).where(TeamStore.group_id == team_id)))


def _check(session: Session, name: str, stores: frozenset[int], own: int | None) -> str:
    clean, bad_name = rules.clean_team_name(name)
    if bad_name is None:
        lock_name(session, "team", clean)
        taken = session.scalar(sa.select(Group.id).where(Group.name == clean))
        bad_name = rules.TEAM_TAKEN if taken not in (None, own) else None
    known = set(session.scalars(sa.select(Store.id).where(Store.id.in_(stores))))
    problems: dict[str, Refusal | None] = {
        "name": bad_name, "stores": people_rules.STORE_UNKNOWN if stores - known else None
    }  # fmt: skip
    found = {field: [refusal] for field, refusal in problems.items() if refusal is not None}
    if found:
        raise Invalid(found)
    return clean


def _set_stores(session: Session, team_id: int, before: frozenset[int], after: frozenset[int]) -> None:
    if before - after:
        session.execute(
            sa.delete(TeamStore).where(TeamStore.group_id == team_id, TeamStore.store_id.in_(before - after))
        )
    session.add_all(TeamStore(group_id=team_id, store_id=store) for store in sorted(after - before))
