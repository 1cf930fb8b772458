"""One order on its own page: ``/orders/<order_id>``, permanent, every block open (domain.md 4, contract.md 2)."""

from __future__ import annotations

import re
from typing import Any

from flask import make_response, redirect, render_template, request
from flask_appbuilder import BaseView, expose, has_access, permission_name
from werkzeug.wrappers import Response

from app.actions import audit
from app.actions.customer_page import revoke_page
from app.db import session, transaction
from app.domain.audit import ORDER_VIEWED
from app.domain.orders import MAX_ID
from app.domain.refusal import NotFound
from app.models.base import utcnow
from app.queries.card_parts import OrderCard
from app.queries.cards import load_cards
from app.queries.order_actions import order_actions, sent_before
from app.security import current_actor
from app.settings import settings

_NAME = re.compile(r"[A-Za-z]{0,8}([0-9]{1,32})", re.ASCII)


def read_order_id(text: str) -> int:
    """The order meant by an address: ``12345678``, ``A0012345678``. Raises NotFound for anything else."""
    found = _NAME.fullmatch(text)
    number = int(found[1]) if found else 0
    if not 0 < number <= MAX_ID:
        raise NotFound
    return number


def cards_of(order_ids: list[int]) -> list[OrderCard]:
    """The orders for the person who asks, by the settings of this app."""
    found = settings()
    return load_cards(
        session,
        current_actor(),
        order_ids,
        utcnow(),
        again_after_partial=found.refund_again_after_partial,
        standalone=found.standalone,
    )


def card_of(order_id: int) -> OrderCard:
    """One order. Raises NotFound when it does not exist or is not in the person's scope: never told apart."""
    found = cards_of([order_id])
    if not found:
        raise NotFound
    return found[0]


def decides_refunds() -> bool:
    """Does the person decide refund requests here? With a platform nobody does: it decides, and there is no desk."""
    return settings().standalone and current_actor().may("can_decide", "RefundView")


def page(card: OrderCard, *, status: int = 200, **values: Any) -> Response:
    """The order's page. ``values`` are for the dialogs: what was typed and why it was refused.

    ``ask`` in the address (``refund``, ``resend:ID``, ``cancel:ID`` …) opens that dialog, without JavaScript too.
    """
    values.setdefault("ask", request.args.get("ask", ""))
    values.setdefault("sent_before", sent_before(session, current_actor(), card.id))
    values.setdefault("under_way", order_actions(session, current_actor(), card.id))
    values.setdefault("standalone", settings().standalone)
    may_revoke = current_actor().may("can_revoke_page", "OrderView")
    return make_response(
        render_template("orders/show.html", card=card, may_revoke=may_revoke, decides=decides_refunds(), **values),
        status,
    )


class OrderPageView(BaseView):
    """The page of an order. Shares its permissions with the list: *can show on OrderView*."""

    route_base = "/orders"
    class_permission_name = "OrderView"
    default_view = "show"

    @expose("/<string:order_id>")
    @has_access
    @permission_name("show")
    def show(self, order_id: str) -> Response:
        """The order, or the way to its permanent address."""
        number = read_order_id(order_id)
        if order_id != str(number):
            return redirect(f"/orders/{number}")
        try:
            card = card_of(number)
        except NotFound:  # not there, or another store's: the audit does not tell them apart, either
            audit.note_read(session, current_actor(), ORDER_VIEWED, result="refused", order_id=number)
            raise
        audit.note_read(session, current_actor(), ORDER_VIEWED, order_id=card.id, store_id=card.store_id)
        return page(card)

    @expose("/<string:order_id>/blocks")
    @has_access
    @permission_name("show")
    def blocks(self, order_id: str) -> str:
        """The order alone, without the page around it: what a page with something going on asks for again."""
        return render_template("orders/_one.html", card=card_of(read_order_id(order_id)))

    @expose("/<string:order_id>/revoke-page", methods=["POST"])
    @has_access
    @permission_name("revoke_page")
    def revoke_page(self, order_id: str) -> Response:
        """Make the link to the customer's page worthless; back to the order, which has a new one."""
        number = read_order_id(order_id)
        with transaction():
            revoke_page(session, current_actor(), number)
        return redirect(f"/orders/{number}", 303)
