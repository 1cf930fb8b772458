"""The first line of an order: its numbers, statuses and moments (domain.md 2 and 4)."""

from __future__ import annotations

import pytest

from tests.views.order_parts import change, pills, shown


def test_an_order_shows_both_numbers(make):
    heading = shown(make, make.order(order_id=12345678, order_name="A0012345678", number_1c="SL-0099")).one("h3")
    assert "SL-0099" in heading.text
    assert "A0012345678" in heading.text


def test_without_a_1c_number_the_bare_number_stands(make):
    heading = shown(make, make.order(order_id=5555555, order_name="A0005555555", number_1c=None)).one("h3")
    assert "5555555 A0005555555" in heading.text


def test_the_prefix_is_the_platforms(make):
    assert "NQ77" in shown(make, make.order(order_name="NQ77")).one("h3").text


@pytest.mark.parametrize(
    ("status", "label"),
    [("not_paid", "Not paid"), ("paid", "Paid"), ("deleted", "Deleted"), ("terminated", "Terminated")],
)
def test_main_status(make, status, label):
    paid = {"pay_date": None} if status == "not_paid" else {}
    assert pills(shown(make, make.order(status=status, **paid)))[0] == label


@pytest.mark.parametrize(
    ("status", "label"),
    [
        ("sent", "Refund request has been sent"),
        ("updating", "Refund info is being updated"),
        ("completed", "Request has been completed"),
        ("refused", "Refusal to refund"),
    ],
)
def test_several_statuses_stand_at_once(make, status, label):
    order_id = make.order(refund={"status": status, "result": None, "updated": "2026-08-14T00:00:00Z"})
    assert pills(shown(make, order_id)) == ["Paid", "Delivered", label]


def test_delivery_of_the_whole_order(make):
    some = make.order(items=[{"delivered": True}, {"delivered": False}])
    none = make.order(items=[{"delivered": False}])
    assert pills(shown(make, some))[1] == "Partly delivered"
    assert pills(shown(make, none))[1] == "Not delivered"


def test_why_an_order_is_deleted(make):
    refunded = {"status": "completed", "result": "full", "updated": "2026-08-14T00:00:00Z"}
    cases = {
        "Every item has been refunded": {"items": [{"refunded": True}], "refund": refunded},
        "Every item has been returned without a request: a chargeback": {"items": [{"refunded": True}]},
        "Cancelled before it was paid": {"pay_date": None, "items": [{"delivered": False}]},
    }
    for sentence, values in cases.items():
        assert sentence in shown(make, make.order(status="deleted", **values)).one(cls="c-stat").text


def test_the_first_line_holds_what_the_domain_names(make):
    order = shown(make, make.order(customer={"company_name": "Lindqvist Form AB", "type": "legal"}, total="1118.00"))
    line = order.one(cls="l1").text
    for text in ("13 Aug 06:16", "13 Aug 06:20", "€1,118.00", "Marcel Laporte", "marcel.laporte@example.com"):
        assert text in line, text
    assert "Lindqvist Form AB" in line
    assert "acme-eu" in line  # the store's technical name


def test_moments_are_in_the_persons_zone(make):
    order = shown(make, make.order(), timezone="Europe/Kyiv")
    created = order.one(cls="c-when").all("time")[0]
    assert created.text == "13 Aug 09:16"
    assert created.attrs["datetime"] == "2026-08-13T06:16:35Z"
    assert created.attrs["title"] == "Thursday 13 August 2026, 09:16:35 UTC+03:00"


def test_a_payment_date_stands_wherever_one_is_known(make):
    order_id = make.order(status="deleted", pay_date="2026-08-13T09:20:01+03:00")
    assert "Paid 13 Aug 06:20" in shown(make, order_id).one(cls="c-when").text


def test_the_number_opens_the_customers_page_in_a_new_window(make):
    link = shown(make, make.order(order_detail_url="https://shop.example.com/o/1")).one("h3").one("a")
    assert link.attrs["href"] == "https://shop.example.com/o/1"
    assert link.attrs["target"] == "_blank"
    assert link.attrs["rel"] == "noopener noreferrer"


def test_without_an_address_of_the_platform_the_number_opens_our_own_page(make):
    order_id = make.order(order_detail_url=None)
    link = shown(make, order_id).one("h3").one("a")
    assert link.attrs["href"].startswith(f"/o/{order_id}/")
    assert len(link.attrs["href"].rsplit("/", 1)[1]) == 43  # 256 bits


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//evil.example/", "https://u@evil/"])
def test_an_address_of_another_kind_is_never_a_link(app, make, address):
    order_id = make.order(order_detail_url=None)
    change(app, order_id, order_detail_url=address)  # whatever a check let through
    assert shown(make, order_id).one("h3").one("a").attrs["href"].startswith(f"/o/{order_id}/")
