"""Synthetic order snapshots: deterministic, and as uneven as a real platform's.

Row ``n`` is the same whatever else is generated. Of many stores the first has a fifth of the orders; 王 is a
common last name; AAAA stands in every thirteenth code; an order has 1.5 items, 1.6 codes and 9 history lines
on average. Twelve rows in a hundred belong to a subscription, a third of them with a renewal order after it.
"""

from __future__ import annotations

import bisect
import datetime as dt
import itertools
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from app.tryout.people_pool import Customer, customer

END = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
DAYS = 3 * 365
FIRST_ID = 41_000_000
PRODUCTS = (
    ("111111", "GSP-1Y", "Glyph Studio Pro, 1 year", "118.00"),
    ("111112", "GS-1Y", "Glyph Studio, 1 year", "59.00"),
    ("111113", "FV-ADD", "Font Validator add-on", "0.00"),
    ("222221", "KDB-BK", "Куратор резервных копий", "4990.00"),
    ("222222", "AV-3", "Antivirus for three devices", "39.95"),
    ("333331", "TERN-CAD", "Tern CAD perpetual license", "1249.00"),
    ("333332", "TERN-TR", "Tern CAD trial", "0.00"),
)
CURRENCIES = ("EUR", "USD", "RUB", "GBP", "JPY", "TRY")
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_METHODS = ("CreditCard", "PayPal", "BankTransfer", "adyen_card_eu", "SberPay", "ApplePay")


def store_names(count: int) -> list[str]:
    """Technical names of the generated stores; the first are the largest."""
    return [f"store-{number:03d}" for number in range(1, count + 1)]


def generate(
    count: int, *, stores: int | list[str] = 200, seed: int = 1, end: dt.datetime = END, days: int = DAYS
) -> Iterator[dict[str, Any]]:
    """``count`` snapshots created in the ``days`` before ``end``; a parent before its renewal, else in no order.

    ``stores`` is how many to spread them over, or their names with the largest first.
    """
    names = store_names(stores) if isinstance(stores, int) else stores
    # A Zipf-like share: for 200 stores the first takes about 21 %.
    limits = list(itertools.accumulate(1 / (rank + 0.4) ** 1.2 for rank in range(1, len(names) + 1)))
    for row in range(count):
        yield _snapshot(row, names, limits, _Frame(seed, max(count // 2, 50), end, days))


class _Frame(NamedTuple):
    """What all rows of a run share."""

    seed: int
    customers: int
    end: dt.datetime
    days: int


def _snapshot(row: int, names: list[str], limits: list[float], frame: _Frame) -> dict[str, Any]:
    """The snapshot of one row."""
    seed = frame.seed
    place = row % 25
    renewal = place == 8  # of the row before
    base = row - 1 if renewal else row
    rng = random.Random(base * 1_000_003 + seed)  # noqa: S311  made-up data, no secret
    store = names[bisect.bisect_left(limits, rng.random() * limits[-1])]
    who = customer(int(frame.customers * rng.random() ** 1.4) + seed * 10**7)
    created = frame.end - dt.timedelta(seconds=int(frame.days * 86400 * rng.random() ** 1.3))
    order_id = FIRST_ID + base
    subscription = place in (7, 8, 15, 21)
    if renewal:
        rng = random.Random(row * 1_000_003 + seed)  # noqa: S311
        created = min(created + dt.timedelta(days=365 if frame.days > 730 else 30), frame.end)
        order_id = FIRST_ID + row
    family = _Family(subscription, renewal, FIRST_ID + base, place == 7)
    return _order(rng, {"order_id": order_id, "store": store}, who, created, family)


class _Family:
    """What a row has to do with a subscription."""

    def __init__(self, subscription: bool, renewal: bool, parent: int, renewed: bool) -> None:
        self.subscription, self.renewal, self.parent, self.renewed = subscription, renewal, parent, renewed


def _order(
    rng: random.Random, named: dict[str, Any], who: Customer, created: dt.datetime, family: _Family
) -> dict[str, Any]:
    order_id = named["order_id"]
    status = rng.choices(("paid", "not_paid", "deleted", "terminated"), (66, 17, 15.5, 1.5))[0]
    if family.renewed:
        status = "paid"  # only a paid parent has a subscription to renew
    paid_at = None
    if status == "paid" or (status == "deleted" and rng.random() < 0.4):
        paid_at = created + dt.timedelta(seconds=rng.randrange(20, 7200))
    currency = rng.choices(CURRENCIES, (40, 25, 20, 8, 4, 3))[0]
    refunded = status == "deleted" and paid_at is not None
    items = [
        _item(rng, order_id, number, who, paid=paid_at is not None, refunded=refunded)
        for number in range(1, rng.choices((1, 2, 3, 6), (66, 22, 10, 2))[0] + 1)
    ]
    if family.subscription:
        items[0]["subscription"] = {
            "id": f"{family.parent}_{family.parent % 90000 + 10000}",
            "type": ("AR", "AR", "AR Trial", "PMR")[family.parent % 4],
            "status": rng.choice(("active", "active", "cancelled"))
            if not family.renewed or family.renewal
            else "active",
            "period": ("P1Y", "P3M", "P30D")[family.parent % 3],
            "next_charge_date": (created + dt.timedelta(days=365)).date().isoformat(),
            "parent_order_id": family.parent,
            "child_order_ids": [family.parent + 1] if family.renewed or family.renewal else [],
        }
    total = sum(float(item["amount"]) for item in items)
    result: dict[str, Any] = {
        **named,
        "version": 1 + rng.randrange(5),
        "status": status,
        "create_date": created.isoformat(),
        "pay_date": paid_at.isoformat() if paid_at else None,
        "order_name": f"A{order_id:010d}",
        "number_1c": f"SL-{order_id % 10**7:07d}" if rng.random() < 0.5 else None,
        "external_id": f"EXT-{order_id}" if rng.random() < 0.2 else None,
        "currency": currency,
        "total": f"{total:.2f}",
        "locale": who.locale,
        "order_detail_url": f"https://shop.example/order/status/{order_id}" if rng.random() < 0.6 else None,
        "customer": {
            "type": "legal" if who.company else "physical",
            "email": who.email,
            "first_name": who.first_name,
            "last_name": who.last_name,
            "phone": who.phone,
            "country": who.country,
            "vat_number": who.vat_number,
            "company_name": who.company,
            "address": who.address,
        },
        "payment": {
            "payment_method": (method := rng.choices(_METHODS, (50, 14, 10, 12, 9, 5))[0]),
            "payment_system_name": "Bank Card" if method == "CreditCard" else method,
            "card_last_4": who.card if method in ("CreditCard", "adyen_card_eu") else None,
        },
        "items": items,
        "additional_data": [{"name": "utm_campaign", "value": f"autumn-{order_id % 26}"}] if rng.random() < 0.4 else [],
        "history": _history(rng, created, paid_at, items, refunded),
    }
    if refunded:
        result["refund"] = {"status": "completed", "result": "full", "updated": _later(paid_at, 86400 * 3)}
    elif status == "paid" and total > 0 and rng.random() < 0.03:
        word = rng.choice(("sent", "updating", "refused"))
        result["refund"] = {
            "status": word,
            "result": "failed" if word == "refused" else None,
            "updated": _later(paid_at, 86400 * 2),
        }
    return result


def _item(
    rng: random.Random, order_id: int, number: int, who: Customer, *, paid: bool, refunded: bool
) -> dict[str, Any]:
    product_id, sku, name, price = PRODUCTS[int(len(PRODUCTS) * rng.random() ** 1.6)]
    quantity = rng.choices((1, 2, 3, 10), (82, 11, 5, 2))[0]
    amount = float(price) * quantity
    discount = rng.random() < 0.15
    delivered = paid and rng.random() < 0.9
    return {
        "item_id": f"{order_id}-{number}",
        "product_id": product_id,
        "sku": sku,
        "name": name,
        "quantity": quantity,
        "price": price,
        "discount_percent": "10" if discount else None,
        "discount_amount": f"{amount * 0.1:.2f}" if discount else None,
        "vat_amount": "0.00",
        "amount": f"{amount * (0.9 if discount else 1):.2f}",
        "delivered": delivered,
        "refunded": refunded,
        "fields": [{"name": "Team size", "value": "5-10"}] if rng.random() < 0.1 else [],
        "license_user": {"name": f"{who.first_name} {who.last_name}", "email": who.email},
        "licenses": [
            {"license_id": f"{number}-{unit}", "code": _code(rng), "deleted": refunded and rng.random() < 0.7}
            for unit in range(1, (quantity if quantity < 4 else 1) + 1)
            if delivered
        ],
    }


def _code(rng: random.Random) -> str:
    groups = ["".join(rng.choices(_ALPHABET, k=4)) for _ in range(4)]
    if rng.random() < 0.078:
        groups[rng.randrange(4)] = "AAAA"
    return "-".join(groups)


def _later(moment: dt.datetime | None, seconds: int) -> str:
    assert moment is not None
    return (moment + dt.timedelta(seconds=seconds)).isoformat()


def _history(
    rng: random.Random,
    created: dt.datetime,
    paid_at: dt.datetime | None,
    items: list[dict[str, Any]],
    refunded: bool,
) -> list[dict[str, Any]]:
    lines: list[tuple[dt.datetime, str, str]] = [
        (created, "status", "Order created"),
        (created + dt.timedelta(seconds=2), "mail", "Order confirmation sent to the customer"),
    ]
    lines.extend(
        (created + dt.timedelta(seconds=10 + attempt), "error", "Payment error: 3-D Secure not completed")
        for attempt in range(rng.choices((0, 1, 4), (70, 22, 8))[0])
    )
    if paid_at is None:
        lines.extend(
            (created + dt.timedelta(days=day), "mail", f"Payment reminder {number} sent")
            for number, day in enumerate((1, 3, 7, 14, 30, 60)[: rng.randrange(7)], 1)
        )
    else:
        lines += [
            (paid_at, "status", "Payment received"),
            (paid_at + dt.timedelta(seconds=1), "mail", "Payment confirmation sent to the customer"),
            (paid_at + dt.timedelta(seconds=1), "document", "Receipt created"),
        ]
        for item in items:
            if item["delivered"]:
                lines.append((paid_at + dt.timedelta(seconds=30), "status", f"Product delivered: {item['name']}"))
                lines.append((paid_at + dt.timedelta(seconds=31), "mail", "License information sent to customer"))
        if "subscription" in items[0]:
            lines.append((paid_at + dt.timedelta(seconds=40), "subscription", "Auto-renewal has been activated"))
        for number in range(rng.randrange(6)):
            lines.append((paid_at + dt.timedelta(days=20 * number + 1), "other", "Customer opened the order page"))
        if refunded:
            lines.append((paid_at + dt.timedelta(days=3), "status", "Refund completed in full"))
    return [
        {"event_id": f"e{number}", "date": moment.isoformat(), "kind": kind, "text": text}
        for number, (moment, kind, text) in enumerate(lines, 1)
    ]
