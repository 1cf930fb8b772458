"""Names, reasons and days of stores, teams and bans: the rules alone."""

import datetime as dt

import pytest

from app.domain import stores as rules

NOW = dt.datetime(2026, 11, 23, 22, 30, tzinfo=dt.UTC)


def at(*parts):
    return dt.datetime(*parts, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("starts", "ends", "zone", "expected"),
    [
        ("", "", "UTC", (NOW, None)),
        ("2026-11-23", "2026-11-23", "UTC", (NOW, at(2026, 11, 24))),
        ("2026-11-20", "", "UTC", (NOW, None)),
        ("2026-11-24", "2026-11-25", "UTC", (at(2026, 11, 24), at(2026, 11, 26))),
        ("", "2026-11-24", "Asia/Tokyo", (NOW, at(2026, 11, 24, 15))),
        ("2026-11-24", "", "Asia/Tokyo", (NOW, None)),  # it is the 24th there already
        ("2027-03-28", "2027-03-28", "Europe/Berlin", (at(2027, 3, 27, 23), at(2027, 3, 28, 22))),  # 23 hours long
        (" 2026-12-01 ", "", "UTC", (at(2026, 12, 1), None)),
    ],
)
def test_days_are_whole_days_in_the_persons_zone(starts, ends, zone, expected):
    times, problems = rules.ban_times(starts, ends, NOW, zone)
    assert problems == {}
    assert (times.starts_at, times.ends_at) == expected


@pytest.mark.parametrize(
    ("starts", "ends", "problems"),
    [
        ("x", "", {"starts": rules.DAY_BAD}),
        ("", "2026-02-30", {"ends": rules.DAY_BAD}),
        ("20261124", "2026-1-1", {"starts": rules.DAY_BAD, "ends": rules.DAY_BAD}),
        ("", "2026-11-22", {"ends": rules.ENDS_PAST}),
        ("2026-11-01", "2026-11-22", {"ends": rules.ENDS_PAST}),
        ("2026-11-25", "2026-11-24", {"ends": rules.ENDS_BEFORE}),
        ("9999-12-31", "", {"starts": rules.DAY_BAD}),
        ("٢٠٢٦-١١-٢٤", "", {"starts": rules.DAY_BAD}),
    ],
)
def test_days_that_do_not_hold(starts, ends, problems):
    assert rules.ban_times(starts, ends, NOW, "UTC") == (None, problems)


@pytest.mark.parametrize(
    ("clean", "typed", "value", "refusal"),
    [
        (rules.clean_store_name, " acme-eu.2_x ", "acme-eu.2_x", None),
        (rules.clean_store_name, "-x", "-x", rules.NAME_BAD),
        (rules.clean_store_name, "é", "é", rules.NAME_BAD),
        (rules.clean_title, " A  B ", "A B", None),
        (rules.clean_title, "x" * 256, "x" * 256, rules.TITLE_BAD),
        (rules.clean_title, "a\x00b", "a\x00b", rules.TITLE_BAD),
        (rules.clean_currency, " eur ", "EUR", None),
        (rules.clean_currency, " ", None, None),
        (rules.clean_currency, "EURO", "EURO", rules.CURRENCY_BAD),
        (rules.clean_team_name, " Blue  team ", "Blue team", None),
        (rules.clean_team_name, " ", "", rules.TEAM_BAD),
        (rules.clean_team_name, "x" * 101, "x" * 101, rules.TEAM_BAD),
        (rules.clean_ban_reason, " a\n b ", "a b", None),
        (rules.clean_ban_reason, "", "", rules.REASON_BAD),
        (rules.clean_ban_reason, "x" * 501, "x" * 501, rules.REASON_BAD),
        (rules.clean_product, " p-1 ", "p-1", None),
        (rules.clean_product, "", None, None),
        (rules.clean_product, "p\x01", "p\x01", rules.PRODUCT_BAD),
    ],
)
def test_texts(clean, typed, value, refusal):
    assert clean(typed) == (value, refusal)
