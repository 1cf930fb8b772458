"""Calendar days in somebody's time zone as spans of time (domain.md 3.1, 10.2)."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """Moments from ``start`` (included) to ``end`` (not included), in UTC; None: no limit on that side."""

    start: dt.datetime | None
    end: dt.datetime | None

    @property
    def empty(self) -> bool:
        """Can no moment lie in it?"""
        return self.start is not None and self.end is not None and self.start >= self.end


def read_day(text: str) -> dt.date | None:
    """The day written as 2026-08-13, white space around it apart; None for anything else, 30 February included."""
    text = text.strip()
    if not _DAY.fullmatch(text):
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def span_of_days(first: dt.date | None, last: dt.date | None, zone: ZoneInfo) -> Span:
    """The days from ``first`` to ``last``, both included, as they pass in the zone.

    A day may have 23 or 25 hours, begin at one o'clock where midnight is skipped, or not exist at all where a zone
    crossed the date line: then the span is empty. Where clocks went back over midnight, the hours that happened
    twice are counted to both days rather than to none.
    """
    start = _begin(first, zone) if first is not None else None
    end = _end(last, zone) if last is not None else None
    return Span(start, end)


def _begin(day: dt.date, zone: ZoneInfo) -> dt.datetime | None:
    """The first moment of a day; None before what a clock can show (the year 1, near the edge)."""
    early, late = _midnights(day, zone)
    if early is None or late is None:
        return None
    return _after_gap(day, zone, late, early) if late < early else early


def _end(day: dt.date, zone: ZoneInfo) -> dt.datetime | None:
    """The first moment that no longer belongs to the day; None where the calendar ends."""
    if day == dt.date.max:
        return None
    following = day + dt.timedelta(days=1)
    early, late = _midnights(following, zone)
    if early is None or late is None:
        return None
    return _after_gap(following, zone, late, early) if late < early else late


def _midnights(day: dt.date, zone: ZoneInfo) -> tuple[dt.datetime | None, dt.datetime | None]:
    """Midnight in UTC, read with the clock before and after a change: equal, twice (a fall), or crossed (a gap)."""
    naive = dt.datetime.combine(day, dt.time())
    found: list[dt.datetime | None] = []
    for fold in (0, 1):
        try:
            found.append(naive.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC))
        except OverflowError:
            found.append(None)
    return found[0], found[1]


def _after_gap(day: dt.date, zone: ZoneInfo, low: dt.datetime, high: dt.datetime) -> dt.datetime:
    """The moment the clock jumped over midnight: the first one whose local day is ``day`` or later."""
    while high - low > dt.timedelta(seconds=1):
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle <= low:
            break
        if middle.astimezone(zone).date() >= day:
            high = middle
        else:
            low = middle
    return high
