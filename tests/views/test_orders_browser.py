"""The search in a real Chromium: by keyboard, without JavaScript, on a phone; Back, reload, opening an order."""

import os
import re

import pytest

from tests import browser as browsers
from tests.views.test_documents import document

pytestmark = [pytest.mark.browser, pytest.mark.only_db("sqlite")]


@pytest.fixture
def orders(make):
    return [
        make.order(
            order_id=100 + n,
            create_date=f"2026-08-1{n}T12:00:00+00:00",
            customer={"email": f"buyer{n}@example.org", "first_name": "Zoë", "phone": f"8 (905) 123456{n}"},
        )
        for n in (1, 2, 3)
    ]


@pytest.fixture
def signed_in(make, orders, live_app, page):
    browsers.lend_cookies(page.context, make.specialist("acme-eu", "acme-us", timezone="Europe/Berlin"), live_app.url)
    return page


def found(page):
    return [int(e.get_attribute("data-order-id")) for e in page.locator("[data-order-id]").all()]


def test_search_by_keyboard_alone(signed_in, problems):
    page = signed_in
    page.goto("/orders/")
    assert found(page) == [103, 102, 101]
    page.get_by_label("Email").focus()
    page.keyboard.type("BUYER2@example.org")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"\?s="))
    assert found(page) == [102]
    assert "buyer2" not in page.url.lower()
    assert page.get_by_label("Email").input_value() == "BUYER2@example.org"
    assert page.locator("[data-result-count='1']").inner_text() == "1 order"
    page.get_by_role("button", name="Remove filter: Email").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/orders/$"))
    assert len(found(page)) == 3
    assert problems == []


def test_filters_survive_back_reload_and_opening_an_order(signed_in, problems):
    page = signed_in
    page.goto("/orders/")
    page.get_by_label("Phone Number").fill("8 905 123-45-61")
    page.get_by_label("Paid", exact=True).check()
    page.get_by_role("button", name="Find").click()
    page.wait_for_url(re.compile(r"\?s="))
    address = page.url
    page.reload()
    page.goto("/orders/101")
    page.go_back()
    assert page.url == address
    assert found(page) == [101]
    assert page.get_by_label("Phone Number").input_value() == "8 905 123-45-61"
    assert page.get_by_label("Paid", exact=True).is_checked()
    page.go_back()
    assert page.url.endswith("/orders/")
    assert problems == []


def test_the_calendar_opens_when_a_date_field_is_clicked(signed_in):
    page = signed_in
    page.goto("/orders/")
    page.evaluate("""() => {
        window.opened = [];
        HTMLInputElement.prototype.showPicker = function () { window.opened.push(this.name); };
    }""")
    for label in ("creation date from", "creation date to", "payment date from", "payment date to"):
        page.get_by_label(f"Order {label}").click()
    assert page.evaluate("window.opened") == ["created_from", "created_to", "paid_from", "paid_to"]
    page.get_by_label("Order creation date from").fill("2026-08-12")
    page.get_by_role("button", name="Find").click()
    page.wait_for_url(re.compile(r"\?s="))
    assert found(page) == [102]
    assert page.get_by_text("Days in Europe/Berlin").count() == 2


@pytest.mark.parametrize("width", [390, 1440])
def test_the_documents_of_an_order_open_beside_their_button(make, signed_in, width):
    page = signed_in
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/orders/{make.order(documents=[document(), document('d2', 'Receipt.pdf')])}")
    button = page.get_by_role("button", name="Order Documents")
    button.click()
    at, opened = button.bounding_box(), page.locator(".doclist").bounding_box()
    assert opened["x"] == pytest.approx(at["x"], abs=2)
    assert 0 <= opened["y"] - (at["y"] + at["height"]) <= 12


def test_an_error_stands_at_its_field_and_nothing_typed_is_lost(signed_in, problems):
    page = signed_in
    page.goto("/orders/")
    page.get_by_label("Order IDs").fill("A101, nonsense")
    page.get_by_label("Activation code").fill("ab")
    page.get_by_label("Company").fill("Acme")
    page.get_by_role("button", name="Find").click()
    page.locator("#e-ids").wait_for()
    assert "nonsense" in page.locator("#e-ids").inner_text()
    assert page.get_by_label("Order IDs").input_value() == "A101, nonsense"
    assert page.get_by_label("Activation code").get_attribute("aria-invalid") == "true"
    assert page.get_by_label("Company").input_value() == "Acme"
    assert page.get_by_label("Order IDs").evaluate("e => e === document.activeElement")
    assert browsers.axe(page) == []
    assert problems == []


def test_everything_works_without_javascript(make, orders, live_app, browser):
    context, page, _ = browsers.open_page(browser, live_app.url, java_script_enabled=False)
    browsers.lend_cookies(context, make.specialist("acme-eu", "acme-us"), live_app.url)
    page.goto("/orders/")
    page.get_by_label("Email").fill("buyer3@example.org")
    page.get_by_role("button", name="Find").click()
    page.wait_for_url(re.compile(r"\?s="))
    assert found(page) == [103]
    page.get_by_role("button", name="Remove filter: Email").click()
    page.wait_for_url(re.compile(r"/orders/$"))
    assert len(found(page)) == 3
    context.close()


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_is_accessible_and_nothing_runs_over(make, orders, live_app, browser, width, theme):
    size = {"width": width, "height": 900}
    context, page, problems = browsers.open_page(browser, live_app.url, viewport=size, color_scheme=theme)
    browsers.lend_cookies(context, make.specialist("acme-eu", "acme-us"), live_app.url)
    page.goto("/orders/?status=paid&ids=101,102")
    for summary in page.locator("details.l2 > summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=f"{folder}/orders-{theme}-{width}.png", full_page=True)
    assert browsers.axe(page) == []
    page.goto("/orders/?ids=5")
    assert "No order matches all of these filters" in page.locator("main").inner_text()
    assert browsers.axe(page) == []
    assert problems == []
    context.close()
