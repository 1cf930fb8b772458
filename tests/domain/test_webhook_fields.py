"""Fields of a webhook that nobody has documented are named for the log (domain.md 9.1)."""

import json
from pathlib import Path

import pytest

from app.domain.webhook_fields import MOST, unknown_fields

PUBLISHED = sorted((Path(__file__).parent.parent / "data" / "webhooks").glob("order_*.json"))


@pytest.mark.parametrize("file", PUBLISHED, ids=lambda file: file.stem)
def test_the_published_messages_hold_no_unknown_field(file):
    assert unknown_fields(json.loads(file.read_text())) == []


def test_unknown_fields_are_named_with_the_object_they_stand_in():
    value = {
        "event": "x",
        "colour": 1,
        "customer": {"shoe_size": 43, "email": "a@b.c"},
        "product": {"deep": {"a": 1}},
    }
    assert unknown_fields(value) == ["colour", "customer.shoe_size", "product.deep"]


def test_a_name_that_may_be_anything_is_not_repeated():
    value = {"john@example.com": 1, "+7 905": 2, "a" * 41: 3, "": 4, "payment": {"4111 1111": 1}}
    assert unknown_fields(value) == ["?", "payment.?"]


def test_parts_of_another_kind_and_very_many_names():
    assert unknown_fields({"customer": ["x"], "payment": None, "product": "x"}) == []
    assert len(unknown_fields({f"f{n}": n for n in range(500)})) == MOST
