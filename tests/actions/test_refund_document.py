"""The page that tells of a refund: what stands on it and where, and that it names no customer."""

import datetime as dt
from decimal import Decimal

import fpdf
import pytest

from app.actions.refund_document import make_pdf, store_document
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Document, DocumentContent, Order, OrderItem, RefundRequest
from tests.actions.support import rows

NOW = dt.datetime(2026, 11, 23, 12, 5, tzinfo=dt.UTC)


@pytest.fixture
def drawn(monkeypatch):
    """Every line drawn: bold or not, size in points, left edge and height from the top in whole millimetres, words."""
    found = []
    cell = fpdf.FPDF.multi_cell

    def noted(self, w, h, text, **more):
        found.append((self.font_style, self.font_size_pt, round(self.x), round(self.y), text))
        return cell(self, w, h, text, **more)

    monkeypatch.setattr(fpdf.FPDF, "multi_cell", noted)
    return found


def order(**values):
    return Order(**{"id": 5, "order_name": "A0000000005", "number_1c": "1C-5", "currency": "EUR",
                    "email": "marcel.laporte@example.com", "last_name": "Laporte", **values})  # fmt: skip


def request(**values):
    return RefundRequest(**{"id": 2003, "result": "partial", "amount": Decimal("118.00"), "currency": "EUR", **values})


ITEMS = [
    OrderItem(position=1, name="Demo", quantity=2, amount=Decimal("100.00")),
    OrderItem(position=3, name="Пример", quantity=1, amount=Decimal("18.00")),
]


def test_what_stands_on_the_page_and_where(drawn):
    content = make_pdf(order(), request(), ITEMS, NOW)
    assert drawn == [
        ("B", 18, 10, 10, "Refund for order A0000000005"),
        ("", 11, 10, 22, "Order: 1C-5 (A0000000005)"),
        ("", 11, 10, 29, "Date: 2026-11-23 12:05 UTC"),
        ("", 11, 10, 36, "Result: Partial refund"),
        ("B", 11, 10, 49, "Refunded items"),
        ("", 11, 10, 57, "1. Demo × 2: 100.00 EUR"),
        ("", 11, 10, 64, "3. Пример × 1: 18.00 EUR"),
        ("B", 12, 10, 75, "Total refunded: 118.00 EUR"),
    ]
    assert content.startswith(b"%PDF-")
    assert content.count(b"/Type /Page\n") == 1
    assert not [line for line in drawn if "Laporte" in line[-1] or "@" in line[-1]]


def test_the_same_input_gives_the_same_bytes():
    assert make_pdf(order(), request(), ITEMS, NOW) == make_pdf(order(), request(), ITEMS, NOW)


def test_a_full_refund_and_an_order_without_a_bookkeeping_number(drawn):
    make_pdf(order(number_1c=None), request(result="full"), [], NOW)
    words = [line[-1] for line in drawn]
    assert words[1] == "Order: 5 (A0000000005)"
    assert words[3] == "Result: Full refund"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\u024f\u0250", "\u024f?"), ("\u03ff\u0400", "?\u0400"), ("\u052f\u0530", "\u052f?"),
        ("–—‘’“”•…№€", "–—‘’“”•…№€"), ("漢🙂", "??"),
    ],
)  # fmt: skip
def test_a_character_that_the_fonts_lack_is_a_question_mark(drawn, name, shown):
    make_pdf(order(), request(), [OrderItem(position=1, name=name, quantity=1, amount=Decimal(1))], NOW)
    assert drawn[5][-1] == f"1. {shown} × 1: 1 EUR"


def test_the_document_is_kept_with_the_order(app, make):
    order_id = make.order(order_id=5)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        found = session.get_one(Order, order_id)
        store_document(session, found, request(), [], NOW)
    (document,) = rows(app, Document)
    (kept,) = rows(app, DocumentContent)
    assert (document.document_id, document.order_id, document.source) == ("refund-2003", 5, "portal")
    assert (document.kind, document.content_type) == ("refund", "application/pdf")
    assert document.name == "Refund A0000000005 2026-11-23.pdf"
    assert document.position == 1003, "after all that the platform sends"
    assert (kept.document_id, kept.store_id) == ("refund-2003", document.store_id)
    assert len(kept.content) == document.size


def test_a_second_refund_of_the_day_has_a_name_of_its_own(app, make):
    order_id = make.order(order_id=5)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        found = session.get_one(Order, order_id)
        for number in (2003, 2004):
            store_document(session, found, request(id=number), [], NOW)
    assert sorted(document.name for document in rows(app, Document)) == [
        "Refund A0000000005 2026-11-23 (2).pdf", "Refund A0000000005 2026-11-23.pdf",
    ]  # fmt: skip
