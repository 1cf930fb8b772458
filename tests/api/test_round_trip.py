"""What was posted is what is given back; and whatever a caller sends, the answer is one of the described ones."""

import datetime as dt
import json
from decimal import Decimal

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.api.description import description
from app.domain.retention import parameters_kept
from app.domain.snapshot import ID_PATTERN
from tests.api.test_orders import get, new_token, post
from tests.factories import snapshot
from tests.webhooks.test_applying import deliver, message

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
SOME = TEXT.filter(bool)
MAYBE = st.none() | SOME
ID = st.from_regex(ID_PATTERN, fullmatch=True)
AMOUNT = st.decimals(0, 10**9, places=2).map(str)
MOMENT = st.datetimes(
    dt.datetime(1901, 1, 1), dt.datetime(2199, 1, 1),
    timezones=st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=5, minutes=45))]),
).map(dt.datetime.isoformat)  # fmt: skip
PAIRS = st.lists(st.fixed_dictionaries({"name": SOME, "value": TEXT}), max_size=2)
CODE = st.fixed_dictionaries({"license_id": ID, "code": SOME, "deleted": st.booleans()})
ITEM = st.fixed_dictionaries({
    "item_id": ID, "product_id": MAYBE, "sku": MAYBE, "name": SOME, "quantity": st.integers(1, 10**9),
    "price": st.none() | AMOUNT, "discount_percent": st.none(), "discount_amount": st.none() | AMOUNT,
    "vat_amount": st.none() | AMOUNT, "amount": AMOUNT, "delivered": st.booleans(), "refunded": st.booleans(),
    "fields": PAIRS, "license_user": st.none() | st.fixed_dictionaries({"name": SOME, "email": MAYBE}),
    "licenses": st.lists(CODE, max_size=3), "subscription": st.none(),
})  # fmt: skip
LINE = st.fixed_dictionaries({
    "event_id": ID, "date": MOMENT, "kind": st.sampled_from(["mail", "error", "status", "other"]), "text": TEXT,
    "order_ids": st.none() | st.lists(st.integers(1, 2**63 - 1), min_size=1, max_size=2), "document_id": st.none() | ID,
})  # fmt: skip


@st.composite
def snapshots(draw):
    items = draw(st.lists(ITEM, max_size=3, unique_by=lambda i: i["item_id"]))
    for n, code in enumerate(code for item in items for code in item["licenses"]):
        code["license_id"] = f"{n}{code['license_id']}"[:64]
    return snapshot(
        order_id=draw(st.integers(1, 2**63 - 1)), version=draw(st.integers(0, 2**63 - 1)),
        status=draw(st.sampled_from(["not_paid", "paid", "deleted", "terminated"])),
        create_date=draw(MOMENT), pay_date=draw(st.none() | MOMENT), total=draw(AMOUNT),
        currency=draw(st.sampled_from(["EUR", "JPY", "KWD"])), number_1c=draw(MAYBE), external_id=draw(MAYBE),
        customer={name: draw(MAYBE) for name in ("first_name", "last_name", "company_name", "phone", "address")},
        additional_data=draw(PAIRS),
        history=draw(st.lists(LINE, max_size=3, unique_by=lambda line: line["event_id"])),
    ) | {"items": items}  # fmt: skip


@pytest.fixture
def token(app, make):
    return new_token(app, make, "acme-eu")


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(raw=snapshots())
def test_any_snapshot_comes_back_as_it_was(client, token, raw):
    first = post(client, token, raw).json["results"][0]
    assert first["result"] in ("applied", "unchanged"), first
    if first["result"] == "unchanged":
        return  # the same order id was drawn before
    found = get(client, token, raw["order_id"]).json
    for name in ("order_id", "store", "version", "number_1c", "external_id", "currency", "total", "customer", "payment",
                 "items"):  # fmt: skip
        assert found[name] == raw[name], name
    kept = parameters_kept(raw["status"], moment(raw["create_date"]), dt.datetime.now(dt.UTC))
    assert found["additional_data"] == (raw["additional_data"] if kept else [])
    assert moment(found["create_date"]) == moment(raw["create_date"])
    assert sorted(map(comparable, found["history"])) == sorted(map(comparable, raw["history"]))
    assert Decimal(found["total"]) == Decimal(raw["total"])
    again = {**found, "version": raw["version"]}
    assert post(client, token, again).json["results"][0] == {
        "order_id": raw["order_id"], "result": "unchanged", "errors": [],
    }  # fmt: skip


def moment(text):
    return dt.datetime.fromisoformat(text)


def comparable(line):
    return json.dumps([line["event_id"], moment(line["date"]).timestamp(), line["text"], line["order_ids"]])


# --- the description -----------------------------------------------------------------------------------------------


def schema_of(name):
    """A JSON schema of the description's part: OpenAPI 3.0 says ``nullable`` where JSON schema says null."""

    def convert(value):
        if isinstance(value, list):
            return [convert(one) for one in value]
        if not isinstance(value, dict):
            return value
        found = {k: convert(v) for k, v in value.items() if k != "nullable"}
        return {"anyOf": [found, {"type": "null"}]} if value.get("nullable") is True else found

    whole = convert(description())
    return {"$ref": f"#/components/schemas/{name}", "components": whole["components"]}


def test_the_description_is_served_and_needs_no_token(client):
    answer = client.get("/api/v1/openapi.json")
    assert (answer.status_code, answer.mimetype, answer.json) == (200, "application/json", description())
    assert set(answer.json["paths"]) == {"/api/v1/orders", "/api/v1/orders/{order_id}"}


def test_answers_are_as_described(client, token):
    raw = snapshot(order_id=1, refund={"status": "sent", "updated": "2026-08-14T00:00:00Z"}, items=[
        {"subscription": {"id": "1_2", "type": "AR", "status": "active", "parent_order_id": 1}}, {"license_user": None},
    ])  # fmt: skip
    jsonschema.validate(raw, schema_of("Snapshot"))
    results = post(client, token, [raw, 5, {"order_id": 2}]).json
    jsonschema.validate(results, schema_of("Results"))
    jsonschema.validate(get(client, token, 1).json, schema_of("Order"))
    for answer in (post(client, "no-such-token-at-all", raw), get(client, token, 3), post(client, token, "{")):
        jsonschema.validate(answer.json, schema_of("Error"))


def test_an_order_that_only_a_webhook_told_of_is_answered_as_described(app, client, token):
    assert deliver(app, message(currency="zzz", order_detail_url="", customer={"type": "x"})) == [("done", None)]
    answer = get(client, token, 1).json
    assert (answer["version"], answer["currency"]) == (None, "ZZZ")
    jsonschema.validate(answer, schema_of("Order"))


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_body_makes_an_error_of_ours(client, token, data):
    value = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=4,
    )
    raw = snapshot(order_id=data.draw(st.integers(1, 5)))
    for name in data.draw(st.lists(st.sampled_from(sorted(raw)), max_size=3)):
        raw[name] = data.draw(value)
    answer = post(client, token, raw)
    assert answer.status_code == 200
    jsonschema.validate(answer.json, schema_of("Results"))
