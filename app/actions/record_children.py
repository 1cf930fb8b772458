"""What belongs to an order, as its snapshot has it: items, codes, history, parameters, relations, documents."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from app.actions import history
from app.actions import record_rows as rows_of
from app.actions.erasure import note_erased
from app.actions.record_plan import Known, Plan
from app.actions.rows import Row, delete_rows, insert_rows, sync_rows, upsert_rows
from app.domain.access import Actor
from app.domain.history import PERSONAL_DATA_ERASED
from app.models import (
    Document,
    DocumentContent,
    License,
    Order,
    OrderEvent,
    OrderItem,
    OrderParameter,
    OrderRelation,
    RawSnapshot,
)


def insert_children(session: Session, plans: list[Plan], source: Actor, now: dt.datetime) -> None:
    """Write what belongs to orders that are new here; their items and codes are written already."""
    events: list[Row] = []
    parameters: list[Row] = []
    documents: list[Row] = []
    contents: list[Row] = []
    relations: list[Row] = []
    for plan in plans:
        snapshot, store_id = plan.snapshot, plan.order["store_id"]
        events += rows_of.event_rows(snapshot, store_id, erased=plan.erased)
        parameters += rows_of.parameter_rows(snapshot, store_id, erased=plan.erased)
        relations += rows_of.relation_rows(snapshot, store_id)
        if plan.erased:
            note_erased(session, plan.order["id"])
            if not rows_of.tells_of_erasure(snapshot):
                order = Order(id=plan.order["id"], store_id=store_id)
                history.add(session, order, PERSONAL_DATA_ERASED, actor=source, at=now)
        elif snapshot.documents:
            rows, bytes_of = rows_of.document_rows(snapshot, store_id, now)
            documents += rows
            contents += bytes_of
    insert_rows(session, OrderEvent, events)
    insert_rows(session, OrderParameter, parameters)
    insert_rows(session, Document, documents)
    insert_rows(session, DocumentContent, contents)
    insert_rows(session, OrderRelation, relations)
    insert_rows(session, RawSnapshot, [_raw_row(plan, now) for plan in plans if not plan.erased])


def _raw_row(plan: Plan, now: dt.datetime) -> Row:
    return {
        "order_id": plan.order["id"],
        "store_id": plan.order["store_id"],
        "version": plan.snapshot.version,
        "received_at": now,
        "body": plan.snapshot.raw,
    }


def sync_children(session: Session, plans: list[Plan], now: dt.datetime) -> None:
    """Make what belongs to orders that are known the same as their snapshots, and leave what is the portal's own."""
    known = [plan.known for plan in plans if plan.known]
    sync_rows(
        session,
        OrderItem,
        [row for k in known for row in k.items],
        [row for p in plans for row in p.items],
        key=("order_id", "item_id"),
    )
    sync_rows(
        session,
        License,
        [row for k in known for row in k.licenses],
        [row for p in plans for row in p.licenses],
        key=("order_id", "license_id"),
    )
    _sync_events(session, plans, known)
    sync_rows(
        session,
        OrderParameter,
        [row for k in known for row in k.parameters],
        [row for p in plans for row in rows_of.parameter_rows(p.snapshot, p.order["store_id"], erased=p.erased)],
        key=("order_id", "position"),
    )
    relations = [row for p in plans for row in rows_of.relation_rows(p.snapshot, p.order["store_id"])]
    family = ("order_id", "related_id", "kind", "subscription_code")
    sync_rows(
        session,
        OrderRelation,
        [row for k in known for row in k.relations if row["kind"] == "related"],
        [row for row in relations if row["kind"] == "related"],
        key=family,
    )
    upsert_rows(session, OrderRelation, [row for row in relations if row["kind"] == "child"], key=family)
    _sync_documents(session, plans, known, now)
    upsert_rows(session, RawSnapshot, [_raw_row(plan, now) for plan in plans if not plan.erased])


def _sync_events(session: Session, plans: list[Plan], known: list[Known]) -> None:
    """The platform's lines become the snapshot's; the portal's stay; a webhook's line goes when told again."""
    old = [row for k in known for row in k.events if row["source"] != "portal"]
    new = [row for p in plans for row in rows_of.event_rows(p.snapshot, p.order["store_id"], erased=p.erased)]
    told = {(row["order_id"], row["kind"], row["at"]) for row in new}
    gone = [row for row in old if row["source"] == "platform" or (row["order_id"], row["kind"], row["at"]) in told]
    sync_rows(session, OrderEvent, gone, new, key=("order_id", "source", "event_id"))


def _sync_documents(session: Session, plans: list[Plan], known: list[Known], now: dt.datetime) -> None:
    """The platform's documents become the snapshot's. The portal's own stay, and so do those kept by law."""
    old = [row for k in known for row in k.documents]
    since = {(row["order_id"], row["document_id"]): row["created_at"] for row in old}
    ours = {(row["order_id"], row["document_id"]) for row in old if row["source"] == "portal" or row["kept_reason"]}
    new: list[Row] = []
    contents: list[Row] = []
    for plan in plans:
        if plan.snapshot.documents and not plan.erased:
            rows, bytes_of = rows_of.document_rows(plan.snapshot, plan.order["store_id"], now)
            new += rows
            contents += bytes_of
    for row in new:
        row["created_at"] = since.get((row["order_id"], row["document_id"]), now)
    key = ("order_id", "document_id")
    sync_rows(
        session,
        Document,
        [row for row in old if (row["order_id"], row["document_id"]) not in ours],
        [row for row in new if (row["order_id"], row["document_id"]) not in ours],
        key=key,
    )
    free = [row for row in new if (row["order_id"], row["document_id"]) not in ours and row["size"] is None]
    delete_rows(session, DocumentContent, [{name: row[name] for name in key} for row in free])
    upsert_rows(
        session, DocumentContent, [c for c in contents if (c["order_id"], c["document_id"]) not in ours], key=key
    )
