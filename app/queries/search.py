"""Find orders: criteria in, one page of ids out, newest first, with an honest count."""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.access import ALL_STORES, Actor, Scope
from app.domain.orders import MAX_ID
from app.domain.refusal import Invalid, Refusal
from app.domain.search import Criteria
from app.models import Store
from app.queries import raw_search
from app.queries.raw_search import Position
from app.queries.raw_ways import CAP

SIZES = (25, 50, 100)
DEFAULT_SIZE = 50
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of results. ``count`` is exact unless ``capped``, then there are more than that.

    ``after`` leads to the next (older) page and ``before`` to the previous one, where there is one.
    """

    order_ids: list[int]
    count: int
    capped: bool
    after: str | None
    before: str | None

    @property
    def shown_count(self) -> str:
        """``12``, or ``1000+``."""
        return f"{self.count}+" if self.capped else str(self.count)


NOTHING = Page(order_ids=[], count=0, capped=False, after=None, before=None)


def search_orders(
    session: Session,
    actor: Actor,
    criteria: Criteria,
    *,
    limit: int = DEFAULT_SIZE,
    after: str | None = None,
    before: str | None = None,
    names: dict[int, str] | None = None,
    counted: bool = True,
) -> Page:
    """Orders in the actor's scope that meet all criteria, ``limit`` of them.

    ``names`` are the stores in scope by id, where the caller has them already. Raises Invalid at ``after``,
    ``before`` (no such position) and ``store`` (none of the actor's). One statement.
    """
    older, newer = read_position("after", after), read_position("before", before)
    if older and newer:
        raise Invalid({"before": [Refusal("search.position", "Give after or before, not both.")]})
    scope = narrowed(session, actor.stores, criteria, names)
    if not scope:
        return NOTHING
    rows, count = raw_search.list_and_count(
        session, criteria, scope, limit=limit + 1, after=older, before=newer, counted=counted
    )
    more, rows = len(rows) > limit, rows[:limit]
    if not rows and counted and (older or newer):  # nothing there: count from the beginning
        count = raw_search.list_and_count(session, criteria, scope, limit=1)[1]
    count = count or 0
    if newer:
        rows.reverse()
    has_newer = bool(rows) and (more if newer else older is not None)
    has_older = bool(rows) and (True if newer else more)
    return Page(
        order_ids=[row[0] for row in rows],
        count=min(count, CAP),
        capped=count > CAP,
        after=write_position(rows[-1]) if has_older else None,
        before=write_position(rows[0]) if has_newer else None,
    )


def narrowed(session: Session, scope: Scope, criteria: Criteria, names: dict[int, str] | None = None) -> Scope:
    """The part of the scope that the store filter leaves. Raises Invalid at ``store`` for a name not in scope."""
    if not criteria.stores:
        return scope
    if names is None:
        asked = sa.select(Store.id, Store.name).where(Store.name.in_(criteria.stores))
        names = {row.id: row.name for row in session.execute(asked)}
    by_name = {name: store_id for store_id, name in names.items() if scope is ALL_STORES or store_id in scope}
    unknown = [name for name in criteria.stores if name not in by_name]
    if unknown:
        refusals = [
            Refusal("search.store", "There is no store “%(name)s” among yours.", {"name": name[:64]})
            for name in unknown[:10]
        ]
        raise Invalid({"store": refusals})
    return frozenset(by_name[name] for name in criteria.stores)


def write_position(row: tuple[int, dt.datetime]) -> str:
    """A place in the list as an opaque word for an address. Holds a moment and an order's id, nothing of a person."""
    micros = (row[1] - _EPOCH) // dt.timedelta(microseconds=1)
    return base64.urlsafe_b64encode(f"{micros}.{row[0]}".encode()).decode().rstrip("=")


def read_position(name: str, word: str | None) -> Position | None:
    """The place a word names. Raises Invalid at ``name`` when it names none."""
    if not word:
        return None
    try:
        return _decoded(word)
    except (ValueError, OverflowError):
        refusal = Refusal("search.position", "This place in the list does not exist. Start from the first page.")
        raise Invalid({name: [refusal]}) from None


def _decoded(word: str) -> Position:
    if len(word) > 64:
        raise ValueError("too long")
    raw = base64.b64decode(word.encode("ascii") + b"=" * (-len(word) % 4), altchars=b"-_", validate=True)
    micros, order_id = (int(part) for part in raw.decode("ascii").split("."))
    if not 0 <= order_id <= MAX_ID:
        raise ValueError("not an order")
    return _EPOCH + dt.timedelta(microseconds=micros), order_id
