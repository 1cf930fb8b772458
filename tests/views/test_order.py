"""The page of an order and its card in the list: one test per sentence of domain.md 2 and 4."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Order
from tests.pages import order_of, parse

BLOCKS = ["Order items", "Customer", "License information", "Payment Method", "Order History"]


def change(app, order_id, **values):
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(Order).where(Order.id == order_id).values(**values))


def shown(make, order_id, **person):
    """The order as a specialist sees it on its own page."""
    return order_of(make.specialist(**person).get(f"/orders/{order_id}"))


def pills(order):
    return [p.text for p in order.one("ul", cls="pills").all("li")]


def codes(order):
    """The numbered lines of the license block: number, text."""
    lines = order.block("License information").one("ol", cls="codes").all("li")
    return [(li.one(cls="no").text, li.one(cls="code").text) for li in lines if "who" not in li.classes]


# --- 2: identity and statuses --------------------------------------------------------------------------------------


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


# --- 4: the first line ---------------------------------------------------------------------------------------------


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


# --- 4: history ----------------------------------------------------------------------------------------------------


def history(order):
    return [
        (li.attrs["class"], li.one(cls="ev").one("span").text)
        for li in order.block("Order History").one("ol", cls="tl").all("li")
    ]


def test_history_is_newest_first_with_a_mark_for_its_kind(make):
    assert history(shown(make, make.order())) == [
        ("k-mail", "License information sent to customer"),
        ("k-status", "Product delivered: Demo"),
        ("k-status", "Payment received"),
        ("k-status", "Order created"),
    ]


def test_every_kind_of_history_line_is_shown(make):
    kinds = ("mail", "error", "status", "subscription", "related", "anonymize", "document", "other")
    lines = [
        {"event_id": f"e{n}", "date": f"2026-08-13T09:00:{n:02}Z", "kind": kind, "text": f"What {kind} says"}
        for n, kind in enumerate(kinds)
    ]
    assert history(shown(make, make.order(history=lines))) == [(f"k-{k}", f"What {k} says") for k in reversed(kinds)]


def test_history_links_orders_and_refund_documents(make):
    order_id = make.order(
        history=[
            {"event_id": "e1", "date": "2026-08-13T09:00:00Z", "kind": "related", "text": "R", "order_ids": [77, 78]},
            {"event_id": "e2", "date": "2026-08-13T09:00:01Z", "kind": "document", "text": "D", "document_id": "d1"},
        ],
        documents=[
            {"document_id": "d1", "kind": "refund", "name": "Note.pdf", "content_type": "application/pdf",
             "content_base64": "JVBERg=="},
        ],
    )  # fmt: skip
    links = [a.attrs["href"] for a in shown(make, order_id).block("Order History").all("a")]
    assert links == [f"/orders/{order_id}/documents/d1", "/orders/77", "/orders/78"]


# --- 4: payment, items, customer -----------------------------------------------------------------------------------


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
        "Phone": "+33 1 23 45 67 89", "Country": "FR", "Address": "1 rue Exemple, Paris",
    }  # fmt: skip


# --- 4: licenses ---------------------------------------------------------------------------------------------------


def license_of(number, code, **values):
    return {"license_id": f"c{number}", "code": code, "deleted": False, **values}


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


# --- 4: erased -----------------------------------------------------------------------------------------------------


def test_an_erased_order_reads_deleted(make):
    order_id = make.order(erased=True)
    order = shown(make, order_id)
    who = order.one(cls="c-who").all("p")
    assert [p.text for p in who] == ["Name deleted", "Email deleted"]
    assert order.block("Customer").rows() == {
        "Type": "Natural person", "Name": "deleted", "Email": "deleted", "Phone": "deleted", "Country": "deleted",
        "Address": "deleted",
    }  # fmt: skip
    assert order.block("License information").rows() == {"Owner": "deleted", "Owner’s email": "deleted"}
    for text in ("Marcel", "Laporte", "example.com", "4242", "Paris", "+33"):
        assert text not in order.text, text


def test_company_and_vat_of_a_legal_person_stay(make):
    legal = {"type": "legal", "company_name": "Lindqvist Form AB", "vat_number": "SE556712349101"}
    order = shown(make, make.order(erased=True, customer=legal))
    rows = order.block("Customer").rows()
    assert (rows["Company"], rows["VAT number"], rows["Name"]) == ("Lindqvist Form AB", "SE556712349101", "deleted")
    assert "Lindqvist Form AB" in order.one(cls="c-store").text


def test_what_an_erasure_left_behind_is_hidden_all_the_same(app, make):
    """The second layer: the row says erased, so nothing personal is shown, whatever stands in it."""
    order_id = make.order(order_detail_url=None)
    change(app, order_id, erased_at=dt.datetime.now(dt.UTC))
    order = shown(make, order_id)
    for text in ("Marcel", "Laporte", "marcel.laporte", "4242", "Paris", "+33"):
        assert text not in order.text, text
    assert order.one("h3").all("a") == []  # the customer's page is gone, too


# --- robustness ----------------------------------------------------------------------------------------------------


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


# --- addresses -----------------------------------------------------------------------------------------------------


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
