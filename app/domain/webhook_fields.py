"""The fields of a webhook that the platform's pages tell of (domain.md 9.1), the portal's use of them apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

DOCUMENTED: Mapping[str, frozenset[str]] = {
    "": frozenset({
        "event", "event_date", "order_id", "order_name", "number_1c", "status", "external_id", "create_date",
        "pay_date", "currency", "locale", "order_detail_url", "customer", "product", "products", "payment",
        "document_part", "subscription",
    }),
    "customer": frozenset({
        "country", "type", "email", "first_name", "last_name", "phone", "vat_number", "company_name", "address",
        "company_billing_address", "company_delivery_address",
    }),
    "product": frozenset({
        "id", "vendor_code", "sku", "business_segment", "name", "price", "quantity", "discount_percent",
        "discount_amount", "vat_amount", "amount", "margin",
    }),
    "payment": frozenset({
        "payment_method", "payment_system_name", "card_type", "card_last_4", "card_expiration_date",
        "is_card_expired", "is_installment_payment",
    }),
    "subscription": frozenset({"id", "type", "status"}),
}  # fmt: skip
"""By the object they stand in; the message itself is the empty name."""

MOST = 20


def unknown_fields(value: Mapping[str, Any]) -> list[str]:
    """Names of fields that nobody has documented, such as ``payment.colour``; at most twenty. They are for the log, so
    what is no plain name (it may be anything) is only said to be there, as ``?``."""
    found: dict[str, None] = {}
    for part, known in DOCUMENTED.items():
        inside = value if part == "" else value.get(part)
        for name in inside if isinstance(inside, dict) else ():
            if name not in known:
                plain = name if re.fullmatch("[A-Za-z_][A-Za-z0-9_]{0,39}", name) else "?"
                found[f"{part}.{plain}" if part else plain] = None
    return list(found)[:MOST]
