"""The orders of a list or a page, and what their templates (``plain_templates``) ask while they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from flask import Flask
from flask_babel import gettext
from markupsafe import Markup

from app.domain.customer_page import page_token
from app.domain.history import SENTENCES
from app.domain.refusal import Refusal
from app.i18n import formats, say
from app.queries.card_parts import HistoryLine, OrderCard
from app.settings import settings
from app.views.plain_templates import macros
from app.views.reasons import retold, trouble

TEMPLATE = "orders/_card.html"


def reasons() -> Callable[[Refusal], str]:
    """A function that says refusals in the reader's language and remembers those without places to fill."""
    known: dict[str, str] = {}

    def reason(refusal: Refusal) -> str:
        if refusal.params:
            return say(refusal)
        text = known.get(refusal.text)
        if text is None:
            text = known[refusal.text] = say(refusal)
        return text

    return reason


def teller() -> Callable[[HistoryLine], str]:
    """A function that tells a history line: the platform's as sent, the portal's own in the reader's language."""
    known: dict[str, str] = {}

    def told(line: HistoryLine) -> str:
        if line.code is None or line.code not in SENTENCES:
            return line.text
        text = known.get(line.code)
        if text is None:
            text = known[line.code] = gettext(SENTENCES[line.code].text)
        try:
            return text % line.params if line.params else text
        except (KeyError, ValueError, TypeError):  # a place that an old line does not fill
            return line.text

    return told


def customer_page(card: OrderCard) -> str | None:
    """Where a click on the order's number leads: the platform's page of the order, else our own; None once erased."""
    if card.detail_url:
        return card.detail_url
    if card.erased:
        return None
    return f"/o/{card.id}/{page_token(settings().secret_key, card.id, card.page_generation)}"


class Words(NamedTuple):
    """What the templates of orders ask: functions of this request."""

    reason: Callable[[Refusal], str]
    told: Callable[[HistoryLine], str]
    stamp: Callable[[float], str]
    said: Callable[[str], str] = retold
    customer_page: Callable[[OrderCard], str | None] = customer_page


def words() -> Words:
    """In the reader's language, on the reader's clock."""
    known = formats()
    return Words(reasons(), teller(), known.stamper(known.year()))


def order_list(cards: Sequence[OrderCard]) -> Iterator[Markup]:
    """The orders of a list, each an ``<li>``: two lines, blocks to open. One alone is open already."""
    card, w = macros(TEMPLATE).card, words()
    for c in cards:
        yield Markup(card(w, c, len(cards) == 1))  # noqa: S704 - from our templates


def whole_order(card: OrderCard) -> Markup:
    """One order with all its blocks open."""
    return Markup(macros(TEMPLATE).whole(words(), card))  # noqa: S704 - from our templates


def init_app(app: Flask) -> None:
    """Give the templates the orders, and what rows keep in English in the reader's language."""
    app.add_template_global(order_list)
    app.add_template_global(whole_order)
    app.add_template_filter(retold)
    app.add_template_filter(trouble)
