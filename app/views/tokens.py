"""``/tokens/``: tokens of the order API: made and shown once, their last use, revoked. For administrators."""

from __future__ import annotations

import sqlalchemy as sa
from flask import flash, redirect, request, url_for
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from flask_babel import gettext
from werkzeug.wrappers import Response

from app.actions.tokens import make_token, revoke_token
from app.db import session, transaction
from app.domain.refusal import Invalid
from app.models import Store
from app.models.base import utcnow
from app.queries.stores import list_tokens
from app.security import current_actor
from app.security.proof import require_fresh_proof
from app.views.answers import page
from app.views.forms.ids import PK


class TokenView(BaseView):
    """API tokens."""

    route_base = "/tokens"
    default_view = "list"

    @expose("/", methods=["GET"])
    @has_access
    @permission_name("list")
    def list(self) -> Response:
        """The tokens there are."""
        return self._page()

    @expose("/", methods=["POST"])
    @has_access
    @permission_name("edit")
    @require_fresh_proof()
    def make(self) -> Response:
        """Make a token; its text stands in this answer and nowhere else."""
        name, stores = request.form.get("name", ""), request.form.getlist("stores")
        try:
            with transaction():
                text = make_token(session, name, stores, actor=current_actor())
        except Invalid as invalid:
            return self._page(422, errors=invalid.errors, name=name, chosen=stores)
        return page("tokens/made.html", name=name, text=text)

    @expose(f"/<{PK}:token_id>/revoke", methods=["POST"])
    @has_access
    @permission_name("edit")
    @require_fresh_proof()
    def revoke(self, token_id: int) -> Response:
        """From now on it opens nothing."""
        with transaction():
            revoke_token(session, token_id, actor=current_actor(), now=utcnow())
        flash(gettext("The token is revoked."), "success")
        return redirect(url_for("TokenView.list"), 303)

    def _page(self, status: int = 200, **values: object) -> Response:
        stores = session.scalars(sa.select(Store).order_by(Store.name)).all()
        return page(
            "tokens/list.html",
            status,
            tokens=list_tokens(session),
            store_options=[(s.name, s.name) for s in stores],
            **values,
        )
