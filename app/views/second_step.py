"""Setting up the second step of signing in, and its recovery codes."""

from __future__ import annotations

import io

import segno
from flask import flash, redirect, request, url_for
from flask_appbuilder import BaseView, expose
from flask_babel import gettext, lazy_gettext
from flask_login import login_user
from markupsafe import Markup
from pyotp.totp import TOTP
from werkzeug.wrappers import Response

from app.actions.second_step import confirm_setup, renew_recovery_codes, turn_off
from app.db import session, transaction
from app.domain.refusal import Invalid, Refused
from app.domain.second_step import REQUIRED
from app.models import Person
from app.security import current_actor
from app.security.identity import may_try_password, vault
from app.security.proof import require_fresh_proof
from app.security.sessions import browser_session
from app.settings import settings
from app.views.answers import page

TOO_OFTEN = lazy_gettext("Too many tries. Please wait 15 minutes and try again.")  # TRIES_WINDOW


def qr_code(address: str) -> Markup:
    """The picture an authenticator reads, as SVG without any inline style; the page says how large, all of it shows."""
    out = io.BytesIO()
    segno.make(address, error="m").save(
        out, kind="svg", xmldecl=False, svgns=True, scale=5, border=4, dark="#000", light="#fff", svgclass="qr",
        lineclass=None, omitsize=True, title=gettext("Code for the authenticator"),
    )  # fmt: skip
    return Markup(out.getvalue().decode())  # noqa: S704 - made by segno from our own address


class SecondStepView(BaseView):
    """``/second-step``: anybody's own."""

    route_base = "/second-step"
    default_view = "setup"

    @expose("", methods=["GET"])
    @require_fresh_proof()
    def setup(self) -> Response:
        """What is set up, or the code to scan."""
        return self._page(self._person())

    @expose("", methods=["POST"])
    @require_fresh_proof()
    def confirm(self) -> Response:
        """Turn it on with a first code."""
        person = self._person()
        if not may_try_password(person):
            return self._page(person, 429, error=TOO_OFTEN)
        try:
            with transaction():
                session.add(person)
                code = request.form.get("code", "")[:64]
                codes = confirm_setup(session, current_actor(), person, vault(), secret=self._secret(person), code=code)
        except Invalid as invalid:
            session.refresh(person)
            return self._page(person, 422, errors=invalid.errors)
        login_user(person)
        return page("access/recovery_codes.html", codes=codes)

    @expose("/recovery-codes", methods=["POST"])
    @require_fresh_proof()
    def renew(self) -> Response:
        """New recovery codes."""
        person = self._person()
        with transaction():
            session.add(person)
            codes = renew_recovery_codes(session, current_actor(), person, vault())
        return page("access/recovery_codes.html", codes=codes)

    @expose("/off", methods=["POST"])
    @require_fresh_proof()
    def off(self) -> Response:
        """Turn it off, unless it is required."""
        person, actor = self._person(), current_actor()
        if settings().admin_totp_required and actor.is_admin:
            raise Refused(REQUIRED)
        with transaction():
            session.add(person)
            turn_off(session, actor, person)
        login_user(person)
        flash(gettext("The second step is off. You are signed out everywhere else."), "success")
        return redirect(url_for("AccountView.page"), 303)

    def _person(self) -> Person:
        person = browser_session().load_person()
        assert person is not None  # a fresh proof was given
        return person

    def _secret(self, person: Person) -> str:
        row = browser_session().row
        return vault().proposal(person, row.token_hash if row else "")

    def _page(self, person: Person, status: int = 200, **values: object) -> Response:
        if person.totp_confirmed_at is not None:
            return page("access/second_step_on.html", status, person=person, **values)
        secret = self._secret(person)
        address = TOTP(secret).provisioning_uri(name=person.username, issuer_name="ESupport Portal")
        return page("access/second_step_setup.html", status, secret=secret, qr=qr_code(address), **values)
