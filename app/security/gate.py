"""What stands between a signed-in person and every page: a temporary password to change, a second step to set up."""

from __future__ import annotations

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from app.domain.access import Actor
from app.models import Person
from app.security.identity import local_passwords
from app.settings import settings

# A temporary password that is forgotten, or has expired meanwhile, must not lock anybody in.
ALWAYS_OPEN = {"SignInView.login", "SignInView.logout", "SignInView.logout_form", "PasswordView.forgot"}
CHANGE_PASSWORD = "PasswordView.change"  # noqa: S105 - an endpoint
SECOND_STEP = "SecondStepView.setup"
SECOND_STEP_OPEN = {SECOND_STEP, "SecondStepView.confirm", "ProofView.prove"}


def stop(actor: Actor, person: Person | None) -> Response | None:
    """The page the person has to go to first; None when nothing stands in the way."""
    if person is None or request.endpoint is None or request.endpoint in ALWAYS_OPEN:
        return None
    if person.must_change_password and local_passwords():
        return None if request.endpoint == CHANGE_PASSWORD else redirect(url_for(CHANGE_PASSWORD), 303)
    if (
        settings().admin_totp_required
        and actor.is_admin
        and person.totp_confirmed_at is None
        and request.endpoint not in SECOND_STEP_OPEN
    ):
        return redirect(url_for(SECOND_STEP), 303)
    return None
