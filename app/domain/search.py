"""What a search form means (domain.md 3): typed text in, exact criteria or errors at the fields out.

A filter that is filled is used or is an error, never ignored. The normalise functions write the key columns as well.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from app.domain.days import Span, read_day, span_of_days
from app.domain.normal import normalise_card, normalise_code, normalise_phone, normalise_text, normalise_vat
from app.domain.orders import FILTER_STATUSES, MAX_ID, REFUND_LABELS, STATUS_LABELS, RefundStatus, Status
from app.domain.refusal import Invalid, Refusal

FIELDS = (
    "created_from", "created_to", "paid_from", "paid_to", "status", "ids", "phone", "first_name", "last_name", "email",
    "company", "vat", "card", "code", "store",
)  # fmt: skip
"""Names of the form's fields (contract.md 2)."""

DAYS = frozenset({"created", "paid"})
"""Filters of two fields, the first day and the last."""

SEVERAL = frozenset({"status", "ids", "store"})
"""Fields that may be given more than once."""

PERSONAL = frozenset({"phone", "first_name", "last_name", "email", "company", "vat", "card", "code"})
"""Fields that must never stand in an address: personal data, and codes that are worth money."""

LABELS = {
    "created_from": "Order creation date from",
    "created_to": "Order creation date to",
    "paid_from": "Order payment date from",
    "paid_to": "Order payment date to",
    "created": "Order creation date",
    "paid": "Order payment date",
    "status": "Order status",
    "ids": "Order IDs",
    "phone": "Phone Number",
    "first_name": "First Name",
    "last_name": "Last Name",
    "email": "Email",
    "company": "Company",
    "vat": "VAT Number",
    "card": "Last 4 digits of Card Number",
    "code": "Activation code",
    "store": "Store",
}
"""What the fields are called on the screen (msgids; contract.md 2)."""

FILTER_LABELS = {
    **{status.value: STATUS_LABELS[status] for status in Status},
    **{f"refund_{status.value}": REFUND_LABELS[status] for status in RefundStatus},
}
"""What the status boxes are called (msgids; domain.md 2.2 and 2.4)."""

MAX_IDS = 500
MAX_TEXT = 2000
MIN_CODE = 3
_REFUND = "refund_"

Typed = dict[str, list[str]]
"""What was typed, by field; only fields that hold something."""


@dataclass(frozen=True, slots=True)
class Tag:
    """One filter as people read it. ``name`` and ``value`` say what to take away to be without it.

    ``text`` is a msgid with places for ``params``; what was typed stands in ``params`` and is never translated.
    """

    name: str
    value: str
    label: str
    text: str
    params: dict[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Criteria:
    """What to look for; all that is set must hold. Keys are in search form, moments in UTC.

    ``typed`` is what the person typed, to show it again; ``stores`` are technical names, resolved within a scope.
    """

    created: Span | None = None
    paid: Span | None = None
    statuses: tuple[str, ...] = ()
    refund_statuses: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    company: str | None = None
    vat: str | None = None
    card: str | None = None
    code: str | None = None
    stores: tuple[str, ...] = ()
    typed: Typed = field(default_factory=dict, hash=False, compare=False)

    @property
    def empty(self) -> bool:
        """Is nothing asked, so that the newest orders are the answer?"""
        return not self.typed

    @property
    def personal(self) -> bool:
        """Does it hold what must not stand in an address?"""
        return any(name in PERSONAL for name in self.typed)

    def describe(self) -> list[Tag]:
        """Every filter as a tag, in the form's order."""
        tags: list[Tag] = []
        for name in ("created", "paid"):
            tags += _day_tag(name, self.typed.get(f"{name}_from"), self.typed.get(f"{name}_to"))
        for name in ("status", "store"):
            tags += [_tag(name, value) for value in dict.fromkeys(self.typed.get(name, ()))]
        if "ids" in self.typed:
            tags.append(Tag("ids", "", LABELS["ids"], "%(value)s", {"value": ", ".join(map(str, self.ids))}))
        for name in FIELDS:
            if name in PERSONAL and name in self.typed:
                tags.append(Tag(name, "", LABELS[name], "%(value)s", {"value": self.typed[name][0]}))
        return tags


def read_form(form: Mapping[str, Sequence[str]]) -> Typed:
    """The form's own fields that hold something, as typed."""
    return {name: kept for name in FIELDS if (kept := [value for value in form.get(name, ()) if value != ""])}


def without(typed: Typed, name: str, value: str = "") -> Typed:
    """What was typed less one tag."""
    gone = {f"{name}_from", f"{name}_to"} if name in DAYS else {name}
    left = {key: values for key, values in typed.items() if key not in gone}
    if name in ("status", "store") and value and (kept := [v for v in typed.get(name, ()) if v != value]):
        left[name] = kept
    return left


def parse_criteria(form: Mapping[str, Sequence[str]], *, zone: ZoneInfo) -> Criteria:
    """What the form asks for. Days are days in ``zone``.

    Raises Invalid with every error at its field; domain.md 3 says what is one.
    """
    typed = read_form(form)
    errors: dict[str, list[Refusal]] = {}
    readable = {name: values for name, values in typed.items() if _readable(name, values, errors)}
    one = {name: values[0] for name, values in readable.items() if name not in SEVERAL}
    criteria = Criteria(
        created=_days("created", one, zone, errors),
        paid=_days("paid", one, zone, errors),
        statuses=tuple(v for v in _statuses(readable, errors) if not v.startswith(_REFUND)),
        refund_statuses=tuple(v.removeprefix(_REFUND) for v in _statuses(readable, {}) if v.startswith(_REFUND)),
        ids=_ids(readable.get("ids"), errors),
        phone=_phone(one.get("phone"), errors),
        first_name=_text("first_name", one, errors),
        last_name=_text("last_name", one, errors),
        email=_text("email", one, errors),
        company=_text("company", one, errors),
        vat=_vat(one.get("vat"), errors),
        card=_card(one.get("card"), errors),
        code=_code(one.get("code"), errors),
        stores=tuple(dict.fromkeys(v.strip() for v in readable.get("store", ()))),
        typed=typed,
    )
    if errors:
        raise Invalid(errors)
    return criteria


def _add(errors: dict[str, list[Refusal]], name: str, code: str, text: str, **params: object) -> None:
    errors.setdefault(name, []).append(Refusal(f"search.{code}", text, params))


def _readable(name: str, values: list[str], errors: dict[str, list[Refusal]]) -> bool:
    """Text a database can be asked about, and one value where one is asked for."""
    if any(c == "\0" or "\ud800" <= c <= "\udfff" for value in values for c in value):
        _add(errors, name, "unreadable", "This holds a character that cannot be searched for. Type it again.")
        return False
    if name not in SEVERAL and len(set(values)) > 1:
        _add(errors, name, "twice", "This was given more than once. Give one value.")
        return False
    if name in PERSONAL and any(len(value) > MAX_TEXT for value in values):
        _add(errors, name, "long", "This is longer than %(max)s characters.", max=MAX_TEXT)
        return False
    return True


def _days(name: str, one: dict[str, str], zone: ZoneInfo, errors: dict[str, list[Refusal]]) -> Span | None:
    """Only from: that one day. Only to: all up to its end. Both: both included (domain.md 3.1)."""
    days: dict[str, dt.date | None] = {}
    for side in ("from", "to"):
        text = one.get(f"{name}_{side}")
        days[side] = read_day(text) if text is not None else None
        if text is not None and days[side] is None:
            _add(errors, f"{name}_{side}", "day", "There is no such day. Write it as 2026-08-31.")
    first, last = days["from"], days["to"]
    if f"{name}_from" in errors or f"{name}_to" in errors or (first is None and last is None):
        return None
    if first is not None and last is not None and first > last:
        _add(errors, f"{name}_from", "order", "From is later than to.")
        return None
    span = span_of_days(first, first if last is None else last, zone)
    if span.empty:
        _add(errors, f"{name}_from", "skipped", "This day was skipped in the time zone %(zone)s.", zone=zone.key)
        return None
    return span


def _statuses(typed: Typed, errors: dict[str, list[Refusal]]) -> tuple[str, ...]:
    found = dict.fromkeys(typed.get("status", ()))
    for value in found:
        if value not in FILTER_STATUSES:
            _add(errors, "status", "status", "There is no status “%(value)s”.", value=_short(value))
    return tuple(found)


NOT_AN_ID = {
    "subscription": "“%(token)s” is the ID of a subscription, not of an order.",
    "no_digits": "“%(token)s” is not an order ID: it has no digits.",
    "two_numbers": "“%(token)s” is not an order ID: it holds several numbers.",
    "too_long": "“%(token)s” is not an order ID: the number is too long.",
    "zero": "“%(token)s” is not an order ID: the number is zero.",
}


def _ids(values: list[str] | None, errors: dict[str, list[Refusal]]) -> tuple[int, ...]:
    """Numbers out of what was pasted; each token that is none is named (domain.md 3.3)."""
    if values is None:
        return ()
    tokens = [token for value in values for token in re.split(r"[\s,;]+", value) if token]
    if not tokens:
        _add(errors, "ids", "no_ids", "There is no order ID here.")
    found: dict[int, None] = {}
    wrong: dict[str, str] = {}
    for token in tokens:
        runs = re.findall(r"[0-9]+", token)
        if re.search(r"[0-9]_[0-9]", token):
            wrong[token] = "subscription"
        elif not runs:
            wrong[token] = "no_digits"
        elif len(runs) > 1:
            wrong[token] = "two_numbers"
        elif len(number := runs[0].lstrip("0")) > 19 or int(number or "0") > MAX_ID:
            wrong[token] = "too_long"
        elif not number:
            wrong[token] = "zero"
        else:
            found[int(number)] = None
    for token, code in list(wrong.items())[:10]:
        errors.setdefault("ids", []).append(Refusal(f"search.{code}", NOT_AN_ID[code], {"token": _short(token)}))
    if len(wrong) > 10:
        _add(errors, "ids", "more_wrong", "%(count)s more are not order IDs.", count=len(wrong) - 10)
    if len(found) > MAX_IDS:
        _add(
            errors, "ids", "too_many", "These are %(count)s order IDs; at most %(max)s can be searched for at once.",
            count=len(found), max=MAX_IDS,
        )  # fmt: skip
    return tuple(found)


def _phone(value: str | None, errors: dict[str, list[Refusal]]) -> str | None:
    digits = normalise_phone(value)
    if value is not None and digits is None:
        _add(errors, "phone", "no_digits", "A phone number has digits.")
    return digits


def _vat(value: str | None, errors: dict[str, list[Refusal]]) -> str | None:
    key = normalise_vat(value)
    if value is not None and key is None:
        _add(errors, "vat", "empty", "A VAT number has letters or digits.")
    return key


def _card(value: str | None, errors: dict[str, list[Refusal]]) -> str | None:
    key = normalise_card(value)
    if value is not None and not re.fullmatch(r"[0-9]{4}", key or ""):
        _add(errors, "card", "four", "Give the last 4 digits, and nothing else.")
    return key


def _text(name: str, one: dict[str, str], errors: dict[str, list[Refusal]]) -> str | None:
    value = one.get(name)
    key = normalise_text(value)
    if value is not None and key is None:
        _add(errors, name, "blank", "There are only spaces here.")
    return key


def _code(value: str | None, errors: dict[str, list[Refusal]]) -> str | None:
    """White space that was pasted around a code is no part of it; inside it is."""
    if value is None:
        return None
    key = normalise_code(value.strip())
    if len(key) < MIN_CODE:
        _add(errors, "code", "short", "Give at least %(min)s characters of the code.", min=MIN_CODE)
    return key


def _day_tag(name: str, first: list[str] | None, last: list[str] | None) -> list[Tag]:
    start, end = (first or [""])[0].strip(), (last or [""])[0].strip()
    if not start and not end:
        return []
    if not start:
        return [Tag(name, "", LABELS[name], "up to %(to)s", {"to": end})]
    if not end or start == end:
        return [Tag(name, "", LABELS[name], "%(value)s", {"value": start})]
    return [Tag(name, "", LABELS[name], "%(from)s to %(to)s", {"from": start, "to": end})]


def _tag(name: str, value: str) -> Tag:
    if name == "status":
        return Tag(name, value, LABELS[name], FILTER_LABELS.get(value, value))
    return Tag(name, value, LABELS[name], "%(value)s", {"value": value})


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


__all__ = [
    "FIELDS", "FILTER_LABELS", "LABELS", "PERSONAL", "Criteria", "Span", "Tag", "Typed", "normalise_card",
    "normalise_code", "normalise_phone", "normalise_text", "normalise_vat", "parse_criteria", "read_form", "without",
]  # fmt: skip
