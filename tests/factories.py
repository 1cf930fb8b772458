"""Plain makers of test data. Orders are made from snapshots, the way they really come in."""

from __future__ import annotations

import itertools
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Group, Person, Role, Store, StoreGrant, TeamStore

_ids = itertools.count(1)


class Make:
    """Makes rows in the app's database and commits them."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def store(self, name: str = "acme-eu", **values: Any) -> int:
        """A store; its id. Asking again for the same name gives the same one."""
        with self.app.app_context(), scope_as(ALL_STORES):
            found = session.scalar(sa.select(Store.id).where(Store.name == name))
            if found is not None:
                return found
            with transaction():
                store = Store(name=name, **values)
                session.add(store)
                session.flush()
                return store.id

    def team(self, name: str, *stores: str) -> int:
        """A team with stores; its id."""
        ids = [self.store(store) for store in stores]
        with self.app.app_context(), scope_as(ALL_STORES), transaction():
            group = Group(name=name, label=name)
            session.add(group)
            session.flush()
            session.add_all(TeamStore(group_id=group.id, store_id=store) for store in ids)
            return group.id

    def person(
        self,
        email: str = "",
        role: str = "Specialist",
        *,
        stores: tuple[str, ...] = (),
        teams: tuple[int, ...] = (),
        **values: Any,
    ) -> int:
        """A person with a role, direct stores and teams; the id. Has no password: sign in with ``signed_in``."""
        email = email or f"person{next(_ids)}@example.org"
        ids = [self.store(store) for store in stores]
        with self.app.app_context(), scope_as(ALL_STORES), transaction():
            person = Person(
                username=email,
                email=email,
                first_name=values.pop("first_name", "Ann"),
                last_name=values.pop("last_name", "Example"),
                active=True,
                **values,
            )
            session.add(person)
            person.roles = list(session.scalars(sa.select(Role).where(Role.name == role)))
            person.groups = list(session.scalars(sa.select(Group).where(Group.id.in_(teams))))
            session.flush()
            session.add_all(StoreGrant(user_id=person.id, store_id=store) for store in ids)
            return person.id

    def signed_in(self, person_id: int) -> FlaskClient:
        """A browser in which the person is signed in (scrypt is slow; the sign-in form has its own tests)."""
        client = self.app.test_client()
        with client.session_transaction() as cookie:
            cookie["_user_id"] = str(person_id)
            cookie["_fresh"] = True
        return client

    def specialist(self, *stores: str, **values: Any) -> FlaskClient:
        """A signed-in specialist of these stores."""
        return self.signed_in(self.person(stores=stores or ("acme-eu",), **values))

    def admin(self, **values: Any) -> FlaskClient:
        """A signed-in administrator."""
        return self.signed_in(self.person(role="Admin", **values))
