"""The refund requests of one order with their answers, whether something is under way, and earlier resends."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.domain.access import Actor
from app.domain.refusal import NotFound
from app.formats import formats_for
from app.models import Action, Order, Person, RefundRequest

SHOWN = 10


@dataclass(frozen=True, slots=True)
class RequestLine:
    """A refund request; ``who`` None: it came from the platform.

    ``comment`` is the answer: a person's own words where one ``decided``, else a sentence of the portal's.
    """

    id: int
    status: str
    result: str | None
    amount: str
    reason: str
    comment: str | None
    decided: str | None
    who: str | None
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class OrderActions:
    """The refund requests of an order; ``live``: some action on it is still under way."""

    order_id: int
    requests: list[RequestLine]
    live: bool


def order_actions(session: Session, actor: Actor, order_id: int) -> OrderActions:
    """The order's newest requests. Raises NotFound outside the actor's scope."""
    order = session.scalar(sa.select(Order).where(Order.id == order_id))
    if order is None or not actor.sees(order.store_id):
        raise NotFound
    under_way = sa.exists().where(
        Action.order_id == order_id, Action.store_id == order.store_id, Action.state.in_(("waiting", "running"))
    )
    decider = aliased(Person)
    requests = session.execute(
        sa.select(RefundRequest, Person, decider)
        .outerjoin(Person, Person.id == RefundRequest.requested_by)
        .outerjoin(decider, decider.id == RefundRequest.decided_by)
        .where(RefundRequest.order_id == order_id, RefundRequest.store_id == order.store_id)
        .order_by(RefundRequest.id.desc())
        .limit(SHOWN)
    ).all()
    formats = formats_for(actor.language, actor.timezone)
    return OrderActions(
        order_id=order_id,
        requests=[
            RequestLine(
                r.id, r.status, r.result, formats.money(r.amount, r.currency), r.reason, r.comment,
                d.get_full_name() if d is not None else None, p.get_full_name() if p is not None else None,
                r.requested_at,
            )
            for r, p, d in requests
        ],
        live=bool(session.scalar(sa.select(under_way))),
    )  # fmt: skip


class SentBefore(NamedTuple):
    """A code was sent again: when the mail server took it, and who had asked for it."""

    at: dt.datetime
    who: str | None


def sent_before(session: Session, actor: Actor, order_id: int, limit: int = 3) -> dict[str, list[SentBefore]]:
    """When each code of the order was sent again and by whom, newest first, at most ``limit`` times each."""
    found: dict[str, list[SentBefore]] = defaultdict(list)
    rows = session.execute(
        sa.select(Action.subject, Action.finished_at, Action.store_id, Person.first_name, Person.last_name)
        .outerjoin(Person, Person.id == Action.actor_id)
        .where(
            Action.order_id == order_id,
            Action.kind == "resend_license",
            Action.state == "done",
            Action.finished_at.is_not(None),
        )
        .order_by(Action.finished_at.desc())
        .limit(200)
    )
    for subject, at, store_id, *name in rows:
        if actor.sees(store_id) and len(found[subject]) < limit:
            who = " ".join(part for part in name if part) or None
            found[subject].append(SentBefore(cast(dt.datetime, at), who))  # the question leaves out those without
    return dict(found)
