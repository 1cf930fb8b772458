"""Stand-ins for what Authlib and python3-saml do, as far as Flask-AppBuilder calls them. Nothing is asked of a network.

The real ones were tried by hand against real counterparts; docs/sign-in.md says how.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from flask import redirect
from flask import session as browser

ID = "https://id.example"


class Remote:
    """An OAuth client. ``token``: what the provider answers next; an exception is raised instead."""

    def __init__(self, name: str, given: dict[str, Any]) -> None:
        self.name, self.given = name, given
        self.token: Any = {"access_token": "SECRET-ACCESS-TOKEN" * 200, "userinfo": {}}
        self.claims: dict[str, Any] = {}
        self.metadata = {"userinfo_endpoint": f"{ID}/userinfo"}

    def authorize_redirect(self, redirect_uri: str, state: str) -> Any:
        if isinstance(self.token, OSError):
            raise self.token
        browser[f"_state_{self.name}_{state}"] = {"data": {"redirect_uri": redirect_uri}}
        return redirect(f"{ID}/authorize?{urlencode({'redirect_uri': redirect_uri, 'state': state})}")

    def authorize_access_token(self) -> Any:
        if isinstance(self.token, Exception):
            raise self.token
        return self.token

    def load_server_metadata(self) -> dict[str, Any]:
        return self.metadata

    def userinfo(self, token: Any) -> dict[str, Any]:
        assert token is self.token
        return self.claims


class OAuth:
    """Authlib's registry."""

    def __init__(self, app: Any) -> None:
        pass

    def register(self, name: str, **given: Any) -> Remote:
        return Remote(name, given)


class SamlError(Exception):
    """Both of python3-saml's."""


class Saml:
    """One message with the provider. A message is ``ANSWERED_QUESTION|name=value|…``."""

    asked = 0
    forced: bool | None = None

    def __init__(self, request: dict[str, Any], settings: dict[str, Any]) -> None:
        self.request, self.wrong = request, False

    def login(self, *, force_authn: bool) -> str:
        Saml.asked += 1
        Saml.forced = force_authn
        return f"{ID}/sso?SAMLRequest=q{Saml.asked}"

    def get_last_request_id(self) -> str:
        return f"q{Saml.asked}"

    def process_response(self, request_id: str | None = None) -> None:
        message = self.request["post_data"]["SAMLResponse"]
        if message == "broken":
            raise SyntaxError(message)
        answered, *attributes = message.split("|")
        self.answered = answered or None
        self.wrong = self.answered not in (None, request_id)
        self.attributes = {name: [value] for name, _, value in (a.partition("=") for a in attributes)}

    def get_errors(self) -> list[str]:
        return ["invalid_response"] if self.wrong else []

    def get_last_response_in_response_to(self) -> str | None:
        return self.answered

    def get_last_error_reason(self) -> str:
        return "no reason"

    def is_authenticated(self) -> bool:
        return not self.wrong

    def get_attributes(self) -> dict[str, list[str]]:
        return self.attributes

    def get_nameid(self) -> str:
        return self.attributes.get("name_id", [""])[0]

    def get_session_index(self) -> str:
        return "1"


def install(monkeypatch: Any) -> None:
    """Put them where FAB imports the real ones from."""
    modules = {
        "authlib.integrations.flask_client": {"OAuth": OAuth},
        "onelogin.saml2.auth": {"OneLogin_Saml2_Auth": Saml},
        "onelogin.saml2.errors": {"OneLogin_Saml2_Error": SamlError, "OneLogin_Saml2_ValidationError": SamlError},
    }
    for name, members in modules.items():
        for parent in ("authlib", "authlib.integrations", "onelogin", "onelogin.saml2"):
            monkeypatch.setitem(sys.modules, parent, ModuleType(parent))
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)


def asked_for(answer: Any) -> dict[str, str]:
    """The query of the address a browser was led to."""
    return {name: found[0] for name, found in parse_qs(urlsplit(answer.location).query).items()}
