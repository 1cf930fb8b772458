"""Hand-made orders that show every state, block and edge case of the domain, newest first in the list.

Each scene is a snapshot as the platform would send it; times are counted back from now.
"""

from __future__ import annotations

import base64
import datetime as dt
from typing import Any

from fpdf import FPDF

Snapshot = dict[str, Any]


def _pdf(title: str, *lines: str) -> str:
    """A one-page document, base64."""
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("helvetica", size=16)
    pdf.cell(text=title, new_x="LMARGIN", new_y="NEXT", h=12)
    pdf.set_font("helvetica", size=11)
    for line in lines:
        pdf.cell(text=line, new_x="LMARGIN", new_y="NEXT", h=8)
    return base64.b64encode(bytes(pdf.output())).decode()


class Scenes:
    """Builds the scenes around one moment."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now.replace(microsecond=0)
        self.next_id = 41_208_400

    def ago(self, **passed: float) -> str:
        """A moment before now, as the platform writes it."""
        return (self.now - dt.timedelta(**passed)).isoformat()

    def order(self, store: str, hours: float, **changes: Any) -> Snapshot:
        """A plain paid order, changed."""
        self.next_id -= 17
        order_id = changes.pop("order_id", self.next_id)
        items = changes.pop("items", None) or [self.item(1)]
        total = sum(float(item["amount"]) for item in items)
        paid = changes.get("status", "paid") == "paid"
        snapshot: Snapshot = {
            "order_id": order_id,
            "store": store,
            "version": 1,
            "status": "paid",
            "create_date": self.ago(hours=hours),
            "pay_date": self.ago(hours=hours, seconds=-74) if paid else None,
            "order_name": f"A{order_id:010d}",
            "number_1c": f"SL-{order_id % 10**6:06d}",
            "currency": "EUR",
            "total": f"{total:.2f}",
            "locale": "en_GB",
            "customer": self.person("Mara", "Lindqvist", "mara@lindqvistform.example", "SE", "+46 8 555 01 17"),
            "payment": {
                "payment_method": "CreditCard",
                "payment_system_name": "Bank Card",
                "card_last_4": "4242",
            },
            "items": items,
            "additional_data": [{"name": "utm_campaign", "value": "autumn-26"}],
            "history": [
                self.event("created", hours, "status", "Order created"),
                *(
                    [
                        self.event("paid", hours - 0.02, "status", "Payment received"),
                        self.event("delivered", hours - 0.03, "mail", "License information sent to customer"),
                    ]
                    if paid
                    else []
                ),
            ],
        }
        for name, value in changes.items():
            snapshot[name] = value
        return snapshot

    def event(self, event_id: str, hours: float, kind: str, text: str, **more: Any) -> Snapshot:
        """A history line."""
        return {"event_id": event_id, "date": self.ago(hours=hours), "kind": kind, "text": text, **more}

    @staticmethod
    def person(first: str, last: str, email: str, country: str, phone: str, **more: Any) -> Snapshot:
        """A customer."""
        return {
            "type": "physical",
            "email": email,
            "first_name": first,
            "last_name": last,
            "phone": phone,
            "country": country,
            **more,
        }

    @staticmethod
    def item(number: int, **changes: Any) -> Snapshot:
        """An item with one code."""
        return {
            "item_id": str(number),
            "product_id": "111111",
            "sku": "GSP-1Y",
            "name": "Glyph Studio Pro, 1 year",
            "quantity": 1,
            "price": "118.00",
            "amount": "118.00",
            "delivered": True,
            "licenses": [{"license_id": f"{number}-1", "code": f"GSP9-4KD2-77QX-M1L{number}"}],
            **changes,
        }

    def all(self) -> list[Snapshot]:
        """Every scene."""
        return [*self._daily(), *self._subscriptions(), *self._refunds(), *self._people(), *self._odd()]

    def _daily(self) -> list[Snapshot]:
        two_items = [
            self.item(
                1,
                quantity=2,
                price="65.56",
                discount_percent="10",
                discount_amount="13.11",
                licenses=[
                    {"license_id": "1-1", "code": "GSP9-4KD2-77QX-M1LA"},
                    {"license_id": "1-2", "code": "GSP9-8WTR-02HC-V5NE"},
                ],
                fields=[{"name": "Team size", "value": "5-10"}],
                license_user={"name": "Erik Sandström", "email": "erik@lindqvistform.example"},
            ),
            self.item(
                2,
                product_id="111113",
                sku="FV-ADD",
                name="Font Validator add-on",
                price="0.00",
                amount="0.00",
                delivered=False,
                licenses=[],
            ),
        ]
        documents = [
            {
                "document_id": "invoice-1",
                "kind": "invoice",
                "name": "Invoice 2026-118342.pdf",
                "content_type": "application/pdf",
                "content_base64": _pdf("Invoice 2026-118342", "Glyph Studio Pro, 1 year x 2", "EUR 118.00"),
            },
            {
                "document_id": "receipt-1",
                "kind": "receipt",
                "name": "Receipt.pdf",
                "content_type": "application/pdf",
                "content_base64": _pdf("Receipt", "Paid by card ending 4242", "EUR 118.00"),
            },
        ]
        busy = self.order("glyph-eu", 1.0, items=two_items, documents=documents)
        busy["history"] += [
            self.event("error", 1.0 - 0.01, "error", "Payment error: 3-D Secure was not completed (code 1A)"),
            self.event("receipt", 0.96, "document", "Receipt created", document_id="receipt-1"),
        ]
        link = self.item(
            1,
            name="Tern CAD perpetual license",
            product_id="333331",
            amount="1249.00",
            price="1249.00",
            licenses=[{"license_id": "1-1", "code": "https://download.tern.example/activate?key=TERN-2026-AAAA-7731"}],
        )
        return [
            busy,
            self.order(
                "glyph-eu",
                2.2,
                status="not_paid",
                items=[self.item(1, delivered=False, licenses=[])],
                customer=self.person("Tomás", "Ferreira", "tomas.ferreira@mail.example", "PT", "+351 21 555 0144"),
                payment={"payment_method": "sepa_debit"},
                history=[
                    self.event("created", 2.2, "status", "Order created"),
                    self.event("failed", 2.1, "error", "Payment error: insufficient funds"),
                    self.event("failed2", 2.0, "error", "Payment error: insufficient funds"),
                ],
            ),
            self.order(
                "tern-eu",
                5,
                items=[link],
                customer=self.person(
                    "Aoife",
                    "Brennan",
                    "procurement@halyardpress.example",
                    "IE",
                    "+353 1 555 0199",
                    type="legal",
                    company_name="Halyard Press Ltd",
                    vat_number="IE 6388047V",
                ),
            ),
            self.order(
                "tern-us",
                7,
                currency="USD",
                items=[self.item(1, name="Tern CAD, 1 year", product_id="333332", amount="412.50", price="412.50")],
                customer=self.person("Priya", "Raman", "priya.raman@northfold.example", "US", "+1 415 555 0117"),
            ),
            self.order(
                "glyph-us",
                9,
                currency="USD",
                items=[self.item(1, delivered=False, licenses=[], name="Printed type specimen, shipped by the vendor")],
                customer=self.person("Noah", "Miller", "noah.miller@mail.example", "US", "+1 212 555 0163"),
            ),
            self.order(
                "glyph-us",
                11,
                currency="USD",
                items=[
                    self.item(
                        1, name="Glyph Studio trial", product_id="111119", price="0.00", amount="0.00", sku="GS-TR"
                    )
                ],
                customer=self.person("Olivia", "Davis", "olivia.davis@mail.example", "US", "+1 646 555 0120"),
            ),
        ]

    def _subscription(self, parent: int, code: str, kind: str, status: str, **more: Any) -> Snapshot:
        return {
            "id": f"{parent}_{code}",
            "type": kind,
            "status": status,
            "period": "P1Y",
            "next_charge_date": (self.now + dt.timedelta(days=330)).date().isoformat(),
            "parent_order_id": parent,
            "child_order_ids": [],
            **more,
        }

    def _subscriptions(self) -> list[Snapshot]:
        def family(parent: int, code: str, status: str, child_status: str) -> list[Snapshot]:
            child = parent + 50
            sub = self._subscription(parent, code, "AR", status, child_order_ids=[child])
            buyer = self.person("Jonas", "Weidmann", "j.weidmann@druckhaus.example", "DE", "+49 30 5550 1180")
            renewal = self.item(1, subscription=sub, delivered=child_status == "paid")
            if child_status != "paid":
                renewal["licenses"] = []
            return [
                self.order(
                    "glyph-eu",
                    24 * 372,
                    order_id=parent,
                    customer=buyer,
                    items=[self.item(1, subscription=sub)],
                    additional_data=[{"name": "utm_campaign", "value": "long gone"}],
                ),
                self.order(
                    "glyph-eu",
                    24 * 6,
                    order_id=child,
                    customer=buyer,
                    status=child_status,
                    items=[renewal],
                    related_order_ids=[parent],
                ),
            ]

        def single(order_id: int, code: str, kind: str, status: str, *, store: str = "glyph-eu") -> Snapshot:
            hours = 30 + 2 * (order_id - 41206903)
            return self.order(
                store,
                hours,
                order_id=order_id,
                items=[self.item(1, subscription=self._subscription(order_id, code, kind, status))],
                customer=self.person("Emma", "Groß", f"emma.gross+{code}@mail.example", "DE", "+49 40 5550 2217"),
            )

        return [
            *family(41206900, "20111", "active", "paid"),
            *family(41206901, "20112", "not_paid", "not_paid"),
            *family(41206902, "20113", "cancelled", "not_paid"),
            single(41206903, "20114", "AR", "active"),
            single(41206904, "20115", "AR Trial", "active"),
            single(41206905, "20116", "PMR", "active", store="tern-eu"),
            single(41206906, "20117", "PMR", "cancelled", store="tern-eu"),
            single(41206907, "20118", "AR", "cancelled"),
        ]

    def _refunds(self) -> list[Snapshot]:
        def refunded(hours: float, store: str, word: str, result: str | None, **more: Any) -> Snapshot:
            return self.order(
                store,
                hours,
                refund={"status": word, "result": result, "updated": self.ago(hours=hours - 5)},
                **more,
            )

        gone = self.item(
            1, refunded=True, licenses=[{"license_id": "1-1", "code": "GSX2-1ABM-66TY-90PD", "deleted": True}]
        )
        kept = self.item(2, name="Glyph Studio, 1 year", product_id="111112", price="59.00", amount="59.00")
        credit_note = [
            {
                "document_id": "credit-1",
                "kind": "refund",
                "name": "Credit note CN-2026-0931.pdf",
                "content_type": "application/pdf",
                "content_base64": _pdf("Credit note CN-2026-0931", "EUR 118.00"),
            }
        ]
        full = refunded(52, "glyph-eu", "completed", "full", status="deleted", items=[gone], documents=credit_note)
        full["pay_date"] = self.ago(hours=52, seconds=-60)
        full["history"] += [
            self.event("refund", 47, "status", "Refund completed in full", document_id="credit-1"),
            self.event("credit", 47, "document", "Credit note CN-2026-0931", document_id="credit-1"),
        ]
        chargeback = self.order("glyph-us", 60, status="deleted", currency="USD", items=[gone])
        chargeback["pay_date"] = self.ago(hours=60, seconds=-60)
        chargeback["history"] += [self.event("chargeback", 55, "status", "Chargeback: the bank took the payment back")]
        return [
            refunded(40, "glyph-eu", "sent", None),
            refunded(44, "tern-eu", "updating", None),
            refunded(46, "glyph-us", "refused", "failed", currency="USD"),
            refunded(50, "glyph-eu", "completed", "partial", items=[gone, kept]),
            full,
            chargeback,
        ]

    def _people(self) -> list[Snapshot]:
        def buyer(hours: float, store: str, currency: str, locale: str, **customer: Any) -> Snapshot:
            return self.order(store, hours, currency=currency, locale=locale, customer=customer)

        return [
            buyer(
                70, "kopia-ru", "RUB", "ru_RU", type="physical", email="maria.ivanova@pochta.example",
                first_name="Мария", last_name="Иванова", phone="8 (905) 123-45-67", country="RU",
            ),
            buyer(
                72, "kopia-ru", "RUB", "ru_RU", type="legal", email="buh@softline-plus.example", first_name="Пётр",
                last_name="Фёдоров", phone="8 495 555-01-44", country="RU", vat_number="7707083893",
                company_name="Общество с ограниченной ответственностью «Объединение „Очень длинное название“»",
            ),
            buyer(
                74, "glyph-us", "JPY", "ja_JP", type="legal", email="sato@aoyama.example", first_name="秀英",
                last_name="王", phone="+81 3-5550-1234", country="JP", company_name="株式会社青山フォント",
            ),
            buyer(
                76, "glyph-eu", "TRY", "tr_TR", type="physical", email="isil.yilmaz@mail.example", first_name="Işıl",
                last_name="İnan", phone="+90 212 555 01 01", country="TR",
            ),
            buyer(
                78, "glyph-eu", "USD", "ar_AE", type="physical", email="layla@mail.example", first_name="ليلى",
                last_name="حداد", phone="+971 4 555 0101", country="AE",
            ),
            self.order("glyph-eu", 90, erased=True, customer={"type": "physical", "email": "deleted"}),
            self.order(
                "glyph-eu", 92, erased=True,
                customer={"type": "legal", "email": "deleted", "company_name": "Northfold", "vat_number": "US12345"},
            ),
        ]  # fmt: skip

    def _odd(self) -> list[Snapshot]:
        many = [
            self.item(number, item_id=str(number), amount="9.90", price="9.90", name=f"Font family no. {number}")
            for number in range(1, 13)
        ]
        return [
            self.order("glyph-eu", 100, status="terminated", history=[self.event("t", 100, "status", "Test order")]),
            self.order("tern-eu", 24 * 95, status="deleted", items=[self.item(1, delivered=False, licenses=[])]),
            self.order("tern-eu", 24 * 200, status="deleted", items=[self.item(1, delivered=False, licenses=[])]),
            self.order("glyph-us", 24 * 400, currency="USD"),
            self.order("glyph-eu", 110, items=many, related_order_ids=[41_208_383]),
            self.order("kopia-ru", 112, currency="KWD", items=[self.item(1, amount="12.500", price="12.500")]),
        ]
