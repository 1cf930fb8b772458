"""What is logged, and above all what is not."""

import io
import json
import logging

import pytest
import structlog
from flask import Flask

from app import logs
from app.actions.webhooks import apply_delivery
from app.jobs import housekeeping
from app.models import WebhookDelivery
from app.models.base import utcnow


@pytest.fixture
def lines():
    """Log as a real process does; the JSON lines written so far."""
    root, written = logging.getLogger(), io.StringIO()
    level = root.level
    handler = logs.configure("info")
    handler.setStream(written)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(level)
    structlog.reset_defaults()
    for name in logs.QUIET:
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_a_request_is_one_line_without_query_string(client, lines):
    answer = client.get("/no-such-page?email=jane@example.org&first_name=Jane", headers={"X-Request-ID": "abcdef-123"})
    (line,) = [line for line in lines() if line["logger"] == "portal.access"]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/no-such-page", answer.status_code)
    assert line["request_id"] == answer.headers["X-Request-ID"] == "abcdef-123"
    assert "jane" not in json.dumps(line).lower()


def test_a_request_id_that_is_none_is_replaced(client):
    answer = client.get("/no-such-page", headers={"X-Request-ID": 'x" onload="'})
    assert len(answer.headers["X-Request-ID"]) == 32


@pytest.mark.parametrize("path", ["/o/12345678/SeCrEtToKeN123", "/set-password/SeCrEtToKeN123"])
def test_tokens_in_addresses_are_not_logged(client, lines, path):
    client.get(path)
    assert "SeCrEtToKeN123" not in json.dumps(lines())


def test_an_exception_is_logged_by_kind_and_place_without_values(lines):
    try:
        int("ABCD-EFGH-1234")
    except ValueError:
        logging.getLogger("app.somewhere").exception("it.failed", extra={"order_id": 7})
    (line,) = lines()
    assert line["event"] == "it.failed"
    assert line["order_id"] == 7
    assert line["exception"][0]["type"] == "ValueError"
    assert "test_an_exception_is_logged" in line["exception"][0]["frames"][-1]
    assert "ABCD-EFGH-1234" not in json.dumps(line)


def test_an_event_that_nobody_knows_is_logged_with_its_name(session, lines):
    body = json.dumps({"event": "order.sang", "order_id": 1})
    apply_delivery(session, WebhookDelivery(id=7, store_id=1), body, utcnow())
    (line,) = lines()
    assert (line["event"], line["named"], line["delivery"]) == ("webhook.unknown_event", "order.sang", 7)


def test_an_unhandled_error_is_logged_with_its_request(lines):
    app = Flask(__name__)
    app.extensions["settings"] = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.metrics.note_request", lambda *_: None)
        logs.init_app(app, type("S", (), {"portal_env": "test", "log_level": "info"})())
        app.add_url_rule("/fails", view_func=lambda: 1 / 0)
        assert app.test_client().get("/fails").status_code == 500
    written = lines()
    access = next(line for line in written if line["logger"] == "portal.access")
    assert any(line.get("exception") and line["request_id"] == access["request_id"] for line in written)


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("mail to jane.doe+x@example.org failed", "jane"),
        ("postgresql+psycopg://portal:hunter2@db/portal refused", "hunter2"),
        ("Authorization: Bearer abc.def-ghi", "abc.def"),
        ("GET https://x.example/a?email=jane&code=1", "jane"),
        ("call +49 (170) 123-45-67 back", "170"),
        ("duplicate key: Key (email)=(jane) already exists", "jane"),
        ("password=hunter2&x=1", "hunter2"),
    ],
)
def test_redaction(text, gone):
    assert gone not in logs.redact(text)


def test_redaction_leaves_what_is_needed_and_cuts_what_is_long():
    assert logs.redact("order 12345678 took 13 ms on 2026-11-23") == "order 12345678 took 13 ms on 2026-11-23"
    assert len(logs.redact("x" * 10_000)) == logs.LONGEST + 1


def test_keys_that_name_secrets_lose_their_value(lines):
    structlog.get_logger("app.x").info("seen", api_token="t0p", card_last_4="1234", store="acme-eu")
    (line,) = lines()
    assert (line["api_token"], line["card_last_4"], line["store"]) == ("[secret]", "[secret]", "acme-eu")


def test_the_head_of_the_audit_is_written_as_it_is(app, lines, monkeypatch):
    """It is compared later, after a restore; and it often looks as if a phone number stood in it."""
    head = "79995550001234" + "f" * 50
    monkeypatch.setattr(housekeeping, "chain_head", lambda _session: (7, head))
    with app.app_context():
        housekeeping.note_head(app)
    (line,) = [line for line in lines() if line["event"] == "audit.head"]
    assert (line["seq"], line["head"]) == (7, head)
