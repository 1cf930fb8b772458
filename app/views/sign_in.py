"""``/login/``, ``/login/code``, ``/logout/`` and the proof of identity in between."""

from __future__ import annotations

import time

from flask import flash, redirect, request, url_for
from flask import session as browser
from flask_appbuilder import BaseView, expose
from flask_babel import gettext, lazy_gettext
from flask_login import login_user
from werkzeug.wrappers import Response

from app.actions import audit
from app.actions.people import end_all_sessions
from app.db import session, transaction
from app.domain import audit as events
from app.domain.sign_in import SECOND_STEP_MINUTES, TRIES_WINDOW
from app.models import Person
from app.queries.staff import manager_of
from app.security import current_actor
from app.security.identity import Answer, check_password, check_second_step
from app.security.proof import ask
from app.security.sessions import browser_session
from app.views.answers import next_page, page

PENDING = "second_step"
MESSAGES = {
    Answer.WRONG: lazy_gettext("The name or the password is not right. Please try again."),
    Answer.TOO_OFTEN: lazy_gettext("Too many tries. Please wait 15 minutes and try again."),
}
WRONG_CODE = lazy_gettext("This code is not valid. Wait for the next one and try again.")


def _status(answer: Answer) -> int:
    return 429 if answer is Answer.TOO_OFTEN else 401


class SignOutViews:
    """Signing out, whichever way one signed in."""

    signed_out = "SignInView.login"
    """The page afterwards."""

    @expose("/logout/", methods=["GET"])
    def logout_form(self) -> Response:
        """Nothing is changed by GET: this asks."""
        if current_actor().id is None:
            return redirect(url_for("SignInView.login"), 303)
        return page("access/sign_out.html")

    @expose("/logout/", methods=["POST"])
    def logout(self) -> Response:
        """Sign out: the session is gone, copies of its cookie too."""
        actor = current_actor()
        if actor.id is not None:
            with transaction():
                audit.record(session, actor, events.SIGNED_OUT, subject=f"person:{actor.id}")
            browser_session().end()
            flash(gettext("You have signed out."), "success")
        return redirect(url_for(self.signed_out), 303)

    @expose("/logout/everywhere", methods=["POST"])
    def logout_everywhere(self) -> Response:
        """End every session of one's own, this one too."""
        actor = current_actor()
        if actor.id is not None:
            with transaction():
                end_all_sessions(session, manager_of(session, actor), actor.id)
            browser_session().end()
            flash(gettext("You are signed out everywhere."), "success")
        return redirect(url_for(self.signed_out), 303)


class SignInView(SignOutViews, BaseView):
    """Signing in by username or email (or an LDAP name), the second step, signing out. Open to visitors."""

    route_base = ""
    default_view = "login"

    @expose("/login/", methods=["GET", "POST"])
    def login(self) -> Response:
        """The form, and its target."""
        onwards = next_page()
        if current_actor().id is not None:
            return redirect(onwards or "/", 303)
        if request.method != "POST":
            return page("access/sign_in.html", next=onwards)
        login, password = request.form.get("username", ""), request.form.get("password", "")
        answer, person = check_password(login, password)
        if answer is not Answer.RIGHT or person is None:
            headers = {"Retry-After": str(TRIES_WINDOW)} if answer is Answer.TOO_OFTEN else {}
            return page(
                "access/sign_in.html", _status(answer), headers,
                next=onwards, username=login[:254], error=MESSAGES[answer],
            )  # fmt: skip
        if person.totp_confirmed_at is not None:
            browser[PENDING] = {"id": person.id, "version": person.auth_version, "at": int(time.time())}
            return redirect(url_for("SignInView.code", next=onwards or None), 303)
        login_user(person)
        return redirect(onwards or "/", 303)

    @expose("/login/code", methods=["GET", "POST"])
    def code(self) -> Response:
        """The second step; it must follow the first within minutes."""
        onwards, person = next_page(), self._pending()
        if person is None:
            return redirect(url_for("SignInView.login", next=onwards or None), 303)
        if request.method != "POST":
            return page("access/second_step.html", next=onwards)
        answer = check_second_step(person, request.form.get("code", "")[:64])
        if answer is not Answer.RIGHT:
            error = WRONG_CODE if answer is Answer.WRONG else MESSAGES[answer]
            return page("access/second_step.html", _status(answer), next=onwards, error=error)
        login_user(person)
        return redirect(onwards or "/", 303)

    def _pending(self) -> Person | None:
        found = browser.get(PENDING)
        if not isinstance(found, dict) or time.time() - found["at"] > SECOND_STEP_MINUTES * 60:
            return None
        person = session.get(Person, found["id"])
        fits = person is not None and person.active and person.auth_version == found["version"]
        return person if fits else None


class ProofView(BaseView):
    """Asks a signed-in person for the password or a code again."""

    route_base = "/prove"
    default_view = "prove"

    @expose("", methods=["GET", "POST"])
    def prove(self) -> Response:
        """The form, and its target."""
        onwards = next_page()
        person = browser_session().load_person()
        if person is None:
            return redirect(url_for("SignInView.login", next=onwards or None), 303)
        carried = [("next", onwards)] if onwards else []
        return ask(person, action=url_for("ProofView.prove"), carried=carried) or redirect(onwards or "/", 303)
