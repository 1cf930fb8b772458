"""The generator: deterministic, row by row, and as skewed as promised."""

from collections import Counter

from app.tryout.generate import generate


def test_the_same_row_is_always_the_same():
    assert list(generate(60)) == list(generate(60))


def test_another_seed_gives_other_orders():
    assert list(generate(10)) != list(generate(10, seed=2))


def test_order_ids_are_unique():
    ids = [s["order_id"] for s in generate(2000)]
    assert len(set(ids)) == len(ids)


def test_a_renewal_names_its_parents_subscription_and_store():
    rows = {s["order_id"]: s for s in generate(200)}
    renewals = [
        (s, s["items"][0]["subscription"])
        for s in rows.values()
        if s["items"][0].get("subscription", {}).get("parent_order_id", s["order_id"]) != s["order_id"]
    ]
    assert len(renewals) == 8
    for snapshot, subscription in renewals:
        parent = rows[subscription["parent_order_id"]]
        assert parent["store"] == snapshot["store"]
        assert parent["items"][0]["subscription"]["id"] == subscription["id"]
        assert parent["status"] == "paid"


def test_the_skew_is_that_of_a_real_platform():
    rows = list(generate(6000))
    largest = Counter(s["store"] for s in rows).most_common(1)[0]
    assert largest[0] == "store-001"
    assert 0.17 < largest[1] / len(rows) < 0.26
    codes = [code["code"] for s in rows for item in s["items"] for code in item["licenses"]]
    assert 0.05 < sum("AAAA" in code for code in codes) / len(codes) < 0.11
    assert 1.3 < sum(len(s["items"]) for s in rows) / len(rows) < 1.7
