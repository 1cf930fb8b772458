"""Personal data erasure: what goes, what stays (domain.md 8)."""

from __future__ import annotations

from app.domain.orders import ERASED

CUSTOMER_FIELDS = ("email", "first_name", "last_name", "phone", "country", "address")
"""Of the order; gone for everybody."""

PERSON_ONLY_FIELDS = ("vat_number", "company_name")
"""Of the order; gone for natural persons. Company and VAT of a legal person stay [O]."""

PAYMENT_FIELDS = ("card_last_4", "payment_system_name")
"""Of the order; the payment method itself is no personal data."""

REFERENCE_FIELDS = ("external_id", "order_detail_url")
"""Of the order; gone for everybody. The platform's page names the customer and its address is the key to it, and what
a merchant takes for an id of its own may well be a name or an address."""

LOCALE_MAX = 8
"""Characters of a language and a country or script, as in ``zh_Hans``. A longer text may be anything."""

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
    return CUSTOMER_FIELDS + PAYMENT_FIELDS + REFERENCE_FIELDS + (() if legal else PERSON_ONLY_FIELDS)


def erased_locale(locale: str | None) -> str | None:
    """The order's locale after an erasure: the language its mails were in names nobody, free text may."""
    return locale if locale is not None and len(locale) <= LOCALE_MAX else None


def history_text(kind: str) -> str:
    """What a platform's history line says of an erased customer: its kind stays, its free text does not."""
    return "Personal data anonymize" if kind == "anonymize" else TEXT
