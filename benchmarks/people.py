"""People at browsers: they sign in, open an order's page and press its forms, again when the page does not come."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

import requests

from benchmarks.judge import ADDRESS, CODE
from benchmarks.processes import Portal
from tests.factories import snapshot

STORE = "storm-eu"
USERS = [f"storm{number}@example.org" for number in range(8)]
USER_PASSWORD = "a quiet sea in november 77"


class PortalError(Exception):
    """The portal did what no visitor should see. (No SystemExit: that would end a clicking thread without a word.)"""


@dataclass
class Tally:
    """What the storm did and saw."""

    accepted: dict[int, str] = field(default_factory=dict)
    clicks: int = 0
    rivals_refused: int = 0
    page_errors: int = 0
    odd: list[str] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


class User:
    """Somebody who clicks, and clicks again when the page does not come."""

    def __init__(self, portal: Portal, email: str, tally: Tally, seed: int) -> None:
        self.portal, self.email, self.tally, self.random = portal, email, tally, random.Random(seed)
        self.browser = requests.Session()

    def ask(self, method: str, path: str, **values: object) -> requests.Response:
        """A request, repeated while the portal is being killed."""
        for tried in range(400):
            try:
                answer = self.browser.request(
                    method, self.portal.url + path, timeout=20, allow_redirects=False, **values
                )  # type: ignore[arg-type]
                if answer.status_code < 500:
                    return answer
            except requests.RequestException:
                pass
            with self.tally.lock:
                self.tally.page_errors += 1
            time.sleep(min(0.2 * 1.3**tried, 2))
        raise PortalError("the portal did not come back")

    def sign_in(self) -> None:
        self.browser.cookies.clear()
        page = self.ask("GET", "/login/").text
        form = {"csrf_token": csrf(page), "username": self.email, "password": USER_PASSWORD}
        answer = self.ask("POST", "/login/", data=form)
        if answer.status_code != 303:
            raise PortalError(f"signing in was answered with {answer.status_code}")

    def press(self, order_id: int, kind: str, *, rival: bool = False) -> bool:
        """Press the form of the action on the order's page, one to three times at once; accepted?

        Kinds as of ``form``: ``refund``, ``withdraw``, ``cancel``, ``resume``, ``resend``.
        """
        address, form = self.form(order_id, kind)
        if address is None:
            return False
        times = 1 if rival else self.random.choice((1, 1, 2, 3))
        answers: list[int] = []
        cookies = dict(self.browser.cookies)

        def send() -> None:
            other = User(self.portal, self.email, self.tally, 0)
            other.browser.cookies.update(cookies)
            answers.append(other.ask("POST", address, data=form).status_code)

        threads = [threading.Thread(target=send) for _ in range(times)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with self.tally.lock:
            self.tally.clicks += times
            self.tally.rivals_refused += answers.count(409)
            for status in set(answers) - {303, 409}:
                self.tally.odd.append(f"{kind} of {order_id}: {status}")
        return 303 in answers

    def form(self, order_id: int, kind: str) -> tuple[str | None, dict[str, str]]:
        """Address and fields of the action's form on the order's page; (None, {}) where there is none."""
        for _ in range(3):
            answer = self.ask("GET", f"/orders/{order_id}")
            if answer.status_code == 200:
                break
            self.sign_in()
        addresses = {
            "refund": f"/orders/{order_id}/refund",
            "withdraw": f"/orders/{order_id}/refund/withdraw",
            "cancel": f"/orders/{order_id}/subscriptions/{order_id}_1/cancel",
            "resume": f"/orders/{order_id}/subscriptions/{order_id}_2/resume",
            "resend": f"/orders/{order_id}/licenses/l1/resend",
        }
        address = addresses[kind]
        found = re.search(rf'<form[^>]*action="{re.escape(address)}".*?</form>', answer.text, re.S)
        if found is None:
            return None, {}
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', found[0]))
        return address, {**fields, "reason": "The customer wants it back."}


def prepare(portal: Portal, order_ids: Iterable[int], *, cancelled: Container[int] = ()) -> None:
    """A store, people, and paid orders with a buyer, a code and a subscription each: NN_1, or NN_2 ``cancelled``."""
    portal.portal("store", STORE)
    for email in USERS:
        words = ("--first-name", "Sam", "--last-name", "Storm", "--role", "Specialist", "--store", STORE)
        portal.portal("user", email, *words, "--password-stdin", given=USER_PASSWORD + "\n")
    lines = []
    for order_id in order_ids:
        number, status = (2, "cancelled") if order_id in cancelled else (1, "active")
        subscription = {
            "id": f"{order_id}_{number}", "type": "AR", "status": status, "period": "P1Y",
            "parent_order_id": order_id,
        }  # fmt: skip
        code = {"license_id": "l1", "code": CODE.format(order_id), "deleted": False}
        lines.append(
            json.dumps(
                snapshot(
                    order_id=order_id, store=STORE, customer={"email": ADDRESS.format(order_id)},
                    items=[{"subscription": subscription, "licenses": [code]}],
                )
            )
        )  # fmt: skip
    portal.portal("import", "-", given="\n".join(lines) + "\n")


def csrf(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    if found is None:
        raise SystemExit("no csrf_token in the page")
    return found[1]
