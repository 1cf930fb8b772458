"""The document of a refund: one PDF page, kept with the order. Names no customer, so nothing in it is personal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import Document, DocumentContent, Order, OrderItem, RefundRequest

FONTS = Path(__file__).resolve().parent.parent / "fonts"
CONTENT_TYPE = "application/pdf"


def store_document(
    session: Session, order: Order, request: RefundRequest, items: Sequence[OrderItem], now: dt.datetime
) -> Document:
    """Make the document of a decided request and keep it with the order."""
    content = make_pdf(order, request, items, now)
    name = f"Refund {order.order_name} {now:%Y-%m-%d}"
    same = sa.select(sa.func.count()).where(
        Document.order_id == order.id, Document.name.startswith(name, autoescape=True)
    )
    count = session.scalar(same) or 0
    document = Document(
        order_id=order.id,
        document_id=f"refund-{request.id}",
        store_id=order.store_id,
        source="portal",
        position=1000 + request.id % 1000,
        kind="refund",
        name=f"{name} ({count + 1}).pdf" if count else f"{name}.pdf",
        content_type=CONTENT_TYPE,
        size=len(content),
        created_at=now,
    )
    session.add(document)
    session.flush()
    session.add(
        DocumentContent(order_id=order.id, document_id=document.document_id, store_id=order.store_id, content=content)
    )
    return document


def make_pdf(order: Order, request: RefundRequest, items: Sequence[OrderItem], now: dt.datetime) -> bytes:
    """One page: the order, what was refunded, how much, when. The same input gives the same bytes."""
    from fpdf import FPDF  # with its fonts 20 MB, which every web worker would carry along

    pdf = FPDF()
    pdf.set_creation_date(now)
    pdf.set_title(f"Refund {order.order_name}")
    for script in ("latin", "cyrillic"):
        pdf.add_font(f"plex-{script}", "", FONTS / f"plex-sans-{script}-regular.ttf")
        pdf.add_font(f"plex-{script}", "B", FONTS / f"plex-sans-{script}-semibold.ttf")
    pdf.set_fallback_fonts(["plex-cyrillic"])
    pdf.add_page()
    pdf.set_font("plex-latin", "B", 18)
    pdf.multi_cell(0, 12, f"Refund for order {order.order_name}", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("plex-latin", "", 11)
    for name, value in (
        ("Order", f"{order.number_1c or order.id} ({order.order_name})"),
        ("Date", f"{now:%Y-%m-%d %H:%M} UTC"),
        ("Result", "Full refund" if request.result == "full" else "Partial refund"),
    ):
        pdf.multi_cell(0, 7, f"{name}: {_plain(value)}", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(6)
    pdf.set_font("plex-latin", "B", 11)
    pdf.multi_cell(0, 8, "Refunded items", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("plex-latin", "", 11)
    for item in items:
        line = f"{item.position}. {_plain(item.name)} × {item.quantity}: {_money(item.amount, order.currency)}"
        pdf.multi_cell(0, 7, line, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(4)
    pdf.set_font("plex-latin", "B", 12)
    pdf.multi_cell(0, 8, f"Total refunded: {_money(request.amount, order.currency)}", new_x="LMARGIN", new_y="NEXT")
    return bytes(pdf.output())


def _money(amount: Decimal, currency: str) -> str:
    return f"{amount} {currency}"


def _plain(text: str) -> str:
    """Characters the two fonts do not have become a question mark, instead of a warning and a hole."""
    return "".join(c if ord(c) < 0x250 or 0x400 <= ord(c) < 0x530 or c in "–—‘’“”•…№€" else "?" for c in text)
