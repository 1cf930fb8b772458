"""Fresh proof of identity before people, tokens or security are changed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Flask, make_response, redirect, render_template, request, url_for
from flask_babel import lazy_gettext
from werkzeug.wrappers import Response

from app.db import transaction
from app.domain.redirects import safe_path
from app.domain.sign_in import TRIES_WINDOW, is_fresh
from app.models import Person
from app.models.base import utcnow
from app.security.identity import Answer, check_proof, takes_passwords
from app.security.sessions import browser_session

View = TypeVar("View", bound=Callable[..., Any])
PASSWORD, CODE = "proof_password", "proof_code"
CODE_MAX = 64
MESSAGES = {
    Answer.WRONG: lazy_gettext("That is not right. Please try again."),
    Answer.TOO_OFTEN: lazy_gettext("Too many tries. Please wait 15 minutes and try again."),
}


def has_fresh_proof() -> bool:
    """Was the password or a code given in this session within the last ten minutes?"""
    found = browser_session()
    found.load_person()
    return found.row is not None and is_fresh(found.row.proved_at, utcnow())


def require_fresh_proof() -> Callable[[View], View]:
    """Decorate a view that changes people, tokens or security: without a fresh proof it asks for one first.

    A page leads to the proof and back. A form that was sent (the proof grew old while it was filled in) is answered
    401 with the question; the answer to it carries the form's fields on, so that nothing typed is lost.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if has_fresh_proof():
                return view(*args, **kwargs)
            person = browser_session().person
            if request.method != "POST" or person is None:
                return redirect(url_for("ProofView.prove", next=safe_path(request.full_path, request.host)), 303)
            carried = [pair for pair in request.form.items(multi=True) if pair[0] not in ("csrf_token", PASSWORD, CODE)]
            asked = ask(person, action=request.path, carried=carried)
            return asked if asked is not None else view(*args, **kwargs)

        return cast(View, wrapped)

    return decorate


def ask(person: Person, *, action: str, carried: list[tuple[str, str]]) -> Response | None:
    """The form that asks for the proof, unless this request brought it: then it is noted, and there is nothing to ask.

    ``action`` is where the form goes, ``carried`` its further fields. 401 while the proof is missing or wrong, 429
    after too many tries; 200 to a GET.
    """
    headers, error = {}, None
    sent = request.method == "POST"
    status = 401 if sent else 200
    if sent and (PASSWORD in request.form or CODE in request.form):
        answer = check_proof(person, request.form.get(PASSWORD, ""), request.form.get(CODE, "")[:CODE_MAX])
        if answer is Answer.RIGHT:
            with transaction():
                note_proof()
            return None
        error = MESSAGES[answer]
        if answer is Answer.TOO_OFTEN:
            status, headers = 429, {"Retry-After": str(TRIES_WINDOW)}
    page = render_template(
        "access/prove.html", person=person, action=action, carried=carried, error=error,
        by_password=takes_passwords(), onwards=dict(carried).get("next"),
    )  # fmt: skip
    return make_response(page, status, headers)


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
