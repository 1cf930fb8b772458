"""What the platform gets for an answer, and what is stored (domain.md 9.1, contract.md 2)."""

import hashlib
import io
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.db import scope_as, session
from app.domain.access import ALL_STORES
from app.domain.webhooks import MAX_BODY, read_body, signature_of
from app.models import Order, WebhookDelivery

DATA = Path(__file__).parent.parent / "data" / "webhooks"
VECTORS = json.loads((DATA / "vectors.json").read_text())


@pytest.fixture(autouse=True)
def _secrets(app, make, monkeypatch):
    make.store("acme-eu")
    found = {"acme-eu": {"*": ("secret_key", "older"), "order.created": ("special",)}}
    monkeypatch.setattr("app.webhooks.settings", lambda: type("S", (), {"webhook_secrets": found}))


def post(client, body, signature, store="acme-eu"):
    return client.post(f"/webhooks/noventiq/{store}", data=body, headers={"signature": signature},
                       content_type="application/json")  # fmt: skip


def signed(client, value, secret="secret_key", store="acme-eu"):
    body = json.dumps(value)
    return post(client, body, signature_of(read_body(body.encode()), secret), store)


def stored(app):
    with app.app_context(), scope_as(ALL_STORES):
        return session.scalars(sa.select(WebhookDelivery).order_by(WebhookDelivery.id)).all()


def test_there_are_published_vectors():
    assert len(VECTORS) == 2


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["file"])
def test_the_published_signatures_hold(vector):
    value = read_body((DATA / vector["file"]).read_bytes())
    assert signature_of(value, vector["secret"]) == vector["signature"]
    assert hashlib.sha512(vector["string_to_sign"].encode()).hexdigest() == vector["signature"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["file"])
def test_a_published_webhook_is_stored_and_answered_204(app, client, vector):
    body = (DATA / vector["file"]).read_bytes()
    answer = post(client, body, vector["signature"])
    assert (answer.status_code, answer.data) == (204, b"")
    (row,) = stored(app)
    assert (row.event, row.order_id, row.state, row.body) == ("order.created", 5555555, "waiting", body.decode())
    with app.app_context(), scope_as(ALL_STORES):
        assert session.scalars(sa.select(Order.id)).all() == []  # a worker applies it


def test_the_same_body_again_is_204_and_stored_once(app, client, make):
    value = {"event": "order.created", "order_id": 1}
    assert [signed(client, value).status_code for _ in range(3)] == [204, 204, 204]
    assert len(stored(app)) == 1


def test_the_hint_goes_out_after_the_commit(app, client, monkeypatch):
    told = []
    monkeypatch.setitem(app.extensions, "hint", lambda queue, row_id: told.append((queue, row_id)))
    signed(client, {"event": "order.created", "order_id": 1})
    signed(client, {"event": "order.created", "order_id": 1})
    assert told == [("webhooks", stored(app)[0].id)]


@pytest.mark.parametrize("secret", ["secret_key", "older", "special"])
def test_every_secret_in_use_is_tried(client, secret):
    assert signed(client, {"event": "order.created", "order_id": 1}, secret).status_code == 204


def test_an_events_own_secret_is_for_that_event_only(client):
    assert signed(client, {"event": "product.delivered", "order_id": 1}, "special").status_code == 401


@pytest.mark.parametrize("signature", ["", "x", "é", "0" * 128, "a" * 100_000])
def test_a_bad_signature_is_401_without_a_detail(app, client, signature):
    answer = post(client, b'{"event":"order.created","order_id":1}', signature.encode().decode("latin-1"))
    assert (answer.status_code, answer.data) == (401, b"")
    assert stored(app) == []


def test_a_changed_signed_value_is_401(client):
    value = json.loads((DATA / VECTORS[0]["file"]).read_text())
    for name, other in (("event", "product.returned"), ("order_id", 5555556), ("currency", "USD"),
                        ("create_date", "2021-08-13T06:16:35+00:00")):  # fmt: skip
        assert post(client, json.dumps({**value, name: other}), VECTORS[0]["signature"]).status_code == 401


def test_a_store_without_secrets_takes_nothing(app, client, make):
    make.store("other")
    assert signed(client, {"event": "order.created"}, "", "other").status_code == 401
    assert stored(app) == []


def test_an_unknown_store_is_404(client):
    assert signed(client, {"event": "order.created"}, store="nowhere").status_code == 404


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"5", b"null", b"\xff", b'{"a":NaN}', b"[" * 100_000])
def test_what_is_no_json_object_is_400(app, client, body):
    assert post(client, body, "0").status_code == 400
    assert stored(app) == []


def test_more_than_256_kib_are_413(app, client):
    value = {"event": "order.created", "order_id": 1, "x": "y" * MAX_BODY}
    assert signed(client, value).status_code == 413
    exact = {"event": "order.created", "order_id": 1, "x": ""}
    exact["x"] = "y" * (MAX_BODY - len(json.dumps(exact)))
    assert signed(client, exact).status_code == 204
    assert len(stored(app)) == 1


def test_more_than_256_kib_are_413_when_they_come_in_chunks(app, client):
    value = {"event": "order.created", "order_id": 1}
    body = json.dumps(value).encode()
    answer = client.post(
        "/webhooks/noventiq/acme-eu",
        input_stream=io.BytesIO(body + b" " * MAX_BODY),
        headers={"signature": signature_of(value, "secret_key")},
        environ_overrides={"wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
    )
    assert answer.status_code == 413
    assert stored(app) == []


def test_an_unknown_event_is_stored_and_answered_204(app, client):
    assert signed(client, {"event": "order.something_new", "order_id": 1}).status_code == 204
    assert stored(app)[0].event == "order.something_new"


@pytest.mark.parametrize(
    "value",
    [
        {}, {"event": None}, {"event": 7, "order_id": "x"}, {"event": "a\x00b", "order_id": 2**80},
        {"event": "\ud800", "order_id": -1, "create_date": {}}, {"event": "x" * 1000, "payment": 3, "customer": []},
        {"event": "order.created", "order_id": 1.5, "currency": True},
    ],
    ids=range(7),
)  # fmt: skip
def test_a_signed_object_of_any_form_is_204(app, client, value):
    assert signed(client, value).status_code == 204
    assert len(stored(app)) == 1


def test_the_literal_create_date_is_hashed(client):
    value = {"event": "order.created", "order_id": 1, "create_date": "2021-08-13 09:16:35 +0300"}
    text = "secret_key;order.created;1;2021-08-13 09:16:35 +0300;;;"
    assert post(client, json.dumps(value), hashlib.sha512(text.encode()).hexdigest()).status_code == 204


def test_what_comes_in_is_counted_by_what_became_of_it(client):
    def counted():
        lines = [line.split() for line in client.get("/metrics").text.splitlines()]
        found = {name: float(number) for name, number in (line for line in lines if len(line) == 2)}
        return [
            found.get(f'portal_webhooks_received_total{{result="{result}"}}', 0)
            for result in ("taken", "bad_signature", "unknown_store", "unreadable")
        ]

    before = counted()  # of tests before this one
    value = {"event": "order.created", "order_id": 1}
    for _ in range(2):
        assert signed(client, value).status_code == 204
    assert signed(client, value, "changed at one side").status_code == 401
    assert signed(client, value, store="nowhere").status_code == 404
    assert post(client, "[]", "").status_code == 400
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [2, 1, 1, 1]
