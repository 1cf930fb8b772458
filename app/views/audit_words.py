"""An entry of the audit as a person reads it: no codes, in the reader's language."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from flask_babel import gettext

from app.domain import account, mails, refunds, search, work
from app.domain.access import Role
from app.domain.audit import ABOUT, ACTORS, DETAILS, NOUNS, STEPS
from app.domain.sign_in import same_login
from app.models import AuditEntry
from app.security import explain
from app.views.reasons import REASONS, in_short

Names = Mapping[str, Mapping[int, str]]
"""Names of ``stores`` and ``teams`` that the reader may see, by id; what is not in it stays a number."""

VALUES: dict[str, Mapping[str, str]] = {
    "fields": account.LABELS,
    "filters": search.LABELS,
    "kind": work.KINDS,
    "mail": mails.TEMPLATES,
    "result": refunds.RESULT_LABELS,
    "role": {role.value: role.value for role in Role},
    "step": STEPS,
    "why": REASONS,
}
"""What the values of a detail are called (msgids), by its key."""

_SENTENCES = {f"{view}.{permission}": text for (permission, view), text in explain.SENTENCES.items()}
_STORES = ("stores", "given", "taken", "stores_given", "stores_taken")
_TEAMS = ("teams", "teams_given", "teams_taken")
_OF_KIND = {"resend_license": "license", "cancel_subscription": "subscription", "resume_subscription": "subscription"}
"""Which noun an action's subject has."""


def who(entry: AuditEntry) -> str:
    """Who did it: a login, or in words whoever has none."""
    return gettext(ACTORS[entry.actor]) if entry.actor_id is None and entry.actor in ACTORS else entry.actor


def logins_of(typed: str) -> tuple[str, ...]:
    """What may stand in an entry for the one that was typed: a login in any letter case, or one of the words above."""
    same = same_login(typed)
    return (typed, same, *(code for code, word in ACTORS.items() if same_login(gettext(word)) == same))


def about(entry: AuditEntry, names: Names) -> str:
    """What an entry is about, besides the columns that say so already; empty where there is nothing to add."""
    subject = entry.subject or ""
    if subject in (entry.actor, str(entry.order_id), names["stores"].get(entry.store_id or 0)):
        return ""
    noun = entry.event.partition(".")[0]
    noun = _OF_KIND.get(str(entry.details.get("kind")), noun)
    if subject and noun in NOUNS:
        return f"{gettext(NOUNS[noun])} {subject}"
    if noun == "access" and (may := _SENTENCES.get(subject)):
        return gettext(may)
    word, _, rest = subject.partition(":")
    if word == "team" and rest.isdecimal():
        rest = names["teams"].get(int(rest), rest)
    return f"{gettext(ABOUT[word])} {rest}".strip() if word in ABOUT else subject


def told(details: Mapping[str, Any], names: Names) -> list[tuple[str, str | dt.datetime]]:
    """An entry's details: named, without what is empty, lists with commas."""
    said: list[tuple[str, str | dt.datetime]] = []
    for key, value in _flat(details):
        if value is None or value in ("", []):
            continue
        name = gettext(DETAILS[key]) if key in DETAILS else key.replace("_", " ")
        if (moment := _moment(value)) is not None:
            said.append((name, moment))
            continue
        values = value if isinstance(value, list) else [value]
        said.append((name, ", ".join(_value(key, v, names) for v in values)))
    return said


def _flat(details: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """In the order of their keys; what was given and taken of something, each by itself."""
    for key, value in sorted(details.items()):
        if isinstance(value, dict):
            yield from ((f"{key}_{part}", found) for part, found in sorted(value.items()))
        else:
            yield key, value


def _moment(value: object) -> dt.datetime | None:
    """A moment as the audit keeps it: ISO 8601 with its distance from UTC."""
    try:
        found = dt.datetime.fromisoformat(value) if isinstance(value, str) and "T" in value else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _value(key: str, value: object, names: Names) -> str:
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if isinstance(value, int) and key in _STORES + _TEAMS:
        return names["stores" if key in _STORES else "teams"].get(value, str(value))
    text = VALUES.get(key, {}).get(str(value))
    if text is None:
        return str(value)
    return in_short(text)
