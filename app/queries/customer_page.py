"""What the customer's page has to know before it believes a link."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import Order


class PageFacts(NamedTuple):
    """Of an order: its store, the generation its link must have, whether the customer is erased, the language."""

    store_id: int
    generation: int
    erased: bool
    locale: str | None


def page_facts(session: Session, order_id: int) -> PageFacts | None:
    """The facts; None for an order that does not exist. The link is the right to ask, so no scope narrows it."""
    row = session.execute(
        sa.select(Order.store_id, Order.page_generation, Order.erased_at.is_not(None), Order.locale).where(
            Order.id == order_id
        )
    ).one_or_none()
    return None if row is None else PageFacts(row[0], row[1], bool(row[2]), row[3])
