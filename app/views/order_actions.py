"""The POSTs on an order (contract.md 2): real forms, 303 back to the order, 409 with the reason, 422 as typed.

The permissions are those of ``OrderView``; the rules are the domain's, asked by the action.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from flask import Flask, redirect, render_template, request
from flask_appbuilder import BaseView, expose, has_access, permission_name
from werkzeug.wrappers import Response

from app.actions import audit, licenses, refunds, subscriptions
from app.db import session, transaction
from app.domain.audit import ACTION_ENDED
from app.domain.refusal import Invalid, Refused
from app.i18n import say
from app.models.base import utcnow
from app.queries.order_actions import order_actions
from app.security import current_actor
from app.settings import settings
from app.views.order import card_of, decides_refunds, page, read_order_id


def request_token() -> str:
    """A fresh token for one form; ``submit_action`` binds it to person, order and kind when it is used."""
    return secrets.token_urlsafe(24)


class OrderActionsView(BaseView):
    """What can be done with an order."""

    route_base = "/orders"
    class_permission_name = "OrderView"
    default_view = "requests"

    @expose("/<string:order_id>/requests")
    @has_access
    @permission_name("show")
    def requests(self, order_id: str) -> str:
        """The refund requests: a part of the page that asks for itself again while something is under way."""
        found = order_actions(session, current_actor(), read_order_id(order_id))
        return render_template(
            "orders/_requests.html", order_id=found.order_id, requests=found.requests, live=found.live,
            decides=decides_refunds(),
        )  # fmt: skip

    @expose("/<string:order_id>/refund", methods=["POST"])
    @has_access
    @permission_name("request_refund")
    def refund(self, order_id: str) -> Response:
        """Request a refund."""
        number = read_order_id(order_id)
        return _act(
            number,
            "refund",
            lambda token: refunds.request_refund(
                session,
                current_actor(),
                number,
                reason=request.form.get("reason", ""),
                token=token,
                now=utcnow(),
                cancel_subscription=_ticked("cancel_subscription")
                and current_actor().may("can_cancel_subscription", "OrderView"),
                again_after_partial=settings().refund_again_after_partial,
            ),
        )

    @expose("/<string:order_id>/refund/withdraw", methods=["POST"])
    @has_access
    @permission_name("request_refund")
    def withdraw(self, order_id: str) -> Response:
        """Take one's own request back."""
        number = read_order_id(order_id)
        return _act(
            number,
            "withdraw",
            lambda _token: refunds.withdraw(
                session, current_actor(), number, standalone=settings().standalone, now=utcnow()
            ),
            back="/refunds/" if request.form.get("back") == "refunds" else None,
        )

    @expose("/<string:order_id>/licenses/<string:license_id>/resend", methods=["POST"])
    @has_access
    @permission_name("resend")
    def resend(self, order_id: str, license_id: str) -> Response:
        """Send one code again."""
        number = read_order_id(order_id)
        return _act(
            number,
            f"resend:{license_id}",
            lambda token: licenses.resend(session, current_actor(), number, license_id, token=token, now=utcnow()),
        )

    @expose("/<string:order_id>/subscriptions/<string:code>/cancel", methods=["POST"])
    @has_access
    @permission_name("cancel_subscription")
    def cancel(self, order_id: str, code: str) -> Response:
        """Cancel auto-renewal."""
        number = read_order_id(order_id)
        return _act(
            number,
            f"cancel:{code}",
            lambda token: subscriptions.cancel(session, current_actor(), number, code, token=token),
        )

    @expose("/<string:order_id>/subscriptions/<string:code>/resume", methods=["POST"])
    @has_access
    @permission_name("resume_subscription")
    def resume(self, order_id: str, code: str) -> Response:
        """Resume auto-renewal."""
        number = read_order_id(order_id)
        return _act(
            number,
            f"resume:{code}",
            lambda token: subscriptions.resume(session, current_actor(), number, code, token=token),
        )


def _act(number: int, ask: str, action: Callable[[str], object], back: str | None = None) -> Response:
    """Run the action in one transaction and answer."""
    try:
        with transaction():
            action(request.form.get("request_token", ""))
    except Refused as refused:
        card = card_of(number)
        note_refused(card.id, card.store_id, ask, refused)
        return page(card, status=409, ask="", refused=say(refused.refusal))
    except Invalid as invalid:
        return page(card_of(number), status=422, ask=ask, errors=invalid.errors, typed=request.form)
    return redirect(back or f"/orders/{number}", 303)


def note_refused(order_id: int, store_id: int, what: str, refused: Refused) -> None:
    """The audit knows of refused tries, too."""
    audit.note_read(
        session, current_actor(), ACTION_ENDED, result="refused", order_id=order_id, store_id=store_id,
        subject=what[:64], details={"why": refused.refusal.code},
    )  # fmt: skip


def _ticked(name: str) -> bool:
    return bool(request.form.get(name))


def init_app(app: Flask) -> None:
    """Give the templates tokens for their forms."""
    app.add_template_global(request_token)
