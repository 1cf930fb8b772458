"""``/o/<order_id>/<token>``: the customer's own page of an order, where the platform gave none.

Anonymous. The link is the only key: 256 bits, of this order and of its present generation. Unknown, wrong, revoked
and erased answer alike. The token stands in no log, leaves by no Referer, is found by no search engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Blueprint, Flask, Response, make_response, render_template
from flask_babel import force_locale

from app.db import scope_as, session
from app.domain.access import ALL_STORES, Actor
from app.domain.customer_page import token_holds
from app.domain.orders import MAX_ID
from app.domain.refusal import NotFound
from app.models.base import utcnow
from app.queries.cards import load_cards
from app.queries.customer_page import PageFacts, page_facts
from app.settings import settings
from app.views.documents import hand_out
from config import LANGUAGES

blueprint = Blueprint("customer_page", __name__, url_prefix="/o")
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


@blueprint.get("/<string:order_id>/<string:token>")
def page(order_id: str, token: str) -> Response:
    """What the customer may know of their order; nothing else."""
    with _opened(order_id, token) as customer:
        (card,) = load_cards(session, customer, [int(order_id)], utcnow())
        with force_locale(customer.language):
            html = render_template("orders/customer.html", card=card, token=token, zone=customer.timezone)
            response = make_response(html)
    return _private(response)


@blueprint.get("/<string:order_id>/<string:token>/documents/<string:document_id>")
def document(order_id: str, token: str, document_id: str) -> Response:
    """A document of the order."""
    with _opened(order_id, token) as customer:
        return _private(hand_out(customer, int(order_id), document_id))


@contextmanager
def _opened(order_id: str, token: str) -> Iterator[Actor]:
    """The customer as an actor that sees the order's store. Raises NotFound unless the link holds."""
    number = int(order_id) if order_id.isascii() and order_id.isdigit() and len(order_id) <= 19 else 0
    facts = None
    if 0 < number <= MAX_ID and str(number) == order_id:
        with scope_as(ALL_STORES):  # before the link is known to hold, nothing but its facts is read
            facts = page_facts(session, number)
    known = facts or PageFacts(0, -1, True, None)  # as much work for an order that does not exist
    holds = token_holds(settings().secret_key, number, known.generation, token)
    if not holds or known.erased:
        raise NotFound
    stores = frozenset({known.store_id})
    with scope_as(stores):
        yield Actor(
            id=None,
            login="customer",
            name="",
            stores=stores,
            language=_language(known.locale),
            timezone=settings().default_timezone,
        )


def _language(locale: str | None) -> str:
    """The order's language where the portal speaks it, else the portal's default."""
    language = (locale or "").replace("-", "_").partition("_")[0].lower()
    return language if language in LANGUAGES else settings().default_language


def _private(response: Response) -> Response:
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    response.headers.setdefault("Content-Security-Policy", POLICY)
    return response


def init_app(app: Flask) -> None:
    """Open the customers' door."""
    app.register_blueprint(blueprint)
