"""What a person can see and do, and why: through which team or grant, through which role."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.access import ALL_STORES, Actor
from app.domain.people import ORDER, PersonFacts
from app.models import Group, Person, Store
from app.queries.people import actor_of
from app.queries.staff import stores_of_teams
from app.security.roles import MATRIX

SENTENCES: dict[tuple[str, str], str] = {
    ("can_list", "OrderView"): "Search orders of these stores",
    ("can_show", "OrderView"): "See everything about these orders",
    ("can_download", "OrderView"): "Download their documents",
    ("can_request_refund", "OrderView"): "Request refunds and withdraw own requests",
    ("can_resend", "OrderView"): "Resend license information",
    ("can_cancel_subscription", "OrderView"): "Cancel subscriptions",
    ("can_resume_subscription", "OrderView"): "Resume subscriptions",
    ("can_list", "RefundView"): "See refund requests",
    ("can_edit", "AccountView"): "Change one’s own name, language and time zone",
    ("can_export", "OrderView"): "Export lists of orders",
    ("can_revoke_page", "OrderView"): "Revoke the link of a customer's order page",
    ("can_list", "AuditView"): "Read the audit",
    ("can_export", "AuditView"): "Export the audit",
    ("can_list", "PersonView"): "See people",
    ("can_invite", "PersonView"): "Invite people",
    ("can_edit", "PersonView"): "Change people's names, teams and stores",
    ("can_deactivate", "PersonView"): "Deactivate people and sign them out",
    ("can_list", "TeamView"): "See teams",
    ("can_erase", "ErasureView"): "Erase customers' personal data",
    ("can_decide", "RefundView"): "Decide refund requests",
    ("can_reactivate", "PersonView"): "Reactivate people and reset their second step",
    ("can_edit", "TeamView"): "Make and change teams",
    ("can_list", "StoreView"): "See how stores are set up",
    ("can_edit", "StoreView"): "Make, change, close and reopen stores",
    ("can_forbid_delivery", "StoreView"): "Forbid and allow delivery",
    ("can_list", "TokenView"): "See API tokens",
    ("can_edit", "TokenView"): "Make and revoke API tokens",
    ("can_list", "OperationsView"): "See jobs and mail",
    ("can_decide", "OperationsView"): "Decide about jobs and mail that need attention",
}
"""What a permission means, in words (msgids). Every permission of the matrix has one."""


@dataclass(frozen=True, slots=True)
class StoreReason:
    """A store and what gives it: names of teams, and whether it is held directly."""

    store: Store
    teams: list[str]
    direct: bool


@dataclass(frozen=True, slots=True)
class Ability:
    """Something the person may do (a msgid), and the lowest role that gives it."""

    sentence: str
    role: str


@dataclass(frozen=True, slots=True)
class Explained:
    """The whole answer. ``stores`` holds only what the reader sees too; an administrator's is empty: it is all."""

    actor: Actor
    all_stores: bool
    stores: list[StoreReason]
    beyond: bool
    abilities: list[Ability]


def explain(session: Session, person: Person, facts: PersonFacts) -> Explained:
    """Explain the person to whoever reads, whose scope narrows the stores that are named."""
    actor = actor_of(session, person)
    everything = actor.stores is ALL_STORES
    by_team = stores_of_teams(session, facts.teams)
    names = {g.id: g.name for g in session.scalars(sa.select(Group).where(Group.id.in_(facts.teams)))}
    ids = set(facts.grants).union(*by_team.values()) if not everything else set()
    stores = session.scalars(sa.select(Store).where(Store.id.in_(ids)).order_by(Store.name)).all()
    reasons = [
        StoreReason(
            store,
            sorted(names[team] for team, found in by_team.items() if store.id in found),
            store.id in facts.grants,
        )
        for store in stores
    ]
    beyond = not everything and len(stores) < len(actor.stores)  # type: ignore[arg-type]
    return Explained(actor, everything, reasons, beyond, _abilities(actor))


def _abilities(actor: Actor) -> list[Ability]:
    """One line per permission the person really holds now, in the matrix's order, each named once."""
    found: dict[str, Ability] = {}
    for role in ORDER:
        for pair in MATRIX[role]:
            if pair in actor.permissions:
                found.setdefault(SENTENCES[pair], Ability(SENTENCES[pair], role.value))
    return list(found.values())
