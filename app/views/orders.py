"""``/orders/``: the search form and the orders found, as a FAB model view (contract.md 2, domain.md 3)."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from defusedcsv import csv
from flask import g, make_response, redirect, request
from flask_appbuilder import ModelView, expose, has_access, permission_name
from flask_appbuilder.widgets import RenderTemplateWidget
from flask_babel import gettext, lazy_gettext, ngettext
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup
from werkzeug.wrappers import Response

from app.actions import audit
from app.actions.searches import store_search
from app.db import session, transaction
from app.domain.audit import ORDERS_EXPORTED, ORDERS_LISTED, ORDERS_SEARCHED
from app.domain.days import read_day
from app.domain.refusal import Invalid, Refusal
from app.domain.search import DAYS, PERSONAL, Criteria, Tag, Typed, parse_criteria, read_form, without
from app.i18n import formats, say
from app.models import Order
from app.models.base import utcnow
from app.queries.order_export import HEAD, MOST, export_rows
from app.queries.search import DEFAULT_SIZE, NOTHING, SIZES, Page, narrowed, search_orders
from app.queries.search_page import Opening, open_page
from app.security import current_actor
from app.views.forms.search import SearchForm
from app.views.order import cards_of
from app.views.plain_templates import macros
from app.views.scoped import SafeListMixin, ScopedActionsMixin, ScopedInterface

PERSONAL_IN_ADDRESS = Refusal(
    "search.personal",
    "An address must not hold personal data or codes: it ends up in histories and logs. Use the form below.",
)
GONE = Refusal("search.gone", "This search is gone: searches are kept for 30 days. Fill in the form again.")
BESIDE = Refusal("search.beside", "A filter beside a kept search is not used. Set it here and search again.")
NOT_HELD = Refusal("search.invalid", "Nothing was searched for yet: some fields need another look.")


def without_personal_data(view: Callable[..., Response]) -> Callable[..., Response]:
    """Answer 400 to an address that holds personal data, before anything (a sign-in page's ``next``) repeats it."""

    @functools.wraps(view)
    def checked(self: OrderView, *args: Any, **kwargs: Any) -> Response:
        if any(value for name in PERSONAL for value in request.args.getlist(name)):
            return self.answer(SearchForm(), status=400, problem=PERSONAL_IN_ADDRESS)
        return view(self, *args, **kwargs)

    return checked


class FormWords(NamedTuple):
    """What the template of the search form asks."""

    csrf: str
    zone: str
    size: int
    say: Callable[[Refusal], str] = say
    said: Callable[[str], str] = gettext

    @staticmethod
    def filled(number: int) -> str:
        """How many filters are set, in words."""
        return ngettext("%(num)d filter set", "%(num)d filters set", number)


class SearchFormWidget(RenderTemplateWidget):
    """The search form; drawn with every page of orders, so by a plain template."""

    template = "orders/_search_form.html"

    def __call__(self, **_: object) -> Markup:
        """FAB's hook: the form's HTML."""
        given = self.template_args or {}
        words = FormWords(generate_csrf(), given["zone"], given["size"])
        return Markup(macros(self.template).search_form(words, given["form"]))  # noqa: S704 - from our template


class OrderListWidget(RenderTemplateWidget):
    """What was searched for, the orders found, and the way to the next page."""

    template = "orders/_results.html"


class OrderView(ScopedActionsMixin, SafeListMixin, ModelView):
    """Orders: search and list. One order's own page is ``OrderPageView``, with permissions of this class, too."""

    route_base = "/orders"
    datamodel = ScopedInterface(Order)
    include_route_methods: ClassVar[set[str]] = {"list", "search", "count", "export"}
    # No form of FAB's is used, and none may offer relations: it would list every store's rows in a dropdown.
    search_columns = add_columns = edit_columns = list_columns = show_columns = ["order_name"]  # noqa: RUF012
    list_title = lazy_gettext("Orders")
    search_form = SearchForm
    search_widget = SearchFormWidget
    list_widget = OrderListWidget
    list_template = "orders/list.html"

    @expose("/")
    @without_personal_data
    @has_access
    def list(self) -> Response:
        """The form, and the orders that the address asks for: a stored search, readable filters, or the newest."""
        return self._searched(self._listed)

    @expose("/export.csv")
    @without_personal_data
    @has_access
    @permission_name("export")
    def export(self) -> Response:
        """The orders that the same address without ``export.csv`` lists, as a file for a spreadsheet."""
        return self._searched(self._exported)

    def _searched(self, answer: Callable[[Opening, Criteria, Typed, Typed], Response]) -> Response:
        """What the address asks for, answered; or the form that says what is wrong with it."""
        key = request.args.get("s") or None  # an empty one is no filter, like any other empty field
        opening = open_page(session, current_actor(), key, utcnow())
        if key is not None and opening.typed is None:
            return self.answer(SearchForm(), opening, status=404, problem=GONE)
        asked = read_form(request.args.to_dict(flat=False))
        typed, beside = (asked, {}) if opening.typed is None else (opening.typed, asked)
        try:
            criteria = self._criteria(typed, beside)
            return answer(opening, criteria, typed, {"s": [key]} if key is not None else typed)
        except Invalid as error:
            form = SearchForm(typed, error.errors, list(opening.stores.values()))
            return self.answer(form, opening, status=422, problem=NOT_HELD)

    def _listed(self, opening: Opening, criteria: Criteria, typed: Typed, address: Typed) -> Response:
        size = read_size(request.args.get("size"))
        page = self._find(criteria, opening, size)
        form = SearchForm(typed, stores=list(opening.stores.values()))
        return self.answer(form, opening, criteria=criteria, page=page, size=size, address=address)

    def _exported(self, opening: Opening, criteria: Criteria, _typed: Typed, _address: Typed) -> Response:
        actor = current_actor()
        rows = [*export_rows(session, actor, criteria, opening.stores)]
        more, rows = len(rows) > MOST, rows[:MOST]
        out = io.StringIO()
        csv.writer(out).writerows([HEAD, *rows])  # no cell is taken for a formula
        details = {"filters": sorted(criteria.typed), "found": len(rows)}
        audit.note_read(session, actor, ORDERS_EXPORTED, details=details)
        answer = make_response("\ufeff" + out.getvalue())
        answer.mimetype = "text/csv"
        answer.headers["Content-Disposition"] = f'attachment; filename="orders{f"-first-{MOST}" if more else ""}.csv"'
        return answer

    @expose("/search", methods=["GET", "POST"])
    @without_personal_data
    @has_access
    @permission_name("list")
    def search(self) -> Response:
        """Keep what was asked for under a key and go there: nothing personal stands in the address.

        A page with errors stands at this address; who opens it anew gets the form.
        """
        if request.method != "POST":
            return redirect("/orders/")
        typed = read_form(request.form.to_dict(flat=False))
        name, _, value = request.form.get("without", "").partition(":")
        if name:
            typed = without(typed, name, value)
        opening = open_page(session, current_actor(), None, utcnow())
        try:
            criteria = self._criteria(typed)
            size = read_size(request.form.get("size"))
            narrowed(session, current_actor().stores, criteria, opening.stores)
        except Invalid as error:
            form = SearchForm(typed, error.errors, list(opening.stores.values()))
            return self.answer(form, opening, status=422, problem=NOT_HELD)
        address: Typed = {}
        if not criteria.empty:
            with transaction():
                address["s"] = [store_search(session, current_actor(), typed, now=utcnow())]
        return redirect(address_of(address, size), 303)

    def answer(
        self,
        form: SearchForm,
        opening: Opening | None = None,
        *,
        status: int = 200,
        problem: Refusal | None = None,
        criteria: Criteria | None = None,
        page: Page = NOTHING,
        size: int = DEFAULT_SIZE,
        address: Typed | None = None,
    ) -> Response:
        """The page: form, problem if there is one, results if something was searched for."""
        actor = current_actor()
        opening = opening or Opening({}, None)
        g.open_refunds = opening.open_refunds
        form.stores = list(opening.stores.values())
        zone, sizes = actor.timezone, [(n, address_of(address or {}, n)) for n in SIZES]
        widgets = {
            "search": self.search_widget(form=form, zone=zone, size=size),
            "list": self.list_widget(
                form=form, criteria=criteria, tags=shown_tags(criteria) if criteria else [], page=page, size=size,
                sizes=sizes, first=address_of(address or {}, size),
                older=address_of(address or {}, size, after=page.after) if page.after else None,
                newer=address_of(address or {}, size, before=page.before) if page.before else None,
                export=address_of(address or {}).replace("/orders/", "/orders/export.csv", 1)
                if actor.may("can_export", "OrderView") else None,
                cards=cards_of(page.order_ids), stores=form.stores,
            ) if criteria is not None else None,
        }  # fmt: skip
        html = self.render_template(
            self.list_template, title=self.list_title, widgets=widgets, problem=problem, form=form,
            stores=form.stores, all_stores=actor.is_admin, zone=zone,
        )  # fmt: skip
        return make_response(html, status)

    def _criteria(self, typed: Typed, beside: Typed | None = None) -> Criteria:
        """What is asked for. ``beside``: filters in the address of a kept search, which nobody looks at."""
        if beside:
            raise Invalid({name: [BESIDE] for name in beside})
        return parse_criteria(typed, zone=ZoneInfo(current_actor().timezone))

    def _find(self, criteria: Criteria, opening: Opening, size: int) -> Page:
        actor = current_actor()
        page = search_orders(
            session,
            actor,
            criteria,
            limit=size,
            after=request.args.get("after"),
            before=request.args.get("before"),
            names=opening.stores,
        )
        event = ORDERS_LISTED if criteria.empty else ORDERS_SEARCHED
        details = {"filters": sorted(criteria.typed), "found": page.shown_count}
        audit.note_read(session, actor, event, details=details)
        return page


def shown_tags(criteria: Criteria) -> list[Tag]:
    """Every filter as a tag, its days as this person reads days."""
    day = formats().day

    def said(text: str) -> str:
        found = read_day(text)
        return day(found) if found else text

    return [
        replace(tag, params={name: said(text) for name, text in tag.params.items()}) if tag.name in DAYS else tag
        for tag in criteria.describe()
    ]


def read_size(text: str | None) -> int:
    """How many orders a page shows. Raises Invalid at ``size`` for a number that is not offered."""
    if not text:
        return DEFAULT_SIZE
    for size in SIZES:
        if text == str(size):
            return size
    raise Invalid({"size": [Refusal("search.size", "A page shows 25, 50 or 100 orders.")]})


def address_of(typed: Typed, size: int = DEFAULT_SIZE, **position: str | None) -> str:
    """The address of a search: its key or its readable filters, the page size unless it is the usual one."""
    pairs = [(name, value) for name, values in typed.items() for value in values]
    if size != DEFAULT_SIZE:
        pairs.append(("size", str(size)))
    pairs += [(name, value) for name, value in position.items() if value]
    return f"/orders/?{urlencode(pairs)}" if pairs else "/orders/"
