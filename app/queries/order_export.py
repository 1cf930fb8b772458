"""The orders of a search as rows of a file: what the list says of each, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.access import Actor
from app.domain.orders import ERASED
from app.domain.search import Criteria
from app.models import Order, Store
from app.queries.search import search_orders

MOST = 10_000
"""Orders of one file; more needs a narrower search."""

CHUNK = 500

HEAD = (
    "order_id", "order_name", "number_1c", "external_id", "store", "status", "delivery", "refund_status", "created",
    "paid", "currency", "total", "name", "email", "company", "country", "payment_method",
)  # fmt: skip


def export_rows(
    session: Session, actor: Actor, criteria: Criteria, names: dict[int, str] | None = None
) -> Iterator[tuple[str, ...]]:
    """Up to ``MOST`` + 1 rows as ``HEAD`` names them, in the actor's scope; moments on the actor's clock.

    ``names`` are the stores in scope by id, where the caller has them already. Raises Invalid at ``store``.
    """
    after, given = None, 0
    while given <= MOST:
        limit = min(CHUNK, MOST + 1 - given)
        page = search_orders(session, actor, criteria, limit=limit, after=after, names=names, counted=False)
        yield from _rows(session, actor, page.order_ids)
        given, after = given + len(page.order_ids), page.after
        if after is None:
            return


def _rows(session: Session, actor: Actor, order_ids: list[int]) -> Iterator[tuple[str, ...]]:
    zone = ZoneInfo(actor.timezone)
    columns = sa.select(
        Order.id, Order.order_name, Order.number_1c, Order.external_id, Store.name.label("store"), Order.status,
        Order.delivery, Order.refund_status, Order.created_at, Order.paid_at, Order.currency, Order.total,
        Order.first_name, Order.last_name, Order.email, Order.company_name, Order.country, Order.payment_method,
        Order.erased_at, Order.customer_type,
    )  # fmt: skip
    asked = columns.join(Store, Store.id == Order.store_id).where(Order.id.in_(order_ids))
    found = {row.id: row for row in session.execute(asked)}
    for order_id in order_ids:
        if (row := found.get(order_id)) is None:  # gone meanwhile
            continue
        name = " ".join(part for part in (row.first_name, row.last_name) if part)
        email, company, country = row.email, row.company_name, row.country
        if row.erased_at is not None:
            name = email = country = ERASED
            company = None if row.customer_type == "physical" else company
        cells = (
            row.id, row.order_name, row.number_1c, row.external_id, row.store, row.status, row.delivery,
            row.refund_status, row.created_at.astimezone(zone).isoformat(timespec="seconds"),
            row.paid_at.astimezone(zone).isoformat(timespec="seconds") if row.paid_at else None, row.currency,
            row.total, name, email, company, country, row.payment_method,
        )  # fmt: skip
        yield tuple("" if cell is None else str(cell) for cell in cells)
