"""Forgotten, set by a link, changed: the pages around a password."""

from __future__ import annotations

import functools
from collections.abc import Callable

from flask import flash, redirect, request, url_for
from flask_appbuilder import BaseView, expose
from flask_babel import gettext, lazy_gettext
from flask_login import login_user
from werkzeug.wrappers import Response

from app.actions.access_links import person_of_link, queue_reset_mail, refuse_reset_mail, use_link
from app.actions.credentials import change_password
from app.db import session, transaction
from app.domain.refusal import Invalid, NotFound
from app.domain.sign_in import (
    LINK_TRIES_PER_ADDRESS,
    LOGIN_MAX,
    RESETS_PER_ACCOUNT,
    RESETS_PER_ADDRESS,
    RESETS_WINDOW,
    TRIES_WINDOW,
    same_login,
)
from app.models import Person
from app.queries.people import person_by_login
from app.security import current_actor
from app.security.identity import actor_for, local_passwords, may_try_password
from app.security.limits import hit
from app.security.sessions import browser_session
from app.views.answers import page

TOO_OFTEN = lazy_gettext("Too many tries. Please wait 15 minutes and try again.")  # TRIES_WINDOW
TOO_OFTEN_ASKED = lazy_gettext("Too many tries. Please wait an hour and try again.")  # RESETS_WINDOW


def _only_local(view: Callable[..., Response]) -> Callable[..., Response]:
    """Where LDAP, OAuth or SAML identify people there is no password of ours to set."""

    @functools.wraps(view)
    def wrapped(*args: object, **kwargs: object) -> Response:
        if not local_passwords():
            raise NotFound
        return view(*args, **kwargs)

    return wrapped


class PasswordView(BaseView):
    """``/forgot-password``, ``/set-password/<token>``, ``/change-password``."""

    route_base = ""
    default_view = "change"

    @expose("/forgot-password", methods=["GET", "POST"])
    @_only_local
    def forgot(self) -> Response:
        """Ask for a link. The answer is the same whoever asks for whomever."""
        if request.method != "POST":
            return page("access/forgot_password.html")
        login = same_login(request.form.get("username", ""))
        if not hit("reset-address", request.remote_addr or "", RESETS_PER_ADDRESS, RESETS_WINDOW):
            return page("access/forgot_password.html", 429, {"Retry-After": str(RESETS_WINDOW)}, error=TOO_OFTEN_ASKED)
        # An account that asks too often gets no more mails, but the same answer.
        within = hit("reset-account", login, RESETS_PER_ACCOUNT, RESETS_WINDOW)
        person = person_by_login(session, login)
        with transaction():
            if within and login and person is not None and person.active:
                queue_reset_mail(session, actor_for(person), person)
            else:  # written down as well, which takes about as long
                refuse_reset_mail(session, actor_for(person), person)
        return page("access/forgot_password.html", sent=True, username=request.form.get("username", "")[:LOGIN_MAX])

    @expose("/set-password/<string(maxlength=100):token>", methods=["GET", "POST"])
    @_only_local
    def set_by_link(self, token: str) -> Response:
        """GET shows the form and uses nothing up, whatever a mail scanner opens; POST sets the password."""
        try:
            if request.method != "POST":
                return page("access/set_password.html", token=token, person=person_of_link(session, token))
            person = person_of_link(session, token)
            try:
                with transaction():
                    password, repeated = request.form.get("password", ""), request.form.get("repeated", "")
                    use_link(session, actor_for(person), token, password, repeated)
            except Invalid as invalid:
                return page("access/set_password.html", 422, token=token, person=person, errors=invalid.errors)
        except NotFound:
            # Only what is no link counts: a whole team opens its invitations from one address.
            if hit("link", request.remote_addr or "", LINK_TRIES_PER_ADDRESS, TRIES_WINDOW):
                return page("access/link_gone.html", 404)
            return page("access/link_gone.html", 429, {"Retry-After": str(TRIES_WINDOW)}, error=TOO_OFTEN)
        browser_session().end()
        browser_session().remember(person)  # the mail has reached them: others' wrong tries no longer count here
        flash(gettext("Your password is set. Sign in with it."), "success")
        return redirect(url_for("SignInView.login"), 303)

    @expose("/change-password", methods=["GET", "POST"])
    @_only_local
    def change(self) -> Response:
        """One's own, asking for the present one; every other session ends."""
        person = browser_session().load_person()
        if person is None:
            return redirect(url_for("SignInView.login", next=url_for("PasswordView.change")), 303)
        if request.method != "POST":
            return self._change_page(person)
        if not may_try_password(person):
            return self._change_page(person, 429, error=TOO_OFTEN)
        form = request.form
        try:
            with transaction():
                session.add(person)
                change_password(
                    session, current_actor(), person,
                    present=form.get("present", ""), password=form.get("password", ""),
                    repeated=form.get("repeated", ""),
                )  # fmt: skip
        except Invalid as invalid:
            return self._change_page(person, 422, errors=invalid.errors)
        login_user(person)  # a new session for this browser; all others have ended
        flash(gettext("Your password is changed. You are signed out everywhere else."), "success")
        return redirect("/", 303)

    def _change_page(self, person: Person, status: int = 200, **values: object) -> Response:
        return page("access/change_password.html", status, person=person, **values)
