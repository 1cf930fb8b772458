"""Fresh proof of identity before people, tokens or security are changed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Flask, redirect, request, url_for

from app.domain.redirects import safe_path
from app.domain.sign_in import is_fresh
from app.models.base import utcnow
from app.security.sessions import browser_session

View = TypeVar("View", bound=Callable[..., Any])


def has_fresh_proof() -> bool:
    """Was the password or a code given in this session within the last ten minutes?"""
    found = browser_session()
    found.load_person()
    return found.row is not None and is_fresh(found.row.proved_at, utcnow())


def require_fresh_proof() -> Callable[[View], View]:
    """Decorate a view that changes people, tokens or security: without a fresh proof it asks for one first.

    A form that was sent without one leads to the proof and then back to the page it stood on; nothing is done.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if has_fresh_proof():
                return view(*args, **kwargs)
            wanted = request.full_path if request.method == "GET" else request.referrer
            return redirect(url_for("ProofView.prove", next=safe_path(wanted, request.host)), 303)

        return cast(View, wrapped)

    return decorate


def init_app(app: Flask) -> None:
    """Give the templates ``has_fresh_proof`` and the way to one, so that no form is filled in to be lost."""

    def proof_address() -> str:
        return url_for("ProofView.prove", next=safe_path(request.path, request.host))

    app.add_template_global(has_fresh_proof)
    app.add_template_global(proof_address)


def note_proof() -> None:
    """Note a proof given now, in the running transaction."""
    row = browser_session().row
    assert row is not None  # somebody is signed in
    row.proved_at = utcnow()
