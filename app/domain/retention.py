"""How long things are kept (domain.md 4)."""

from __future__ import annotations

import datetime as dt

from app.domain.orders import Status, days_between

PARAMETER_DAYS: dict[Status, int | None] = {
    Status.PAID: 365,
    Status.DELETED: 120,
    Status.TERMINATED: 120,
    Status.NOT_PAID: None,
}
"""Days that additional parameters are kept for, counted from the order's creation; None is without limit."""


def parameters_kept(status: str, created_at: dt.datetime, now: dt.datetime) -> bool:
    """Are the additional parameters of an order still kept?

    The *current* status decides: a 200-day-old paid order that becomes deleted loses them at once (domain.md 10.19).
    """
    days = PARAMETER_DAYS[Status(status)]
    return days is None or days_between(created_at, now) < days


BODY_DAYS = 30
"""Days that webhook bodies, mail contents and stored searches are kept for, whatever state they are in at rest."""

SESSION_DAYS = 1
"""Days that an ended session's row outlives its absolute limit."""
