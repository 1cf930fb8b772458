"""Entry point: the platform's webhooks (domain.md 9.1). Checked, stored, answered; a worker applies them."""

from __future__ import annotations

from typing import NoReturn

import sqlalchemy as sa
from flask import Blueprint, Flask, Response, abort, request

from app import metrics
from app.actions.webhooks import receive_delivery
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.domain.webhooks import MAX_BODY, NotAnObject, is_signed, read_body
from app.extensions import csrf
from app.models import Store
from app.security.edge import read_bytes
from app.settings import settings

webhooks = Blueprint("webhooks", __name__, url_prefix="/webhooks")


def init_app(app: Flask) -> None:
    """Register the address."""
    csrf.exempt(webhooks)  # signed by the platform; no browser is involved
    app.register_blueprint(webhooks)


@webhooks.post("/noventiq/<store>")
def receive(store: str) -> Response:
    """Store a signed message and answer at once: 204, also for a doubled or unknown one."""
    with scope_as(ALL_STORES):
        store_id = session.scalar(sa.select(Store.id).where(Store.name == store))
        if store_id is None:
            _refuse(404, "unknown_store")
        body = read_bytes(MAX_BODY)
        try:
            value = read_body(body)
        except NotAnObject:
            _refuse(400, "unreadable")
        secrets = settings().webhook_secrets.get(store, {})
        event = value.get("event")
        own = secrets.get(event, ()) if isinstance(event, str) else ()
        if not is_signed(value, request.headers.get("signature", ""), (*own, *secrets.get("*", ()))):
            _refuse(401, "bad_signature")
        with transaction():
            receive_delivery(session, store_id, value, body)
    metrics.count("portal_webhooks_received_total", result="taken")
    return Response(status=204)


def _refuse(status: int, result: str) -> NoReturn:
    """Counted: after a secret changed at one side only, nothing else tells of it."""
    metrics.count("portal_webhooks_received_total", result=result)
    abort(status)
