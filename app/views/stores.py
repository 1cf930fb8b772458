"""``/stores/``: checkout pages, their delivery bans, closing and reopening. For administrators."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from flask_babel import gettext
from werkzeug.wrappers import Response

from app.actions import stores as actions
from app.actions.stores import BanWish
from app.db import session, transaction
from app.domain.refusal import Invalid
from app.models.base import utcnow
from app.queries import stores as queries
from app.security import current_actor
from app.security.proof import require_fresh_proof
from app.views.answers import page
from app.views.forms.ids import PK, page_number

BAN_FIELDS = ("reason", "starts", "ends", "product")


class StoreView(BaseView):
    """Stores: list, make, one store, its bans."""

    route_base = "/stores"
    default_view = "list"

    @expose("/", methods=["GET"])
    @has_access
    @permission_name("list")
    def list(self) -> Response:
        """Stores with their orders, teams and delivery state."""
        number, find = page_number(), request.args.get("find", "")[:100].strip()
        rows, more = queries.list_stores(session, utcnow(), find=find, page=number)
        return page("stores/list.html", rows=rows, more=more, page=number, find=find, most=queries.COUNT_MOST)

    @expose("/new", methods=["GET", "POST"])
    @has_access
    @permission_name("edit")
    @require_fresh_proof()
    def add(self) -> Response:
        """Make a store."""
        form = request.form
        if request.method != "POST":
            return page("stores/new.html", form=form)
        try:
            with transaction():
                store = actions.make_store(
                    session, current_actor(), form.get("name", ""),
                    title=form.get("title", ""), currency=form.get("currency", ""),
                )  # fmt: skip
        except Invalid as invalid:
            return page("stores/new.html", 422, form=form, errors=invalid.errors)
        flash(gettext("Saved."), "success")
        return redirect(url_for("StoreView.show", store_id=store.id), 303)

    @expose(f"/<{PK}:store_id>", methods=["GET"])
    @has_access
    @permission_name("list")
    def show(self, store_id: int) -> Response:
        """One store: what it is called, who works with it, what may not be delivered."""
        return self._page(store_id)

    @expose(f"/<{PK}:store_id>/edit", methods=["POST"])
    @has_access
    @permission_name("edit")
    @require_fresh_proof()
    def save(self, store_id: int) -> Response:
        """Change title and currency."""
        form = request.form
        try:
            with transaction():
                actions.change_store(
                    session, current_actor(), store_id, title=form.get("title", ""), currency=form.get("currency", "")
                )
        except Invalid as invalid:
            session.rollback()
            return self._page(store_id, 422, errors=invalid.errors, typed=form)
        return self._done(store_id, gettext("Saved."))

    @expose(f"/<{PK}:store_id>/close", methods=["POST"])
    @has_access
    @permission_name("edit")
    @require_fresh_proof()
    def close(self, store_id: int) -> Response:
        """Nothing new comes in."""
        with transaction():
            actions.close_store(session, current_actor(), store_id)
        return self._done(store_id, gettext("The store is closed. Its orders stay readable."))

    @expose(f"/<{PK}:store_id>/reopen", methods=["POST"])
    @has_access
    @permission_name("edit")
    @require_fresh_proof()
    def reopen(self, store_id: int) -> Response:
        """Orders come in again."""
        with transaction():
            actions.reopen_store(session, current_actor(), store_id)
        return self._done(store_id, gettext("The store is open again."))

    @expose(f"/<{PK}:store_id>/bans", methods=["POST"])
    @has_access
    @permission_name("forbid_delivery")
    @require_fresh_proof()
    def forbid(self, store_id: int) -> Response:
        """Forbid delivery in two steps: first what it touches, then (``confirmed``) the ban itself, or ``no``: back."""
        form, now, actor = request.form, utcnow(), current_actor()
        typed = {name: form.get(name, "") for name in BAN_FIELDS}
        wish = BanWish(**typed, zone=actor.timezone)
        if form.get("confirmed") == "no":
            return self._page(store_id, ban_typed=typed)
        try:
            if form.get("confirmed") != "yes":
                store = actions.find_store(session, store_id)
                reason, product, times = actions.plan_ban(wish, now)
                touched = queries.touched_by_ban(session, store_id, product)
                return page(
                    "stores/ban.html", store=store, typed=typed, reason=reason, product=product, times=times,
                    touched=touched, most=queries.COUNT_MOST,
                )  # fmt: skip
            with transaction():
                ban = actions.forbid_delivery(session, actor, store_id, wish, now=now)
        except Invalid as invalid:
            return self._page(store_id, 422, ban_errors=invalid.errors, ban_typed=typed)
        if ban.starts_at > now:
            return self._done(store_id, gettext("The ban is planned. Until it begins, everything is sent."))
        return self._done(store_id, gettext("Delivery is forbidden. Specialists read the reason where Resend was."))

    @expose(f"/<{PK}:store_id>/bans/<{PK}:ban_id>/lift", methods=["POST"])
    @has_access
    @permission_name("forbid_delivery")
    @require_fresh_proof()
    def allow(self, store_id: int, ban_id: int) -> Response:
        """Lift a ban."""
        with transaction():
            actions.allow_delivery(session, current_actor(), store_id, ban_id, now=utcnow())
        return self._done(store_id, gettext("The ban is lifted."))

    def _page(self, store_id: int, status: int = 200, **values: object) -> Response:
        store, now = actions.find_store(session, store_id), utcnow()
        bans = [(row, queries.as_ban(row)) for row in queries.bans_by_store(session, [store_id]).get(store_id, [])]
        return page(
            "stores/show.html", status, store=store, now=now, bans=bans, orders=queries.orders_of(session, store_id),
            teams=queries.teams_by_store(session, [store_id]).get(store_id, []), most=queries.COUNT_MOST,
            products=queries.products_of(session, store_id), **values,
        )  # fmt: skip

    def _done(self, store_id: int, message: str) -> Response:
        flash(message, "success")
        return redirect(url_for("StoreView.show", store_id=store_id), 303)
