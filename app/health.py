"""``/healthz``: the process answers. ``/readyz``: it can do its work. ``/metrics``: Prometheus text."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

import sqlalchemy as sa
from flask import Blueprint, Flask, Response, abort, jsonify, request
from sqlalchemy.exc import SQLAlchemyError

from app import metrics, schema
from app.db import database
from app.models import Heartbeat
from app.models.base import db_now
from app.queries.operations import KINDS, SILENT_AFTER, alive_processes, reached, workers_of
from app.settings import settings

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process is up. Asks nothing of anybody."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """The database answers, its schema is the code's, a worker and a sweeper are alive.

    Not Redis: without it the portal stays usable and accepts actions as rows.
    """
    checks = readiness(database().engine)
    ready = all(found.startswith("ok") for found in checks.values())
    return jsonify(status="ready" if ready else "not ready", checks=checks), 200 if ready else 503


@blueprint.get("/metrics")
def metrics_page() -> Response:
    """Numbers for a monitoring system: with METRICS_TOKEN as bearer token, or from this machine."""
    if not _may_read_metrics():
        abort(404)
    return Response(metrics.render(database().engine), content_type="text/plain; version=0.0.4; charset=utf-8")


def _may_read_metrics() -> bool:
    token = settings().metrics_token
    given = request.headers.get("Authorization", "")
    if token and hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return True
    # Behind a proxy on this machine everybody comes from here, unless the proxy is counted in TRUSTED_PROXIES.
    if any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP")):
        return False
    # A proxy that sends none of them (nginx by default, asked to keep the Host) still shows by the name it was called.
    return _is_here(request.remote_addr or "") and _is_here(urlsplit(f"//{request.host}").hostname or "")


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def readiness(engine: sa.Engine) -> dict[str, str]:
    """What stands in the way of work: name of the check → ``ok`` or what is wrong."""
    checks = dict.fromkeys(("database", "schema", *KINDS), "not asked")
    try:
        found = schema.current(engine)
        checks["database"] = "ok"
        head = schema.head()
        checks["schema"] = "ok" if found == head else f"is at {found or 'nothing'}, the code needs {head}"
        if found is None:
            return checks
        with engine.connect() as connection:
            ages = heartbeat_ages(connection)
            alive = alive_processes(connection)
    except SQLAlchemyError as error:
        failed = "database" if checks["database"] != "ok" else "schema"
        checks[failed] = f"failed: {type(error).__name__}"
        return checks
    for kind in KINDS:
        age = ages.get(kind)
        if age is None:
            checks[kind] = "none has reported yet"
        elif age > SILENT_AFTER:
            checks[kind] = f"silent for {age:.0f} s"
        else:
            checks[kind] = "ok"
    # Pages are served and clicks are kept: no reason to leave the portal.
    idle = [queue for queue, number in workers_of(alive).items() if not number]
    if idle and checks["worker"] == "ok":
        checks["worker"] = f"ok, but none for {', '.join(idle)}"
    if checks["sweeper"] == "ok" and reached(alive) is False:
        checks["sweeper"] = "ok, but the queue server does not answer it"
    return checks


def heartbeat_ages(connection: sa.Connection) -> dict[str, float]:
    """Seconds since the youngest heartbeat of each kind of process, by the database's clock."""
    newest = sa.select(Heartbeat.kind, sa.func.max(Heartbeat.seen_at, type_=Heartbeat.seen_at.type).label("seen"))
    rows = connection.execute(newest.group_by(Heartbeat.kind).add_columns(db_now().label("now"))).all()
    return {row.kind: max(0.0, (row.now - row.seen).total_seconds()) for row in rows}


@metrics.gauges
def process_gauges(connection: sa.Connection) -> Iterator[metrics.Gauge]:
    """Age of the youngest heartbeat, and how many processes report."""
    for kind, age in sorted(heartbeat_ages(connection).items()):
        yield metrics.Gauge("portal_heartbeat_age_seconds", "Seconds since the youngest heartbeat", age, {"kind": kind})
    alive = alive_processes(connection)
    for kind in KINDS:  # 0, not a series that ends: an alarm must be able to see it
        number = sum(found == kind for found, _ in alive)
        yield metrics.Gauge("portal_processes_alive", "Processes with a heartbeat in 30 s", number, {"kind": kind})
    for queue, number in workers_of(alive).items():
        yield metrics.Gauge("portal_workers_alive", "Workers with a heartbeat in 30 s", number, {"queue": queue})
    up = reached(alive)
    if up is not None:
        yield metrics.Gauge("portal_queue_server_up", "Whether all sweepers reach the queue server", up)


def init_app(app: Flask) -> None:
    """Register the addresses."""
    app.register_blueprint(blueprint)
