"""Invite, change, deactivate and reactivate people. Rules: ``domain/people.py``; every change is in the audit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actions import audit
from app.actions.access_links import queue_access_mail, void_links
from app.actions.credentials import end_sessions
from app.actions.names import lock_name
from app.actions.second_step import turn_off
from app.domain import audit as events
from app.domain import people as rules
from app.domain.access import Role
from app.domain.people import Boxes, Manager, PersonFacts
from app.domain.refusal import Invalid, NotFound, Refusal, Refused
from app.models import Group, Person, Store, StoreGrant
from app.models import Role as RoleRow
from app.models.base import utcnow
from app.models.people import assoc_user_group
from app.queries.people import person_by_login
from app.queries.staff import facts_of, find_person

USERNAME_MAX = 128


@dataclass(frozen=True, slots=True)
class Invitation:
    """A person to invite. Ids of teams and stores; names as typed."""

    email: str
    first_name: str
    last_name: str
    role: Role
    teams: frozenset[int]
    stores: frozenset[int]


def invite(session: Session, manager: Manager, wanted: Invitation, *, how: str | None) -> Person:
    """Make the account and queue the access mail (``how``: ``link`` or ``temporary_password``; None: no mail).

    Somebody whom a lead let go comes back with the account they had. Raises Invalid at ``email``, ``first_name``,
    ``last_name``, ``role``, ``teams``, ``stores``; nothing is made then.
    """
    email, bad_email = rules.clean_email(wanted.email)
    first, bad_first = rules.clean_name(wanted.first_name)
    last, bad_last = rules.clean_name(wanted.last_name)
    lock_name(session, "person", email)
    person = None if bad_email else person_by_login(session, email)
    _raise({
        "email": bad_email or (person and rules.why_not_invite_again(manager, _locked_facts(session, person))),
        "first_name": bad_first,
        "last_name": bad_last,
        "role": rules.why_not_role(manager, None, wanted.role),
        "teams": rules.why_not_teams(manager, frozenset(), wanted.teams)
        or _unknown_teams(session, wanted.teams)
        or rules.why_not_place(manager, wanted.role, wanted.teams, wanted.stores),
        "stores": rules.why_not_stores(manager, frozenset(), wanted.stores) or _unknown_stores(session, wanted.stores),
    })  # fmt: skip
    if person is None:
        person = Person(username=_username(email), email=email, first_name=first, last_name=last, active=True)
        session.add(person)
        session.flush()
    else:
        person.first_name, person.last_name = first, last
        _open(session, manager, person)
    _set_role(session, person, wanted.role)
    _set_teams(session, person.id, frozenset(), wanted.teams)
    _set_stores(session, manager, person.id, frozenset(), wanted.stores)
    audit.record(
        session, manager.actor, events.PERSON_INVITED, subject=f"person:{person.id}",
        details={"role": wanted.role.value, "teams": sorted(wanted.teams), "stores": sorted(wanted.stores)},
    )  # fmt: skip
    if how is not None:
        queue_access_mail(session, manager.actor, person, how)
    session.flush()
    return person


@dataclass(frozen=True, slots=True)
class Change:
    """What to change of a person; None leaves it as it is. Teams and stores: all of them, or a form's boxes."""

    first_name: str | None = None
    last_name: str | None = None
    role: Role | None = None
    teams: frozenset[int] | Boxes | None = None
    stores: frozenset[int] | Boxes | None = None


def change(session: Session, manager: Manager, person_id: int, wanted: Change) -> Person:
    """Change a person. A new role ends their sessions; teams and stores hold from their next request on.

    Raises NotFound for somebody the manager does not know, Refused for somebody they may not change, Invalid at fields.
    """
    person, facts = _known(session, manager, person_id)
    _refuse(rules.why_not_change(manager, facts))
    role = wanted.role or facts.role or Role.SPECIALIST
    teams, stores = _wanted(wanted.teams, facts.teams), _wanted(wanted.stores, facts.grants)
    first, bad_first = rules.clean_name(person.first_name if wanted.first_name is None else wanted.first_name)
    last, bad_last = rules.clean_name(person.last_name if wanted.last_name is None else wanted.last_name)
    _raise({
        "first_name": None if wanted.first_name is None else bad_first,
        "last_name": None if wanted.last_name is None else bad_last,
        "role": rules.why_not_role(manager, facts, role) if wanted.role else None,
        "teams": rules.why_not_teams(manager, facts.teams, teams) or _unknown_teams(session, teams - facts.teams),
        "stores": rules.why_not_stores(manager, facts.grants, stores)
        or _unknown_stores(session, stores - facts.grants),
    })  # fmt: skip
    details: dict[str, object] = {}
    if (first, last) != (person.first_name, person.last_name) and (wanted.first_name or wanted.last_name):
        person.first_name, person.last_name = first, last
        details["names"] = True
    if wanted.role is not None and role is not facts.role:
        _set_role(session, person, role)
        end_sessions(person)
        details["role"] = role.value
    if teams != facts.teams:
        _set_teams(session, person.id, facts.teams, teams)
        details["teams"] = {"given": sorted(teams - facts.teams), "taken": sorted(facts.teams - teams)}
    if stores != facts.grants:
        _set_stores(session, manager, person.id, facts.grants, stores)
        details["stores"] = {"given": sorted(stores - facts.grants), "taken": sorted(facts.grants - stores)}
    if details:
        audit.record(session, manager.actor, events.PERSON_CHANGED, subject=f"person:{person.id}", details=details)
    session.flush()
    return person


def _wanted(given: frozenset[int] | Boxes | None, held: frozenset[int]) -> frozenset[int]:
    if given is None:
        return held
    return given.applied_to(held) if isinstance(given, Boxes) else given


def deactivate(session: Session, manager: Manager, person_id: int) -> rules.Leaving:
    """Deactivate: what it does is said by ``domain.people.leaving``. Their sessions and links end at once."""
    person, facts = _known(session, manager, person_id)
    _refuse(rules.why_not_deactivate(manager, facts))
    outcome = rules.leaving(manager, facts)
    if outcome.teams:
        _set_teams(session, person.id, facts.teams, facts.teams - outcome.teams)
        _set_stores(session, manager, person.id, facts.grants, facts.grants - outcome.stores)
        audit.record(
            session, manager.actor, events.PERSON_LEFT_TEAMS, subject=f"person:{person.id}",
            details={"teams": sorted(outcome.teams), "stores": sorted(outcome.stores)},
        )  # fmt: skip
    if outcome.closes:
        person.active = False
        person.deactivated_at = utcnow()
        void_links(session, person.id)
        audit.record(session, manager.actor, events.PERSON_DEACTIVATED, subject=f"person:{person.id}")
    end_sessions(person)
    session.flush()
    return outcome


def reactivate(session: Session, manager: Manager, person_id: int, *, how: str) -> Person:
    """Open the account again, with its teams and stores, and send access data: the old password may be known."""
    person, facts = _known(session, manager, person_id)
    _refuse(rules.why_not_reactivate(manager, facts))
    _open(session, manager, person)
    queue_access_mail(session, manager.actor, person, how)
    session.flush()
    return person


def send_access(session: Session, manager: Manager, person_id: int, *, how: str) -> None:
    """Send access data again."""
    person, facts = _known(session, manager, person_id)
    _refuse(rules.why_not_send_access(manager, facts))
    queue_access_mail(session, manager.actor, person, how)
    session.flush()


def end_all_sessions(session: Session, manager: Manager, person_id: int) -> Person:
    """Sign the person out everywhere."""
    person, facts = _known(session, manager, person_id)
    _refuse(rules.why_not_end_sessions(manager, facts))
    end_sessions(person)
    audit.record(session, manager.actor, events.SESSIONS_ENDED, subject=f"person:{person.id}")
    session.flush()
    return person


def take_second_step(session: Session, manager: Manager, person_id: int) -> None:
    """Take the second step away from a person who lost the authenticator."""
    person, facts = _known(session, manager, person_id)
    _refuse(rules.why_not_take_second_step(manager, facts))
    turn_off(session, manager.actor, person)


def _open(session: Session, manager: Manager, person: Person) -> None:
    """Open a closed account, without its password: that may be known to others by now."""
    person.active, person.deactivated_at, person.password = True, None, None
    end_sessions(person)
    audit.record(session, manager.actor, events.PERSON_REACTIVATED, subject=f"person:{person.id}")


def _locked_facts(session: Session, person: Person) -> PersonFacts:
    # Whoever else changes this person just now waits, so that the rules judge what is then true.
    session.refresh(person, ["active"], with_for_update=True)
    return facts_of(session, [person])[person.id]


def _known(session: Session, manager: Manager, person_id: int) -> tuple[Person, PersonFacts]:
    session.execute(sa.select(Person.id).where(Person.id == person_id).with_for_update())  # as above
    found = find_person(session, manager, person_id)
    if found is None:
        raise NotFound
    return found


def _refuse(refusal: Refusal | None) -> None:
    if refusal is not None:
        raise Refused(refusal)


def _raise(problems: dict[str, Refusal | None]) -> None:
    found = {name: [refusal] for name, refusal in problems.items() if refusal is not None}
    if found:
        raise Invalid(found)


def _username(email: str) -> str:
    if len(email) <= USERNAME_MAX:
        return email
    return f"{email[:100]}~{hashlib.sha256(email.encode()).hexdigest()[:16]}"


def _unknown_teams(session: Session, teams: Iterable[int]) -> Refusal | None:
    wanted = set(teams)
    known = set(session.scalars(sa.select(Group.id).where(Group.id.in_(wanted)))) if wanted else set()
    return rules.TEAM_UNKNOWN if wanted - known else None


def _unknown_stores(session: Session, stores: Iterable[int]) -> Refusal | None:
    wanted = set(stores)
    known = set(session.scalars(sa.select(Store.id).where(Store.id.in_(wanted)))) if wanted else set()
    return rules.STORE_UNKNOWN if wanted - known else None


def _set_role(session: Session, person: Person, role: Role) -> None:
    person.roles = [session.scalars(sa.select(RoleRow).where(RoleRow.name == role.value)).one()]


def _set_teams(session: Session, user_id: int, before: frozenset[int], after: frozenset[int]) -> None:
    link = assoc_user_group
    if before - after:
        session.execute(link.delete().where(link.c.user_id == user_id, link.c.group_id.in_(before - after)))
    for team in sorted(after - before):
        session.execute(link.insert().values(user_id=user_id, group_id=team))


def _set_stores(
    session: Session, manager: Manager, user_id: int, before: frozenset[int], after: frozenset[int]
) -> None:
    if before - after:
        session.execute(
            sa.delete(StoreGrant).where(StoreGrant.user_id == user_id, StoreGrant.store_id.in_(before - after))
        )
    session.add_all(
        StoreGrant(user_id=user_id, store_id=store, granted_by=manager.actor.id) for store in sorted(after - before)
    )


__all__ = [
    "Change", "Invitation", "change", "deactivate", "end_all_sessions", "facts_of", "invite", "reactivate",
    "send_access", "take_second_step",
]  # fmt: skip
