"""Refund requests as snapshots tell of them: only forward, and never against what was decided here (contract.md 4)."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from app.actions.record_plan import Plan
from app.actions.refunds import apply_platform_refund, note_order_change
from app.actions.rows import Row, insert_rows, upsert_rows
from app.domain.access import Actor
from app.domain.recording import RefundStep, RequestFacts, order_refund, refund_step
from app.domain.refunds import OPEN, RequestStatus
from app.models import Order, RefundRequest


def plan_requests(plan: Plan) -> None:
    """Decide what the snapshot does to the order's refund requests, and the order's additional status with it."""
    requests = plan.known.requests if plan.known else []
    last = requests[-1] if requests else None
    told = plan.snapshot.refund
    step = refund_step([facts_of(row) for row in requests], told.status, told.result, told.updated) if told else None
    if last is not None and last["status"] in OPEN and last["origin"] == "portal":
        plan.request_told = step is not None  # somebody here waits for the answer: see ``tell_requests``
    elif step is not None:
        plan.request = _request_row(plan, step, requests)
    plan.request_moved = step is None and plan.changed and last is not None and last["status"] == RequestStatus.SENT
    after = [row for row in requests if plan.request is None or row["id"] != plan.request.get("id")]
    if plan.request is not None:
        after.append(plan.request)
    if after:
        status, result = order_refund((row["status"], row["result"]) for row in after)
        plan.order["refund_status"], plan.order["refund_result"] = status, result


def facts_of(row: Row) -> RequestFacts:
    """A request's row as the rules look at it."""
    ended = row["updated_at"] if row["status"] == RequestStatus.WITHDRAWN else None
    return RequestFacts(
        row["id"],
        row["status"],
        row["result"],
        row["platform_updated"],
        row["decided_at"] or ended,
        owned=row["decided_by"] is not None,
    )


def _request_row(plan: Plan, step: RefundStep, requests: list[Row]) -> Row:
    order, told = plan.order, plan.snapshot.refund
    assert told is not None
    at = told.updated
    ended = step.status not in OPEN
    if step.request_id is None:
        return {
            "order_id": order["id"],
            "store_id": order["store_id"],
            "origin": "platform",
            "status": step.status,
            "result": step.result,
            "reason": "",
            "amount": order["total"],
            "currency": order["currency"],
            "requested_at": at,
            "decided_at": at if ended else None,
            "remove_codes": False,
            "platform_updated": at,
            "updated_at": order["recorded_at"],
        }
    (row,) = [dict(r) for r in requests if r["id"] == step.request_id]
    row |= {"status": step.status, "result": step.result, "updated_at": order["recorded_at"]}
    row["platform_updated"] = at
    if ended:
        row["decided_at"] = at
    return row


def write_requests(session: Session, plans: list[Plan]) -> None:
    """Write the requests that only the platform knows of."""
    found = [plan.request for plan in plans if plan.request is not None]
    insert_rows(session, RefundRequest, [row for row in found if "id" not in row])
    upsert_rows(session, RefundRequest, [row for row in found if "id" in row])


def tell_requests(session: Session, plans: list[Plan], source: Actor, now: dt.datetime) -> None:
    """What the snapshot means for requests made here: history, audit and result mail follow. After all is written."""
    for plan in plans:
        told = plan.snapshot.refund
        if plan.request_told and told is not None:
            order = session.get_one(Order, plan.order["id"])
            apply_platform_refund(session, order, told.status, told.result, told.updated, now=now, actor=source)
        elif plan.request_moved:
            note_order_change(session, session.get_one(Order, plan.order["id"]), now=now)
