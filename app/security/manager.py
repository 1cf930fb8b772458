"""FAB's security manager, with our person model, our sessions and our sources of truth."""

from __future__ import annotations

from flask import Flask, abort, g, redirect, request, url_for
from flask_appbuilder import AppBuilder
from flask_login import LoginManager
from flask_login.signals import user_logged_in

from app.domain.redirects import safe_path
from app.models import Person
from app.security.elsewhere import SignInElsewhere
from app.security.identity import takes_passwords
from app.security.sessions import browser_session


class PortalLoginManager(LoginManager):
    """Asks the database session who is signed in; knows no "remember me" cookie."""

    def _load_user(self) -> None:
        self._update_request_context_with_user(browser_session().load_person())


class PortalAppBuilder(AppBuilder):
    """FAB without the addresses nobody needs here: "back", language by GET, the menu API, its own security screens."""

    def _add_admin_views(self) -> None:
        self._indexview = self.add_view_no_menu(self.indexview)  # type: ignore[arg-type]


class PortalSecurityManager(SignInElsewhere):
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

        actor = current_actor()
        if actor.id is None:  # FAB would greet a visitor with "Access is denied", and put the whole address into ours
            wanted = safe_path(request.full_path, request.host, "") if request.method == "GET" else ""
            abort(redirect(url_for("SignInView.login", next=wanted or None)))
        if actor.may(permission_name, view_name):
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
    # A form that waits in another tab for a new proof must fit afterwards.
    browser_session().start(user, same_forms=not takes_passwords())
