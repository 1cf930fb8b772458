"""What a search form means (domain.md 3). The normalise functions write the key columns as well."""

from app.domain.normal import normalise_card, normalise_code, normalise_phone, normalise_text, normalise_vat

__all__ = ["normalise_card", "normalise_code", "normalise_phone", "normalise_text", "normalise_vat"]
