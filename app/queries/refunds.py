"""The list of refund requests: a Specialist's own, a Lead's and an Admin's of all their stores (contract.md 2)."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.domain.access import ALL_STORES, Actor
from app.domain.refunds import OPEN, RequestStatus, why_not_take, why_not_withdraw
from app.formats import formats_for
from app.models import Action, License, Order, OrderItem, Person, RefundRequest, Store
from app.models.base import UtcDateTime
from app.models.work import uncalled

PAGE = 50
OPEN_CAP = 100
"""Requests that wait are counted up to here: the menu says ``99+``."""
FILTERS = ("open", *(status.value for status in RequestStatus), "all")
"""Values of ``?status=``; ``open`` is what waits for a decision."""


@dataclass(frozen=True, slots=True)
class ItemLine:
    """An item that may be refunded, with the numbers of its codes that are not deleted yet."""

    item_id: str
    position: int
    name: str
    quantity: int
    amount: str
    refunded: bool
    codes: int


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request in the list."""

    id: int
    order_id: int
    order_name: str
    store: str
    status: str
    result: str | None
    amount: str
    reason: str
    comment: str | None
    who: str | None
    withdrawable: bool
    """The one who looks may take it back."""
    taken_by: str | None
    takeable: bool
    """Nobody of the desk looks into it yet."""
    decided_by: str | None
    at: dt.datetime
    decided_at: dt.datetime | None
    age: dt.timedelta
    items: list[ItemLine] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Waits for a decision?"""
        return self.status in OPEN

    @property
    def days(self) -> int:
        """Age in whole days."""
        return self.age.days

    @property
    def hours(self) -> int:
        """Age in whole hours."""
        return int(self.age.total_seconds() // 3600)


@dataclass(frozen=True, slots=True)
class RequestPage:
    """A page of requests; ``counts`` by status within what the actor sees, ``before`` leads to the next page."""

    rows: list[RequestRow]
    counts: dict[str, int]
    before: int | None


def refund_requests(
    session: Session,
    actor: Actor,
    now: dt.datetime,
    *,
    status: str = "open",
    before: int | None = None,
    order_id: int | None = None,
    desk: bool = False,
    standalone: bool = True,
) -> RequestPage:
    """The requests the actor may see: those that wait oldest first, others newest first.

    ``before`` is the last request of the page before, whatever became of it since.
    ``order_id`` narrows it to one order; ``desk`` loads the items for the forms of open requests; ``standalone``: no
    platform is called.
    """
    seen = _seen(actor)
    counted = session.execute(
        sa.select(RefundRequest.status, sa.func.count()).where(*seen).group_by(RefundRequest.status)
    )
    counts = {name: number for name, number in counted}  # noqa: C416 - rows are no pairs for dict()
    where = list(seen)
    if order_id is not None:
        where.append(RefundRequest.order_id == order_id)
    elif status == "open":
        where.append(RefundRequest.status.in_(OPEN))
    elif status != "all":
        where.append(RefundRequest.status == status)
    oldest_first = status == "open" or status in OPEN
    # By age and not by id: a request that came with a snapshot may be older than its row.
    by_age = sa.tuple_(RefundRequest.requested_at, RefundRequest.id)
    last = session.get(RefundRequest, before) if before is not None else None
    if last is not None and _sees(actor, last):
        edge = sa.tuple_(sa.literal(last.requested_at, UtcDateTime), sa.literal(last.id))
        where.append(by_age > edge if oldest_first else by_age < edge)
    sender, taker, decider = aliased(Person), aliased(Person), aliased(Person)
    unsent = sa.select(Action.id).where(Action.refund_request_id == RefundRequest.id, uncalled())
    found = session.execute(
        sa.select(RefundRequest, Order, Store.name, sender, taker, decider, unsent.exists())
        .join(Order, Order.id == RefundRequest.order_id)
        .join(Store, Store.id == RefundRequest.store_id)
        .outerjoin(sender, sender.id == RefundRequest.requested_by)
        .outerjoin(taker, taker.id == RefundRequest.taken_by)
        .outerjoin(decider, decider.id == RefundRequest.decided_by)
        .where(*where)
        .order_by(*(each if oldest_first else each.desc() for each in (RefundRequest.requested_at, RefundRequest.id)))
        .limit(PAGE + 1)
    ).all()
    formats = formats_for(actor.language, actor.timezone)
    rows = [
        RequestRow(
            id=r.id,
            order_id=r.order_id,
            order_name=o.order_name,
            store=store,
            status=r.status,
            result=r.result,
            amount=formats.money(r.amount, r.currency),
            reason=r.reason,
            comment=r.comment,
            who=s.get_full_name() if s else None,
            withdrawable=_withdrawable(actor, r, s, called=not (standalone or free)),
            taken_by=t.get_full_name() if t else None,
            takeable=why_not_take(t.get_full_name() if t and t.active else None) is None,
            decided_by=d.get_full_name() if d else None,
            at=r.requested_at,
            decided_at=r.decided_at,
            age=max(now - r.requested_at, dt.timedelta()),
        )
        for r, o, store, s, t, d, free in found[:PAGE]
    ]
    if desk:
        _load_items(session, actor, rows)
    return RequestPage(rows, counts, rows[-1].id if len(found) > PAGE else None)


def open_requests(session: Session, actor: Actor) -> int:
    """How many of the requests the actor may see wait for a decision; ``OPEN_CAP`` says: at least so many."""
    some = sa.select(sa.literal(1)).select_from(RefundRequest)
    some = some.where(*_seen(actor), RefundRequest.status.in_(OPEN)).limit(OPEN_CAP)
    return session.scalar(sa.select(sa.func.count()).select_from(some.subquery())) or 0


def _seen(actor: Actor) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    if actor.stores is not ALL_STORES:
        where.append(RefundRequest.store_id.in_(sorted(actor.stores)))  # type: ignore[arg-type]
    if not (actor.is_lead or actor.is_admin):
        where.append(RefundRequest.requested_by == actor.id)
    return where


def _sees(actor: Actor, request: RefundRequest) -> bool:
    """As ``_seen``, for a request at hand."""
    return actor.sees(request.store_id) and (actor.is_lead or actor.is_admin or request.requested_by == actor.id)


def _withdrawable(actor: Actor, request: RefundRequest, sender: Person | None, *, called: bool) -> bool:
    own = sender is not None and sender.id == actor.id
    return why_not_withdraw(request.status, own=own, called=called) is None


def _load_items(session: Session, actor: Actor, rows: list[RequestRow]) -> None:
    by_order: dict[int, list[RequestRow]] = defaultdict(list)
    for row in rows:
        if row.is_open:
            by_order[row.order_id].append(row)
    if not by_order:
        return
    codes = (
        sa.select(sa.func.count())
        .select_from(License)
        .where(License.order_id == OrderItem.order_id, License.item_id == OrderItem.item_id, License.deleted.is_(False))
        .scalar_subquery()
    )
    formats = formats_for(actor.language, actor.timezone)
    for item, currency, count in session.execute(
        sa.select(OrderItem, Order.currency, codes)
        .join(Order, Order.id == OrderItem.order_id)
        .where(OrderItem.order_id.in_(list(by_order)))
        .order_by(OrderItem.order_id, OrderItem.position)
    ):
        line = ItemLine(
            item.item_id, item.position, item.name, item.quantity, formats.money(item.amount, currency),
            item.refunded, count,
        )  # fmt: skip
        for row in by_order[item.order_id]:
            row.items.append(line)
