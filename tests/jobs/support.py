"""Short words for tests of every kind of action, from the click to its end."""

from __future__ import annotations

import sqlalchemy as sa

from app.actions import refunds
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.jobs.engine import WORK
from app.models import Action, Mail
from app.models.base import db_now
from tests.actions.support import NOW, rows, run, token

PARENT = 20_001
RENEWAL = 20_002
CODE = "20001_1"


def work(app, queue="actions", times=1):
    """Let every waiting time pass and work what is due."""
    model = {"actions": Action, "mail": Mail}[queue]
    for _ in range(times):
        with app.app_context(), scope_as(ALL_STORES), transaction():
            session.execute(
                sa.update(model)
                .where(model.state == "waiting")
                .values(next_at=db_now(-1.0))
                .execution_options(synchronize_session=False)
            )
        for row in rows(app, model, model.state == "waiting"):
            with app.app_context():
                WORK[queue](row.id)


def subscribed(make, kind="AR", status="active", **values):
    word = {"id": CODE, "type": kind, "status": status, "parent_order_id": PARENT}
    return make.order(order_id=PARENT, items=[{"subscription": word}], **values)


def change(app, model, where, **values):
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(model).where(where).values(**values).execution_options(synchronize_session=False))


FAULTS = ["429", "500", "502", "503", "reset", "hang", "done_then_502", "done_then_reset", "done_then_hang", "late",
          "truncated", "expired", "invalid", "redirect", "html", "huge"]  # fmt: skip


def ask(app, who, order_id, **options):
    options = {"reason": "Paid twice, sorry", "token": token(), "now": NOW, **options}
    return run(app, who, refunds.request_refund, order_id, **options)
