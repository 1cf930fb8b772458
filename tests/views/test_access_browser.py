"""Getting in, in Chromium: the link, the password, the second step with a code and a recovery code; axe everywhere."""

import re

import pyotp
import pytest
import sqlalchemy as sa

from app.actions import access_links
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Person, RateHit
from tests import browser as browsers

pytestmark = [pytest.mark.browser, pytest.mark.only_db("sqlite")]
PASSWORD = "a long enough phrase 42"


@pytest.mark.parametrize(("theme", "width"), [("dark", 390)])
def test_from_the_link_to_the_second_step_and_in(app, make, live_app, browser, theme, width):
    ann = make.person("ann@example.org", stores=("acme-eu",))
    with app.app_context(), scope_as(ALL_STORES), transaction():
        link = access_links.make_link(session, ann, access_links.ACCESS)
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": theme}
    context, page, problems = browsers.open_page(browser, live_app.url, **options)
    wrong = []

    def look(heading):
        page.get_by_role("heading", name=heading, level=1).wait_for()
        wrong.extend(f"{heading}: {finding}" for finding in browsers.axe(page))
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, heading

    page.goto(link)
    look("Set your password")
    page.get_by_label("New password", exact=True).fill("too short")
    page.get_by_label("New password again").fill("too short")
    page.get_by_role("button", name="Set the password").click()
    page.get_by_text("Use at least 12 characters.").wait_for()
    look("Set your password")
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password again").fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()

    def sign_in():
        look("Sign in")
        page.get_by_label("Username or email").fill("ann@example.org")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()

    sign_in()
    page.goto("/second-step")
    look("Set up two-step sign-in")
    secret = page.locator("code").first.inner_text()
    page.get_by_label("Code from your authenticator").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Turn on").click()
    look("Recovery codes")
    codes = page.locator(".codes code").all_inner_texts()
    page.get_by_role("link", name="I have kept them").click()
    page.goto("/second-step")
    look("Two-step sign-in")
    for code in (lambda: codes[0], lambda: pyotp.TOTP(secret).now()):
        with app.app_context(), transaction():  # a code works once, and this test is quicker than the next one
            session.execute(sa.update(Person).where(Person.id == ann).values(totp_last_step=None))
            session.execute(sa.delete(RateHit))
        page.goto("/logout/")
        look("Sign out?")
        page.get_by_role("main").get_by_role("button", name="Sign out").click()
        sign_in()
        look("Second step")
        page.get_by_label("Code from your authenticator, or a recovery code").fill(code())
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(re.compile(r"/orders/$"))
    assert wrong == []
    assert problems == []
    context.close()
