"""How many requests wait, by who asks: own ones, those of the own stores, all (contract.md 2)."""

import dataclasses

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import RefundRequest
from app.queries.refunds import open_requests
from tests.actions.support import NOW, actor


def test_open_requests_are_counted_within_what_the_person_sees(app, make):
    ann = actor(app, make.person("ann@example.org", stores=("acme-eu",)))
    lead = actor(app, make.person("lead@example.org", "Lead", stores=("acme-eu",)))
    boss = actor(app, make.person("boss@example.org", "Admin"))
    wanted = [("acme-eu", "sent", ann.id), ("acme-eu", "updating", lead.id), ("rival", "sent", boss.id),
              ("acme-eu", "completed", ann.id), ("acme-eu", "withdrawn", ann.id)]  # fmt: skip
    made = [(make.order(store=store), make.store(store)) for store, _, _ in wanted]
    with app.app_context(), scope_as(ALL_STORES):
        with transaction():
            for (order_id, store), (_, status, sender) in zip(made, wanted, strict=True):
                session.add(
                    RefundRequest(order_id=order_id, store_id=store, status=status, reason="x", amount=1,
                                  currency="EUR", requested_by=sender, requested_at=NOW, updated_at=NOW)
                )  # fmt: skip
        blind = dataclasses.replace(ann, stores=frozenset())
        assert [open_requests(session, who) for who in (boss, lead, ann, blind)] == [3, 2, 1, 0]
