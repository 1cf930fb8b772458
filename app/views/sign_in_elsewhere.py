"""``/login/`` where somebody else says who it is. FAB speaks OAuth, SAML, REMOTE_USER; page, audit, limits are ours."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from urllib.parse import urlsplit

from flask import abort, g, redirect, request, url_for
from flask import session as browser
from flask_appbuilder import BaseView, expose
from flask_appbuilder.const import AUTH_OAUTH, AUTH_REMOTE_USER, AUTH_SAML
from flask_appbuilder.security.views import AuthOAuthView, AuthRemoteUserView, AuthSAMLView
from flask_babel import lazy_gettext
from werkzeug.wrappers import Response

from app.domain.redirects import safe_path
from app.domain.sign_in import TRIES_WINDOW
from app.extensions import csrf
from app.security import current_actor
from app.security.elsewhere import ASKED
from app.security.identity import Answer, refused_elsewhere, signed_in_elsewhere
from app.security.proof import has_fresh_proof
from app.security.sessions import browser_session
from app.views.answers import next_page, page
from app.views.sign_in import SignInView, SignOutViews

log = logging.getLogger(__name__)
NAME = "string(maxlength=64)"
MESSAGES = {
    Answer.WRONG: lazy_gettext(
        "That opened no account here. Try again, or ask your team lead whether there is one for you."
    ),
    Answer.TOO_OFTEN: lazy_gettext("Too many tries. Please wait 15 minutes and try again."),
}
SILENT = lazy_gettext("The sign-in service does not answer. Please try again in a minute.")


def _forget(*beginnings: str) -> None:
    for name in [key for key in browser if key.startswith(beginnings)]:
        del browser[name]


class _Elsewhere(SignOutViews, ABC):
    """What the three ways share."""

    @abstractmethod
    def _providers(self) -> list[tuple[str, str]]:
        """Names for people, and addresses that lead there."""

    def _page(self, status: int = 200, headers: dict[str, str] | None = None, **values: object) -> Response:
        return page("access/sign_in_elsewhere.html", status, headers, providers=self._providers(), **values)

    def _link(self, **to: str) -> str:
        """An address of ``/login/``, with what is to happen afterwards."""
        again = "1" if "again" in request.args else None
        return url_for("SignInView.login", **to, next=next_page() or None, again=again)  # type: ignore[arg-type]

    def _may_begin(self) -> bool:
        """A visitor may; whoever is signed in only in order to prove it anew."""
        if current_actor().id is not None and ("again" not in request.args or has_fresh_proof()):
            return False
        g.user = None  # FAB turns away whoever is signed in
        return True

    def _settled(self, answer: Response) -> Response:
        """What came of it: onwards when somebody has signed in, else the page that says that it did not work."""
        person = browser_session().starts_for
        if person is not None:
            signed_in_elsewhere(person)
            return redirect(safe_path(answer.location, request.host), 303)
        _forget("_flashes", "oauth", "saml_")  # messages in FAB's words, and somebody's access token
        refused = refused_elsewhere()
        status, headers = (429, {"Retry-After": str(TRIES_WINDOW)}) if refused is Answer.TOO_OFTEN else (401, {})
        return self._page(status, headers, error=MESSAGES[refused])

    def _led_away(self, answer: Response) -> Response:
        """The way to the provider, if FAB found one."""
        if urlsplit(answer.location).netloc not in ("", request.host):
            return answer
        _forget("_flashes")
        return self._page(502, error=SILENT)


class OAuthSignIn(_Elsewhere, AuthOAuthView):
    """OAuth and OpenID Connect."""

    @expose("/login/")
    @expose(f"/login/<{NAME}:provider>")
    def login(self, provider: str | None = None) -> Response:
        """The page with the providers, or the way to one of them."""
        if not self._may_begin():
            return redirect(next_page() or "/", 303)
        if provider is None:
            return self._page()
        self._must_know(provider)
        _forget("_state_")  # of tries that were given up: a visitor's cookie is small
        return self._led_away(super().login(provider))

    @expose(f"/oauth-authorized/<{NAME}:provider>")
    def oauth_authorized(self, provider: str) -> Response:
        """Where the provider sends people back to."""
        self._must_know(provider)
        return self._settled(super().oauth_authorized(provider))

    def _must_know(self, provider: str) -> None:
        if not any(found["name"] == provider for found in self.appbuilder.sm.oauth_providers):
            abort(404)

    def _providers(self) -> list[tuple[str, str]]:
        found = self.appbuilder.sm.oauth_providers
        return [(p.get("label", p["name"]), self._link(provider=p["name"])) for p in found]


class SamlSignIn(_Elsewhere, AuthSAMLView):
    """SAML. Signing out is ours alone: FAB's way to sign out at the provider, too, would be a change by GET."""

    slo = None  # type: ignore[assignment]

    @expose("/login/")
    @expose(f"/login/<{NAME}:idp>")
    def login(self, idp: str | None = None) -> Response:
        """The page with the providers, or the way to one of them."""
        if not self._may_begin():
            return redirect(next_page() or "/", 303)
        if idp is None:
            return self._page()
        if self.appbuilder.sm.get_saml_provider(idp) is None:
            abort(404)
        return self._led_away(super().login(idp))

    @csrf.exempt
    @expose("/saml/acs/", methods=["POST"])
    def acs(self) -> Response:
        """Where the provider has the browser send its assertion.

        A form that comes from another site brings no cookie of ours along, so it is sent once more from here: only then
        can it be seen that it answers a question of this browser.
        """
        if ASKED not in browser and "SAMLResponse" in request.form and "onwards" not in request.form:
            fields = [(name, request.form[name]) for name in ("SAMLResponse", "RelayState") if name in request.form]
            return page("access/onwards.html", fields=fields)
        try:
            answer = super().acs()
        except Exception:  # python3-saml lets through what the parser says about a broken message
            log.warning("sign_in.saml_unreadable", exc_info=True)
            answer = redirect("/", 303)
        return self._settled(answer)

    @expose("/saml/metadata/")
    @expose(f"/saml/metadata/<{NAME}:idp>")
    def metadata(self, idp: str | None = None) -> Response:
        """What the provider wants to know of us; FAB answers 500 for one that there is not."""
        if idp is not None and self.appbuilder.sm.get_saml_provider(idp) is None:
            abort(404)
        return super().metadata(idp)  # type: ignore[no-any-return]

    def _providers(self) -> list[tuple[str, str]]:
        found = self.appbuilder.sm.saml_providers
        names = [(p.get("name", ""), p.get("label")) for p in found]
        return [(str(label or name), self._link(idp=name)) for name, label in names]


class WebServerSignIn(_Elsewhere, AuthRemoteUserView):
    """The word of the web server in front (REMOTE_USER)."""

    signed_out = "SignInView.logout_form"  # ``/login/`` would sign in again at once

    @expose("/login/")
    def login(self) -> Response:
        """Sign in whom the web server names."""
        if not self._may_begin():
            return redirect(next_page() or "/", 303)
        return self._settled(super().login())

    @expose("/logout/", methods=["GET"])
    def logout_form(self) -> Response:
        """Asks; says so when it is done."""
        return self._page() if current_actor().id is None else super().logout_form()

    def _providers(self) -> list[tuple[str, str]]:
        return [("", self._link())]


def sign_in_view(auth_type: int) -> type[BaseView]:
    """The view behind ``/login/``: our form for passwords kept here or in LDAP, else one of the above.

    All have one name, so that every link finds them.
    """
    found = {AUTH_OAUTH: OAuthSignIn, AUTH_SAML: SamlSignIn, AUTH_REMOTE_USER: WebServerSignIn}.get(auth_type)
    return SignInView if found is None else type("SignInView", (found,), {"route_base": ""})
