"""Write roles and permissions as the code has them, and take away what it no longer has."""

from __future__ import annotations

import sqlalchemy as sa
from flask_appbuilder.security.sqla.models import (
    Permission,
    PermissionView,
    ViewMenu,
    assoc_permissionview_role,
)

from app.db import session, transaction
from app.models import Role
from app.security.roles import MATRIX


def sync_roles() -> str:
    """Make the database's roles equal to the matrix; one transaction, repeatable. Says what it holds now."""
    with transaction():
        wanted = {pair for pairs in MATRIX.values() for pair in pairs}
        names = _ids(Permission, {permission for permission, _ in wanted})
        views = _ids(ViewMenu, {view for _, view in wanted})
        have = {(p.permission_id, p.view_menu_id): p.id for p in session.scalars(sa.select(PermissionView)).unique()}
        for permission, view in sorted(wanted):
            key = (names[permission], views[view])
            if key not in have:
                pair = PermissionView(permission_id=key[0], view_menu_id=key[1])
                session.add(pair)
                session.flush()
                have[key] = pair.id
        roles = _ids(Role, {role.value for role in MATRIX} | {"Public"})
        for role, pairs in MATRIX.items():
            ids = {have[names[p], views[v]] for p, v in pairs}
            link = assoc_permissionview_role
            mine = link.c.role_id == roles[role.value]
            held = set(session.scalars(sa.select(link.c.permission_view_id).where(mine)))
            if held - ids:
                session.execute(link.delete().where(mine, link.c.permission_view_id.in_(held - ids)))
            for pair_id in sorted(ids - held):
                session.execute(link.insert().values(role_id=roles[role.value], permission_view_id=pair_id))
    return f"{len(MATRIX)} roles, {len(wanted)} permissions"


def _ids(model: type[Permission] | type[ViewMenu] | type[Role], names: set[str]) -> dict[str, int]:
    """Ids by name, the missing ones made."""
    for name in sorted(names - set(session.scalars(sa.select(model.name)))):
        session.add(model(name=name))
    session.flush()
    return {row.name: row.id for row in session.scalars(sa.select(model)).unique()}
