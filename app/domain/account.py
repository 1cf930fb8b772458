"""What a person may set about themselves: name, time zone, language, theme. Pure."""

from __future__ import annotations

import unicodedata
from functools import cache
from zoneinfo import available_timezones

from app.domain.refusal import Invalid, Refusal

NAME_MAX = 64
LABELS = {
    "first_name": "First name",
    "last_name": "Last name",
    "timezone": "Time zone",
    "language": "Language",
    "theme": "Theme",
}
"""What the fields are called (msgids)."""
THEMES = ("", "light", "dark")
REQUIRED = Refusal("account.required", "Please fill this in.")
TOO_LONG = Refusal("account.too_long", "At most %(number)s characters.", {"number": NAME_MAX})
NO_ZONE = Refusal("account.zone", "There is no such time zone. Choose one of the list.")
NO_CHOICE = Refusal("account.choice", "Choose one of the list.")
_NOT_PLACES = ("Etc/", "SystemV/", "US/", "Canada/", "Brazil/", "Chile/", "Mexico/")


@cache
def timezones() -> tuple[str, ...]:
    """The time zones to choose from: UTC and the named places, sorted. Any other IANA name is accepted as well."""
    places = sorted(z for z in available_timezones() if "/" in z and not z.startswith(_NOT_PLACES))
    return ("UTC", *places)


def clean_name(text: str) -> str:
    """The name without control characters and doubled or surrounding white space."""
    kept = "".join(c if unicodedata.category(c) not in ("Cc", "Cs") else " " for c in text)
    return " ".join(kept.split())


def check(values: dict[str, str], languages: tuple[str, ...]) -> dict[str, str | None]:
    """The values as they are kept: empty time zone, language and theme are None, "as the portal or the browser says".

    Keys first_name, last_name, timezone, language, theme. Raises Invalid naming each wrong field.
    """
    errors: dict[str, list[Refusal]] = {}
    first, last = clean_name(values["first_name"]), clean_name(values["last_name"])
    for name, value in (("first_name", first), ("last_name", last)):
        if not value:
            errors[name] = [REQUIRED]
        elif len(value) > NAME_MAX:
            errors[name] = [TOO_LONG]
    zone = values["timezone"].strip()
    if zone and zone not in available_timezones():
        errors["timezone"] = [NO_ZONE]
    if values["language"] not in ("", *languages):
        errors["language"] = [NO_CHOICE]
    if values["theme"] not in THEMES:
        errors["theme"] = [NO_CHOICE]
    if errors:
        raise Invalid(errors)
    return {
        "first_name": first,
        "last_name": last,
        "timezone": zone or None,
        "language": values["language"] or None,
        "theme": values["theme"] or None,
    }
