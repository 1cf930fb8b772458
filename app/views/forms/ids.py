"""Numbers out of forms and addresses, bounded before any database sees them."""

from __future__ import annotations

from collections.abc import Iterable

from flask import request

from app.domain.people import Boxes
from app.domain.refusal import Invalid, Refusal
from app.models import Group, Store

MOST_ID = 2**31 - 1
MOST_PAGES = 10_000
PK = "int(min=1,max=2147483647)"
"""The converter of ids in addresses: what cannot be one is no address."""


def chosen_ids(name: str, unknown: Refusal) -> frozenset[int]:
    """The ids ticked in a form. Raises Invalid at the field for anything that is none."""
    return parse_ids(name, request.form.getlist(name), unknown)


def parse_ids(name: str, typed: Iterable[str], unknown: Refusal) -> frozenset[int]:
    """The ids among the texts. Raises Invalid at ``name`` for anything that is none."""
    found = set()
    for text in typed:
        if not (text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= int(text) <= MOST_ID):
            raise Invalid({name: [unknown]})
        found.add(int(text))
    return frozenset(found)


def boxes(name: str, unknown: Refusal, held: frozenset[int]) -> Boxes:
    """The boxes of a form that carries along, as ``had_NAME``, what it showed ticked; else it showed ``held``."""
    had = request.form.get(f"had_{name}")
    shown = held if had is None else parse_ids(name, filter(None, had.split(",")), unknown)
    return Boxes(shown, chosen_ids(name, unknown))


def joined(ids: Iterable[int]) -> str:
    """For the ``had_NAME`` of a form."""
    return ",".join(str(number) for number in sorted(ids))


def asked_id(name: str) -> int | None:
    """``?name=``: an id, None when it is empty; what is no id is one that nothing has."""
    text = request.args.get(name, "").strip()
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= MOST_ID else 0


def options(rows: Iterable[Group | Store]) -> list[tuple[int, str]]:
    """Boxes to tick: id and name."""
    return [(row.id, row.name) for row in rows]


def page_number() -> int:
    """``?page=``, from 1; anything that is no page is the first."""
    text = request.args.get("page", "1")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= MOST_PAGES else 1
