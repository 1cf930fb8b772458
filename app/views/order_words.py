"""The order templates and their words, said once per language and not once per label of each order.

A page of fifty orders says "Delivered" and its like two thousand times; looking each up doubles what the page
costs. So ``orders/_card.html`` is written in two stages: what stands in double square brackets is filled in once
per language (that gives a plain Jinja template without words to look up), what stands in braces per order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, current_app
from flask_babel import get_locale, gettext
from jinja2 import Environment, Template
from markupsafe import Markup

from app.domain.customer_page import page_token
from app.domain.history import SENTENCES
from app.domain.refusal import Refusal
from app.i18n import formats, say
from app.queries.card_parts import HistoryLine, OrderCard
from app.settings import settings
from app.views.order_code import OrderEnvironment


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


def order_list(cards: Iterable[OrderCard]) -> Markup:
    """The orders of a list, each an ``<li>``: two lines, blocks to open. One alone is open already."""
    card, found = _macros().card, list(cards)
    return Markup("".join(f"<li>{card(c, len(found) == 1)}</li>" for c in found))  # noqa: S704 - from our templates


def whole_order(card: OrderCard) -> Markup:
    """One order with all its blocks open."""
    return Markup(_macros().whole(card))  # noqa: S704 - from our templates


_ORDER = OrderEnvironment()


def _macros() -> Any:
    """The macros of ``orders/_card.html`` in the reader's language."""
    app = current_app
    language = str(get_locale() or "en")
    templates: dict[str, Template] = app.extensions.setdefault("order_templates", {})
    template = templates.get(language)
    if template is None:
        template = templates[language] = _ORDER.from_string(_first_stage(app).render(_=gettext))
    known = formats()
    return template.make_module(
        {
            "reason": reasons(),
            "told": teller(),
            "said": gettext,
            "customer_page": customer_page,
            "stamp": known.stamper(known.year()),
        }
    )


def _first_stage(app: Flask) -> Template:
    return Environment(
        loader=app.jinja_env.loader,
        autoescape=True,
        block_start_string="[%",
        block_end_string="%]",
        variable_start_string="[[",
        variable_end_string="]]",
        comment_start_string="[#",
        comment_end_string="#]",
        keep_trailing_newline=True,
    ).get_template("orders/_card.html")


def init_app(app: Flask) -> None:
    """Give the templates the orders."""
    app.add_template_global(order_list)
    app.add_template_global(whole_order)
