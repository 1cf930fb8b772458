"""Days in a zone (domain.md 3.1, 10.2): checked against the clock on the wall, hour by hour."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.days import read_day, span_of_days

UTC = dt.UTC


def within(span, moment):
    return (span.start is None or span.start <= moment) and (span.end is None or moment < span.end)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("UTC", "2026-08-13", 24),
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/New_York", "2026-03-08", 23),
        ("America/New_York", "2026-11-01", 25),
        ("America/Sao_Paulo", "2018-11-04", 23),  # midnight was skipped
        ("America/Sao_Paulo", "2018-02-17", 25),  # its last hour happened twice
        ("Asia/Beirut", "2026-03-29", 23),  # midnight is skipped
        ("America/Havana", "2026-11-01", 25),  # midnight to one happens twice
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
    ],
)
def test_a_day_lasts_as_long_as_it_does(zone, day, hours):
    date, zone = dt.date.fromisoformat(day), ZoneInfo(zone)
    span = span_of_days(date, date, zone)
    assert (span.end - span.start) == dt.timedelta(hours=hours)
    minute = span.start - dt.timedelta(hours=3)
    while minute < span.end + dt.timedelta(hours=3):
        assert within(span, minute) == (minute.astimezone(zone).date() == date), minute
        minute += dt.timedelta(minutes=1)


def test_a_gap_over_midnight_begins_the_day_later():
    # Toronto, 1919: the clock went from 23:30 to 00:30.
    zone = ZoneInfo("America/Toronto")
    span = span_of_days(dt.date(1919, 3, 31), dt.date(1919, 3, 31), zone)
    assert span.start.astimezone(zone).time() == dt.time(0, 30)
    assert (span.start - dt.timedelta(seconds=1)).astimezone(zone).date() == dt.date(1919, 3, 30)


def test_a_fall_over_midnight_loses_no_moment():
    # St John's, 2006: at 00:01 the clock went back to 23:01 of the day before.
    zone = ZoneInfo("America/St_Johns")
    for day in (dt.date(2006, 10, 28), dt.date(2006, 10, 29)):
        span = span_of_days(day, day, zone)
        minute = span.start - dt.timedelta(hours=2)
        while minute < span.end + dt.timedelta(hours=2):
            if minute.astimezone(zone).date() == day:
                assert within(span, minute), minute
            minute += dt.timedelta(seconds=30)


def test_a_day_that_a_zone_left_out_is_empty():
    day = dt.date(2011, 12, 30)
    assert span_of_days(day, day, ZoneInfo("Pacific/Apia")).empty


@given(
    st.dates(dt.date(1990, 1, 1), dt.date(2037, 12, 30)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Tehran", "Pacific/Chatham", "Africa/Casablanca"]),
    st.integers(0, 86399),
)
def test_every_moment_of_a_day_is_in_it_and_no_other(day, name, second):
    zone = ZoneInfo(name)
    moment = dt.datetime.combine(day, dt.time(), zone).astimezone(UTC) + dt.timedelta(seconds=second)
    local = moment.astimezone(zone).date()
    for near in (local - dt.timedelta(days=1), local, local + dt.timedelta(days=1)):
        assert within(span_of_days(near, near, zone), moment) == (near == local)


@pytest.mark.parametrize("zone", ["Etc/GMT+12", "Asia/Tokyo"])
def test_the_ends_of_the_calendar_are_no_trap(zone):
    zone = ZoneInfo(zone)
    first = span_of_days(dt.date.min, dt.date.min, zone)
    last = span_of_days(dt.date.max, dt.date.max, zone)
    assert within(last, dt.datetime(9999, 12, 31, 12, tzinfo=UTC))
    assert within(first, dt.datetime(1, 1, 1, 13 if zone.key == "Etc/GMT+12" else 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30",
        "2026-13-01",
        "13.08.2026",
        "2026-8-13",
        "",
        "2026-08-13T00:00",
        "２０２６-08-13",
        "today",
        "0000-01-01",
    ],
)
def test_what_is_no_day(text):
    assert read_day(text) is None


def test_white_space_around_a_day_does_not_matter():
    assert read_day(" 2026-08-13\n") == dt.date(2026, 8, 13)
