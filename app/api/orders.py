"""``/api/v1/orders``: orders in, one order out."""

from __future__ import annotations

import logging

import orjson
import sqlalchemy as sa
from flask import Response
from sqlalchemy.exc import DataError, IntegrityError

from app.actions import audit
from app.actions.record import record_orders
from app.actions.snapshots import BadJson, parse_snapshot, read_json
from app.api import api
from app.api.tokens import with_token
from app.db import session, transaction
from app.domain.access import Actor
from app.domain.audit import ORDER_VIEWED, ORDERS_RECORDED
from app.domain.orders import MAX_ID
from app.domain.refusal import NotFound
from app.domain.snapshot import MAX_BODY, MAX_SNAPSHOTS, FieldError, RecordResult, Result, SnapshotErrors
from app.errors import answer
from app.models import Order
from app.models.base import utcnow
from app.queries.order_snapshot import order_snapshot
from app.security import current_actor
from app.security.edge import read_bytes

log = logging.getLogger(__name__)


@api.post("/orders")
@with_token
def post_orders() -> Response:
    """Record one snapshot, or up to 500: one result for each, in their order."""
    body = read_bytes(MAX_BODY)
    try:
        value = read_json(body)
    except BadJson:
        return answer(400, "The body is no JSON.")
    if isinstance(value, list):
        if len(value) > MAX_SNAPSHOTS:
            return answer(400, f"More than {MAX_SNAPSHOTS} orders in one call.")
        results = [_record(one, None) for one in value]
    elif isinstance(value, dict):
        results = [_record(value, body)]
    else:
        return answer(400, "The body must be an order, or a list of orders.")
    applied = sum(found.result == Result.APPLIED for found in results)
    refused = sum(found.result == Result.REFUSED for found in results)
    if applied or refused:
        result = "ok" if applied else "refused"
        details = {"applied": applied, "refused": refused}
        audit.note_read(session, current_actor(), ORDERS_RECORDED, result=result, details=details)
    return _json({"results": [_result(found) for found in results]})


def _record(raw: object, received: bytes | None) -> RecordResult:
    """One order in a transaction of its own: whatever is wrong with it stays with it."""
    actor: Actor = current_actor()
    try:
        snapshot = parse_snapshot(raw, received)
    except SnapshotErrors as error:
        return RecordResult(error.order_id, Result.REFUSED, tuple(error.errors))
    try:
        with transaction():
            (result,) = record_orders(session, [snapshot], source=actor, allowed=actor.stores, now=utcnow())
    except (DataError, IntegrityError) as error:
        log.exception("api.order_not_stored", extra={"error": type(error).__name__})
        return RecordResult(snapshot.order_id, Result.REFUSED, (FieldError("", "could not be stored"),))
    return result


@api.get("/orders/<order_id>")
@with_token
def get_order(order_id: str) -> Response:
    """The order as the portal knows it. Not yours and not existing answer alike."""
    if not (order_id.isascii() and order_id.isdigit() and len(order_id) <= 19 and int(order_id) <= MAX_ID):
        raise NotFound
    actor, number = current_actor(), int(order_id)
    try:
        value = order_snapshot(session, number, actor.stores, utcnow())
    except NotFound:
        audit.note_read(session, actor, ORDER_VIEWED, result="refused", order_id=number)
        raise
    store = session.scalar(sa.select(Order.store_id).where(Order.id == number))
    audit.note_read(session, actor, ORDER_VIEWED, order_id=number, store_id=store)
    return _json(value)


def _result(found: RecordResult) -> dict[str, object]:
    return {
        "order_id": found.order_id,
        "result": found.result.value,
        "errors": [{"field": e.field, "message": e.message} for e in found.errors],
    }


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), mimetype="application/json")
