"""Search forms (domain.md 3.4-3.6)."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.search import normalise_card, normalise_code, normalise_phone, normalise_text, normalise_vat

ANY = st.text(max_size=300)


@given(ANY)
def test_text_is_idempotent(value):
    once = normalise_text(value)
    assert normalise_text(once) == once


@given(ANY)
def test_vat_is_idempotent(value):
    once = normalise_vat(value)
    assert normalise_vat(once) == once


@given(ANY)
def test_code_is_idempotent(value):
    assert normalise_code(normalise_code(value)) == normalise_code(value)


@given(ANY)
def test_case_form_and_white_space_do_not_matter(value):
    key = normalise_text(value)
    # Some lower-case letters have no way back (ı → I → i): Unicode case folding rules, not the letter's upper case.
    assert normalise_text(value.casefold()) == key
    assert normalise_text(f" \t{value}\u00a0\n") == key
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert normalise_text(unicodedata.normalize(form, value)) == key


@given(ANY)
def test_an_index_can_hold_every_key(value):
    assert len((normalise_text(value * 9) or "").encode("utf-8", "surrogatepass")) <= 1000


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("  Straße  und\tWeg ", "strasse und weg"),
        ("ＡＢＣ", "abc"),
        ("ﬁn", "fin"),
        ("ИВАНОВ", "иванов"),
        ("e\u0301", "é"),
        ("100%_", "100%_"),
        ("Σίσυφος", "σίσυφοσ"),
        ("   ", None),
        ("", None),
        (None, None),
    ],
)
def test_text(value, key):
    assert normalise_text(value) == key


@pytest.mark.parametrize(
    ("value", "digits"),
    [
        ("8 (905) 1234567", "89051234567"),
        ("8 905 123-45-67", "89051234567"),
        ("+7 905 123-45-67", "79051234567"),
        ("٠١٢٣", None),
        ("１２３", None),
        ("²", None),
        ("none", None),
        (None, None),
    ],
)
def test_phone_is_ascii_digits_only(value, digits):
    assert normalise_phone(value) == digits


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("SE 5567.1234-9101", "se556712349101"),
        ("se–5567—1234−9101", "se556712349101"),
        ("–-.", None),
        ("DE_1%", "de_1%"),
        (" . ", None),
    ],
)
def test_vat_spaces_dots_and_dashes_do_not_matter(value, key):
    assert normalise_vat(value) == key


def test_a_code_keeps_everything_but_case():
    assert normalise_code(' AbC-"%_ ＡB') == ' abc-"%_ ａb'


def test_long_texts_that_differ_late_stay_different():
    one, two = "\ufdfa" * 254 + "a", "\ufdfa" * 254 + "b"
    assert normalise_text(one) != normalise_text(two)
    assert normalise_text(one.upper()) == normalise_text(one)


def test_card():
    assert normalise_card(" 4242 ") == "4242"
    assert normalise_card("") is None
