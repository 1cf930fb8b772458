"""Stores, teams and delivery bans: what may be written about them. The rules here are about the input."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from app.domain.currencies import CODES
from app.domain.refusal import Refusal

REASON_MAX = 500
TITLE_MAX = 255
TEAM_MAX = 100

NAME_BAD = Refusal("store.name", "A store's name has 1 to 64 letters, digits, dots, dashes or underscores.")
NAME_TAKEN = Refusal("store.taken", "There is a store of this name already.")
TITLE_BAD = Refusal("store.title", "A title has at most %(most)s characters and no control characters.", {"most": TITLE_MAX})  # fmt: skip # noqa: E501
CURRENCY_BAD = Refusal("store.currency", "A currency is three letters, as in EUR.")
ALREADY_CLOSED = Refusal("store.closed", "This store is already closed.")
ALREADY_OPEN = Refusal("store.open", "This store is not closed.")
TEAM_BAD = Refusal("team.name", "A team's name has 1 to %(most)s characters and no control characters.", {"most": TEAM_MAX})  # fmt: skip # noqa: E501
TEAM_TAKEN = Refusal("team.taken", "There is a team of this name already.")
TEAM_HAS_PEOPLE = Refusal("team.people", "People are in this team, perhaps deactivated ones. Move them first.")
REASON_BAD = Refusal("ban.reason", "Give a reason of 1 to %(most)s characters; specialists read it.", {"most": REASON_MAX})  # fmt: skip # noqa: E501
DAY_BAD = Refusal("ban.day", "This is not a day, as in 2026-11-30.")
ENDS_BEFORE = Refusal("ban.order", "The last day is before the first.")
ENDS_PAST = Refusal("ban.past", "The last day is over.")
PRODUCT_BAD = Refusal("ban.product", "A product id has at most 255 characters and no control characters.")
ALREADY_LIFTED = Refusal("ban.lifted", "This ban has already ended.")


@dataclass(frozen=True, slots=True)
class BanTimes:
    """From when (included) until when (excluded; None: until somebody lifts it)."""

    starts_at: dt.datetime
    ends_at: dt.datetime | None


def _printable(text: str) -> bool:
    return not any(unicodedata.category(c) in ("Cc", "Cs") for c in text)


def clean_store_name(typed: str) -> tuple[str, Refusal | None]:
    """A store's technical name, as the platform writes it, and why it is none."""
    name = typed.strip()
    return name, None if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name) else NAME_BAD


def clean_title(typed: str) -> tuple[str, Refusal | None]:
    """A store's title; may be empty."""
    title = " ".join(typed.split())
    return title, None if len(title) <= TITLE_MAX and _printable(title) else TITLE_BAD


def clean_currency(typed: str) -> tuple[str | None, Refusal | None]:
    """ISO 4217, or None where none is given."""
    code = typed.strip().upper()
    if not code:
        return None, None
    return code, None if code in CODES else CURRENCY_BAD


def clean_team_name(typed: str) -> tuple[str, Refusal | None]:
    """A team's name."""
    name = " ".join(unicodedata.normalize("NFC", typed).split())
    return name, None if 1 <= len(name) <= TEAM_MAX and _printable(name) else TEAM_BAD


def clean_ban_reason(typed: str) -> tuple[str, Refusal | None]:
    """Why delivery is forbidden; specialists read it where Resend would be."""
    reason = " ".join(typed.split())
    return reason, None if 1 <= len(reason) <= REASON_MAX and _printable(reason) else REASON_BAD


def clean_product(typed: str) -> tuple[str | None, Refusal | None]:
    """A product's id, or None for the whole store."""
    product = typed.strip()
    if not product:
        return None, None
    return product, None if len(product) <= 255 and _printable(product) else PRODUCT_BAD


def ban_times(first: str, last: str, now: dt.datetime, zone: str) -> tuple[BanTimes | None, dict[str, Refusal]]:
    """Days as typed, both included, in the person's time zone; no first day: from now on, no last day: without an end.

    The times, or what is wrong at ``starts`` or ``ends``.
    """
    tz, today = ZoneInfo(zone), now.astimezone(ZoneInfo(zone)).date()
    starts, bad_first = _day(first)
    ends, bad_last = _day(last)
    problems: dict[str, Refusal] = {}
    if bad_first:
        problems["starts"] = DAY_BAD
    if bad_last:
        problems["ends"] = DAY_BAD
    if not problems and ends is not None:
        if ends < (starts or today):
            problems["ends"] = ENDS_BEFORE if starts else ENDS_PAST
        elif ends < today:
            problems["ends"] = ENDS_PAST
    if problems:
        return None, problems
    starts_at = now if starts is None or starts <= today else _midnight(starts, tz)
    return BanTimes(starts_at, None if ends is None else _midnight(ends + dt.timedelta(days=1), tz)), {}


def _day(typed: str) -> tuple[dt.date | None, bool]:
    text = typed.strip()
    if not text:
        return None, False
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None, True
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return None, True
    return (day, False) if 2000 <= day.year <= 2200 else (None, True)


def _midnight(day: dt.date, tz: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), tz).astimezone(dt.UTC)
