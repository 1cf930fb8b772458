"""Forty browsers on one button at once, through the portal's own addresses: one action, and an answer for everybody."""

from __future__ import annotations

import threading

import pytest

from app.models import Action, AuditEntry, Mail
from tests.actions.support import one, rows
from tests.factories import Browser
from tests.views.test_order_actions import CODE, PARENT, forms, subscribed

ASKED = {
    "refund": "refund.requested",
    "licenses/l1/resend": "license.resend_asked",
    f"subscriptions/{CODE}/cancel": "subscription.cancel_asked",
}
THREADS = 40


@pytest.mark.parametrize("address", ASKED)
def test_forty_threads_on_one_button_make_one_action(app, make, address):
    """A third presses one form again and again, the others press forms of their own, a colleague's among them."""
    subscribed(make)
    people = [make.specialist(), make.specialist()]
    path = f"/orders/{PARENT}/{address}"
    shared = forms(people[0].get(f"/orders/{PARENT}").text)[path]
    presses = []
    for number in range(THREADS):
        person = people[number % 2]
        own = forms(person.get(f"/orders/{PARENT}").text)[path]
        presses.append((person, shared if number % 6 == 0 else own))
    start, answers, errors = threading.Barrier(THREADS), [], []

    def press(person, hidden):
        browser = Browser(app)
        browser._cookies = dict(person._cookies)
        try:
            start.wait()
            sent = {name: hidden[name] for name in ("csrf_token", "request_token")}
            answers.append(browser.post(path, data={**sent, "reason": "Paid twice"}).status_code)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=press, args=given) for given in presses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(answers) == THREADS
    assert set(answers) <= {303, 409}
    same_form = sum(hidden is shared for _, hidden in presses)
    assert answers.count(303) in (1, same_form), "one form, and each time it was pressed"
    assert one(app, Action).state == "waiting"
    assert [entry.event for entry in rows(app, AuditEntry) if entry.result == "ok"].count(ASKED[address]) == 1
    assert rows(app, Mail) == []
