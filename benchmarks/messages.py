"""Thousands of signed webhooks, shuffled and doubled, and what the orders they tell of must have become."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from app.domain.webhooks import signature_of
from benchmarks.processes import Database

STORE, SECRET = "storm-eu", "a webhook secret of the storm"
SECRETS = json.dumps({STORE: {"*": [SECRET]}})
PUBLISHED: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[1] / "tests" / "data" / "webhooks" / "order_created.checkout.json").read_text()
)
FIRST_ORDER = 90_000_001
SENDERS = 32


@dataclass(frozen=True)
class Message:
    """One webhook as it is sent."""

    order_id: int
    body: bytes
    signature: str


@dataclass(frozen=True)
class Story:
    """What happens to an order of two products: (event, minute, part, status word), and its end."""

    steps: tuple[tuple[str, int, int, str], ...]
    status: str
    delivered: tuple[bool, bool] = (False, False)
    refunded: tuple[bool, bool] = (False, False)
    subscription: str | None = None
    lines: int = 1
    """History lines in the end: created and paid are told once an order, whatever products it has."""


CREATED = (("order.created", 0, 1, "not paid"), ("order.created", 0, 2, "not paid"))
PAID = (*CREATED, ("order.payment.succeeded", 5, 1, "paid"), ("order.payment.succeeded", 5, 2, "paid"))
DELIVERED = (*PAID, ("product.delivered", 6, 1, "paid"), ("product.delivered", 7, 2, "paid"))
RETURNED = (*DELIVERED, ("product.returned", 60, 1, "paid"))
STORIES = (
    Story(CREATED, "not_paid", lines=1),
    Story((*CREATED, ("order.payment.failed", 3, 1, "not paid")), "not_paid", lines=2),
    Story(PAID, "paid", subscription="active", lines=2),
    Story((*PAID, ("subscription.cancelled", 30, 2, "paid")), "paid", subscription="cancelled", lines=3),
    Story(
        (*PAID, ("subscription.cancelled", 30, 2, "paid"), ("subscription.restored", 40, 2, "paid")),
        "paid",
        subscription="active",
        lines=4,
    ),
    Story(DELIVERED, "paid", (True, True), subscription="active", lines=4),
    Story(RETURNED, "paid", (True, True), (True, False), subscription="active", lines=5),
    Story(
        (*RETURNED, ("product.returned", 61, 2, "deleted")),
        "deleted",
        (True, True),
        (True, True),
        subscription="active",
        lines=6,
    ),
)


def story_of(order_id: int) -> Story:
    """Which story an order has."""
    return STORIES[order_id % len(STORIES)]


def plan(number: int, seed: int = 1) -> list[Message]:
    """So many messages: whole stories of as many orders as that takes, each third one doubled, all shuffled."""
    chance = random.Random(seed)
    told: list[Message] = []
    order_id = FIRST_ORDER
    while len(told) < number * 3 // 4:
        told += [_message(order_id, *step) for step in story_of(order_id).steps]
        order_id += 1
    told += chance.sample(told, max(0, number - len(told)))
    chance.shuffle(told)
    return told


def _message(order_id: int, event: str, minute: int, part: int, status: str) -> Message:
    at = f"2026-08-13T{10 + minute // 60:02d}:{minute % 60:02d}:00+03:00"
    value = {
        **PUBLISHED, "event": event, "event_date": at, "order_id": order_id, "order_name": f"A{order_id:010d}",
        "status": status, "create_date": "2026-08-13T10:00:00+03:00", "document_part": f"{part}-of-2",
        "pay_date": at if event == "order.payment.succeeded" else "",
        "product": {**PUBLISHED["product"], "id": str(part), "name": f"Product {part}", "amount": f"{part}0.00"},
    }  # fmt: skip
    if part == 2 and event != "order.created":
        word = "cancelled" if event == "subscription.cancelled" else "active"
        value["subscription"] = {"id": f"{order_id}_1", "type": "AR", "status": word}
    return Message(order_id, json.dumps(value).encode(), signature_of(value, SECRET))


def orders(messages: list[Message]) -> int:
    """How many orders the messages tell of."""
    return len({message.order_id for message in messages})


def send(url: str, messages: list[Message], rate: float) -> tuple[list[float], list[object]]:
    """Send at the rate, each at its moment whether or not earlier ones were answered.

    Seconds from each message's moment to its answer (waiting for a free sender counts), and the answers that were
    not 204.
    """
    latencies: list[float] = []
    odd: list[object] = []
    lock = threading.Lock()
    left = iter(enumerate(messages))
    began = time.monotonic() + 1

    def work() -> None:
        http = requests.Session()
        http.trust_env = False
        while True:
            with lock:
                number, message = next(left, (0, None))
            if message is None:
                return
            moment = began + number / rate
            time.sleep(max(0.0, moment - time.monotonic()))
            headers = {"content-type": "application/json", "signature": message.signature}
            try:
                answer: object = http.post(
                    f"{url}/webhooks/noventiq/{STORE}", data=message.body, headers=headers, timeout=30
                ).status_code
            except requests.RequestException as error:
                answer = type(error).__name__
            with lock:
                latencies.append(time.monotonic() - moment)
                if answer != 204:
                    odd.append(answer)

    threads = [threading.Thread(target=work) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies, odd


def wrong(database: Database, messages: list[Message]) -> list[str]:
    """Every order that did not end as its story says, and every message that was not kept once."""
    found = []
    status = {row[0]: (row[1], float(row[2])) for row in database.rows("SELECT id, status, total FROM orders")}
    items: dict[int, list[tuple[str, bool, bool]]] = {}
    for order_id, product, delivered, refunded in database.rows(
        "SELECT order_id, product_id, delivered, refunded FROM order_item ORDER BY order_id, position"
    ):
        items.setdefault(order_id, []).append((product, bool(delivered), bool(refunded)))
    subscription = dict(database.rows("SELECT parent_order_id, status FROM subscription"))
    lines = Counter(row[0] for row in database.rows("SELECT order_id FROM order_event"))
    for order_id in sorted({message.order_id for message in messages}):
        story = story_of(order_id)
        there = (status.get(order_id), items.get(order_id), subscription.get(order_id), lines[order_id])
        should = (
            (story.status, 30.0),
            [(str(n + 1), story.delivered[n], story.refunded[n]) for n in (0, 1)],
            story.subscription,
            story.lines,
        )
        if there != should:
            found.append(f"order {order_id}: {there} instead of {should}")
    kept = database.rows("SELECT count(*), sum(CASE WHEN state = 'done' THEN 1 ELSE 0 END) FROM webhook_delivery")
    different = len({message.body for message in messages})
    if kept != [(different, different)]:
        found.append(f"{kept} messages kept and done instead of {different} of each")
    return found
