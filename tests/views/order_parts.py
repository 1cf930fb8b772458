"""Short words for tests of an order's screen: the order as it is shown, and parts of it."""

from __future__ import annotations

import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Order
from tests.pages import order_of

BLOCKS = ["Order items", "Customer", "License information", "Payment Method", "Order History"]


def change(app, order_id, **values):
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(Order).where(Order.id == order_id).values(**values))


def shown(make, order_id, **person):
    """The order as a specialist sees it on its own page."""
    return order_of(make.specialist(**person).get(f"/orders/{order_id}"))


def pills(order):
    return [p.text for p in order.one("ul", cls="pills").all("li")]


def codes(order):
    """The numbered lines of the license block: number, text."""
    lines = order.block("License information").one("ol", cls="codes").all("li")
    return [(li.one(cls="no").text, li.one(cls="code").text) for li in lines if "who" not in li.classes]


def history(order):
    return [
        (li.attrs["class"], li.one(cls="ev").one("span").text)
        for li in order.block("Order History").one("ol", cls="tl").all("li")
    ]


def license_of(number, code, **values):
    return {"license_id": f"c{number}", "code": code, "deleted": False, **values}
