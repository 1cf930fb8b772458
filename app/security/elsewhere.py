"""Signing in by somebody else's word: an LDAP directory, OpenID Connect, SAML, the web server (docs/sign-in.md).

Flask-AppBuilder speaks the protocols. Here is what it leaves open: whose account a word is about, what of it may be
kept, and that an answer of an identity provider belongs to a question that this very browser asked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from flask import Flask, g, request
from flask import session as browser
from flask_appbuilder.const import AUTH_DB, AUTH_LDAP, AUTH_OAUTH, AUTH_REMOTE_USER, AUTH_SAML
from flask_appbuilder.security.sqla.manager import SecurityManager

from app.actions import audit
from app.actions.credentials import end_sessions
from app.db import session, transaction
from app.domain.audit import PERSON_CHANGED
from app.domain.people import clean_email, clean_name
from app.domain.sign_in import same_login
from app.models import Person
from app.queries.people import person_by_login
from app.security.identity import actor_for
from config import ConfigError

KINDS = (AUTH_DB, AUTH_LDAP, AUTH_REMOTE_USER, AUTH_OAUTH, AUTH_SAML)
PACKAGES = {
    AUTH_LDAP: ("ldap", "python-ldap"),
    AUTH_OAUTH: ("authlib", "Authlib"),
    AUTH_SAML: ("onelogin", "python3-saml"),
}
"""What each needs besides our requirements: module, package."""
ASKED = "saml_request"
"""The id of the question that this browser has put to a SAML provider."""


def read_settings(app: Flask, file: Path) -> None:
    """Take over the settings of ``SIGN_IN_SETTINGS``. Raises ConfigError for what would only fail at a sign-in."""
    try:
        app.config.from_pyfile(str(file))
    except Exception as error:
        raise ConfigError(f"SIGN_IN_SETTINGS: {file.name} cannot be read ({type(error).__name__}: {error})") from error
    kind = app.config["AUTH_TYPE"]
    if kind not in KINDS:
        raise ConfigError(f"SIGN_IN_SETTINGS: AUTH_TYPE must be one of {', '.join(map(str, KINDS))}, not {kind!r}")
    module, package = PACKAGES.get(kind, ("", ""))
    if module and find_spec(module) is None:
        raise ConfigError(f"SIGN_IN_SETTINGS: AUTH_TYPE {kind} needs a package: pip install {package}")


class SignInElsewhere(SecurityManager):
    """FAB's security manager where it deals with directories and identity providers."""

    def auth_user_ldap(self, username: str, password: str) -> Person | None:
        """Ask the directory; None for a wrong password and where there is no open account.

        Where there is none, the directory is asked all the same, so that the answer takes as long.
        """
        if not password:  # a directory may take this for a visitor and say yes
            return None
        person = person_by_login(session, same_login(username))
        if person is None and self.auth_user_registration:
            return super().auth_user_ldap(username, password)  # type: ignore[no-any-return]
        known = person is not None and person.active
        g.directory_asks_about = person if known else SimpleNamespace(is_active=True)
        try:
            found = super().auth_user_ldap(person.username if person else username, password)
        finally:
            g.pop("directory_asks_about")
        return person if known and found is not None else None

    def find_user(self, username: str | None = None, email: str | None = None) -> Any:
        """FAB's way to an account."""
        asked = g.get("directory_asks_about")
        return super().find_user(username, email) if asked is None else asked

    def get_oauth_user_info(self, provider: str, resp: dict[str, Any]) -> dict[str, Any]:
        """Who the provider says it is: by the standard claims of OpenID Connect, else as FAB knows the provider.

        An account is found by the email address where the provider says that it is verified, else by
        ``preferred_username``.
        """
        given = next(found for found in self.oauth_providers if found["name"] == provider)["remote_app"]
        if "server_metadata_url" not in given:
            return super().get_oauth_user_info(provider, resp)  # type: ignore[no-any-return]
        remotes: dict[str, Any] = self.oauth_remotes or {}
        remote, claims = remotes[provider], dict(resp.get("userinfo") or {})
        if not claims.get("email_verified") and remote.load_server_metadata().get("userinfo_endpoint"):
            more = dict(remote.userinfo(token=resp))
            if claims.get("sub", more.get("sub")) == more.get("sub"):
                claims = {**more, **claims}
        email = claims.get("email", "") if claims.get("email_verified") in (True, "true") else ""
        names = [name for name in (email, claims.get("preferred_username")) if name]
        known = (person_by_login(session, same_login(name)) for name in names)
        found = next((person.username for person in known if person is not None), None)
        return {
            "username": found or next(iter(names), ""),
            "email": email,
            "first_name": claims.get("given_name", ""),
            "last_name": claims.get("family_name", ""),
            "role_keys": claims.get("groups", claims.get("roles", [])),
        }

    def auth_user_saml(self, userinfo: dict[str, Any]) -> Person | None:
        """The account that an assertion is about. Names and addresses that we could not keep are left as they are."""
        username, email = same_login(userinfo.get("username") or ""), userinfo.get("email") or ""
        person = person_by_login(session, username) if username else None
        kept = dict(userinfo)
        for name, check in (("first_name", clean_name), ("last_name", clean_name), ("email", clean_email)):
            kept[name], refusal = check(kept.get(name) or "")
            if refusal is not None:
                kept[name] = ""
        if kept["email"]:
            owner = person_by_login(session, kept["email"])
            person = person or owner
            if owner is not None and owner is not person:
                kept["email"] = ""
        kept["username"] = person.username if person else username or email
        return super().auth_user_saml(kept)  # type: ignore[no-any-return]

    def update_user_auth_stat(self, user: Person | SimpleNamespace, success: bool = True) -> None:  # noqa: ARG002
        """FAB counts and notes sign-ins here; ours stand in the audit (``identity``). What it changed is kept."""
        if isinstance(user, Person):
            self.update_user(user)

    def update_user(self, user: Person, commit: bool = True) -> None:  # noqa: ARG002
        """Keep what FAB took from the provider (names, roles, teams): in a transaction, and audited."""
        changed = {a.key: getattr(user, a.key) for a in sa.inspect(user).attrs if a.history.has_changes()}
        session.rollback()  # what was set to what it is already counts as changed, too
        if not changed:
            return
        with transaction():
            for name, value in changed.items():
                setattr(user, name, value)
            if "roles" in changed:
                end_sessions(user)
            audit.record(
                session, actor_for(user), PERSON_CHANGED, subject=f"person:{user.id}",
                details={"fields": sorted(changed)},
            )  # fmt: skip

    def get_saml_login_redirect_url(self, idp: str) -> str:
        """Where to ask. The question's id is kept in this browser; a proof of identity asks for the password again."""
        auth = self._get_saml_auth(idp)
        address: str = auth.login(force_authn="again" in request.args)
        browser[ASKED] = auth.get_last_request_id()
        return address

    def get_saml_userinfo(self, idp: str) -> dict[str, Any] | None:
        """Who an assertion says it is; None when it does not answer this browser's last question."""
        g.saml_asked = browser.pop(ASKED, None)
        return super().get_saml_userinfo(idp) if g.saml_asked else None

    def _get_saml_auth(self, idp: str) -> Any:
        auth = super()._get_saml_auth(idp)
        if asked := g.get("saml_asked"):
            auth.process_response = partial(_process_answer, auth, auth.process_response, asked)
        return auth


def _process_answer(auth: Any, process: Callable[..., None], asked: str) -> None:
    """python3-saml's check, and what it leaves out: an assertion that answers no question at all is refused, too."""
    process(request_id=asked)
    if not auth.get_errors() and auth.get_last_response_in_response_to() != asked:
        raise ValueError("the assertion answers no question")
