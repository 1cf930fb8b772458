"""FAB's security manager, with our person model and our sources of truth."""

from __future__ import annotations

from typing import Any

from flask import g
from flask_appbuilder.security.sqla.manager import SecurityManager

from app.db import session
from app.i18n import forget_locale, preferred
from app.models import Person
from app.queries.people import actor_of


class PortalSecurityManager(SecurityManager):
    """Permissions come from one statement per request; the scope is set before any view runs."""

    user_model = Person
    userstatschartview = None

    def load_user(self, pk: int) -> Any | None:
        """The signed-in person, and who they are as an actor. A closed account is nobody."""
        person = session.get(Person, int(pk))
        if person is None or not person.active:
            return None
        g.actor = actor_of(session, person, **preferred(person))
        forget_locale()  # a language chosen before we knew who asks
        g.scope = g.actor.stores
        return person

    def has_access(self, permission_name: str, view_name: str) -> bool:
        """FAB's question at every view and button, answered from the actor's permissions."""
        actor = g.get("actor")
        if actor is None:
            _ = self.current_user  # loads it
            actor = g.get("actor")
        return actor is not None and actor.may(permission_name, view_name)
