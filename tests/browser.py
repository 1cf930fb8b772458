"""A real Chromium for tests marked ``browser``, and accessibility checks with axe-core."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from playwright.sync_api import Browser, BrowserContext, Page

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip


def chromium() -> str:
    """Path of the browser. Without one the test is skipped with the reason; in CI it fails."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        reason = "no Chromium on this machine: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)  # run.py installs one where it may; who is not root still has all other tests
    return path


def launch() -> Iterator[Browser]:
    """A browser for the whole session; ended afterwards."""
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def open_page(browser: Browser, url: str, **options: Any) -> tuple[BrowserContext, Page, list[str]]:
    """A page in a context of its own, and a list that fills with what went wrong in it (CSP reports, script errors)."""
    context = browser.new_context(base_url=url, locale="en-GB", timezone_id="Europe/Berlin", **options)
    context.set_default_timeout(10_000)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    page.on("console", lambda message: _note(message, problems))
    return context, page, problems


def _note(message: Any, problems: list[str]) -> None:
    # An answer of 404, 409 or 422 is often what the test wants; Chromium reports each as an error.
    if message.type == "error" and "Failed to load resource" not in message.text:
        problems.append(f"console: {message.text}")


def lend_cookies(context: BrowserContext, client: FlaskClient, url: str) -> None:
    """Sign the browser in as the test client is."""
    cookies = getattr(client, "_cookies")  # noqa: B009 - werkzeug shows single cookies only
    context.add_cookies([{"name": c.key, "value": c.value, "url": url} for c in cookies.values()])


def axe(page: Page, *, exclude: tuple[str, ...] = ()) -> list[str]:
    """What axe-core finds on the page, one line a finding: rule, element, what to do. Empty is good."""
    page.evaluate(AXE.read_text())
    found = page.evaluate(
        "exclude => axe.run({exclude: exclude.map(s => [s])}, {resultTypes: ['violations']}).then(r => r.violations)",
        list(exclude),
    )
    return [
        f"{v['id']}: {' '.join(n['target'][0]) if isinstance(n['target'][0], list) else n['target'][0]}: {v['help']}"
        for v in found
        for n in v["nodes"]
    ]
