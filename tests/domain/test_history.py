"""The portal's own history lines."""

import pytest

from app.domain import history


@pytest.mark.parametrize("code", list(history.SENTENCES))
def test_every_line_has_a_kind_of_the_contract_and_a_sentence(code):
    sentence = history.SENTENCES[code]
    assert sentence.kind in history.KINDS
    assert sentence.text == sentence.text.strip()


def test_a_line_is_said_with_its_places_filled():
    assert history.english(history.REFUND_REQUESTED, {"who": "Ann 100%"}) == "Refund request has been sent by Ann 100%"
    assert history.english(history.PERSONAL_DATA_ERASED, {}) == "Personal data anonymize"


def test_an_unknown_code_or_a_missing_place_is_an_error():
    with pytest.raises(KeyError):
        history.english("no.such", {})
    with pytest.raises(KeyError):
        history.english(history.REFUND_REQUESTED, {"other": 1})
