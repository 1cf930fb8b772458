"""Where things stand, in Chromium, with orders of an awkward size: nothing is cut off, covered or out of line."""

import pytest

from tests import browser as browsers

pytestmark = [pytest.mark.browser, pytest.mark.only_db("sqlite")]
LONG = "Glyph Studio Pro, a subscription for one year with extended support and a name that goes on and on"


def codes(many):
    return [{"license_id": f"c{n}", "code": f"CODE-{n:04}-ABCD", "deleted": False} for n in range(many)]


@pytest.fixture
def orders(make):
    """An order of a large sum, one of thirty codes and a long one, and one whose items have long names."""
    return {
        "dear": make.order(currency="RUB", total="1234567.89", status="paid"),
        "codes": make.order(items=[{"licenses": [*codes(30), {"license_id": "long", "code": "X9" * 1000}]}]),
        "names": make.order(items=[{"name": LONG, "quantity": 3}, {"licenses": []}]),
    }


@pytest.fixture
def signed_in(make, orders, live_app, page):
    browsers.lend_cookies(page.context, make.specialist("acme-eu"), live_app.url)
    return page


def box(element):
    found = element.bounding_box()
    assert found
    return found


def ends(element):
    found = box(element)
    return found["x"] + found["width"]


@pytest.mark.parametrize("width", [1190, 1280, 1440, 1920])
def test_the_columns_of_an_order_hold_what_they_show(signed_in, orders, width):
    page = signed_in
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/orders/")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    card = page.locator(f"[data-order-id='{orders['dear']}']")
    assert ends(card.locator(".c-store")) <= ends(card)
    assert ends(card.get_by_role("button", name="Request refund")) <= box(card.locator(".c-stat"))["x"]
    first, second = card.locator(".c-stat"), card.locator(".m-lic")
    assert box(first)["x"] == box(second)["x"], "the second line stands in the columns of the first"
    assert box(card.locator(".c-who"))["x"] == box(card.locator(".m-last"))["x"]


def test_codes_stand_in_line_and_a_long_one_takes_no_page(signed_in, orders):
    page = signed_in
    page.goto(f"/orders/{orders['codes']}")
    lines = page.locator(".codes .code")
    assert len({box(line)["x"] for line in lines.all()}) == 1
    assert box(lines.last)["height"] < 200
    assert browsers.axe(page) == []


def test_an_items_name_stands_beside_its_number_and_its_sum(signed_in, orders):
    page = signed_in
    page.goto(f"/orders/{orders['names']}")
    line = page.locator(".item .nm").first
    number, name, amount = line.locator(".no"), line.locator("b"), line.locator(".amt")
    assert ends(number) <= box(name)["x"]
    assert box(name)["y"] < box(number)["y"] + box(number)["height"]
    assert ends(name) <= box(amount)["x"]


@pytest.mark.parametrize("width", [390, 1440])
def test_a_question_about_many_codes_keeps_its_buttons_in_sight(signed_in, orders, width):
    page = signed_in
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(f"/orders/{orders['codes']}")
    page.get_by_role("button", name="Request refund").click()
    assert ends_below(page.get_by_role("button", name="Send", exact=True)) <= 700
    assert browsers.axe(page) == []
    page.keyboard.press("Escape")
    page.locator("[data-dialog='ask-resend-long']").click()
    dialog = page.get_by_role("dialog", name="Resend license information?")
    assert box(dialog)["height"] < 500
    assert dialog.get_by_text("X9X9").inner_text().endswith("...")


def ends_below(element):
    found = box(element)
    return found["y"] + found["height"]


def test_pasted_numbers_are_all_to_be_seen(signed_in):
    page = signed_in
    page.goto("/orders/")
    field = page.get_by_label("Order IDs")
    field.fill("A0012345678\n5555555\n777")
    assert field.evaluate("e => e.scrollHeight <= e.clientHeight + 1")


def test_tab_shows_where_it_is_inside_a_date_field_too(signed_in):
    page = signed_in
    page.goto("/orders/")
    page.get_by_label("Order creation date from").focus()
    for _ in range(4):  # day, month, year, the calendar button
        seen = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert seen == "solid"
        page.keyboard.press("Tab")


def test_keys_are_places_on_the_keyboard_where_letters_are_others(signed_in):
    page = signed_in
    page.goto("/orders/")

    def press(key, code, **more):
        page.evaluate(
            "e => document.body.dispatchEvent(new KeyboardEvent('keydown', {bubbles: true, ...e}))",
            {"key": key, "code": code, **more},
        )

    press("о", "KeyJ")
    assert page.locator("article.o.cur").count() == 1
    press("щ", "KeyO")
    assert page.locator("article.o.cur details.l2[open]").count() == 1
    press(".", "Slash")
    assert page.evaluate("document.activeElement.name") == "ids"
    press(",", "Slash", shiftKey=True)
    assert page.get_by_role("dialog", name="Keyboard shortcuts").is_visible()
    page.keyboard.press("Escape")
    press("h", "KeyJ")  # another Latin layout: its letters count
    assert page.locator("article.o").first.get_attribute("class").split() == ["o", "cur"]


def test_the_list_of_documents_opens_at_its_button(make, live_app, page):
    files = [
        {"document_id": f"d{n}", "kind": "invoice", "name": f"{n}.pdf", "content_type": "application/pdf",
         "content_base64": "eA=="} for n in (1, 2)
    ]  # fmt: skip
    order = make.order(documents=files)
    browsers.lend_cookies(page.context, make.specialist("acme-eu"), live_app.url)
    page.goto(f"/orders/{order}")
    button = page.get_by_role("button", name="Order Documents")
    button.click()
    found = box(page.locator(".doclist"))
    assert abs(found["x"] - box(button)["x"]) < 2
    assert 0 <= found["y"] - ends_below(button) < 12


def test_a_row_of_a_phones_table_is_as_high_as_its_longest_name(make, live_app, page):
    person = make.person(role="Admin", language="ru")
    browsers.lend_cookies(page.context, make.signed_in(person), live_app.url)
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/people/")
    cell = page.locator("td[data-k='Последнее посещение']").first
    assert box(cell)["height"] >= 2 * 17, "two lines of words at the side"
    assert page.locator("td[data-k='Команды']:visible").count() == 0, "no team, no empty line"


@pytest.mark.parametrize("width", [1024, 1440])
def test_a_long_reason_leaves_the_other_columns_their_width(make, orders, live_app, page, width):
    asks = make.signed_in(make.person(stores=("acme-eu",), first_name="Sam", last_name="Okafor"))
    token = asks.get(f"/orders/{orders['dear']}?ask=refund").text.split('name="request_token" value="')[1].split('"')[0]
    asks.submit(f"/orders/{orders['dear']}/refund", {"reason": "Paid twice. " * 40, "request_token": token})
    browsers.lend_cookies(page.context, make.admin(), live_app.url)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/refunds/")
    row = page.locator(f"tr[data-order-id='{orders['dear']}']")
    assert box(row.get_by_role("link", name="A00"))["height"] < 30, "the number on one line"
    assert box(row.locator("td.name"))["width"] >= 100


def test_the_bar_stands_over_the_page_on_a_wide_screen(signed_in):
    page = signed_in
    page.set_viewport_size({"width": 1920, "height": 900})
    page.goto("/orders/")
    assert abs(box(page.locator(".brand"))["x"] - box(page.locator("h1"))["x"]) < 2


def test_a_long_time_zone_leaves_the_fields_in_line(make, live_app, page):
    client = make.specialist("acme-eu", timezone="America/Argentina/Buenos_Aires", language="ru")
    browsers.lend_cookies(page.context, client, live_app.url)
    for width in (700, 1190, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto("/orders/")
        first, last = page.locator("[name=created_from]"), page.locator("[name=paid_to]")
        assert box(first)["y"] == box(last)["y"]
        if width > 1180:
            assert box(first)["y"] == box(page.locator("[name=code]"))["y"]
    assert page.locator("legend[title='America/Argentina/Buenos_Aires']").count() == 2


def test_a_tablet_shows_two_cells_of_a_row_side_by_side(make, live_app, page):
    browsers.lend_cookies(page.context, make.admin(), live_app.url)
    page.set_viewport_size({"width": 768, "height": 900})
    page.goto("/people/")
    name, role = page.locator("tbody th").first, page.locator("tbody td").first
    assert box(name)["y"] == box(role)["y"]
