"""Subscriptions and families of orders, as snapshots tell of them. Parent and renewals share a subscription."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actions.record_plan import Plan
from app.actions.rows import Row, read_rows, upsert_rows
from app.domain.recording import SubscriptionWord, believes, subscription_status
from app.models import Order, OrderItem, OrderRelation, Subscription

FAMILY = ("order_id", "related_id", "kind", "subscription_code")


def write_family(session: Session, plans: Sequence[Plan]) -> None:
    """Write the subscriptions these orders name, and who is whose renewal."""
    told: dict[tuple[int, str], list[Row]] = {}
    for plan in plans:
        for item in plan.snapshot.items:
            if item.subscription:
                row = _subscription_row(plan, item.subscription)
                told.setdefault((row["store_id"], row["code"]), []).append(row)
    if not told:
        return
    known = {(row["store_id"], row["code"]): row for row in _known(session, told)}
    rows = [merged(known.get(name), words) for name, words in sorted(told.items())]
    upsert_rows(session, Subscription, [row for row in rows if row is not None], key=("store_id", "code"))
    _relate(session, plans)


def _known(session: Session, told: dict[tuple[int, str], list[Row]]) -> list[Row]:
    table = Subscription.__table__.c
    return read_rows(
        session,
        Subscription,
        table.store_id.in_({store for store, _code in told}),
        table.code.in_({code for _store, code in told}),
        lock=True,
    )


def _subscription_row(plan: Plan, told: Any) -> Row:
    return {
        "store_id": plan.order["store_id"],
        "code": told.id,
        "type": told.type,
        "status": told.status,
        "period": told.period or None,
        "next_charge_date": told.next_charge_date,
        "parent_order_id": told.parent_order_id,
        "decided_at": None,
        "version": plan.snapshot.version,
        "source_at": plan.snapshot.as_of,
    }


def merged(known: Row | None, words: Sequence[Row]) -> Row | None:
    """The subscription's row after these words, in their order; None where they change nothing."""
    row = {name: value for name, value in known.items() if name != "id"} if known else None
    before = dict(row) if row else None
    for word in words:
        if row is None:
            row = dict(word)
        elif believes(_word(row), _word(word)):
            status = subscription_status(row["status"], word["status"], decided=row["decided_at"] is not None)
            row = {**word, "status": status, "decided_at": row["decided_at"]}
    return None if row == before else row


def _word(row: Row) -> SubscriptionWord:
    return SubscriptionWord(row["status"], row["source_at"], row["version"])


def _relate(session: Session, plans: Sequence[Plan]) -> None:
    """Write the parent-and-renewal rows that only show when both orders are here, whichever came first."""
    renewals: list[tuple[int, Row]] = []  # parent's id, row of the renewal's item
    parents: dict[tuple[int, str], int] = {}
    for plan in plans:
        for item in plan.snapshot.items:
            found = item.subscription
            if not found:
                continue
            store_id = plan.order["store_id"]
            if found.parent_order_id == plan.snapshot.order_id:
                parents[store_id, found.id] = plan.snapshot.order_id
            else:
                renewals.append((found.parent_order_id, _relation(found.parent_order_id, plan, found.id)))
    order = Order.__table__.c
    rows: list[Row] = []
    if renewals:
        wanted = {parent for parent, _row in renewals}
        here = session.connection().execute(sa.select(order.id, order.store_id).where(order.id.in_(wanted)))
        stores = {row.id: row.store_id for row in here}
        rows += [row for parent, row in renewals if stores.get(parent) == row["store_id"]]
    if parents:
        item = OrderItem.__table__.c
        query = sa.select(item.store_id, item.subscription_code, item.order_id).where(
            item.store_id.in_({store for store, _code in parents}),
            item.subscription_code.in_({code for _store, code in parents}),
        )
        for store_id, code, order_id in session.connection().execute(query):
            parent = parents.get((store_id, code))
            if parent is not None and parent != order_id:
                rows.append({
                    "order_id": parent, "related_id": order_id, "kind": "child",
                    "subscription_code": code, "store_id": store_id,
                })  # fmt: skip
    unique = {tuple(row[name] for name in FAMILY): row for row in rows}
    upsert_rows(session, OrderRelation, [unique[name] for name in sorted(unique)], key=FAMILY)


def _relation(parent: int, plan: Plan, code: str) -> Row:
    return {
        "order_id": parent,
        "related_id": plan.snapshot.order_id,
        "kind": "child",
        "subscription_code": code,
        "store_id": plan.order["store_id"],
    }
