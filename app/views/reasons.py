"""Reasons as rows keep them, English sentences or their codes, in the reader's language."""

from __future__ import annotations

import re

from flask_babel import gettext

from app.actions import operations, queue
from app.domain import licenses, mails, refunds, subscriptions, troubles, work
from app.domain.refusal import Refusal

REASONS = {
    found.code: found.text
    for module in (licenses, mails, operations, refunds, subscriptions, work, queue)
    for found in (*vars(module).values(), *queue.IN_PROGRESS.values())
    if isinstance(found, Refusal)
}
"""Why something was refused or needs a person, by its code (msgids)."""

SENTENCES = [*REASONS.values(), *(found.text for found in troubles.ALL)]
"""Everything that rows keep in English."""

PLACE = re.compile(r"%\((\w+)\)s")


def _form(text: str) -> re.Pattern[str]:
    """What the sentence looks like with its places filled in."""
    parts = PLACE.split(text)  # words, place, words, place, words
    return re.compile(
        "".join(f"(?P<{part}>.*)" if odd % 2 else re.escape(part) for odd, part in enumerate(parts)), re.DOTALL
    )


_FORMS = [(_form(text), text) for text in SENTENCES if PLACE.search(text)]
NAME = re.compile(r"[A-Z][A-Za-z]+")
"""Of an exception."""


def retold(reason: str) -> str:
    """A reason that was kept as its English sentence. What is none of ours is said as it is."""
    said = gettext(reason)
    if said != reason:
        return said
    for form, text in _FORMS:
        if found := form.fullmatch(reason):
            filled = found.groupdict()
            if "error" in filled:  # a trouble of ours within the sentence; other places hold others' words
                filled["error"] = retold(filled["error"])
            return gettext(text, **filled)
    return reason


def trouble(error: str) -> str:
    """Why an attempt went wrong, as the row keeps it. An error nobody foresaw is kept as its bare name."""
    if NAME.fullmatch(error):
        return gettext(troubles.UNFORESEEN.text, name=error)
    return retold(error)


def in_short(text: str) -> str:
    """A sentence without what fills its places."""
    return gettext(text, **dict.fromkeys(PLACE.findall(text), "…"))
