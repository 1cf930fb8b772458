"""Who asks, and what they may see and do (contract.md 3). Pure facts; ``app/security`` fills them in."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class Role(enum.StrEnum):
    """The three roles; each may do what the one before may."""

    SPECIALIST = "Specialist"
    LEAD = "Lead"
    ADMIN = "Admin"


class AllStores:
    """The scope of administrators and of the system: every store, present and future."""

    def __contains__(self, store_id: object) -> bool:
        return True

    def __bool__(self) -> bool:
        return True


ALL_STORES = AllStores()
Scope = frozenset[int] | AllStores
NO_STORES: Scope = frozenset()


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody (or something) that asks: a person, an API token, or the system.

    ``stores`` is the scope: ids of the stores whose rows exist for this actor.
    ``permissions`` are FAB's pairs (permission name, view name) as the database has them now.
    """

    id: int | None
    login: str
    name: str
    roles: frozenset[str] = frozenset()
    permissions: frozenset[tuple[str, str]] = frozenset()
    stores: Scope = field(default=NO_STORES)
    email: str = ""
    language: str = "en"
    timezone: str = "UTC"
    theme: str | None = None
    ip: str | None = None

    @property
    def is_admin(self) -> bool:
        """An administrator?"""
        return Role.ADMIN.value in self.roles

    @property
    def is_lead(self) -> bool:
        """A team lead?"""
        return Role.LEAD.value in self.roles

    def may(self, permission: str, view: str) -> bool:
        """Does the database give this actor the FAB permission?"""
        return (permission, view) in self.permissions

    def sees(self, store_id: int) -> bool:
        """Is the store in the actor's scope?"""
        return store_id in self.stores


SYSTEM = Actor(id=None, login="system", name="system", stores=ALL_STORES)
"""The portal itself: sweeper, retention, commands."""

PLATFORM = Actor(id=None, login="platform", name="platform", stores=ALL_STORES)
"""The commerce platform, speaking by webhook or read back by us."""
