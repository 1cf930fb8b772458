"""People as actors: permissions and scope, read fresh."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.access import ALL_STORES, Actor, Scope
from app.domain.access import Role as RoleName
from app.models import Person, Role, StoreGrant, TeamStore, UserSession
from app.models.people import (
    Permission,
    PermissionView,
    ViewMenu,
    assoc_group_role,
    assoc_permissionview_role,
    assoc_user_group,
    assoc_user_role,
)


def session_and_person(
    session: Session, token_hash: str, now: dt.datetime, idle: dt.timedelta
) -> tuple[UserSession, Person] | None:
    """The live session with this hash and whose it is; None when it ended, was too long unused, or the account changed.

    One statement. Neither table belongs to a store.
    """
    found = session.execute(
        sa.select(UserSession, Person)
        .join(Person, Person.id == UserSession.user_id)
        .where(
            UserSession.token_hash == token_hash,
            UserSession.expires_at > now,
            UserSession.seen_at > now - idle,
            UserSession.auth_version == Person.auth_version,
            Person.active.is_(True),
        )
        .execution_options(populate_existing=True)
    ).first()
    return None if found is None else (found[0], found[1])


def person_by_login(session: Session, login: str) -> Person | None:
    """The person with this username or email, given in the form of ``domain.sign_in.same_login``; username first."""
    by_name = sa.func.lower(Person.username) == login
    found = session.scalars(
        sa.select(Person)
        .where(sa.or_(by_name, sa.func.lower(Person.email) == login))
        .order_by(sa.desc(by_name), Person.id)
        .limit(1)
    )
    return found.first()


def actor_of(
    session: Session, person: Person, *, language: str = "", timezone: str = "", ip: str | None = None
) -> Actor:
    """The person as an actor: roles, permissions and stores as the database has them at this moment.

    Roles come from the person and from their teams; stores from teams and direct grants; an Admin sees all.
    ``language`` and ``timezone``: what ``app.i18n.preferred`` says, in a request. One statement.
    """
    own = sa.select(assoc_user_role.c.role_id).where(assoc_user_role.c.user_id == person.id)
    groups = sa.select(assoc_user_group.c.group_id).where(assoc_user_group.c.user_id == person.id)
    by_team = sa.select(assoc_group_role.c.role_id).where(assoc_group_role.c.group_id.in_(groups))
    role_ids = own.union(by_team)
    none = sa.literal(None, sa.Integer)
    statement = sa.union_all(
        sa.select(sa.literal("role"), Role.name, sa.literal(""), none).where(Role.id.in_(role_ids)),
        sa.select(sa.literal("permission"), Permission.name, ViewMenu.name, none)
        .select_from(assoc_permissionview_role)
        .join(PermissionView, PermissionView.id == assoc_permissionview_role.c.permission_view_id)
        .join(Permission, Permission.id == PermissionView.permission_id)
        .join(ViewMenu, ViewMenu.id == PermissionView.view_menu_id)
        .where(assoc_permissionview_role.c.role_id.in_(role_ids)),
        # Core tables on purpose: these rows say what the scope is, so they cannot be narrowed by it.
        sa.select(sa.literal("store"), sa.literal(""), sa.literal(""), TeamStore.__table__.c.store_id).where(
            TeamStore.__table__.c.group_id.in_(groups)
        ),
        sa.select(sa.literal("store"), sa.literal(""), sa.literal(""), StoreGrant.__table__.c.store_id).where(
            StoreGrant.__table__.c.user_id == person.id
        ),
    )
    roles: set[str] = set()
    permissions: set[tuple[str, str]] = set()
    stores: set[int] = set()
    for kind, first, second, store_id in session.connection().execute(statement):
        if kind == "role":
            roles.add(first)
        elif kind == "permission":
            permissions.add((first, second))
        else:
            stores.add(store_id)
    scope: Scope = ALL_STORES if RoleName.ADMIN.value in roles else frozenset(stores)
    return Actor(
        id=person.id,
        login=person.username,
        name=person.get_full_name(),
        email=person.email,
        roles=frozenset(roles),
        permissions=frozenset(permissions),
        stores=scope,
        language=language or person.language or "en",
        timezone=timezone or person.timezone or "UTC",
        theme=person.theme,
        ip=ip,
    )
