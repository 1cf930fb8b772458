"""License information on the screen: the numbered codes and their owners."""

from __future__ import annotations

import pytest

from tests.views.order_parts import codes, license_of, shown


def test_codes_are_numbered_like_the_items(make):
    order_id = make.order(
        items=[
            {"licenses": [license_of(1, "AAA-1")]},
            {"licenses": [license_of(2, "BBB-1"), license_of(3, "BBB-2")]},
            {"licenses": []},
            {"licenses": [license_of(4, "DDD-1")]},
        ]
    )
    assert codes(shown(make, order_id)) == [
        ("1", "AAA-1"), ("2.1", "BBB-1"), ("2.2", "BBB-2"), ("3", ""), ("4", "DDD-1"),
    ]  # fmt: skip


def test_a_deleted_code_is_crossed_out_and_said_to_be_deleted(make):
    order_id = make.order(items=[{"licenses": [license_of(1, "GONE-1", deleted=True)]}])
    block = shown(make, order_id).block("License information")
    code = block.one(data_license_id="c1")
    assert code.tag == "del"
    assert code.text == "GONE-1"
    assert block.one("small").text == "deleted"
    assert "Resend" not in block.buttons()


@pytest.mark.parametrize("address", ["https://example.com/dl?k=1&x=2", "http://example.com/a"])
def test_a_code_that_is_an_address_is_a_link(make, address):
    block = shown(make, make.order(items=[{"licenses": [license_of(1, address)]}])).block("License information")
    link = block.one("a")
    assert link.attrs["href"] == address
    assert link.attrs["rel"] == "noopener noreferrer"


@pytest.mark.parametrize(
    "code", ["javascript:alert(1)", "JAVASCRIPT://x%0Aalert(1)", "data:text/html,<b>", "https://u:p@x/", " https://x y"]
)
def test_any_other_code_is_text(make, code):
    block = shown(make, make.order(items=[{"licenses": [license_of(1, code)]}])).block("License information")
    assert block.all("a") == []


def test_the_owner_may_be_someone_else_than_the_buyer(make):
    order_id = make.order(items=[{"license_user": {"name": "Erik S", "email": "erik@example.se"}}])
    rows = shown(make, order_id).block("License information").rows()
    assert rows == {"Owner": "Erik S", "Owner’s email": "erik@example.se"}


def test_different_owners_stand_with_their_items(make):
    order_id = make.order(
        items=[
            {"license_user": {"name": "One", "email": "one@example.se"}},
            {"license_user": {"name": "Two", "email": "two@example.se"}},
        ]
    )
    block = shown(make, order_id).block("License information")
    assert [li.text.split()[1] for li in block.all("li", cls="who")] == ["One", "Two"]
