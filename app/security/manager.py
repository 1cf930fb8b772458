"""FAB's security manager, with our person model, our sessions and our sources of truth."""

from __future__ import annotations

from flask import Flask, g
from flask_appbuilder import AppBuilder
from flask_appbuilder.security.sqla.manager import SecurityManager
from flask_login import LoginManager
from flask_login.signals import user_logged_in

from app.actions import audit
from app.db import session, transaction
from app.domain.audit import SIGNED_IN
from app.models import Person
from app.security.identity import actor_for, by_directory, local_passwords
from app.security.sessions import browser_session


class PortalLoginManager(LoginManager):
    """Asks the database session who is signed in; knows no "remember me" cookie."""

    def _load_user(self) -> None:
        self._update_request_context_with_user(browser_session().load_person())


class PortalAppBuilder(AppBuilder):
    """FAB without the addresses nobody needs here: "back", language by GET, the menu API, its own security screens."""

    def _add_admin_views(self) -> None:
        self._indexview = self.add_view_no_menu(self.indexview)  # type: ignore[arg-type]


class PortalSecurityManager(SecurityManager):
    """Permissions come from one statement per request; sign-in pages are registered with our other views."""

    user_model = Person
    userstatschartview = None

    def create_login_manager(self, app: Flask) -> LoginManager:
        """FAB's hook."""
        manager = PortalLoginManager(app)
        # Every way of signing in (form, LDAP, OAuth, SAML) ends here: a new session with a new id.
        user_logged_in.connect(_begin_session)
        return manager

    def has_access(self, permission_name: str, view_name: str) -> bool:
        """FAB's question at every view and button, answered from the actor's permissions."""
        from app.security import current_actor  # our package, which imports this module

        if current_actor().may(permission_name, view_name):
            return True
        g.denied = f"{view_name}.{permission_name}"
        return False

    def is_item_public(self, permission_name: str, view_name: str) -> bool:
        """Nothing of FAB's is public: pages for visitors say so themselves."""
        return False

    def get_user_menu_access(self, menu_names: list[str] | None = None) -> set[str]:
        """FAB's menu is not drawn; the portal has its own navigation."""
        return set()


def _begin_session(_app: Flask, user: Person, **_: object) -> None:
    browser_session().start(user)
    if not (local_passwords() or by_directory()):  # those wrote it down when the password, or the code, was right
        with transaction():
            audit.record(session, actor_for(user), SIGNED_IN, subject=f"person:{user.id}")
