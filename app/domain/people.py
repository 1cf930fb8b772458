"""Who may change whom (contract.md 3). Administrators change everybody; leads the specialists of the teams they are in.

Pure rules over facts. The screens ask them to draw, the actions ask them again before anything is written.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from app.domain.access import SYSTEM, Actor, Role
from app.domain.refusal import Refusal

NAME_MAX = 64
EMAIL_MAX = 254
INVITE_MAX = 50
"""People invited with one form."""

ORDER = (Role.SPECIALIST, Role.LEAD, Role.ADMIN)

NOT_YOURS = Refusal("person.not_yours", "Only an administrator changes team leads and administrators.")
YOURSELF = Refusal("person.yourself", "You cannot do this to your own account.")
ROLE_ABOVE = Refusal("person.role", "A team lead gives no role above Specialist.")
TEAM_NOT_YOURS = Refusal("person.team", "You can give and take only teams you lead.")
TEAM_NEEDED = Refusal("person.team_needed", "Choose at least one of your teams.")
STORE_NOT_YOURS = Refusal("person.store", "You can give and take only stores you see yourself.")
PLACE_NEEDED = Refusal("person.place", "Choose at least one team or store.")
ALREADY_CLOSED = Refusal("person.closed", "This account is already deactivated.")
ALREADY_OPEN = Refusal("person.open", "This account is active.")
NO_ACCESS_MAIL = Refusal("person.no_mail", "Access data is sent to active accounts only.")
ADMIN_REOPENS = Refusal("person.admin_reopens", "Only an administrator reactivates an account.")
ADMIN_ONLY = Refusal("person.admin_only", "Only an administrator can do this.")
NO_SECOND_STEP = Refusal("person.no_second_step", "This person has no second step to take away.")
EMAIL_BAD = Refusal("person.email", "This is not an email address.")
EMAIL_LONG = Refusal("person.email_long", "An email address has at most %(most)s characters.", {"most": EMAIL_MAX})
EMAIL_KNOWN = Refusal(
    "person.known", "This address already has an account. Find it among the people, deactivated ones too."
)
EMAIL_TAKEN = Refusal("person.taken", "This address already has an account. An administrator can add it to a team.")
NAME_BAD = Refusal("person.name", "A name has 1 to %(most)s characters and no control characters.", {"most": NAME_MAX})
ROLE_UNKNOWN = Refusal("person.role_unknown", "Choose one of the roles.")
TEAM_UNKNOWN = Refusal("person.team_unknown", "There is no such team.")
STORE_UNKNOWN = Refusal("person.store_unknown", "There is no such store.")
ADDRESSES_NEEDED = Refusal("person.addresses", "Enter at least one email address.")
ADDRESSES_MANY = Refusal("person.many", "Invite at most %(most)s people at once.", {"most": INVITE_MAX})


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """What the rules need to know of a person. ``grants`` are the stores held directly."""

    id: int
    role: Role | None
    active: bool
    teams: frozenset[int] = frozenset()
    grants: frozenset[int] = frozenset()
    has_second_step: bool = False


@dataclass(frozen=True, slots=True)
class Manager:
    """Who changes: the actor and the teams they are in (a lead leads every one of them)."""

    actor: Actor
    teams: frozenset[int] = frozenset()

    @property
    def rules_all(self) -> bool:
        """An administrator, or the system (a command)."""
        return self.actor.is_admin or self.actor is SYSTEM

    def knows(self, person: PersonFacts) -> bool:
        """Does the person exist for this manager? A lead knows the people of the own teams; all know themselves."""
        return self.rules_all or self.actor.id == person.id or (self.actor.is_lead and bool(self.teams & person.teams))


@dataclass(frozen=True, slots=True)
class Boxes:
    """A form's boxes: the ids it showed ticked, and those that came back ticked.

    Only the difference is wanted: what somebody else gave or took while the form was open stays so.
    """

    shown: frozenset[int]
    ticked: frozenset[int]

    def applied_to(self, held: frozenset[int]) -> frozenset[int]:
        """What is held afterwards."""
        return (held | (self.ticked - self.shown)) - (self.shown - self.ticked)


@dataclass(frozen=True, slots=True)
class Leaving:
    """What a deactivation does: teams left, directly held stores taken back, and whether the account is closed."""

    teams: frozenset[int] = field(default=frozenset())
    stores: frozenset[int] = field(default=frozenset())
    closes: bool = False


def highest(roles: frozenset[str] | set[str]) -> Role | None:
    """The highest of the portal's roles among these."""
    return next((role for role in reversed(ORDER) if role.value in roles), None)


def why_not_change(manager: Manager, person: PersonFacts) -> Refusal | None:
    """May the manager change this person's teams, stores and names? Ask ``knows`` first: unknown means not found."""
    if manager.rules_all:
        return None
    if manager.actor.id == person.id:
        return YOURSELF
    return None if person.role in (None, Role.SPECIALIST) else NOT_YOURS


def why_not_role(manager: Manager, person: PersonFacts | None, role: Role) -> Refusal | None:
    """May the manager give this role (to a new person: None)? Nobody changes their own."""
    if person is not None and person.role is role:
        return None
    if not manager.rules_all and role is not Role.SPECIALIST:
        return ROLE_ABOVE
    if person is not None and manager.actor.id == person.id:
        return YOURSELF
    return None


def why_not_teams(manager: Manager, before: frozenset[int], after: frozenset[int]) -> Refusal | None:
    """May the manager change the person's teams from ``before`` to ``after``?

    A lead leaves nobody without a team: with single stores they would go on working where no lead can reach them.
    Deactivating is the way out (contract.md 3).
    """
    if manager.rules_all:
        return None
    if not (before ^ after) <= manager.teams:
        return TEAM_NOT_YOURS
    return TEAM_NEEDED if before and not after else None


def why_not_stores(manager: Manager, before: frozenset[int], after: frozenset[int]) -> Refusal | None:
    """May the manager change the directly held stores from ``before`` to ``after``? Never beyond their own."""
    if manager.rules_all or all(manager.actor.sees(store) for store in before ^ after):
        return None
    return STORE_NOT_YOURS


def why_not_place(manager: Manager, role: Role, teams: frozenset[int], stores: frozenset[int]) -> Refusal | None:
    """A new person needs somewhere to work, in one of the lead's teams when a lead invites. Commands decide freely."""
    if not manager.rules_all:
        return None if teams & manager.teams else TEAM_NEEDED
    nowhere = role is not Role.ADMIN and not teams and not stores
    return PLACE_NEEDED if nowhere and manager.actor is not SYSTEM else None


def why_not_invite_again(manager: Manager, person: PersonFacts) -> Refusal | None:
    """May the manager invite somebody whose address has an account already?

    A lead takes back whom a lead let go: a closed account of a specialist without a team or store. To the lead it is
    as a new one, so that nothing is learnt of people elsewhere. Everybody else is an administrator's to change.
    """
    if manager.knows(person):
        return EMAIL_KNOWN
    gone = not person.active and not person.teams and not person.grants
    return None if gone and person.role in (None, Role.SPECIALIST) else EMAIL_TAKEN


def why_not_deactivate(manager: Manager, person: PersonFacts) -> Refusal | None:
    """May the manager deactivate this person?"""
    if manager.actor.id == person.id:
        return YOURSELF
    return why_not_change(manager, person) or (None if person.active else ALREADY_CLOSED)


def why_not_reactivate(manager: Manager, person: PersonFacts) -> Refusal | None:
    """May the manager reactivate this person?"""
    if not manager.rules_all:
        return ADMIN_REOPENS
    return ALREADY_OPEN if person.active else None


def why_not_send_access(manager: Manager, person: PersonFacts) -> Refusal | None:
    """May the manager have access data sent again?"""
    return why_not_change(manager, person) or (None if person.active else NO_ACCESS_MAIL)


def why_not_end_sessions(manager: Manager, person: PersonFacts) -> Refusal | None:
    """May the manager sign this person out everywhere? Anybody may do it to themselves."""
    return None if manager.actor.id == person.id else why_not_change(manager, person)


def why_not_take_second_step(manager: Manager, person: PersonFacts) -> Refusal | None:
    """May the manager take the second step away, for a person who lost the authenticator?"""
    if not manager.rules_all:
        return ADMIN_ONLY
    if manager.actor.id == person.id:
        return YOURSELF
    return None if person.has_second_step else NO_SECOND_STEP


def leaving(manager: Manager, person: PersonFacts) -> Leaving:
    """What deactivating does. An administrator closes the account and leaves its teams as they are, for coming back.

    A lead removes the person from the lead's teams and takes back the directly held stores within reach: who is in no
    team any more would go on working there where no lead can reach them. The account closes when no team and no store
    is left (contract.md 3).
    """
    if manager.rules_all:
        return Leaving(closes=True)
    left = person.teams & manager.teams
    back = frozenset(store for store in person.grants if manager.actor.sees(store))
    return Leaving(left, back, closes=not (person.teams - left) and not (person.grants - back))


def clean_email(typed: str) -> tuple[str, Refusal | None]:
    """The address as it is kept (NFKC, lower case), and why it is none."""
    # Lower case, not folded: folding makes ss of ß, which is somebody else's address.
    email = unicodedata.normalize("NFKC", typed).strip().lower()
    if len(email) > EMAIL_MAX:
        return email, EMAIL_LONG
    shape = r"[^@\s<>,;:\"\\()\[\]\x00-\x1f\x7f]{1,64}@[^@\s<>,;:\"\\()\[\]_\x00-\x1f\x7f]+"
    fits = re.fullmatch(shape, email) and ".." not in email and not email.endswith((".", "-"))
    return email, None if fits else EMAIL_BAD


def clean_name(typed: str) -> tuple[str, Refusal | None]:
    """The name without surrounding and doubled space, and why it is none."""
    name = " ".join(unicodedata.normalize("NFC", typed).split())
    good = 1 <= len(name) <= NAME_MAX and not any(unicodedata.category(c) in ("Cc", "Cs") for c in name)
    return name, None if good else NAME_BAD


def parse_addresses(typed: str) -> list[tuple[str, str, str]]:
    """The lines of an invitation: (address, first name, last name), names empty where the line has none.

    A line is ``ann@example.org`` or ``Ann Example <ann@example.org>``; empty lines and doubled addresses are left out.
    """
    found: dict[str, tuple[str, str, str]] = {}
    for line in typed.replace("\r", "\n").split("\n"):
        text = line.strip().rstrip(",;").strip()
        if not text:
            continue
        named = re.fullmatch(r"([^<>]*)<([^<>]*)>", text)
        names, address = (named[1].strip().strip('"'), named[2]) if named else ("", text)
        first, _, last = names.partition(" ")
        address, _problem = clean_email(address)
        found.setdefault(address, (address, first.strip(), last.strip()))
    return list(found.values())
