"""Every question the portal asks, open, in Chromium: axe finds nothing, Escape answers no, the focus comes back; and
all of it is asked where there is no JavaScript, in sight and not at the end of the page."""

import re

import pytest
import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Action, Order, Subscription
from app.models.base import utcnow
from tests import browser as browsers
from tests.actions.support import NOW

pytestmark = [pytest.mark.browser, pytest.mark.only_db("sqlite")]
PARENT = 41206903


def subscription(status):
    return {
        "id": f"{PARENT}_7",
        "type": "AR",
        "status": status,
        "period": "P1Y",
        "parent_order_id": PARENT,
        "child_order_ids": [],
    }


@pytest.fixture
def people(make):
    """Somebody who asks and somebody who decides."""
    person = make.person(stores=("acme-eu",), first_name="Ann", last_name="Asker")
    return {"asks": make.signed_in(person), "decides": make.admin()}


@pytest.fixture
def orders(make, people):
    """One to cancel, one to resume, and one with a refund request."""
    first = make.order(order_id=PARENT, order_detail_url=None, items=[{"subscription": subscription("active")}])
    second = make.order(
        order_id=PARENT + 1,
        items=[{"subscription": subscription("cancelled") | {"id": f"{PARENT + 1}_7", "parent_order_id": PARENT + 1}}],
    )
    third = make.order(order_id=PARENT + 2)
    page = people["asks"].get(f"/orders/{third}?ask=refund").text
    token = page.split('name="request_token" value="')[1].split('"')[0]
    sent = people["asks"].submit(f"/orders/{third}/refund", {"reason": "Bought twice", "request_token": token})
    assert sent.status_code == 303
    return {"cancel": first, "resume": second, "asked": third}


def ask_all(page, address):
    """Open every dialog of the page by its button; what axe finds in each, and which there were."""
    page.goto(address)
    wrong, names = [], []
    for opener in page.locator("main [data-dialog]:visible, footer [data-dialog]:visible").all():
        opener.click()
        dialog = page.locator("dialog[open]")
        dialog.wait_for()
        names.append(dialog.locator("h2").inner_text())
        wrong += [f"{names[-1]}: {finding}" for finding in browsers.axe(page)]
        assert dialog.evaluate("d => d.contains(document.activeElement)"), names[-1]
        page.keyboard.press("Escape")
        dialog.wait_for(state="hidden")
        assert opener.evaluate("e => e === document.activeElement"), names[-1]
    return wrong, names


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_every_dialog_of_an_order_and_of_the_desk(people, orders, live_app, browser, theme, width):
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": theme}
    context, page, problems = browsers.open_page(browser, live_app.url, **options)
    browsers.lend_cookies(context, people["asks"], live_app.url)
    wrong, asked = [], []
    for order_id in orders.values():
        found, names = ask_all(page, f"/orders/{order_id}")
        wrong += found
        asked += names
    assert set(asked) >= {
        "Request a refund", "Cancel the subscription?", "Resume the subscription?", "Resend license information?",
        "Withdraw the refund request",
    }  # fmt: skip
    context.clear_cookies()
    browsers.lend_cookies(context, people["decides"], live_app.url)
    found, names = ask_all(page, "/refunds/")
    assert names[:2] == ["Complete the refund", "Refuse the refund"]
    page.goto(f"/orders/{orders['cancel']}")
    page.get_by_text("More", exact=True).click()
    page.get_by_text("Revoke the customer’s link…").click()
    page.get_by_role("dialog", name="Revoke the customer’s link?").wait_for()
    assert wrong + found + browsers.axe(page) == []
    assert problems == []
    context.close()


def test_the_desk_asks_for_items_only_when_some_are_refunded_and_keeps_what_was_typed(people, orders, page, live_app):
    browsers.lend_cookies(page.context, people["decides"], live_app.url)
    page.goto("/refunds/")
    page.get_by_role("button", name="Complete").click()
    dialog = page.get_by_role("dialog", name="Complete the refund")
    assert dialog.get_by_role("group", name="Items").is_hidden()
    dialog.get_by_text("Partial refund, these items:").click()
    assert dialog.get_by_role("group", name="Items").is_visible()
    dialog.get_by_text("Mark the codes of the refunded items deleted").click()
    dialog.get_by_role("button", name="Complete the refund").click()
    page.get_by_text("Choose at least one item to refund.").wait_for()
    assert page.get_by_role("radio", name="Partial refund, these items:").is_checked()
    assert page.get_by_label("Mark the codes of the refunded items deleted").is_checked()
    assert browsers.axe(page) == []
    page.get_by_role("checkbox", name="1. ").check()
    page.get_by_role("dialog").get_by_role("button", name="Complete the refund").click()
    page.get_by_text("The refund has been completed.").wait_for()


def test_all_is_asked_and_done_without_javascript(people, orders, live_app, browser):
    options = {"java_script_enabled": False, "viewport": {"width": 1280, "height": 800}}
    context, page, _ = browsers.open_page(browser, live_app.url, **options)
    browsers.lend_cookies(context, people["asks"], live_app.url)

    def asked(name):
        """The dialog of this name, in sight over the page."""
        dialog = page.get_by_role("dialog", name=name)
        box = dialog.bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 800
        return dialog

    page.goto(f"/orders/{orders['cancel']}")
    page.get_by_role("button", name="Cancel subscription").click()
    asked("Cancel the subscription?").get_by_role("button", name="Back").click()
    assert page.get_by_role("dialog").count() == 0
    page.get_by_role("button", name="Resend").click()
    asked("Resend license information?").get_by_role("button", name="Resend").click()
    page.wait_for_url(re.compile(rf"/orders/{orders['cancel']}$"))
    assert page.locator("[data-action-kind=resend_license]").get_attribute("data-action-state") == "waiting"
    page.get_by_role("button", name="Request refund").click()
    dialog = asked("Request a refund")
    dialog.get_by_label("Refund reason").fill("x" * 501)
    dialog.get_by_role("button", name="Send").click()
    dialog = asked("Request a refund")
    assert "501" in dialog.locator(".err").inner_text()
    dialog.get_by_label("Refund reason").fill("Bought twice")
    dialog.get_by_role("button", name="Send").click()
    page.wait_for_url(re.compile(rf"/orders/{orders['cancel']}$"))
    page.get_by_role("button", name="Withdraw request").click()
    asked("Withdraw the refund request").get_by_role("button", name="Withdraw request").click()
    page.wait_for_url(re.compile(rf"/orders/{orders['cancel']}$"))
    context.clear_cookies()
    browsers.lend_cookies(context, people["decides"], live_app.url)
    page.goto("/refunds/?status=sent")
    page.get_by_role("button", name="Refuse").click()
    dialog = asked("Refuse the refund")
    dialog.get_by_role("button", name="Back").click()
    assert page.get_by_role("dialog").count() == 0
    page.get_by_role("button", name="Refuse").click()
    dialog.get_by_label("Comment").fill("The license is in use")
    dialog.get_by_role("button", name="Refuse the refund").click()
    page.get_by_text("The request has been refused.").wait_for()
    context.close()


def test_the_way_back_from_an_order_keeps_the_filters(people, orders, page, live_app, problems):
    browsers.lend_cookies(page.context, people["asks"], live_app.url)
    page.goto("/orders/?status=paid&ids=41206903,41206904")
    page.get_by_role("link", name="Open order").first.click()
    page.wait_for_url(re.compile(r"/orders/\d+$"))
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "ids"
    page.locator(".crumb").get_by_role("link", name="Orders").click()
    page.wait_for_url(re.compile(r"/orders/\?status=paid&ids=41206903,41206904$"))
    assert problems == []


def test_a_press_is_one_request_however_often_it_is_pressed(people, orders, page, live_app):
    browsers.lend_cookies(page.context, people["asks"], live_app.url)
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.goto(f"/orders/{orders['cancel']}")
    page.get_by_role("button", name="Request refund").click()
    page.get_by_label("Refund reason").fill("Bought twice")
    page.get_by_role("button", name="Send", exact=True).dblclick()
    page.wait_for_url(re.compile(rf"/orders/{orders['cancel']}$"))
    page.locator("[data-action-kind=request_refund]").wait_for()
    assert len(sent) == 1


def test_an_order_that_changes_under_the_hands_keeps_focus_and_copy_buttons(app, people, orders, page, live_app):
    browsers.lend_cookies(page.context, people["asks"], live_app.url)
    page.goto(f"/orders/{orders['cancel']}")
    page.get_by_role("button", name="Resend").click()
    page.get_by_role("dialog").get_by_role("button", name="Resend").click()
    state = page.locator("[data-action-kind=resend_license]")
    state.wait_for()
    before = page.locator("#order").element_handle()
    page.get_by_role("button", name="Cancel subscription").first.focus()
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.scalars(sa.select(Action).filter_by(order_id=orders["cancel"])).one().state = "running"
    page.get_by_text("In progress", exact=True).wait_for()
    assert not before.evaluate("e => e.isConnected"), "drawn anew"
    assert page.evaluate("document.activeElement.innerText") == "Cancel subscription"
    assert page.get_by_role("button", name="Copy the code").count() == 1
    same = page.locator("#order").element_handle()
    with page.expect_response("**/blocks"):
        pass
    assert same.evaluate("e => e.isConnected"), "nothing changed, so nothing is drawn"


def test_a_dialog_the_address_asked_for_leaves_the_focus_at_its_button_and_the_address(people, orders, page, live_app):
    browsers.lend_cookies(page.context, people["asks"], live_app.url)
    page.goto(f"/orders/{orders['cancel']}?ask=cancel:{PARENT}_7")
    dialog = page.get_by_role("dialog", name="Cancel the subscription?")
    dialog.wait_for()
    assert page.evaluate("document.activeElement.innerText") == "Back"
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    page.wait_for_url(re.compile(rf"/orders/{orders['cancel']}$"))
    assert page.evaluate("document.activeElement.dataset.dialog") == f"ask-cancel-{PARENT}_7"
    page.reload()
    assert page.get_by_role("dialog").count() == 0


def test_what_becomes_of_an_action_is_said_and_so_is_that_the_page_stands_still(app, people, orders, page, live_app):
    browsers.lend_cookies(page.context, people["asks"], live_app.url)
    page.goto(f"/orders/{orders['cancel']}")
    page.get_by_role("button", name="Cancel subscription").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel subscription").click()
    page.locator("[data-action-state=waiting]").wait_for()
    spoken = page.get_by_role("status")  # there while it is empty: what is not there yet is not listened to
    assert spoken.inner_text() == ""

    def becomes(**values):
        with app.app_context(), scope_as(ALL_STORES), transaction():
            session.execute(sa.update(Action).filter_by(order_id=orders["cancel"]).values(**values))

    becomes(state="running")
    spoken.get_by_text("Cancel subscription: In progress").wait_for()
    page.context.clear_cookies()
    spoken.get_by_text("This page is not kept up to date any more. Open it again.").wait_for()
    assert page.locator("[data-action-state=running]").count() == 1


def test_the_reason_of_a_refusal_has_the_focus(app, people, orders, page, live_app):
    browsers.lend_cookies(page.context, people["asks"], live_app.url)
    page.goto(f"/orders/{orders['cancel']}")
    page.get_by_role("button", name="Resend").click()
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(Order).filter_by(id=orders["cancel"]).values(status="deleted"))
    page.get_by_role("dialog").get_by_role("button", name="Resend").click()
    page.get_by_role("alert").get_by_text("License information is sent for paid orders only.").wait_for()
    assert page.evaluate("document.activeElement.getAttribute('role')") == "alert"
    assert browsers.axe(page) == []


def test_no_question_of_an_earlier_state_is_asked(app, people, orders, page, live_app):
    browsers.lend_cookies(page.context, people["asks"], live_app.url)
    page.goto(f"/orders/{orders['cancel']}")
    page.get_by_role("button", name="Cancel subscription").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel subscription").click()
    page.locator("[data-action-state=waiting]").wait_for()
    page.get_by_role("button", name="Request refund").click()
    page.get_by_role("dialog").get_by_text("it cannot be cancelled just now").wait_for()
    page.keyboard.press("Escape")
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(Action).filter_by(order_id=orders["cancel"]).values(state="done", finished_at=NOW))
        session.execute(sa.update(Subscription).filter_by(code=f"{PARENT}_7").values(status="cancelled"))
        session.execute(sa.update(Order).filter_by(id=orders["cancel"]).values(email="new@example.com"))
    page.get_by_text("Auto-renewal has been deactivated").wait_for()
    page.get_by_role("button", name="Request refund").click()
    dialog = page.get_by_role("dialog", name="Request a refund")
    dialog.wait_for()
    assert "Auto-renewal goes on" not in dialog.inner_text()
    dialog.get_by_role("button", name="Back").click()
    page.get_by_role("button", name="Resend").click()
    assert "new@example.com" in page.get_by_role("dialog").inner_text()


def test_a_refusal_that_comes_later_is_said_with_its_reason(app, people, orders, page, live_app):
    browsers.lend_cookies(page.context, people["asks"], live_app.url)
    page.goto(f"/orders/{orders['cancel']}")
    page.get_by_role("button", name="Resend").click()
    page.get_by_role("dialog").get_by_role("button", name="Resend").click()
    page.locator("[data-action-state=waiting]").wait_for()
    with app.app_context(), scope_as(ALL_STORES), transaction():
        ended = {"state": "refused", "reason": "The item has been refunded.", "finished_at": utcnow()}
        session.execute(sa.update(Action).filter_by(order_id=orders["cancel"]).values(**ended))
    page.get_by_role("status").get_by_text("Resend: Refused. The item has been refunded.").wait_for()
    assert page.locator("[data-poll]").count() == 0
