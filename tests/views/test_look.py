"""Every page, on a phone, a desk and a wide screen, light and dark: axe-core finds nothing, nothing scrolls sideways,
and the browser reports no script error and no breach of the content policy."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page

from tests.browser import axe
from tests.factories import Make

pytestmark = [pytest.mark.browser, pytest.mark.only_db("sqlite"), pytest.mark.slow]
NOT_PAGES = (
    "/api/", "/assets/", "/static/", "/healthz", "/readyz", "/metrics", "/favicon.ico", "/login/",
    "/audit/export.csv", "/orders/export.csv",  # files
    "/operations/health",  # parts of a page, polled
)  # fmt: skip
LONG = "Wolfeschlegelsteinhausenbergerdorff-Константинопольская-Олександрівна"
CJK = "株式会社ソフトウェア開発センター東京"
VISITORS = ("/login/", "/forgot-password", "/set-password/not-a-token", "/nothing/here")


def pages(app: Flask) -> list[str]:
    """Every address without places to fill that answers a GET with a page."""
    found = (rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()) and not rule.arguments)
    return sorted(
        rule for rule in found if not rule.startswith(NOT_PAGES) and rule not in ("/", "/login/", "/login/code")
    )


@pytest.fixture
def filled(make: Make) -> dict[str, Any]:
    """Orders with everything awkward: a very long name, other scripts, a code of 2,000 characters, a long team."""
    customers = (
        {"type": "physical", "email": f"{'long.' * 10}name@example.org", "first_name": LONG, "last_name": LONG},
        {
            "type": "legal",
            "email": "a@example.org",
            "first_name": "محمد",
            "last_name": "الأمين",
            "company_name": "株式会社ソフトウェア開発センター東京",
        },
        {"type": "physical", "email": "b@example.org", "first_name": "👩‍👩‍👧‍👦", "last_name": "O'Neil <b>"},
    )
    orders = [make.order(customer=customer) for customer in customers]
    person = make.person(
        role="Admin", first_name=LONG[:64], last_name=LONG[:64], timezone="America/Argentina/ComodRivadavia"
    )
    store = make.store("acme-eu")
    team = make.team("A team with quite a long name that nobody would shorten", "acme-eu")
    return {"orders": orders, "person": person, "store": store, "team": team}


def within(box: Any, width: int) -> Any:
    """The box, if the window shows all of its width."""
    return box if box and box["x"] >= 0 and box["x"] + box["width"] <= width else None


def _walk(page: Page, addresses: list[str], *, with_axe: bool) -> list[str]:
    wrong = []
    for address in addresses:
        page.goto(address)
        width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        if width[0] > width[1]:
            wrong.append(f"{address}: {width[0]} px wide on {width[1]}")
        if with_axe:
            wrong += [f"{address}: {finding}" for finding in axe(page)]
    return wrong


@pytest.mark.parametrize(
    ("width", "scheme", "language", "with_axe"),
    [(1440, "light", "en", True), (390, "dark", "ru", True), (1920, "dark", "en", False), (390, "light", "ru", False)],
)
def test_every_page(
    app: Flask, filled: dict[str, Any], page: Page, sign_in: Callable[[int], Page], make: Make,
    problems: list[str], width: int, scheme: str, language: str, with_axe: bool,
) -> None:  # fmt: skip
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_extra_http_headers({"Accept-Language": language})
    sign_in(filled["person"])
    first = filled["orders"][0]
    addresses = [
        *pages(app),
        "/nothing/here",
        "/orders/?ids=404404",
        *(f"/orders/{order}" for order in filled["orders"]),
        f"/orders/{first}/erase",
        f"/people/{filled['person']}",
        f"/people/{filled['person']}/edit",
        f"/stores/{filled['store']}",
        f"/teams/{filled['team']}/edit",
    ]
    wrong = _walk(page, addresses, with_axe=with_axe)
    page.goto("/orders/")
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    wrong += [f"all open: {finding}" for finding in axe(page)]
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = false })")
    page.locator("summary.iconbtn:visible, summary.me").first.click()
    menu = page.locator("details.menu[open] .pop")
    boxes = [link.bounding_box() for link in menu.get_by_role("link").all()]
    assert all(within(box, width) for box in [menu.bounding_box(), *boxes])
    assert len({box["x"] for box in boxes if box}) == 1, "one below the other"
    wrong += [f"menu: {finding}" for finding in axe(page)]
    page.context.clear_cookies()
    wrong += _walk(page, list(VISITORS), with_axe=with_axe)
    assert wrong == []
    assert problems == []


def test_the_pages_load_nothing_of_bootstrap_or_jquery(
    page: Page, filled: dict[str, Any], sign_in: Callable[[int], Page]
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    sign_in(filled["person"])
    page.goto("/orders/")
    assert [url for url in asked if "/static/" in url or "localhost" not in url] == []


def test_keys_menus_and_theme(page: Page, filled: dict[str, Any], sign_in: Callable[[int], Page]) -> None:
    sign_in(filled["person"])
    page.goto("/orders/")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "ids"
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.value") == "j", "keys are letters inside a field"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.keyboard.press("o")
    page.locator("article.o").first.locator("details.l2[open]").wait_for()
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keyboard shortcuts").wait_for()
    page.keyboard.press("Escape")
    with page.expect_response("**/account/theme"):
        page.get_by_role("button", name="Switch light or dark theme").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.locator("summary.me").click()
    page.get_by_role("link", name="My page").wait_for()
    page.keyboard.press("Escape")
    assert page.get_by_role("link", name="My page").is_hidden()
