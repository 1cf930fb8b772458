"""The menu: one list, of which everybody sees the entries their FAB permissions open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flask import g

from app.db import session
from app.domain.access import Actor
from app.queries.refunds import open_requests


@dataclass(frozen=True, slots=True)
class Entry:
    """A place in the menu: ``label`` is an English msgid. Shown to whoever holds ``permission`` on ``view``."""

    label: str
    href: str
    permission: str
    view: str
    count: int = 0

    def covers(self, path: str) -> bool:
        """Is the page at this path part of the entry?"""
        return path.startswith(self.href)


# Add an entry with the permission that opens its page; the order here is the order on the screen.
ENTRIES: tuple[Entry, ...] = (
    Entry("Orders", "/orders/", "can_list", "OrderView"),
    Entry("Refund requests", "/refunds/", "can_list", "RefundView"),
    Entry("Jobs and mail", "/operations/", "can_list", "OperationsView"),
    Entry("People", "/people/", "can_list", "PersonView"),
    Entry("Teams", "/teams/", "can_list", "TeamView"),
    Entry("Stores", "/stores/", "can_list", "StoreView"),
    Entry("API tokens", "/tokens/", "can_list", "TokenView"),
    Entry("Audit", "/audit/", "can_list", "AuditView"),
)


def navigation(actor: Actor, *, counted: bool = False) -> Sequence[Entry]:
    """The entries this actor may open, in order; ``counted``: with what waits there."""
    found = [entry for entry in ENTRIES if actor.may(entry.permission, entry.view)]
    return (
        [replace(entry, count=_open_refunds(actor)) if entry.view == "RefundView" else entry for entry in found]
        if (counted)
        else found
    )


def _open_refunds(actor: Actor) -> int:
    """Open refund requests; a view that had them counted beside something else leaves them in ``g.open_refunds``."""
    known = g.get("open_refunds")
    return open_requests(session, actor) if known is None else int(known)
