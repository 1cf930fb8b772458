"""Health pages: who is alive, and numbers for a monitoring system."""

import dataclasses
import datetime as dt
import threading

import pytest
import sqlalchemy as sa

from app import metrics
from app.models import Heartbeat, MetricCount
from app.models.base import utcnow


def _beat(app, kind, seconds_ago=0, **info):
    with app.extensions["database"].engine.begin() as connection:
        connection.execute(
            sa.insert(Heartbeat).values(
                name=f"{kind}-{seconds_ago}-{info}",
                kind=kind,
                info=info,
                seen_at=utcnow() - dt.timedelta(seconds=seconds_ago),
            )
        )


def test_healthz_asks_nobody(client):
    assert client.get("/healthz").data == b"ok\n"


def test_readyz_names_who_is_missing(app, client):
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["checks"] == {
        "database": "ok", "schema": "ok", "worker": "none has reported yet", "sweeper": "none has reported yet",
    }  # fmt: skip
    _beat(app, "worker", 300)
    _beat(app, "sweeper")
    assert client.get("/readyz").json["checks"]["worker"].startswith("silent for 30")
    _beat(app, "worker", 3, queue="actions")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (200, "ready")
    assert answer.json["checks"]["worker"] == "ok, but none for mail, webhooks"
    _beat(app, "worker", 3, queue="mail")
    _beat(app, "worker", 3, queue="webhooks")
    assert client.get("/readyz").json["checks"]["worker"] == "ok"


def test_readyz_needs_the_schema_of_the_code(app, client, monkeypatch):
    monkeypatch.setattr("app.schema.head", lambda: "9999")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["checks"]["schema"].endswith("the code needs 9999")


def test_readyz_with_a_database_that_is_gone(app, client, monkeypatch):
    def gone(_engine):
        raise sa.exc.OperationalError("SELECT", {}, Exception("jane@example.org"))

    monkeypatch.setattr("app.schema.current", gone)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["checks"]["database"] == "failed: OperationalError"


def test_metrics_are_for_this_machine_or_the_token(app, client, monkeypatch):
    far = {"REMOTE_ADDR": "203.0.113.7"}
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", environ_overrides=far).status_code == 404
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"}).status_code == 404
    monkeypatch.setitem(app.config, "TRUSTED_HOSTS", ["localhost", "127.0.0.1", "esupport.example.org"])
    for host, status in (("127.0.0.1:8080", 200), ("esupport.example.org", 404), ("", 200)):
        answer = client.get("/metrics", headers={"Host": host} if host else {})  # a proxy here that forwards no address
        assert answer.status_code == status, host
    before = app.extensions["settings"]
    app.extensions["settings"] = dataclasses.replace(before, metrics_token="t" * 20)
    try:
        for token, status in (("t" * 20, 200), ("t" * 19, 404)):
            given = {"Authorization": f"Bearer {token}"}
            assert client.get("/metrics", headers=given, environ_overrides=far).status_code == status
    finally:
        app.extensions["settings"] = before


def test_counts_of_several_processes_add_up(app, client):
    engine = app.extensions["database"].engine
    others = [metrics.Counts(engine, background=False) for _ in range(3)]
    for counts in others:
        counts.add("portal_tries_total", 2, {"kind": "a"})
        counts.flush()
    with app.app_context():
        metrics.count("portal_tries_total", kind="a")
        metrics.count("portal_tries_total", kind='b"\n')
    text = client.get("/metrics").text
    assert 'portal_tries_total{kind="a"} 7.0' in text
    assert 'portal_tries_total{kind="b\\"\\n"} 1.0' in text


def test_threads_lose_no_count(app):
    counts = metrics.Counts(app.extensions["database"].engine, background=False)
    counts.add("portal_tries_total", 0, {})

    def work():
        for _ in range(500):
            counts.add("portal_tries_total", 1, {})

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts.flush()
    with app.extensions["database"].engine.connect() as connection:
        assert connection.scalar(sa.select(MetricCount.value)) == 2000


def test_counts_are_kept_when_they_cannot_be_written(app):
    engine = app.extensions["database"].engine
    counts = metrics.Counts(sa.create_engine("sqlite:////nowhere/at/all.sqlite3"), background=False)
    counts.add("portal_tries_total", 3, {})
    counts.flush()
    counts.engine = engine
    counts.flush()
    with engine.connect() as connection:
        assert connection.scalar(sa.select(MetricCount.value)) == 3


def test_gauges_are_asked_at_each_scrape(app, client):
    _beat(app, "worker", 5, queue="mail")
    _beat(app, "worker", 300, queue="actions")
    text = client.get("/metrics").text
    assert 'portal_processes_alive{kind="worker"} 1.0' in text
    assert 'portal_processes_alive{kind="sweeper"} 0.0' in text  # a series that ends raises no alarm
    assert "portal_queue_server_up" not in text  # no sweeper: nobody can say
    assert 'portal_workers_alive{queue="mail"} 1.0' in text
    assert 'portal_workers_alive{queue="actions"} 0.0' in text
    age = next(line for line in text.splitlines() if line.startswith("portal_heartbeat_age_seconds{"))
    assert float(age.split()[-1]) == pytest.approx(5, abs=3)
