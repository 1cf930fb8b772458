"""*My page*: what a person sets about themselves, and the way to their password and security."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import flash, make_response, redirect, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from flask_babel import force_locale, gettext
from werkzeug.wrappers import Response

from app.actions.account import change_account, change_theme
from app.db import session, transaction
from app.domain.account import timezones
from app.domain.refusal import Invalid
from app.i18n import language, say
from app.models import Person
from app.security import current_actor
from config import LANGUAGES

FIELDS = ("first_name", "last_name", "timezone", "language", "theme")


class AccountView(BaseView):
    """The own page of whoever is signed in."""

    route_base = "/account"
    default_view = "page"

    @expose("/", methods=["GET"])
    @has_access
    @permission_name("edit")
    def page(self) -> Response:
        """Show it."""
        person = session.get_one(Person, current_actor().id)
        return self._render({name: getattr(person, name) or "" for name in FIELDS}, {})

    @expose("/", methods=["POST"])
    @has_access
    @permission_name("edit")
    def save(self) -> Response:
        """Keep it; 422 with the errors at their fields when something does not hold."""
        values = {name: request.form.get(name, "") for name in FIELDS}
        try:
            with transaction():
                change_account(session, current_actor(), values, tuple(LANGUAGES))
        except Invalid as error:
            session.rollback()
            return self._render(values, {name: [say(r) for r in found] for name, found in error.errors.items()}, 422)
        with force_locale(values["language"] or language()):
            flash(gettext("Saved."), "success")
        return redirect("/account/", 303)

    @expose("/theme", methods=["POST"])
    @has_access
    @permission_name("edit")
    def theme(self) -> Response:
        """The button in the top bar: keep the theme and go back to the page it was pressed on."""
        with transaction():
            change_theme(session, current_actor(), request.form.get("theme", ""))
        back = urlsplit(request.referrer or "")
        here = back.path if back.netloc == request.host and back.path.startswith("/") else "/"
        return redirect(f"{here}?{back.query}" if here != "/" and back.query else here, 303)

    def _render(self, values: dict[str, str], errors: dict[str, list[str]], status: int = 200) -> Response:
        page = self.render_template(
            "account/page.html", values=values, errors=errors, zones=timezones(), languages=LANGUAGES
        )
        return make_response(page, status)
