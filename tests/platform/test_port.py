"""The port itself: what every implementation must do, asked of each in the same words (contract.md 5).

A third implementation gets a side of its own here: a way to be told of an order, and its port.
"""

import dataclasses
import datetime as dt

import pytest

from app.db import scope_as
from app.domain.access import ALL_STORES
from app.platform import platform as port_of_settings
from app.platform.noventiq import Noventiq as Client
from app.platform.port import PlatformRefused
from app.platform.standalone import Standalone
from app.platform.tokens import MemoryTokens
from tests.standins.noventiq import PASSWORD, USERNAME, Noventiq

DAY = dt.date(2026, 8, 13)


class OwnTables:
    """Standalone: orders come in as snapshots."""

    def __init__(self, make):
        self.make, self.port = make, Standalone()

    def order(self, order_id, *, status="paid", paid=True, products=1, subscription=None, refund=None):
        items = [{"product_id": f"p{n}", "name": f"Product {n}"} for n in range(1, products + 1)]
        if subscription:
            code, kind, word = subscription
            items[0]["subscription"] = {"id": code, "type": kind, "status": word, "parent_order_id": order_id}
        told = {"status": refund[0], "result": refund[1], "updated": "2026-08-14T00:00:00Z"} if refund else None
        at = f"{DAY.isoformat()}T10:00:00+00:00"
        self.make.order(
            order_id=order_id, status=status, create_date=at, pay_date=at if paid else None, items=items, refund=told
        )


class OverHttp:
    """Noventiq: a real HTTP server that has them."""

    def __init__(self, server):
        self.server = server
        self.port = Client(server.url, USERNAME, PASSWORD, MemoryTokens())

    def order(self, order_id, *, status="paid", paid=True, products=1, subscription=None, refund=None):
        found = [{"id": f"p{n}", "name": f"Product {n}", "quantity": 1} for n in range(1, products + 1)]
        at = f"{DAY.isoformat()}T10:00:00+00:00"
        self.server.add_order(
            order_id, status=status, create_date=at, pay_date=at if paid else "", product=None, products=found,
            refund={"status": refund[0], "result": refund[1]} if refund else None,
        )  # fmt: skip
        if subscription:
            self.server.add_subscription(*subscription)


@pytest.fixture(params=["standalone", "noventiq"])
def side(request, app):
    with app.app_context(), scope_as(ALL_STORES):
        if request.param == "standalone":
            yield OwnTables(request.getfixturevalue("make"))
        else:
            with Noventiq() as server:
                yield OverHttp(server)


def test_an_order_is_read_with_its_products(side):
    side.order(7, products=2)
    found = side.port.read_order(7)
    assert (found.order_id, found.status_word, found.refund) == (7, "paid", None)
    assert [(product["id"], product["name"]) for product in found.products] == [
        ("p1", "Product 1"),
        ("p2", "Product 2"),
    ]


def test_what_is_not_there_is_none(side):
    assert side.port.read_order(7) is None
    assert side.port.read_subscription("7_1") is None


@pytest.mark.parametrize(
    ("status", "result"),
    [("sent", None), ("updating", None), ("completed", "partial"), ("completed", "full"), ("refused", None)],
)
def test_a_refund_is_told_in_the_portals_words(side, status, result):
    side.order(7, refund=(status, result))
    found = side.port.read_order(7).refund
    assert (found.status, found.is_open) == (status, status in ("sent", "updating"))
    assert status == "refused" or found.result == result


def test_a_search_finds_by_days_and_status_and_everything_without(side):
    side.order(7)
    side.order(8, status="not_paid", paid=False)
    day = dt.timedelta(days=1)
    assert sorted(side.port.search()) == [7, 8]
    assert sorted(side.port.search(created_from=DAY)) == [7, 8]
    assert side.port.search(created_from=DAY + day) == []
    assert side.port.search(paid_from=DAY) == [7]
    assert side.port.search(paid_from=DAY + day) == []
    assert side.port.search(status="paid") == [7]


def test_a_refund_can_be_asked_of_a_paid_order_only(side):
    side.order(7)
    side.order(8, status="deleted")
    assert side.port.request_refund(7, "Paid twice", "ann@example.org") is None
    for order_id in (8, 9):
        with pytest.raises(PlatformRefused):
            side.port.request_refund(order_id, "Paid twice", "ann@example.org")


@pytest.mark.parametrize(("word", "active"), [("active", True), ("not_paid", True), ("cancelled", False)])
def test_a_subscription_is_told_in_the_portals_words(side, word, active):
    side.order(7, subscription=("7_1", "AR Trial", word))
    found = side.port.read_subscription("7_1")
    assert (found.code, found.type, found.status, found.active) == ("7_1", "AR Trial", word, active)


def test_an_activity_is_set_and_a_pmr_never_resumed(side):
    side.order(7, subscription=("7_1", "PMR", "active"))
    side.order(8, subscription=("8_1", "AR", "cancelled"))
    assert side.port.set_activity("7_1", active=False) is None
    assert side.port.set_activity("8_1", active=True) is None
    for code in ("7_1", "9_1"):
        with pytest.raises(PlatformRefused):
            side.port.set_activity(code, active=True)


def test_the_settings_choose_the_implementation(app, monkeypatch):
    with app.app_context():
        assert port_of_settings().standalone
        changed = dataclasses.replace(app.extensions["settings"], platform_url="https://platform.example")
        monkeypatch.setitem(app.extensions, "settings", changed)
        assert not port_of_settings().standalone
