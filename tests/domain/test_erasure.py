"""What an erasure empties and what it says instead (domain.md 4 and 8)."""

import pytest

from app.domain.erasure import PERSON_ONLY_FIELDS, erased_fields, erased_locale, history_text


def test_the_lines_kind_stays_and_its_words_go():
    assert history_text("anonymize") == "Personal data anonymize"
    for kind in ("mail", "error", "status", "other"):
        assert history_text(kind) == "deleted"


@pytest.mark.parametrize(("customer_type", "person"), [("physical", True), (None, True), ("legal", False)])
def test_company_and_vat_number_stay_with_a_legal_person_only(customer_type, person):
    fields = set(erased_fields(customer_type))
    assert {"email", "first_name", "last_name", "phone", "address", "card_last_4"} <= fields
    assert {"external_id", "order_detail_url"} <= fields, "the way to the platform's page, which names the customer"
    assert set(PERSON_ONLY_FIELDS) & fields == (set(PERSON_ONLY_FIELDS) if person else set())


@pytest.mark.parametrize(
    ("locale", "kept"), [("en_GB", True), ("zh_Hans1", True), ("zh_Hans12", False), (None, True), ("", True)]
)
def test_a_language_stays_and_a_text_in_its_place_does_not(locale, kept):
    assert erased_locale(locale) == (locale if kept else None)
