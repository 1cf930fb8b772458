"""How many requests wait, by who asks: own ones, those of the own stores, all (contract.md 2)."""

import dataclasses

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import RefundRequest
from app.queries.refunds import open_requests, refund_requests
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


def test_the_desk_counts_the_codes_of_each_item_that_are_not_deleted(app, make):
    """Ids of items are unique within their order only: another order's codes are not counted."""
    codes = [{"license_id": f"k{n}", "code": f"CODE-{n}", "deleted": n == 2} for n in (1, 2, 3)]
    order_id = make.order(items=[{}, {"licenses": codes}, {"licenses": []}])
    make.order(items=[{"licenses": [{**code, "deleted": False} for code in codes]}, {}])
    boss = actor(app, make.person("boss@example.org", "Admin"))
    with app.app_context(), scope_as(ALL_STORES):
        with transaction():
            session.add(
                RefundRequest(order_id=order_id, store_id=make.store(), status="sent", reason="x", amount=1,
                              currency="EUR", requested_by=boss.id, requested_at=NOW, updated_at=NOW)
            )  # fmt: skip
        (row,) = refund_requests(session, boss, NOW, desk=True).rows
        assert [(item.item_id, item.codes) for item in row.items] == [("i1", 1), ("i2", 2), ("i3", 0)]
        (row,) = refund_requests(session, boss, NOW).rows
        assert row.items == []
