"""The order API as its callers see it (contract.md 4)."""

import datetime as dt
import io
import json

import pytest
import sqlalchemy as sa

from app.actions.tokens import make_token, revoke_token
from app.api.tokens import FAILURES
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES, SYSTEM
from app.domain.snapshot import MAX_BODY
from app.models import ApiToken, AuditEntry, Order
from tests.factories import snapshot


@pytest.fixture
def token(app, make):
    return new_token(app, make, "acme-eu")


def new_token(app, make, *stores):
    for store in stores:
        make.store(store)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        return make_token(session, "erp " + " ".join(stores), stores, actor=SYSTEM)


def post(client, token, value, **kwargs):
    data = value if isinstance(value, (bytes, str)) else json.dumps(value)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return client.post("/api/v1/orders", data=data, headers=headers, content_type="application/json", **kwargs)


def get(client, token, order_id):
    return client.get(f"/api/v1/orders/{order_id}", headers={"Authorization": f"Bearer {token}"})


def orders(app):
    with app.app_context(), scope_as(ALL_STORES):
        return session.scalars(sa.select(Order.id).order_by(Order.id)).all()


def test_one_object_is_applied_and_the_same_again_is_unchanged(app, client, token):
    raw = snapshot(order_id=12345678)
    answer = post(client, token, raw)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json == {"results": [{"order_id": 12345678, "result": "applied", "errors": []}]}
    assert post(client, token, raw).json["results"][0]["result"] == "unchanged"
    assert post(client, token, {**raw, "version": 0}).json["results"][0]["result"] == "unchanged"
    assert post(client, token, {**raw, "version": 2}).json["results"][0]["result"] == "applied"
    assert "Set-Cookie" not in answer.headers


def test_a_list_is_applied_one_by_one_and_a_bad_one_stays_with_itself(app, client, token):
    good, bad, other = snapshot(order_id=1), snapshot(order_id=2, items=[{"quantity": 0}]), snapshot(order_id=3)
    results = post(client, token, [good, bad, other, 7]).json["results"]
    assert [(r["order_id"], r["result"]) for r in results] == [
        (1, "applied"), (2, "refused"), (3, "applied"), (None, "refused"),
    ]  # fmt: skip
    assert results[1]["errors"] == [{"field": "items[0].quantity", "message": "must be 1 or more"}]
    assert orders(app) == [1, 3]


def test_more_than_500_orders_are_refused_as_a_whole(app, client, token):
    assert post(client, token, [snapshot()] * 501).status_code == 400
    assert orders(app) == []


@pytest.mark.parametrize("body", ["", "{", "5", '"x"', "null", b"\xff\xfe", "[1,", '{"a":NaN}', "[" * 100_000])
def test_what_is_no_json_is_400(app, client, token, body):
    answer = post(client, token, body)
    assert (answer.status_code, answer.mimetype) == (400, "application/json")


def test_a_body_over_8_mb_is_413(client, token):
    answer = post(client, token, b" " * (MAX_BODY + 1))
    assert (answer.status_code, answer.mimetype) == (413, "application/json")


def test_a_body_over_8_mb_is_413_when_it_comes_in_chunks(app, client, token):
    body = json.dumps(snapshot()).encode()

    def chunked(length):
        stream = io.BytesIO(body + b" " * (length - len(body)))
        return client.post(
            "/api/v1/orders", input_stream=stream, headers={"Authorization": f"Bearer {token}"},
            environ_overrides={"wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
        )  # fmt: skip

    assert chunked(MAX_BODY + 1).status_code == 413  # not cut off at the limit and taken for the whole
    assert orders(app) == []
    assert chunked(MAX_BODY).json["results"][0]["result"] == "applied"


@pytest.mark.parametrize("value", [None, [], 5, "x"])
def test_what_is_no_object_among_the_orders_is_told_so(client, token, value):
    (found,) = post(client, token, [value]).json["results"]
    assert (found["result"], found["errors"]) == ("refused", [{"field": "", "message": "must be an object"}])


def test_a_body_of_two_mb_is_read(app, client, token):
    raw = snapshot(items=[{"licenses": [{"license_id": f"l{i}", "code": "X" * 2000} for i in range(1000)]}])
    assert post(client, token, raw).json["results"][0]["result"] == "applied"


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", "Basic abc", "Bearer " + "é" * 30, "Bearer " + "a" * 5000]
)
def test_without_a_valid_token_it_is_401(app, client, token, header):
    for answer in (
        client.post("/api/v1/orders", json=snapshot(), headers={"Authorization": header.encode().decode("latin-1")}),
        client.get("/api/v1/orders/1", headers={"Authorization": header.encode().decode("latin-1")}),
    ):
        assert (answer.status_code, answer.mimetype) == (401, "application/json")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert orders(app) == []


def test_a_revoked_token_opens_nothing(app, client, token):
    with app.app_context(), scope_as(ALL_STORES), transaction():
        (token_id,) = session.scalars(sa.select(ApiToken.id))
        revoke_token(session, token_id, actor=SYSTEM, now=dt.datetime.now(dt.UTC))
    assert post(client, token, snapshot()).status_code == 401


def test_the_token_is_kept_as_a_hash_only_and_its_use_is_noted(app, client, token):
    post(client, token, snapshot())
    with app.app_context(), scope_as(ALL_STORES):
        row = session.scalars(sa.select(ApiToken)).one()
    assert token not in (row.token_hash, row.prefix)
    assert row.last_used_at is not None


def test_a_signed_in_person_is_no_token(app, client, make):
    make.order()
    assert make.admin().get("/api/v1/orders/1").status_code == 401


def test_who_guesses_tokens_has_to_wait(client, token):
    for _ in range(FAILURES):
        assert post(client, "wrong-token-wrong-token", snapshot()).status_code == 401
    answer = post(client, "wrong-token-wrong-token", snapshot())
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert post(client, token, snapshot()).status_code == 200


def test_a_store_outside_the_token_or_another_stores_order_is_refused_at_store(app, client, make, token):
    make.store("other")
    mine, other = snapshot(order_id=1), snapshot(order_id=2, store="other")
    assert refused_at(post(client, token, other)) == ["store"]
    assert refused_at(post(client, token, snapshot(order_id=3, store="nowhere"))) == ["store"]
    make.record(other)
    assert refused_at(post(client, token, {**mine, "order_id": 2, "version": 9})) == ["store"]
    with app.app_context(), scope_as(ALL_STORES):
        assert session.get_one(Order, 2).version == 1
    assert orders(app) == [2]


def test_no_new_order_comes_into_a_closed_store_and_those_it_has_go_on(app, client, make):
    token = new_token(app, make, "acme-eu")
    make.order(order_id=1)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        from app.models import Store

        session.execute(sa.update(Store).values(closed_at=dt.datetime.now(dt.UTC)))
    assert refused_at(post(client, token, snapshot(order_id=2))) == ["store"]
    answer = post(client, token, snapshot(order_id=1, version=2, status="deleted"))
    assert [found["result"] for found in answer.json["results"]] == ["applied"]
    assert get(client, token, 1).json["status"] == "deleted"
    assert orders(app) == [1]


def test_a_customer_of_a_closed_store_is_erased_all_the_same(app, client, make):
    token = new_token(app, make, "acme-eu")
    make.order(order_id=1)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        from app.models import Store

        session.execute(sa.update(Store).values(closed_at=dt.datetime.now(dt.UTC)))
    answer = post(client, token, snapshot(order_id=1, version=2, erased=True))
    assert [found["result"] for found in answer.json["results"]] == ["applied"]
    assert get(client, token, 1).json["customer"]["email"] == "deleted"
    assert refused_at(post(client, token, snapshot(order_id=2, erased=True))) == ["store"]
    assert orders(app) == [1]


def refused_at(answer):
    (result,) = answer.json["results"]
    assert result["result"] == "refused"
    return [e["field"] for e in result["errors"]]


def test_get_gives_the_order_back_in_the_same_shape(client, token):
    raw = snapshot(
        order_id=12345678,
        create_date=dt.datetime.now(dt.UTC).isoformat(),  # additional parameters end with their time
        refund={"status": "sent", "updated": "2026-08-14T00:00:00+00:00"},
    )
    post(client, token, raw)
    found = get(client, token, 12345678).json
    assert found["statuses"] == ["paid", "refund_sent"]
    assert (found["delivery"], found["actions"], found["erased"]) == ("delivered", [], False)
    assert [line["text"] for line in found["history"]] == [line["text"] for line in raw["history"]]
    for name in ("order_id", "store", "version", "status", "order_name", "number_1c", "currency", "total", "customer",
                 "payment", "items", "additional_data", "related_order_ids", "documents"):  # fmt: skip
        assert found[name] == raw[name], name
    assert dt.datetime.fromisoformat(found["create_date"]) == dt.datetime.fromisoformat(raw["create_date"])
    assert found["refund"] == {"status": "sent", "result": None, "updated": "2026-08-14T00:00:00+00:00"}


def test_additional_parameters_end_with_their_time_though_nobody_swept_yet(client, token):
    """120 days for a deleted order, from its creation; the present status decides (domain.md 4 and 10.19)."""
    created = dt.datetime.now(dt.UTC) - dt.timedelta(days=200)
    parameters = [{"name": "utm", "value": "PARAM"}]
    raw = snapshot(order_id=7, create_date=created.isoformat(), additional_data=parameters)
    post(client, token, raw)
    assert get(client, token, 7).json["additional_data"] == parameters
    post(client, token, {**raw, "status": "deleted", "version": raw["version"] + 1})
    assert get(client, token, 7).json["additional_data"] == []


@pytest.mark.parametrize("order_id", ["2", "0", "-1", "A0000000001", "9" * 30, "1e3", "٣"])
def test_another_stores_order_and_none_are_the_same_404(client, make, token, order_id):
    make.order("other", order_id=2)
    answer = get(client, token, order_id)
    assert (answer.status_code, answer.mimetype) == (404, "application/json")


def test_two_orders_of_one_call_may_be_versions_of_one_order(client, token):
    results = post(client, token, [snapshot(order_id=1), snapshot(order_id=1, version=2, total="1.00")]).json
    assert [r["result"] for r in results["results"]] == ["applied", "applied"]
    assert get(client, token, 1).json["total"] == "1.00"


def written(app):
    """The entries of the audit about what was read and sent, written as they are after the answer."""
    app.extensions["read_notes"].flush()
    with app.app_context():
        found = session.scalars(
            sa.select(AuditEntry)
            .where(AuditEntry.event.in_(("order.viewed", "orders.recorded")))
            .order_by(AuditEntry.id)
        )
        return [(e.event, e.result, e.actor, e.order_id, e.store_id, e.details) for e in found]


def test_the_audit_knows_what_was_sent_and_what_was_asked_for(app, client, token, make):
    raw, foreign = snapshot(order_id=1), make.order(order_id=3, store="rival")
    post(client, token, [raw, {**raw, "order_id": 2, "status": "eaten"}])
    post(client, token, raw)
    post(client, token, {**raw, "store": "rival", "version": 2})
    for order_id in (1, foreign, 404):
        get(client, token, order_id)
    who, store = "api:erp acme-eu", make.store("acme-eu")
    assert written(app) == [
        ("orders.recorded", "ok", who, None, None, {"applied": 1, "refused": 1}),
        ("orders.recorded", "refused", who, None, None, {"applied": 0, "refused": 1}),
        ("order.viewed", "ok", who, 1, store, {}),
        ("order.viewed", "refused", who, foreign, None, {}),
        ("order.viewed", "refused", who, 404, None, {}),
    ]
