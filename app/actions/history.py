"""Write the portal's own lines into an order's history."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from typing import Any

from sqlalchemy.orm import Session

from app.domain import history as lines
from app.domain.access import Actor
from app.models import Order, OrderEvent


def add(
    session: Session,
    order: Order,
    code: str,
    *,
    actor: Actor,
    at: dt.datetime,
    order_ids: list[int] | None = None,
    document_id: str | None = None,
    **params: Any,
) -> None:
    """Add a line: ``code`` of ``app.domain.history``, ``params`` the places of its sentence.

    Params never hold a customer's personal data or an activation code: lines outlive an erasure.
    """
    event = OrderEvent(
        order_id=order.id,
        source="portal",
        # Lines of one moment are shown in the order they were written in: ids of one length that grow with time.
        event_id=f"p{time.time_ns():016x}{uuid.uuid4().hex[:12]}",
        store_id=order.store_id,
        at=at,
        kind=lines.SENTENCES[code].kind,
        text=lines.english(code, params),
        code=code,
        params=params,
        order_ids=order_ids,
        document_id=document_id,
        actor_id=actor.id,
    )
    session.add(event)
