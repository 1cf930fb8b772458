"""Personal data erasure: what goes, what stays (domain.md 8)."""

from __future__ import annotations

from app.domain.orders import ERASED

CUSTOMER_FIELDS = ("email", "first_name", "last_name", "phone", "country", "address")
"""Of the order; gone for everybody."""

PERSON_ONLY_FIELDS = ("vat_number", "company_name")
"""Of the order; gone for natural persons. Company and VAT of a legal person stay [O]."""

PAYMENT_FIELDS = ("card_last_4", "payment_system_name")
"""Of the order; the payment method itself is no personal data."""

KEYS = {
    "email": "email_key",
    "first_name": "first_name_key",
    "last_name": "last_name_key",
    "phone": "phone_digits",
    "vat_number": "vat_key",
    "company_name": "company_key",
}
"""Search forms of the fields: they find nothing any more."""

PERSONAL_CRITERIA = ("phone", "first_name", "last_name", "email", "company", "vat", "card")
"""Fields of the search form that hold personal data; contract.md 2."""

TEXT = ERASED
"""What stands in place of a free text that may have named the customer."""


def erased_fields(customer_type: str | None) -> tuple[str, ...]:
    """The order's columns to empty, by the kind of customer."""
    legal = customer_type is not None and customer_type != "physical"
    return CUSTOMER_FIELDS + PAYMENT_FIELDS + (() if legal else PERSON_ONLY_FIELDS)


def history_text(kind: str) -> str:
    """What a platform's history line says of an erased customer: its kind stays, its free text does not."""
    return "Personal data anonymize" if kind == "anonymize" else TEXT
