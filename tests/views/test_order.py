"""The page of an order and its card in the list: the blocks, text of every kind, and the order's address."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from tests.pages import order_of, parse
from tests.views.order_parts import BLOCKS, codes, license_of, shown


def test_the_list_has_two_lines_and_all_blocks(make):
    other, order_id = make.order(), make.order()
    page = parse(make.specialist().get("/orders/").text)
    order = page.one("article", data_order_id=str(order_id))
    assert [n.attrs["data-order-id"] for n in page.all(data_order_id=None)] == [str(order_id), str(other)]
    assert [h.text for h in order.all("h4")] == BLOCKS
    details = order.one("details", cls="l2")
    assert "open" not in details.attrs
    assert "Demo" in details.one("summary").text
    assert order.one("a", cls="perma").attrs["href"] == f"/orders/{order_id}"


def test_the_orders_own_page_has_all_blocks_open(make):
    order = shown(make, make.order())
    assert [h.text for h in order.all("h4")] == BLOCKS
    assert order.all("details") == []


def test_payment_shows_the_technical_name_and_the_last_digits(make):
    block = shown(make, make.order()).block("Payment Method")
    assert block.rows() == {"Method": "CreditCard", "Card": "ending 4242"}
    assert "Bank Card" not in block.text


def test_payment_without_a_card_shows_no_digits(make):
    block = shown(make, make.order(payment={"payment_method": "PayPal", "card_last_4": None})).block("Payment Method")
    assert block.rows() == {"Method": "PayPal"}


def test_an_item_shows_product_units_discount_delivery_and_fields(make):
    order_id = make.order(
        items=[{
            "name": "Glyph Studio", "quantity": 3, "price": "65.56", "discount_percent": "10.00",
            "discount_amount": "13.11", "fields": [{"name": "Team size", "value": "5–10"}],
        }],
    )  # fmt: skip
    item = shown(make, order_id).all(cls="item")[0]
    assert [part.text for part in item.one(cls="nm").walk()] == ["1", "Glyph Studio", "×3", "€118.00"]
    assert item.rows() | {
        "Delivery": "Delivered", "Price": "€65.56", "Discount": "−10% · −€13.11", "Team size": "5–10"
    } == item.rows()  # fmt: skip


def test_an_item_not_delivered_or_refunded_says_so(make):
    items = shown(make, make.order(items=[{"delivered": False}, {"refunded": True}])).all(cls="item")
    assert items[0].rows()["Delivery"] == "Not delivered"
    assert items[1].rows()["Delivery"] == "Delivered · Refunded"


def test_additional_parameters_show_only_while_they_are_kept(make):
    now = dt.datetime.now(dt.UTC)

    def old(days):
        at = now - dt.timedelta(days=days)
        return {"create_date": at.isoformat(), "pay_date": at.isoformat()}

    kept = {"paid": [1, 364], "deleted": [119], "terminated": [119], "not_paid": [3000]}
    gone = {"paid": [366], "deleted": [121, 200], "terminated": [121]}
    for expected, cases in ((True, kept), (False, gone)):
        for status, ages in cases.items():
            for age in ages:
                dates = old(age) | ({"pay_date": None} if status == "not_paid" else {})
                order_id = make.order(status=status, additional_data=[{"name": "utm", "value": "PARAM"}], **dates)
                assert ("PARAM" in shown(make, order_id).text) is expected, (status, age)


def test_a_new_status_ends_the_parameters_of_an_old_order(make):
    at = (dt.datetime.now(dt.UTC) - dt.timedelta(days=200)).isoformat()
    common = {"create_date": at, "pay_date": at, "additional_data": [{"name": "utm", "value": "PARAM"}]}
    order_id = make.order(**common)
    assert "PARAM" in shown(make, order_id).text
    make.order(order_id=order_id, version=2, status="deleted", **common)
    assert "PARAM" not in shown(make, order_id).text


def test_the_customer_block_holds_what_the_order_knows(make):
    assert shown(make, make.order()).block("Customer").rows() == {
        "Type": "Natural person", "Name": "Marcel Laporte", "Email": "marcel.laporte@example.com",
        "Phone": "+33 1 23 45 67 89", "Country": "France (FR)", "Address": "1 rue Exemple, Paris",
    }  # fmt: skip


HOSTILE = """<script>alert(1)</script>"'`&{{7*7}}[[ 7*7 ]]</dd><img src=x onerror=alert(1)>"""


def test_hostile_text_is_text_everywhere(make):
    order_id = make.order(
        order_name='A"><b>1', number_1c=HOSTILE[:250], external_id=HOSTILE,
        customer={
            "first_name": HOSTILE, "last_name": HOSTILE, "phone": HOSTILE, "country": HOSTILE, "vat_number": HOSTILE,
            "company_name": HOSTILE, "address": HOSTILE,
        },
        payment={"payment_method": HOSTILE, "payment_system_name": HOSTILE, "card_last_4": None},
        items=[{
            "name": HOSTILE, "sku": HOSTILE, "fields": [{"name": HOSTILE, "value": HOSTILE}],
            "license_user": {"name": HOSTILE, "email": None}, "licenses": [license_of(1, HOSTILE)],
        }],
        additional_data=[{"name": HOSTILE, "value": HOSTILE}],
        history=[{"event_id": "e1", "date": "2026-08-13T09:00:00Z", "kind": "other", "text": HOSTILE}],
        documents=[{
            "document_id": "d1", "kind": "other", "name": HOSTILE, "content_type": "application/pdf",
            "content_base64": "JVBERg==",
        }],
    )  # fmt: skip
    browser = make.specialist()
    for path in (f"/orders/{order_id}", "/orders/", f"/orders/{order_id}/blocks"):
        page = parse(browser.get(path).text)
        order = page.one("article", data_order_id=str(order_id))
        assert order.all("script") == order.all("img") == []
        assert order.text.count(" ".join(HOSTILE.split())) >= 10
        assert not [n for n in order.walk() if any(name.startswith("on") for name in n.attrs)]


@pytest.mark.parametrize("text", ["Ж" * 255, "محمد بن عبد الله", "王小明", "👩‍👩‍👧‍👦🎉", "W" * 255, "\u202eevil"])
def test_names_of_every_kind(make, text):
    order_id = make.order(customer={"first_name": text}, items=[{"name": text}])
    assert text in shown(make, order_id).one(cls="c-who").text


def test_an_order_of_forty_items(make):
    order_id = make.order(items=[{"licenses": [license_of(n, f"CODE-{n}")]} for n in range(1, 41)])
    order = shown(make, order_id)
    assert [number for number, _ in codes(order)] == [str(n) for n in range(1, 41)]
    assert len(order.all(cls="item")) >= 40


def test_an_order_with_nothing_known(make):
    order_id = make.order(
        customer={"type": None, "first_name": None, "last_name": None, "phone": None, "country": None, "address": None},
        payment={"payment_method": None, "payment_system_name": None, "card_last_4": None},
        items=[{"licenses": [], "license_user": None, "price": None}],
        history=[], additional_data=[],
    )  # fmt: skip
    order = shown(make, order_id)
    assert order.block("Payment Method").rows() == {"Method": "—"}
    assert "Nothing has happened yet" in order.block("Order History").text
    assert "Name —" in order.one(cls="c-who").text


def test_russian(make):
    order = order_of(make.specialist(language="ru").get(f"/orders/{make.order()}"))
    assert "118,00\N{NO-BREAK SPACE}€" in order._raw()
    assert "13 авг" in order.one(cls="c-when").text
    assert "Resend" not in order.text


def test_other_forms_of_a_number_lead_to_the_permanent_address(make):
    order_id = make.order(order_id=12345678)
    browser = make.specialist()
    for form in ("A0012345678", "a0012345678", "0012345678", "NQ12345678"):
        answer = browser.get(f"/orders/{form}")
        assert (answer.status_code, answer.location) == (302, f"/orders/{order_id}")


def test_foreign_missing_and_malformed_orders_answer_alike(make):
    foreign = make.order(store="other")
    browser = make.specialist()
    bodies = set()
    for path in (foreign, 999999, "9" * 30, "0", "-1", "x", "A", "1_2", "٣", "%F0%9F%8E%89"):
        for end in ("", "/blocks", "/documents/d1"):
            answer = browser.get(f"/orders/{path}{end}")
            assert answer.status_code == 404, path
            # What is new in every answer: the scripts' nonce and the form's token.
            bodies.add(re.sub(r'(nonce|name="csrf_token" value)="[^"]*"', "", answer.text))
    assert len(bodies) == 1


def test_nobody_signed_in_is_sent_to_sign_in(client, make):
    answer = client.get(f"/orders/{make.order()}")
    assert answer.status_code == 302
    assert "/login" in answer.location


def test_a_renewal_and_its_parent_are_linked(make):
    subscription = {
        "id": "700_1", "type": "AR", "status": "active", "period": "P1Y", "next_charge_date": "2027-08-13",
        "parent_order_id": 700, "child_order_ids": [701],
    }  # fmt: skip
    make.order(order_id=700, items=[{"subscription": subscription}], related_order_ids=[702])
    make.order(order_id=701, items=[{"subscription": subscription}])
    make.order(order_id=702)
    parent, child, related = (shown(make, n) for n in (700, 701, 702))
    assert [a.text for a in parent.one(cls="family").all("a")] == ["701", "702"]
    assert [a.text for a in child.one(cls="family").all("a")] == ["700"]
    assert [a.text for a in related.one(cls="family").all("a")] == ["700"]
    block = parent.one(data_subscription_id="700_1").rows()
    assert block["Period"] == "1 year"
    assert block["Next charge"] == "13 Aug 2027"
    assert child.one(data_subscription_id="700_1").rows()["Parent order"] == "700"
