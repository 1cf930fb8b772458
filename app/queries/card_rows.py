"""The rows of a page of orders, sorted by the order they belong to: what ``cards`` makes its cards of."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable

from markupsafe import Markup

from app.domain.delivery import Ban
from app.formats import Formats
from app.models.work import LIVE
from app.queries.card_parts import RECENT, ActionKey, ActionState
from app.queries.raw_blocks import Blocks, Row, moment


class PageRows:
    """Rows by order id, or by order id and what they belong to within it."""

    def __init__(self, formats: Formats, now: dt.datetime) -> None:
        self.formats, self.now = formats, now
        self.this_year = formats.year(now)
        self.items: dict[int, list[Row]] = defaultdict(list)
        self.history: dict[int, list[Row]] = defaultdict(list)
        self.licenses: dict[tuple[int, str], list[Row]] = defaultdict(list)
        self.documents: dict[int, list[Row]] = defaultdict(list)
        self.parameters: dict[int, list[Row]] = defaultdict(list)
        self.children: dict[int, set[int]] = defaultdict(set)
        self.parents: dict[int, set[int]] = defaultdict(set)
        self.related: dict[int, set[int]] = defaultdict(set)
        self.renewals: dict[tuple[int, str], set[int]] = defaultdict(set)
        self.unseen: set[int] = set()
        self.actions: dict[ActionKey, ActionState] = {}
        self.acted: dict[int, set[ActionKey]] = defaultdict(set)
        self.live: set[int] = set()
        self.refunds: dict[int, list[Row]] = defaultdict(list)
        self.bans: dict[int, list[Ban]] = defaultdict(list)

    def take(self, blocks: Blocks) -> None:
        """Sort the rows of all blocks but the orders'."""
        items, history = self.items, self.history
        for row in blocks.items:
            items[row[0]].append(row)
        for row in blocks.history:
            history[row[0]].append(row)
        for row in blocks.rest:
            _TAKES[row[0]](self, row)

    def time(self, at: dt.datetime) -> Markup:
        """A moment as the page shows it."""
        return self.formats.element(at, self.this_year)

    def _license(self, row: Row) -> None:
        self.licenses[row[1], row[2]].append(row)

    def _document(self, row: Row) -> None:
        self.documents[row[1]].append(row)

    def _parameter(self, row: Row) -> None:
        self.parameters[row[1]].append(row)

    def _relation(self, row: Row) -> None:
        (self.children if row[2] == "child" else self.related)[row[1]].add(row[6])
        if row[2] == "child":
            self.renewals[row[1], row[3]].add(row[6])
        self._seen(row)

    def _related_by(self, row: Row) -> None:
        (self.parents if row[2] == "child" else self.related)[row[1]].add(row[6])
        self._seen(row)

    def _seen(self, row: Row) -> None:
        """An order that is not here, or not for the reader, is named and no link."""
        if row[7] is None:
            self.unseen.add(row[6])

    def _action(self, row: Row) -> None:
        _, order_id, kind, subject, state, reason, number, actor_id, _, created, finished = row
        if state in LIVE:
            self.live.add(order_id)
        if kind in ("cancel_subscription", "resume_subscription"):
            kind = "subscription"
        key = (order_id, kind, subject)
        self.acted[order_id].add(key)
        known = self.actions.get(key)
        if known is None or known.id < number:
            at = moment(finished or created)
            assert at is not None
            recent = self.now - at < RECENT
            self.actions[key] = ActionState(number, row[2], subject, state, reason, self.time(at), actor_id, recent)

    def _refund(self, row: Row) -> None:
        self.refunds[row[1]].append(row)

    def _ban(self, row: Row) -> None:
        starts = moment(row[9])
        assert starts is not None
        self.bans[row[8]].append(Ban(row[8], row[2], row[3], starts, moment(row[10])))


_TAKES: dict[str, Callable[[PageRows, Row], None]] = {
    "license": PageRows._license, "document": PageRows._document, "parameter": PageRows._parameter,
    "relation": PageRows._relation, "related_by": PageRows._related_by, "action": PageRows._action,
    "refund": PageRows._refund, "ban": PageRows._ban,
}  # fmt: skip
"""What takes which of the small rows. Bound methods kept in the page itself would make a ring of it, and all its rows
would wait for the collector."""
