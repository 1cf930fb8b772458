"""Checking snapshots: every field that does not hold is named, and nothing else happens (contract.md 4)."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.actions.snapshots import BadJson, parse_snapshot, read_json
from app.domain.snapshot import Snapshot, SnapshotErrors
from tests.factories import snapshot

GONE = object()


def changed(path, value):
    """A valid snapshot with the value at a path like ``items.0.quantity`` replaced, or taken away."""
    raw = snapshot(
        order_id=1,
        items=[{"subscription": {"id": "1_2", "type": "AR", "status": "active", "parent_order_id": 1},
                "fields": [{"name": "a", "value": "b"}]}],
        documents=[{"document_id": "d1", "kind": "invoice", "name": "a.pdf", "content_type": "application/pdf",
                    "url": "https://example.com/a.pdf"}],
        refund={"status": "sent", "updated": "2026-08-13T00:00:00Z"},
    )  # fmt: skip
    *parents, last = [int(p) if p.isdigit() else p for p in path.split(".")]
    place = raw
    for part in parents:
        place = place[part]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return raw


def fields(raw):
    with pytest.raises(SnapshotErrors) as error:
        parse_snapshot(raw)
    return [e.field for e in error.value.errors]


BAD = [
    ("order_id", 0), ("order_id", -1), ("order_id", 2**63), ("order_id", 10**400), ("order_id", "1"),
    ("order_id", True), ("order_id", 1.0), ("order_id", None), ("order_id", GONE),
    ("store", ""), ("store", None), ("store", 5), ("store", "s" * 65), ("store", GONE),
    ("version", -1), ("version", 2**63), ("version", "1"), ("version", GONE),
    ("status", "new"), ("status", None), ("status", 5), ("status", "refund_sent"), ("status", GONE),
    ("create_date", "2026-08-13T09:16:35"), ("create_date", "2026-08-13"), ("create_date", 1723536000),
    ("create_date", "1723536000"), ("create_date", "0001-01-01T00:00:00+14:00"), ("create_date", "yesterday"),
    ("create_date", "2026-02-30T00:00:00Z"), ("create_date", "9999-12-31T23:59:59-12:00"), ("create_date", None),
    ("pay_date", ""), ("pay_date", "2026-08-13"), ("order_name", "n" * 65), ("number_1c", "n" * 256),
    ("external_id", 5),
    ("currency", "XXQ"), ("currency", "eur"), ("currency", "EURO"), ("currency", None), ("currency", GONE),
    ("total", 118), ("total", "118,00"), ("total", "NaN"), ("total", "Infinity"), ("total", "1e5"), ("total", "-1"),
    ("total", ""), ("total", "9" * 30), ("total", " 1"), ("total", "1\n"), ("total", "١"), ("total", GONE),
    ("locale", "l" * 65), ("order_detail_url", "http://example.com/"), ("order_detail_url", "javascript:alert(1)"),
    ("order_detail_url", "https://"), ("order_detail_url", "https://a b/"),
    ("order_detail_url", "https://" + "a" * 2000),
    ("order_detail_url", "https://evil@example.com/"), ("erased", "yes"), ("erased", 1),
    ("customer", GONE), ("customer", []), ("customer", None), ("customer.email", "e" * 255), ("customer.type", "robot"),
    ("customer.first_name", "n" * 256), ("customer.first_name", "a\x00b"), ("customer.last_name", "\ud800"),
    ("customer.phone", 5), ("customer.address", "a" * 4001), ("payment", GONE), ("payment.card_last_4", "12345"),
    ("payment.card_last_4", "12a4"), ("payment.card_last_4", "١٢٣٤"), ("items", GONE), ("items", {}), ("items", None),
    ("items", "x"), ("items.0", None), ("items.0", 5), ("items.0.item_id", ""), ("items.0.item_id", "a" * 65),
    ("items.0.item_id", "a b"), ("items.0.item_id", "ä"), ("items.0.item_id", "a\n"), ("items.0.item_id", GONE),
    ("items.0.name", ""), ("items.0.name", "n" * 256), ("items.0.name", "\x00"), ("items.0.quantity", 0),
    ("items.0.quantity", 1.5), ("items.0.quantity", "1"), ("items.0.quantity", 10**10), ("items.0.price", "-1.00"),
    ("items.0.discount_percent", "100.01"), ("items.0.amount", None), ("items.0.delivered", None),
    ("items.0.delivered", "true"), ("items.0.refunded", 0), ("items.0.fields.0.name", ""),
    ("items.0.fields.0.value", "v" * 4001), ("items.0.license_user.email", "e" * 255),
    ("items.0.licenses.0.license_id", None), ("items.0.licenses.0.code", ""), ("items.0.licenses.0.code", "c" * 2001),
    ("items.0.licenses.0.deleted", "no"), ("items.0.subscription.id", "22222"), ("items.0.subscription.id", "1_2_3"),
    ("items.0.subscription.type", "ar"), ("items.0.subscription.status", "paid"), ("items.0.subscription.period", "1Y"),
    ("items.0.subscription.next_charge_date", "2026-02-30"), ("items.0.subscription.parent_order_id", GONE),
    ("items.0.subscription.child_order_ids", [0]), ("additional_data.0.value", None), ("additional_data", "x"),
    ("related_order_ids", [2**63]), ("related_order_ids", ["1"]), ("history", GONE), ("history.0.event_id", "a/b"),
    ("history.0.date", "2026"), ("history.0.kind", "paid"), ("history.0.text", "t" * 4001), ("history.0.text", None),
    ("history.0.document_id", "a b"), ("history.0.order_ids", 5), ("documents.0.kind", "bill"),
    ("documents.0.name", ""), ("documents.0.content_type", "pdf"), ("documents.0.content_type", "a/b\r\nX: y"),
    ("documents.0.content_base64", "%%%"), ("documents.0.url", "http://example.com/a"), ("refund.status", "new"),
    ("refund.result", "some"), ("refund.updated", GONE),
]  # fmt: skip


def named(path):
    parts = path.split(".")
    return "".join(f"[{p}]" if p.isdigit() else f".{p}" for p in parts).removeprefix(".")


@pytest.mark.parametrize(("path", "value"), BAD, ids=[f"{i}-{p}" for i, (p, _v) in enumerate(BAD)])
def test_the_field_is_named(path, value):
    (found,) = fields(changed(path, value))
    assert found in (named(path), f"{named(path)}[0]")


@pytest.mark.parametrize("raw", [None, 5, "x", [], [[]], True, 1.5])
def test_what_is_no_object_is_one_error(raw):
    assert fields(raw) == [""]


def test_every_error_is_named_at_once():
    raw = changed("items.0.quantity", 0)
    raw["currency"] = "?"
    del raw["history"][1]["text"]
    assert set(fields(raw)) == {"items[0].quantity", "currency", "history[1].text"}


def test_null_where_a_value_is_needed_is_missing():
    with pytest.raises(SnapshotErrors) as error:
        parse_snapshot(changed("items.0.amount", None))
    assert [(e.field, e.message) for e in error.value.errors] == [("items[0].amount", "is missing")]


def test_doubled_ids_are_named():
    code = {"license_id": "l1", "code": "X"}
    raw = snapshot(items=[{"item_id": "i"}, {"item_id": "i", "licenses": [code]}])
    raw["history"].append(raw["history"][0])
    assert fields(raw) == ["items[1].item_id", "history[4].event_id", "items[1].licenses[0].license_id"]


def test_a_document_needs_exactly_one_content():
    raw = changed("documents.0.url", GONE)
    assert fields(raw) == ["documents[0].content_base64"]
    raw["documents"][0] |= {"url": "https://example.com/", "content_base64": ""}
    assert fields(raw) == ["documents[0].content_base64"]


@pytest.mark.parametrize(
    ("path", "most"),
    [("items", 500), ("history", 10_000), ("documents", 200), ("additional_data", 1000), ("related_order_ids", 1000)],
)
def test_lists_are_bounded(path, most):
    raw = changed("refund", None)
    one = raw[path][0] if raw[path] else 1
    raw[path] = [one] * (most + 1)
    assert path in fields(raw)


def test_the_greatest_of_everything_is_taken():
    raw = snapshot(order_id=2**63 - 1, version=2**63 - 1, total="9" * 15 + ".12345678",
                   customer={"first_name": "👩‍🚀" * 85, "address": "я" * 4000},
                   items=[{"licenses": [{"license_id": "~" * 64, "code": "王" * 2000}]}],
                   create_date="1900-01-01T00:00:00+14:00", pay_date="2199-12-31T23:59:59.999999-12:00")  # fmt: skip
    assert parse_snapshot(raw).order_id == 2**63 - 1


@pytest.mark.parametrize("status", ["not paid", "not_paid"])
def test_both_words_for_not_paid_are_one(status):
    assert parse_snapshot(snapshot(status=status)).status == "not_paid"


def test_optional_fields_may_be_missing_null_or_empty():
    raw = snapshot()
    for name in ("pay_date", "order_name", "number_1c", "external_id", "locale", "order_detail_url", "erased",
                 "additional_data", "related_order_ids", "documents", "refund"):  # fmt: skip
        raw.pop(name, None)
    raw["items"][0] = {k: raw["items"][0][k] for k in ("item_id", "name", "quantity", "amount", "delivered")}
    raw["payment"] = {"payment_method": None, "card_last_4": ""}
    assert parse_snapshot(raw).items[0].licenses is None


def test_unknown_fields_are_counted_and_may_hold_anything():
    raw = snapshot(x={"deep": [1, {"a": None}]}, y="\ud800", z=10**30)
    raw["history"][0]["colour"] = "\x00"
    assert parse_snapshot(raw).unknown == 4


def test_what_is_nested_too_deeply_is_refused():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(SnapshotErrors) as error:
        parse_snapshot(snapshot(order_id=1, x=deep))
    assert error.value.order_id == 1
    while deep:  # taken apart by hand: freeing it in one go would recurse as well
        deep = deep[0]


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"NaN", b'{"a":Infinity}', b'"\\ud800', b"[" * 100_000])
def test_bad_json_is_bad_json(data):
    with pytest.raises(BadJson):
        read_json(data)


def test_a_lone_surrogate_in_json_is_named_at_its_field():
    data = json.dumps(snapshot(customer={"last_name": "\udc00"})).encode()
    assert fields(read_json(data)) == ["customer.last_name"]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), value=ANY)
def test_no_value_anywhere_raises_anything_else(data, value):
    raw = changed("refund", None)
    place, path = raw, []
    while isinstance(place, (dict, list)) and place and (not path or data.draw(st.booleans())):
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        path.append(key)
        place = place[key]
    target = raw
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    before = copy.deepcopy(raw)
    try:
        assert isinstance(parse_snapshot(raw), Snapshot)
    except SnapshotErrors as error:
        assert error.errors  # noqa: PT017 - either is fine, nothing else is
    assert repr(raw) == repr(before)
