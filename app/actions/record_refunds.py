"""Refund requests as snapshots tell of them: only forward, and never against what was decided here (contract.md 4)."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from app.actions import history
from app.actions.record_plan import Plan
from app.actions.refunds import announce
from app.actions.rows import Row, insert_rows, upsert_rows
from app.db import scope_as
from app.domain.access import ALL_STORES, Actor
from app.domain.history import REFUND_UPDATING
from app.domain.recording import RefundStep, RequestFacts, order_refund, refund_step
from app.domain.refunds import OPEN, RequestStatus
from app.models import Order, RefundRequest


def plan_requests(plan: Plan) -> None:
    """Decide what the snapshot does to the order's refund requests, and the order's additional status with it."""
    requests = plan.known.requests if plan.known else []
    told = plan.snapshot.refund
    step = refund_step([facts_of(row) for row in requests], told.status, told.result, told.updated) if told else None
    last = requests[-1] if requests else None
    if step is None and plan.changed and last is not None and last["status"] == RequestStatus.SENT:
        step = RefundStep(last["id"], RequestStatus.UPDATING.value, None)
        plan.request_moved = True
    if step is not None:
        plan.request = _request_row(plan, step, requests)
    after = [row for row in requests if plan.request is None or row["id"] != plan.request.get("id")]
    if plan.request is not None:
        after.append(plan.request)
    if after:
        status, result = order_refund((row["status"], row["result"]) for row in after)
        plan.order["refund_status"], plan.order["refund_result"] = status, result


def facts_of(row: Row) -> RequestFacts:
    """A request's row as the rules look at it."""
    return RequestFacts(row["id"], row["status"], row["result"], row["platform_updated"], row["decided_at"])


def _request_row(plan: Plan, step: RefundStep, requests: list[Row]) -> Row:
    order, told = plan.order, plan.snapshot.refund
    at = told.updated if told and not plan.request_moved else order["recorded_at"]
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
    if not plan.request_moved:
        row["platform_updated"] = at
    if ended:
        row["decided_at"] = at
    return row


def write_requests(session: Session, plans: list[Plan], source: Actor, now: dt.datetime) -> None:
    """Write the requests planned, and the history line of those that began to be updated."""
    found = [plan.request for plan in plans if plan.request is not None]
    insert_rows(session, RefundRequest, [row for row in found if "id" not in row])
    upsert_rows(session, RefundRequest, [row for row in found if "id" in row])
    for plan in plans:
        if plan.request_moved:
            order = Order(id=plan.order["id"], store_id=plan.order["store_id"])
            history.add(session, order, REFUND_UPDATING, actor=source, at=now)
    ended = [row for row in found if "id" in row and row["status"] not in OPEN]
    for row in ended:  # somebody here asked for it, and hears of the end
        with scope_as(ALL_STORES):
            request = session.get_one(RefundRequest, row["id"], populate_existing=True)
            order = session.get_one(Order, row["order_id"], populate_existing=True)
            announce(session, source, order, request, now=now)
