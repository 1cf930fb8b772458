"""How many requests wait, by who asks: own ones, those of the own stores, all (contract.md 2)."""

import dataclasses
import datetime as dt

import pytest

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import RefundRequest
from app.queries import refunds as queries
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


@pytest.mark.parametrize(
    ("status", "shown"),
    [("open", [30, 5, 2, 0]), ("sent", [30, 2]), ("updating", [5, 0]), ("refused", [1, 40]),
     ("all", [0, 1, 2, 5, 30, 40])],
)  # fmt: skip
def test_what_waits_longest_comes_first_whenever_it_came_in(app, make, monkeypatch, status, shown):
    """Requests of snapshots may be older than their rows. Every page begins after the last row of the one before."""
    monkeypatch.setattr(queries, "PAGE", 1)
    boss = actor(app, make.person("boss@example.org", "Admin"))
    wanted = [(2, "sent"), (30, "sent"), (40, "refused"), (5, "updating"), (1, "refused"), (0, "updating")]
    orders, store = [make.order() for _ in wanted], make.store()
    with app.app_context(), scope_as(ALL_STORES):
        with transaction():
            for order_id, (days, standing) in zip(orders, wanted, strict=True):
                at = NOW - dt.timedelta(days=days)
                session.add(
                    RefundRequest(order_id=order_id, store_id=store, status=standing, reason="x", amount=1,
                                  currency="EUR", requested_at=at, updated_at=at)
                )  # fmt: skip
        found, before = [], None
        for _ in shown:
            page = refund_requests(session, boss, NOW, status=status, before=before)
            found += [row.days for row in page.rows]
            before = page.before
        assert (found, before) == (shown, None)


def test_a_page_after_a_request_one_may_not_see_is_the_first(app, make):
    ann, bob = (actor(app, make.person(f"{name}@example.org", stores=("acme-eu",))) for name in ("ann", "bob"))
    orders, store = [make.order(), make.order()], make.store()
    with app.app_context(), scope_as(ALL_STORES):
        with transaction():
            for order_id, who in zip(orders, (ann, bob), strict=True):
                session.add(
                    RefundRequest(order_id=order_id, store_id=store, status="sent", reason="x", amount=1,
                                  currency="EUR", requested_by=who.id, requested_at=NOW, updated_at=NOW)
                )  # fmt: skip
        own, foreign = (refund_requests(session, who, NOW).rows[0] for who in (ann, bob))
        for before, shown in ((own.id, []), (foreign.id, [own.id]), (2**40, [own.id])):
            assert [row.id for row in refund_requests(session, ann, NOW, before=before).rows] == shown


def test_a_date_from_tomorrow_is_no_negative_age(app, make):
    boss, order_id, store = actor(app, make.person("boss@example.org", "Admin")), make.order(), make.store()
    with app.app_context(), scope_as(ALL_STORES):
        with transaction():
            session.add(
                RefundRequest(order_id=order_id, store_id=store, status="sent", reason="x", amount=1,
                              currency="EUR", requested_at=NOW + dt.timedelta(days=1), updated_at=NOW)
            )  # fmt: skip
        (row,) = refund_requests(session, boss, NOW).rows
        assert (row.days, row.hours) == (0, 0)
