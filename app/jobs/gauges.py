"""What ``/metrics`` says about the queue: how much waits, how old it is, what needs a person."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from app import metrics
from app.models.base import UtcDateTime, db_now
from app.models.work import LIVE, QUEUES, live


@metrics.gauges
def queue_gauges(connection: sa.Connection) -> Iterator[metrics.Gauge]:
    """Rows by table and state, and the age of the oldest that is due and not begun."""
    for queue, model in QUEUES.items():
        table = sa.inspect(model).local_table
        states = sa.select(table.c.state, sa.func.count()).where(live(model)).group_by(table.c.state)
        found = dict(connection.execute(states).all())
        for state in LIVE:
            labels = {"queue": queue, "state": state}
            yield metrics.Gauge("portal_queue_rows", "Rows by state", found.get(state, 0), labels)
        oldest = sa.select(sa.func.min(table.c.next_at, type_=UtcDateTime()), sa.type_coerce(db_now(), UtcDateTime()))
        due, now = connection.execute(
            oldest.where(live(model), table.c.state == "waiting", table.c.next_at <= db_now())
        ).one()
        age = (now - due).total_seconds() if due else 0.0
        yield metrics.Gauge("portal_queue_oldest_due_seconds", "Age of the oldest due row", age, {"queue": queue})
        over = sa.select(sa.func.count()).where(live(model), table.c.state == "running", table.c.lease_until < db_now())
        number = connection.execute(over).scalar_one()
        yield metrics.Gauge("portal_queue_leases_over", "Leases that are over and not swept", number, {"queue": queue})
