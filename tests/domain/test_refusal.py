"""Refusals as sentences and as exceptions, for screens, rows and logs."""

from app.domain.refusal import Invalid, Refusal, Refused

TAKEN = Refusal("name.taken", "%(name)s is taken.", {"name": "acme"})
PLAIN = Refusal("percent", "100% of it.")


def test_a_sentence_is_filled_in_and_one_without_places_stays_as_it_is():
    assert TAKEN.english() == "acme is taken."
    assert PLAIN.english() == "100% of it."


def test_the_exceptions_say_the_sentences_and_keep_the_reasons():
    refused = Refused(TAKEN)
    assert str(refused) == "acme is taken."
    assert refused.refusal is TAKEN
    invalid = Invalid({"name": [TAKEN, PLAIN], "email": [PLAIN]})
    assert str(invalid) == "name: acme is taken.; name: 100% of it.; email: 100% of it."
    assert invalid.errors["email"] == [PLAIN]
