"""Erase a customer's personal data from the panel: a preview of what will go, a typed confirmation."""

from __future__ import annotations

from flask import flash, redirect, request
from flask_appbuilder import BaseView, expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext
from werkzeug.wrappers import Response

from app.actions.erasure import erase_order, preview
from app.actions.orders import lock_order
from app.db import session, transaction
from app.domain.refusal import NotFound
from app.models import Order
from app.models.base import utcnow
from app.security import current_actor
from app.security.proof import require_fresh_proof

WORD = "ERASE"
DUTY_MAX = 255


class ErasureView(BaseView):
    """``/orders/<order_id>/erase``, for administrators."""

    route_base = "/orders"
    default_view = "erase"

    @expose("/<int(min=1,max=9223372036854775807):order_id>/erase", methods=["GET"])
    @has_access
    def erase(self, order_id: int) -> str:
        """What will go, and the form."""
        return self._page(_order(order_id), {})

    @expose("/<int(min=1,max=9223372036854775807):order_id>/erase", methods=["POST"])
    @has_access
    @permission_name("erase")
    @require_fresh_proof()
    def erase_post(self, order_id: int) -> Response | tuple[str, int]:
        """Do it, when the word was typed and whoever typed it has proved who they are within ten minutes."""
        errors = {}
        if request.form.get("confirm", "").strip() != WORD:
            errors["confirm"] = gettext("Type %(word)s to confirm", word=WORD)
        duty = request.form.get("duty", "").strip()
        if len(duty) > DUTY_MAX:
            errors["duty"] = gettext("At most %(most)s characters", most=DUTY_MAX)
        if errors:
            return self._page(_order(order_id), errors), 422
        with transaction():
            order = lock_order(session, current_actor(), order_id)
            erase_order(session, order, actor=current_actor(), now=utcnow(), keep_documents=duty or None)
        flash(gettext("The personal data of this order's customer has been erased."), "success")
        return redirect(f"/orders/{order_id}", 303)

    def _page(self, order: Order, errors: dict[str, str]) -> str:
        return self.render_template(
            "erasure/ask.html", order=order, found=preview(session, order), word=WORD, errors=errors, typed=request.form
        )


def _order(order_id: int) -> Order:
    order = session.get(Order, order_id) if order_id < 2**63 else None
    if order is None or not current_actor().sees(order.store_id):
        raise NotFound
    return order
