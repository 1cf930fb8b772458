"""What the search page needs to know before it searches: the stores in scope and the stored search, if one is named."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy.orm import Session

from app.domain.access import Actor
from app.domain.search import Typed, read_form
from app.models import Person
from app.queries import raw_search
from app.queries.people import actor_of

_KEY = re.compile(r"[A-Za-z0-9_-]{16,32}")


@dataclass(frozen=True, slots=True)
class Opening:
    """Names of the stores in scope by id, in alphabetical order, and what the stored search asks for.

    ``open_refunds``: how many refund requests of the actor's wait for a decision; None when nobody counted.
    """

    stores: dict[int, str]
    typed: Typed | None
    open_refunds: int | None = None


def open_page(session: Session, actor: Actor, key: str | None, now: dt.datetime) -> Opening:
    """The stores, and the stored search under the key as far as the actor may open it. One statement, for a
    colleague's search three.

    ``typed`` is None when no key was given, when nothing is kept under it any more, and when its maker shares no
    store with the actor: these are never told apart.
    """
    wanted = key if key and _KEY.fullmatch(key) else None
    stores: dict[int, str] = {}
    typed: Typed | None = None
    waiting = 0
    own = None if actor.is_lead or actor.is_admin else actor.id
    for kind, number, text in raw_search.stores_and_search(session, actor.stores, wanted, now, asked_by=own):
        if kind == "store":
            stores[number] = text
        elif kind == "open":
            waiting = number
        elif number == actor.id or _shares_a_store(session, actor, number):
            typed = read_form(_lists(orjson.loads(text)))
    return Opening(dict(sorted(stores.items(), key=lambda item: item[1])), typed, waiting)


def _shares_a_store(session: Session, actor: Actor, maker_id: int) -> bool:
    """Do the actor and the maker see a common store, as things are now?"""
    maker = session.get(Person, maker_id)
    if maker is None:
        return False
    theirs, mine = actor_of(session, maker).stores, actor.stores
    if isinstance(theirs, frozenset) and isinstance(mine, frozenset):
        return bool(theirs & mine)
    return bool(theirs) and bool(mine)


def _lists(raw: Any) -> Typed:
    """Only what has the form of typed values: a row is data like any other."""
    if not isinstance(raw, dict):
        return {}
    return {
        str(name): [value for value in values if isinstance(value, str)]
        for name, values in raw.items()
        if isinstance(values, list)
    }
