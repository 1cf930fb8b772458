"""``/refunds/``: who asked for which refund and how far it is; in standalone mode also the desk that decides."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from flask import flash, redirect, request
from flask_appbuilder import BaseView, expose, has_access, permission_name
from flask_babel import gettext
from werkzeug.wrappers import Response

from app.actions import desk
from app.db import session, transaction
from app.domain.orders import MAX_ID
from app.domain.refusal import Invalid, NotFound, Refused
from app.i18n import say
from app.models import RefundRequest
from app.models.base import utcnow
from app.queries.facts import who_is_told
from app.queries.refunds import FILTERS, refund_requests
from app.security import current_actor
from app.settings import settings
from app.views.answers import page
from app.views.order import card_of, decides_refunds, read_order_id
from app.views.order_actions import note_refused


class RefundView(BaseView):
    """Refund requests. ``can_list`` is everybody's; ``can_decide`` the administrators'."""

    route_base = "/refunds"
    default_view = "list"

    @expose("/")
    @has_access
    def list(self) -> Response:
        """The requests the person may see, by status; or those of one order (``order``)."""
        if order := request.args.get("order"):
            return _list(status="all", order_id=card_of(read_order_id(order)).id)
        status = request.args.get("status", "open")
        if status not in FILTERS:
            raise NotFound
        return _list(status=status, before=_id(request.args.get("before", "")))

    @expose("/<string:order_id>/take", methods=["POST"])
    @has_access
    @permission_name("decide")
    def take(self, order_id: str) -> Response:
        """Take the order's open request up."""
        number = read_order_id(order_id)
        return _decide(
            number,
            "take",
            lambda: desk.take(session, current_actor(), number, now=utcnow(), shown=_shown()),
            gettext("The request has been taken up."),
        )

    @expose("/<string:order_id>/complete", methods=["POST"])
    @has_access
    @permission_name("decide")
    def complete(self, order_id: str) -> Response:
        """Refund in full, or the chosen items."""
        number = read_order_id(order_id)
        return _decide(
            number,
            "complete",
            lambda: desk.complete(
                session,
                current_actor(),
                number,
                result=request.form.get("result", ""),
                item_ids=request.form.getlist("items"),
                remove_codes="remove_codes" in request.form,
                now=utcnow(),
                shown=_shown(),
            ),
            gettext("The refund has been completed. The person who asked for it is told by mail."),
            gettext("The refund has been completed. No mail is sent: nobody with an open account here asked for it."),
        )

    @expose("/<string:order_id>/refuse", methods=["POST"])
    @has_access
    @permission_name("decide")
    def refuse(self, order_id: str) -> Response:
        """Refuse with a comment."""
        number = read_order_id(order_id)
        return _decide(
            number,
            "refuse",
            lambda: desk.refuse(
                session,
                current_actor(),
                number,
                comment=request.form.get("comment", ""),
                now=utcnow(),
                shown=_shown(),
            ),
            gettext("The request has been refused. The person who asked for it is told by mail."),
            gettext("The request has been refused. No mail is sent: nobody with an open account here asked for it."),
        )


def desk_token(request_id: int) -> str:
    """A fresh token for a form of the desk. It names the request the form was drawn for."""
    return f"{secrets.token_urlsafe(24)}~{request_id}"


def _shown() -> int | None:
    """The request the form sent was drawn for; None for a token that is not the desk's."""
    _, named, number = request.form.get("request_token", "").rpartition("~")
    return _id(number) if named else None


def _id(text: str) -> int | None:
    """An id of a request; None for what cannot be one."""
    known = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID)) and int(text) <= MAX_ID
    return int(text) if known else None


def _decide(number: int, verb: str, action: Callable[[], RefundRequest], told: str, quietly: str = "") -> Response:
    """Run a decision of the desk in one transaction; the answer is ``told``, or ``quietly`` where no mail follows."""
    if not settings().standalone:
        raise NotFound  # the platform decides; there is no desk
    try:
        with transaction():
            decided = action()
            mailed = not quietly or who_is_told(session, decided) is not None
    except Refused as refused:
        card = card_of(number)
        note_refused(card.id, card.store_id, verb, refused)
        return _list(status="all", order_id=number, code=409, refused=say(refused.refusal))
    except Invalid as invalid:
        return _list(
            status="all", order_id=number, code=422, errors=invalid.errors, typed=request.form,
            chosen=request.form.getlist("items"), verb=verb,
        )  # fmt: skip
    flash(told if mailed else quietly, "success")
    return redirect("/refunds/", 303)


def _list(
    *, status: str, before: int | None = None, order_id: int | None = None, code: int = 200, **values: object
) -> Response:
    actor = current_actor()
    decides = decides_refunds()
    found = refund_requests(
        session,
        actor,
        utcnow(),
        status=status,
        before=before,
        order_id=order_id,
        desk=decides,
        standalone=settings().standalone,
    )
    return page(
        "refunds/list.html", code, found=found, status=status, decides=decides, all_of_stores=actor.is_lead or
        actor.is_admin, narrowed=order_id is not None, desk_token=desk_token, **values,
    )  # fmt: skip
