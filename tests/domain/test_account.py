"""What a person may set about themselves."""

import pytest

from app.domain.account import check, clean_name, timezones
from app.domain.refusal import Invalid

LANGUAGES = ("en", "ru")
GOOD = {"first_name": "Ann", "last_name": "Lee", "timezone": "", "language": "", "theme": ""}


def test_the_list_of_time_zones_holds_places_and_utc():
    found = timezones()
    assert found[0] == "UTC"
    assert "Europe/Moscow" in found
    assert list(found[1:]) == sorted(set(found[1:]))
    assert not [name for name in found[1:] if "/" not in name or name.startswith(("Etc/", "US/", "Canada/"))]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Ann  Lee ", "Ann Lee"),
        ("Ann\tLee\n", "Ann Lee"),
        ("Ann\x00Lee", "Ann Lee"),
        ("Ann\ud800", "Ann"),
        ("Ян", "Ян"),
    ],
)
def test_a_name_has_no_control_characters_and_single_spaces(typed, kept):
    assert clean_name(typed) == kept


def test_empty_choices_are_none_and_others_stay():
    assert check(GOOD, LANGUAGES) == {**GOOD, "timezone": None, "language": None, "theme": None}
    chosen = {**GOOD, "timezone": "Etc/GMT+5", "language": "ru", "theme": "dark"}
    assert check(chosen, LANGUAGES) == chosen
    assert check({**GOOD, "timezone": " UTC ", "first_name": "x" * 64}, LANGUAGES)["timezone"] == "UTC"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("first_name", " ", "account.required"), ("last_name", "", "account.required"),
        ("first_name", "x" * 65, "account.too_long"), ("timezone", "Mars/Olympus", "account.zone"),
        ("language", "de", "account.choice"), ("theme", "pink", "account.choice"),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_named_at_its_field(field, value, code):
    with pytest.raises(Invalid) as caught:
        check({**GOOD, field: value}, LANGUAGES)
    assert {name: [one.code for one in found] for name, found in caught.value.errors.items()} == {field: [code]}


def test_every_wrong_field_is_named():
    with pytest.raises(Invalid) as caught:
        check(dict.fromkeys(GOOD, "?" * 65), LANGUAGES)
    assert set(caught.value.errors) == set(GOOD)
