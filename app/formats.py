"""Dates, money and numbers as a person reads them, fast: a page of orders has five hundred dates.

Babel knows the words and patterns but takes 25 to 60 µs a value. Here its patterns are taken apart once per
language, time zone and currency; then a value costs about a microsecond. Pure: no Flask, no database.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.numbers import format_currency, get_currency_precision
from babel.units import format_unit
from markupsafe import Markup

UTC = dt.UTC
_NONE = dt.timedelta()
_EPOCH = dt.date(1970, 1, 1).toordinal()
_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
_TWO = [f"{number:02}" for number in range(60)]
_CLOCK = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(24 * 60)]


@lru_cache(maxsize=512)
def zone(name: str) -> dt.tzinfo:
    """The time zone of this IANA name; UTC for a name nobody knows."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


@lru_cache(maxsize=1024)
def _country(language: str, code: str) -> str:
    name = Locale.parse(language).territories.get(code.upper()) if len(code) == 2 else None
    return f"{name} ({code})" if name and name != code else code


@lru_cache(maxsize=1024)
def formats_for(language: str, timezone: str) -> Formats:
    """The formats of a language (``en`` or ``ru``) and an IANA time zone; shared, made once."""
    return Formats(language, timezone)


@lru_cache(maxsize=4096)
def _money_pattern(language: str, currency: str) -> tuple[str, str, str, str, str, int]:
    """What stands before and after a positive and a negative amount, the group sign, and the decimals."""
    try:
        digits = get_currency_precision(currency)
        plus = format_currency(Decimal(0), currency, locale=language)
        minus = format_currency(Decimal(-1), currency, locale=language)
    except (ValueError, KeyError):  # what the platform sent is no currency: show it as it is
        digits, plus, minus = 2, f"0 {currency}", f"-1 {currency}"

    def around(text: str) -> tuple[str, str]:
        at = [i for i, c in enumerate(text) if c.isdigit()]
        before = text[: at[0]]
        # CLDR keeps a letter code and the digits apart; Babel does not.
        return before + "\u00a0" if before[-1:].isalpha() else before, text[at[-1] + 1 :]

    return (*around(plus), *around(minus), Locale.parse(language).number_symbols["latn"]["group"], digits)


@lru_cache(maxsize=16384)
def _money_text(formats: Formats, amount: str, currency: str) -> str:
    return formats.money(Decimal(amount), currency)


_PERIOD = re.compile(r"P(?:([0-9]{1,4})Y)?(?:([0-9]{1,4})M)?(?:([0-9]{1,4})W)?(?:([0-9]{1,4})D)?", re.ASCII)


@lru_cache(maxsize=512)
def _period(language: str, iso: str) -> str:
    found = _PERIOD.fullmatch(iso)
    if found is None or not any(found.groups()):
        return iso
    units = ("year", "month", "week", "day")
    return " ".join(
        format_unit(int(number), f"duration-{unit}", locale=language)
        for number, unit in zip(found.groups(), units, strict=True)
        if number
    )


@lru_cache(maxsize=256)
def _utc(minutes: int) -> str:
    """A distance from UTC: ``UTC+02:00``; ``UTC`` alone for none."""
    if not minutes:
        return "UTC"
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


class Formats:
    """How one person reads values: language and time zone. Get one from ``formats_for``."""

    __slots__ = (
        "__dict__", "_decimal", "_group", "_labels", "_long_labels", "_months", "_utc_days", "language", "timezone",
        "tzinfo",
    )  # fmt: skip

    def __init__(self, language: str, timezone: str) -> None:
        self.language = language
        self.timezone = timezone
        self.tzinfo = zone(timezone)
        locale = Locale.parse(language)
        months = locale.months["format"]["abbreviated"]
        self._months = ["", *(months[n] for n in range(1, 13))]
        self._labels: dict[tuple[int, int], str] = {}
        self._long_labels: dict[int, str] = {}
        self._utc_days: dict[int, tuple[str, int | None]] = {}
        symbols = locale.number_symbols["latn"]
        self._group, self._decimal = symbols["group"], symbols["decimal"]

    @cached_property
    def _words(self) -> tuple[list[str], list[str], str]:
        locale = Locale.parse(self.language)
        months = ["", *(locale.months["format"]["wide"][n] for n in range(1, 13))]
        days = [locale.days["format"]["wide"][n] for n in range(7)]
        return months, days, " г." if self.language == "ru" else ""

    def local(self, at: dt.datetime) -> dt.datetime:
        """The moment on this person's clock. A naive value is taken as UTC."""
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(self.tzinfo)

    def _read(self, at: dt.datetime) -> tuple[str, int, int, int, int]:
        """A moment taken apart: for machines in UTC, and this person's day (its ordinal), minute of the day, second
        and distance from UTC in minutes.

        The zone is asked once a day and not once a moment, except on the days on which its distance changes.
        """
        if at.tzinfo is not UTC and (at.tzinfo is None or at.utcoffset()):
            at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
        day, minute, second = at.toordinal(), at.hour * 60 + at.minute, at.second
        known = self._utc_days.get(day)
        iso, distance = known if known is not None else self._utc_day(day)
        iso = f"{iso}T{_CLOCK[minute]}:{_TWO[second]}Z"
        if distance is None:
            here = at.astimezone(self.tzinfo)
            distance = int((here.utcoffset() or dt.timedelta()).total_seconds()) // 60
            return iso, here.toordinal(), here.hour * 60 + here.minute, here.second, distance
        minute += distance
        if minute < 0:
            return iso, day - 1, minute + 1440, second, distance
        if minute >= 1440:
            return iso, day + 1, minute - 1440, second, distance
        return iso, day, minute, second, distance

    def _utc_day(self, ordinal: int) -> tuple[str, int | None]:
        """A day in UTC for machines, and how far this person's clock is all day long: minutes, None when it changes
        (or is no whole minutes, as before there were time zones)."""
        first = dt.datetime.combine(dt.date.fromordinal(ordinal), dt.time(), UTC)
        ends = {(first + dt.timedelta(hours=h)).astimezone(self.tzinfo).utcoffset() or _NONE for h in (0, 24)}
        minutes, rest = divmod(ends.pop(), dt.timedelta(minutes=1))
        found = self._utc_days[ordinal] = first.isoformat()[:10], None if ends or rest else minutes
        return found

    def short(self, at: dt.datetime, now: dt.datetime | None = None) -> str:
        """``22 Nov 14:02``; with the year when it is not the present one."""
        _, day, minute, _, _ = self._read(at)
        return f"{self._label(day, self.year(now))} {_CLOCK[minute]}"

    def year(self, now: dt.datetime | None = None) -> int:
        """The present year on this person's calendar."""
        return (now.astimezone(self.tzinfo) if now else dt.datetime.now(self.tzinfo)).year

    def _label(self, ordinal: int, this_year: int) -> str:
        known = self._labels.get((ordinal, this_year))
        if known is None:
            day = dt.date.fromordinal(ordinal)
            year = "" if day.year == this_year else f" {day.year}"
            known = self._labels[ordinal, this_year] = f"{day.day} {self._months[day.month]}{year}"
        return known

    def full(self, at: dt.datetime) -> str:
        """``Sunday 22 November 2026, 14:02:05 UTC+02:00``: everything, the offset included."""
        return self._full(*self._read(at)[1:])

    def _full(self, ordinal: int, minute: int, second: int, distance: int) -> str:
        known = self._long_labels.get(ordinal)
        if known is None:
            months, days, after = self._words
            day = dt.date.fromordinal(ordinal)
            known = f"{days[day.weekday()]} {day.day} {months[day.month]} {day.year}{after}"
            self._long_labels[ordinal] = known
        return f"{known}, {_CLOCK[minute]}:{_TWO[second]} {_utc(distance)}"

    def day(self, day: dt.date) -> str:
        """``22 Nov 2026``. A moment is first put on this person's calendar."""
        if isinstance(day, dt.datetime):
            day = self.local(day)
        return f"{day.day} {self._months[day.month]} {day.year}"

    def iso(self, at: dt.datetime) -> str:
        """The moment for machines, in UTC: ``2026-11-22T12:02:05Z``."""
        return self._read(at)[0]

    def time(self, at: dt.datetime | None, now: dt.datetime | None = None) -> Markup:
        """A ``<time>`` element: short to read, full on hover; nothing for None."""
        return Markup("") if at is None else self.element(at, self.year(now))

    def element(self, at: dt.datetime, this_year: int) -> Markup:
        """``time`` for whoever knows the present ``year`` already."""
        iso, day, minute, second, distance = self._read(at)
        full, label = self._full(day, minute, second, distance), self._label(day, this_year)
        # Our own words and digits only: nothing here needs escaping.
        return Markup(f'<time datetime="{iso}" title="{full}">{label} {_CLOCK[minute]}</time>')  # noqa: S704

    def stamper(self, this_year: int) -> Callable[[float], str]:
        """A function that gives ``time`` of seconds since 1970, without the full form, for lines that come by the
        hundred: HTML as plain text, for speed."""
        days, utc_day, label, clock, two = self._utc_days, self._utc_day, self._label, _CLOCK, _TWO

        def stamp(seconds: float) -> str:
            day, rest = divmod(int(seconds // 1), 86400)
            minute, second = divmod(rest, 60)
            day += _EPOCH
            iso, distance = days.get(day) or utc_day(day)
            iso = f"{iso}T{clock[minute]}:{two[second]}Z"
            if distance is None:
                _, day, minute, _, _ = self._read(dt.datetime.fromtimestamp(seconds // 1, UTC))
            else:
                moved, minute = divmod(minute + distance, 1440)
                day += moved
            return f'<time datetime="{iso}">{label(day, this_year)} {clock[minute]}</time>'

        return stamp

    def day_element(self, day: dt.date) -> Markup:
        """A ``<time>`` element of a calendar day."""
        return Markup(f'<time datetime="{day.isoformat()}">{self.day(day)}</time>')  # noqa: S704

    def money_text(self, amount: str, currency: str) -> str:
        """``money`` of an amount in plain decimal text, remembered: prices repeat."""
        return _money_text(self, amount, currency)

    def percent(self, value: Decimal) -> str:
        """A percentage without needless zeros: ``10%``, in Russian ``12,5 %``."""
        text = f"{value.normalize():f}".replace(".", self._decimal)
        return f"{text}\N{NO-BREAK SPACE}%" if self.language == "ru" else f"{text}%"

    def period(self, iso: str) -> str:
        """An ISO 8601 period in words: ``P1Y`` is ``1 year``. What it cannot read it gives back."""
        return _period(self.language, iso)

    def country(self, code: str) -> str:
        """The country's name with its ISO 3166 code, ``Sweden (SE)``; anything else as the platform sent it."""
        return _country(self.language, code)

    def duration(self, seconds: float) -> str:
        """How long something has waited, in the largest unit that fits: ``35 sec``, ``12 min``, ``2 days``."""
        unit, size = next((found for found in _UNITS if seconds >= found[1]), _UNITS[-1])
        return format_unit(int(seconds // size), f"duration-{unit}", "short", locale=self.language)

    def money(self, amount: Decimal | None, currency: str) -> str:
        """The amount with its currency: ``€1,234.50``, ``1 234,50 ₽``; JPY without decimals, KWD with three."""
        if amount is None:
            return ""
        before, after, minus_before, minus_after, group, digits = _money_pattern(self.language, currency)
        text = self._digits(f"{abs(amount):,.{digits}f}", group)
        return f"{minus_before}{text}{minus_after}" if amount < 0 else f"{before}{text}{after}"

    def number(self, value: float | Decimal) -> str:
        """A number with its thousands apart."""
        return self._digits(f"{value:,}", self._group)

    def _digits(self, text: str, group: str) -> str:
        if "," not in text and self._decimal == ".":
            return text
        return text.replace(",", "\0").replace(".", self._decimal).replace("\0", group)
