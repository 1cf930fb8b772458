"""Dates, money and numbers: the same as Babel says, only faster."""

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from babel.numbers import format_currency, format_decimal
from hypothesis import given
from hypothesis import strategies as st

from app.formats import formats_for

NOW = dt.datetime(2026, 11, 23, 9, 0, tzinfo=dt.UTC)


def test_short_dates_leave_the_present_year_out() -> None:
    kyiv = formats_for("en", "Europe/Kyiv")
    assert kyiv.short(dt.datetime(2026, 11, 22, 12, 2, tzinfo=dt.UTC), NOW) == "22 Nov 14:02"
    assert kyiv.short(dt.datetime(2025, 1, 5, 23, 30, tzinfo=dt.UTC), NOW) == "6 Jan 2025 01:30"
    assert formats_for("ru", "Europe/Kyiv").short(dt.datetime(2026, 5, 9, 6, 5, tzinfo=dt.UTC), NOW) == "9 мая 09:05"


def test_full_dates_say_everything_so_that_the_doubled_hour_is_clear() -> None:
    berlin = formats_for("en", "Europe/Berlin")
    first = dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC)
    assert berlin.full(first) == "Sunday 25 October 2026, 02:30:00 UTC+02:00"
    assert berlin.full(first + dt.timedelta(hours=1)) == "Sunday 25 October 2026, 02:30:00 UTC+01:00"
    assert formats_for("ru", "UTC").full(first) == "воскресенье 25 октября 2026 г., 00:30:00 UTC"


def test_days_are_days_of_the_person() -> None:
    late = dt.datetime(2026, 11, 22, 23, 30, tzinfo=dt.UTC)
    assert formats_for("en", "Europe/Kyiv").day(late) == "23 Nov 2026"
    assert formats_for("en", "America/New_York").day(late) == "22 Nov 2026"
    assert formats_for("en", "America/New_York").day(dt.date(2026, 2, 28)) == "28 Feb 2026"


def test_the_element_carries_the_moment_for_machines() -> None:
    at = dt.datetime(2026, 11, 22, 14, 2, 5, tzinfo=ZoneInfo("Europe/Kyiv"))
    assert formats_for("en", "Europe/Kyiv").time(at, NOW) == (
        '<time datetime="2026-11-22T12:02:05Z" title="Sunday 22 November 2026, 14:02:05 UTC+02:00">22 Nov 14:02</time>'
    )
    assert formats_for("en", "UTC").time(None) == ""


def test_a_naive_moment_is_utc_and_an_unknown_zone_too() -> None:
    assert formats_for("en", "Mars/Olympus").short(dt.datetime(2026, 1, 1, 5, 5), NOW) == "1 Jan 05:05"


@pytest.mark.parametrize(
    ("language", "amount", "currency", "text"),
    [
        ("en", "118.00", "EUR", "€118.00"),
        ("en", "1234567.5", "USD", "$1,234,567.50"),
        ("en", "1200", "JPY", "¥1,200"),
        ("en", "1.2345", "KWD", "KWD\xa01.234"),
        ("ru", "12990", "RUB", "12\xa0990,00\xa0₽"),
        ("ru", "-5", "EUR", "-5,00\xa0€"),
        ("en", "7", "XX", "XX\xa07.00"),
        ("en", "-7.5", "CHF", "-CHF\xa07.50"),
        ("en", "7.1", "", "7.10"),
    ],
)
def test_money(language: str, amount: str, currency: str, text: str) -> None:
    assert formats_for(language, "UTC").money(Decimal(amount), currency) == text


@given(
    amount=st.decimals(min_value=-(10**12), max_value=10**12, places=3),
    currency=st.sampled_from(["EUR", "USD", "RUB", "JPY", "KWD", "CHF", "UAH", "KZT", "BRL", "CLP"]),
    language=st.sampled_from(["en", "ru"]),
)
def test_money_is_what_babel_says(amount: Decimal, currency: str, language: str) -> None:
    ours = formats_for(language, "UTC").money(amount, currency)
    theirs = format_currency(amount, currency, locale=language)
    if not any(c.isdigit() and c != "0" for c in theirs):  # minus nothing: we do not print the sign Babel keeps
        ours, theirs = ours.replace("-", ""), theirs.replace("-", "")
    # A letter code stands apart from the digits with us.
    assert ours == theirs or ours.replace("\xa0", "") == theirs.replace("\xa0", "")


@given(value=st.integers(-(10**15), 10**15), language=st.sampled_from(["en", "ru"]))
def test_numbers_are_what_babel_says(value: int, language: str) -> None:
    assert formats_for(language, "UTC").number(value) == format_decimal(value, locale=language)


def test_no_amount_is_nothing() -> None:
    assert formats_for("en", "UTC").money(None, "EUR") == ""


ZONES = [
    "UTC",
    "Europe/Kyiv",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Cairo",
]


@given(
    at=st.datetimes(dt.datetime(1900, 1, 3), dt.datetime(2120, 12, 28), timezones=st.just(dt.UTC)),
    zone=st.sampled_from(ZONES),
    other=st.sampled_from(ZONES),
)
def test_every_moment_reads_as_the_zone_says(at: dt.datetime, zone: str, other: str) -> None:
    """Also on days on which clocks change, by half an hour or by a whole day, and before there were whole minutes."""
    known, here = formats_for("en", zone), at.astimezone(ZoneInfo(zone))
    given_elsewhere = at.astimezone(ZoneInfo(other))
    minutes = int(here.utcoffset().total_seconds()) // 60
    sign, minutes = ("-" if minutes < 0 else "+"), abs(minutes)
    offset = f"UTC{sign}{minutes // 60:02}:{minutes % 60:02}" if minutes else "UTC"
    clock = f"{here:%H:%M}"
    for moment in (at, given_elsewhere):
        assert known.iso(moment) == f"{at:%Y-%m-%dT%H:%M:%S}Z"
        assert known.short(moment, NOW).endswith(clock)
        assert known.short(moment, NOW).startswith(f"{here.day} ")
        assert known.full(moment).endswith(f"{here.year}, {here:%H:%M:%S} {offset}")
        assert (
            known.stamper(2026)(moment.timestamp()) == f'<time datetime="{known.iso(at)}">{known.short(at, NOW)}</time>'
        )


@pytest.mark.parametrize(
    ("language", "sent", "shown"),
    [
        ("en", "SE", "Sweden (SE)"),
        ("ru", "SE", "Швеция (SE)"),
        ("en", "se", "Sweden (se)"),
        ("en", "Sweden", "Sweden"),
        ("en", "QQ", "QQ"),
        ("en", "001", "001"),
    ],
)
def test_a_country_is_named_and_what_is_no_code_is_left_as_it_came(language: str, sent: str, shown: str) -> None:
    assert formats_for(language, "UTC").country(sent) == shown
