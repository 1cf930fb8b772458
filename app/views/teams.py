"""``/teams/``: teams, their people and stores. A lead sees the own ones, an administrator makes and changes them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from flask import flash, redirect, request, url_for
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from flask_babel import gettext
from werkzeug.wrappers import Response

from app.actions import teams as actions
from app.db import session, transaction
from app.domain import people as rules
from app.domain.refusal import Invalid
from app.models import Store
from app.queries import staff
from app.security import current_actor
from app.security.proof import require_fresh_proof
from app.views.answers import page
from app.views.forms.ids import PK, boxes, chosen_ids, joined, options, page_number


class TeamView(BaseView):
    """Teams: list, make, change, remove."""

    route_base = "/teams"
    default_view = "list"

    @expose("/", methods=["GET"])
    @has_access
    @permission_name("list")
    def list(self) -> Response:
        """Teams with their people and stores."""
        manager, number = staff.manager_of(session, current_actor()), page_number()
        rows, more = staff.list_teams(session, manager, page=number)
        return page("teams/list.html", rows=rows, more=more, page=number)

    @expose("/new", methods=["GET", "POST"])
    @has_access
    @permission_name("edit")
    @require_fresh_proof()
    def add(self) -> Response:
        """Make a team."""
        if request.method != "POST":
            return self._form(None, "", [])
        return self._save(None)

    @expose(f"/<{PK}:team_id>/edit", methods=["GET", "POST"])
    @has_access
    @permission_name("edit")
    @require_fresh_proof()
    def edit(self, team_id: int) -> Response:
        """Change a team."""
        team = actions.find_team(session, team_id)
        if request.method != "POST":
            chosen = [str(i) for i in actions.stores_of_team(session, team_id)]
            return self._form(team_id, team.name, chosen)
        return self._save(team_id)

    @expose(f"/<{PK}:team_id>/remove", methods=["POST"])
    @has_access
    @permission_name("edit")
    @require_fresh_proof()
    def remove(self, team_id: int) -> Response:
        """Remove a team nobody is in."""
        with transaction():
            actions.remove_team(session, current_actor(), team_id)
        flash(gettext("The team is removed."), "success")
        return redirect(url_for("TeamView.list"), 303)

    def _save(self, team_id: int | None) -> Response:
        name = request.form.get("name", "")
        try:
            with transaction():
                if team_id is None:
                    actions.make_team(session, current_actor(), name, chosen_ids("stores", rules.STORE_UNKNOWN))
                else:
                    stores = boxes("stores", rules.STORE_UNKNOWN, actions.stores_of_team(session, team_id))
                    actions.change_team(session, current_actor(), team_id, name, stores)
        except Invalid as invalid:
            return self._form(team_id, name, request.form.getlist("stores"), 422, errors=invalid.errors)
        flash(gettext("Saved. It holds from the next page they open."), "success")
        return redirect(url_for("TeamView.list"), 303)

    def _form(
        self, team_id: int | None, name: str, chosen: Sequence[str], status: int = 200, **values: object
    ) -> Response:
        stores = session.scalars(sa.select(Store).order_by(Store.name)).all()
        held = frozenset[int]() if team_id is None else actions.stores_of_team(session, team_id)
        return page(
            "teams/form.html",
            status,
            team_id=team_id,
            name=name,
            store_options=options(stores),
            chosen=chosen,
            had=request.form.get("had_stores", joined(held)),
            **values,
        )
