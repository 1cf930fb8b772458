"""Record orders: the one function through which every order of the platform comes in (contract.md 4).

A batch is written in the caller's transaction. Everything is read once for the whole batch, decided in memory,
and written by a few statements, so that a million orders take minutes and a single one a few milliseconds.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import metrics
from app.actions import record_rows as rows_of
from app.actions.erasure import erase_order
from app.actions.record_children import insert_children, sync_children
from app.actions.record_family import write_family
from app.actions.record_plan import Known, Plan
from app.actions.record_refunds import plan_requests, tell_requests, write_requests
from app.actions.rows import (
    LOCK_ORDER,
    LOCK_SUBSCRIPTION,
    Row,
    insert_rows,
    lock_names,
    order_lock,
    read_rows,
    rows_of_orders,
    subscription_lock,
    upsert_rows,
)
from app.domain.access import Actor, Scope
from app.domain.normal import join_codes
from app.domain.orders import Status, next_status
from app.domain.snapshot import FieldError, RecordResult, Result, Snapshot, email_error
from app.models import (
    Document,
    License,
    Order,
    OrderEvent,
    OrderItem,
    OrderParameter,
    OrderRelation,
    RefundRequest,
    Store,
)

log = logging.getLogger(__name__)

CHILDREN = {
    "items": OrderItem,
    "licenses": License,
    "requests": RefundRequest,
    "events": OrderEvent,
    "parameters": OrderParameter,
    "relations": OrderRelation,
    "documents": Document,
}
"""What belongs to an order that is known, by the names of ``Known``."""

NO_STORE = "does not exist, or is not yours"
CLOSED = "is closed: nothing new comes in"
FOREIGN = "the order belongs to another store"


@dataclass(slots=True)
class StoreFacts:
    """What recording needs to know of a store."""

    id: int
    closed: bool


def record_orders(
    session: Session, snapshots: Sequence[Snapshot], *, source: Actor, allowed: Scope, now: dt.datetime
) -> list[RecordResult]:
    """Record these orders in the running transaction; one result for each, in their order.

    ``allowed``: the stores the source may write. A refused snapshot changes nothing and does not hold up the others.
    The same order twice in one call is recorded twice, one after the other.
    """
    results: list[RecordResult | None] = [None] * len(snapshots)
    for wave in _waves(snapshots):
        found = _record_wave(session, [snapshots[i] for i in wave], source, allowed, now)
        for i, result in zip(wave, found, strict=True):
            results[i] = result
    return [result for result in results if result is not None]


def _waves(snapshots: Sequence[Snapshot]) -> list[list[int]]:
    """Places of the snapshots in groups without a doubled order."""
    waves: list[list[int]] = []
    seen: dict[int, int] = defaultdict(int)
    for i, snapshot in enumerate(snapshots):
        nth = seen[snapshot.order_id]
        seen[snapshot.order_id] += 1
        if nth == len(waves):
            waves.append([])
        waves[nth].append(i)
    return waves


def _record_wave(
    session: Session, snapshots: list[Snapshot], source: Actor, allowed: Scope, now: dt.datetime
) -> list[RecordResult]:
    stores = _stores(session, {s.store for s in snapshots})
    _lock(session, snapshots)
    known = _known(session, [s.order_id for s in snapshots])
    results: list[RecordResult] = []
    taken: list[Snapshot] = []
    for snapshot in snapshots:
        before = known.get(snapshot.order_id)
        error = _refusal(snapshot, stores.get(snapshot.store), before, allowed)
        if error is not None:
            results.append(RecordResult(snapshot.order_id, Result.REFUSED, (error,)))
        elif before and before.order["version"] is not None and before.order["version"] >= snapshot.version:
            results.append(RecordResult(snapshot.order_id, Result.UNCHANGED))
        else:
            results.append(RecordResult(snapshot.order_id, Result.APPLIED))
            taken.append(snapshot)
            if snapshot.erased and before and before.order["erased_at"] is None:
                known[snapshot.order_id] = _erase(session, snapshot, source, now)
    _load_children(session, {s.order_id: known[s.order_id] for s in taken if s.order_id in known})
    plans = [_plan(s, stores[s.store].id, known.get(s.order_id), now) for s in taken]
    if plans:
        _write(session, plans, source, now)
        unknown = sum(plan.snapshot.unknown for plan in plans)
        if unknown:
            metrics.count("portal_snapshot_unknown_fields_total", unknown)
    return results


def _stores(session: Session, names: set[str]) -> dict[str, StoreFacts]:
    store = Store.__table__.c
    found = session.connection().execute(sa.select(store.id, store.name, store.closed_at).where(store.name.in_(names)))
    return {row.name: StoreFacts(row.id, row.closed_at is not None) for row in found}


def _lock(session: Session, snapshots: list[Snapshot]) -> None:
    names = [(LOCK_ORDER, order_lock(s.order_id)) for s in snapshots]
    names += [
        (LOCK_SUBSCRIPTION, subscription_lock(s.store, item.subscription.id))
        for s in snapshots
        for item in s.items
        if item.subscription
    ]
    lock_names(session, names)


def _known(session: Session, ids: list[int]) -> dict[int, Known]:
    """The orders that are here already, held until the end of the transaction; without what belongs to them."""
    return {row["id"]: Known(row) for row in read_rows(session, Order, Order.__table__.c.id.in_(ids), lock=True)}


def _load_children(session: Session, known: dict[int, Known]) -> None:
    """Read what belongs to these orders and has to be merged."""
    if not known:
        return
    for name, rows in zip(CHILDREN, rows_of_orders(session, [*CHILDREN.values()], list(known)), strict=True):
        for row in rows:
            getattr(known[row["order_id"]], name).append(row)
    for one in known.values():
        one.requests.sort(key=lambda row: row["id"])


def _refusal(snapshot: Snapshot, store: StoreFacts | None, known: Known | None, allowed: Scope) -> FieldError | None:
    if store is None or store.id not in allowed:
        return FieldError("store", NO_STORE)
    if known is not None and known.order["store_id"] != store.id:
        return FieldError("store", FOREIGN)
    if store.closed and known is None:  # what it has goes on: requests under way get their answer, customers are erased
        return FieldError("store", CLOSED)
    if snapshot.erased or (known is not None and known.order["erased_at"] is not None):
        return None
    return email_error(snapshot.customer.email)


def _erase(session: Session, snapshot: Snapshot, source: Actor, now: dt.datetime) -> Known:
    """The snapshot says that the customer is erased: erase every copy there is before anything is written."""
    session.expire_all()
    order = session.get_one(Order, snapshot.order_id)
    erase_order(session, order, actor=source, now=now, own_line=not rows_of.tells_of_erasure(snapshot))
    return _known(session, [snapshot.order_id])[snapshot.order_id]


def _plan(snapshot: Snapshot, store_id: int, known: Known | None, now: dt.datetime) -> Plan:
    erased_at = known.order["erased_at"] if known else None
    if snapshot.erased and erased_at is None:
        erased_at = now
    erased = erased_at is not None
    order = rows_of.order_row(snapshot, store_id, now, erased_at=erased_at)
    items = [
        rows_of.item_row(item, snapshot.order_id, store_id, position, erased=erased)
        for position, item in enumerate(snapshot.items, 1)
    ]
    licenses = [row for item in snapshot.items for row in rows_of.license_rows(item, snapshot.order_id, store_id)]
    plan = Plan(snapshot, known, order, items, licenses)
    if known is not None:
        _keep_forward(plan, known)
    plan.order["codes_key"] = join_codes(row["code"] for row in plan.licenses)
    plan_requests(plan)
    return plan


def _keep_forward(plan: Plan, known: Known) -> None:
    """What only moves forward: the status, refunded items, deleted codes (contract.md 4)."""
    order, old = plan.order, known.order
    order["status"] = next_status(Status(old["status"]), plan.snapshot.status).value
    order["refund_status"], order["refund_result"] = old["refund_status"], old["refund_result"]
    if plan.erased and order["customer_type"] is None:
        for name in ("customer_type", "vat_number", "company_name", "vat_key", "company_key"):
            order[name] = old[name]
    _keep_what_vanished(plan, known)
    deleted = {row["license_id"] for row in known.licenses if row["deleted"]}
    for row in plan.licenses:
        row["deleted"] = row["deleted"] or row["license_id"] in deleted
    refunded = {row["item_id"] for row in known.items if row["refunded"]}
    products = {row["product_id"] for row in known.items if row["refunded"] and row["source"] == "webhook"}
    carried = False
    products.discard(None)
    for row in plan.items:
        if not row["refunded"] and (row["item_id"] in refunded or row["product_id"] in products):
            row["refunded"] = carried = True
    if carried and all(row["refunded"] for row in plan.items):
        order["status"] = next_status(Status(order["status"]), Status.DELETED).value
    plan.changed = _changed(plan, known)


def _keep_what_vanished(plan: Plan, known: Known) -> None:
    """A refunded item and a deleted code stay in the order when a later snapshot leaves them out (domain.md 7)."""
    here = {row["item_id"] for row in plan.items}
    for row in known.items:
        if row["refunded"] and row["source"] == "snapshot" and row["item_id"] not in here:
            plan.items.append({**row, "position": len(plan.items) + 1})
            here.add(row["item_id"])
    told = {row["license_id"] for row in plan.licenses}
    plan.licenses += [
        {name: value for name, value in row.items() if name != "id"}
        for row in known.licenses
        if row["deleted"] and row["license_id"] not in told and row["item_id"] in here
    ]


_PLAIN = frozenset(
    {"version", "recorded_at", "plain_event_at", "create_date_raw", "refund_status", "refund_result", "codes_key"}
)


def _changed(plan: Plan, known: Known) -> bool:
    """Does the order itself differ from what was known, refund and history apart?"""
    if any(known.order[name] != value for name, value in plan.order.items() if name not in _PLAIN):
        return True
    return _differ(plan.items, known.items, "item_id") or _differ(plan.licenses, known.licenses, "license_id")


def _differ(new: list[Row], old: list[Row], key: str) -> bool:
    before = {row[key]: row for row in old}
    return len(new) != len(old) or any(
        row[key] not in before or any(before[row[key]][name] != value for name, value in row.items()) for row in new
    )


# --- writing -------------------------------------------------------------------------------------------------------


def _write(session: Session, plans: list[Plan], source: Actor, now: dt.datetime) -> None:
    new = [p for p in plans if p.known is None]
    old = [p for p in plans if p.known is not None]
    insert_rows(session, Order, [p.order for p in new])
    insert_rows(session, OrderItem, [row for p in new for row in p.items])
    insert_rows(session, License, [row for p in new for row in p.licenses])
    insert_children(session, new, source, now)
    if old:
        upsert_rows(session, Order, [p.order for p in old])
        sync_children(session, old, now)
    write_requests(session, plans)
    write_family(session, plans)
    session.expire_all()
    tell_requests(session, plans, source, now)
