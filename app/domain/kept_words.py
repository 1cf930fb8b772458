"""Sentences that rows keep in English, their places filled: why an action was refused, what is wrong with a mail.

A screen says them in the reader's language again, so the sentence has to be found in the text that was kept.
"""

from __future__ import annotations

import re
from functools import cache

WITH_PLACES = (
    "An earlier attempt may have reached the platform, which now says: %(message)s",
    "Delivery is forbidden for this store: %(reason)s",
    "The mail could not be handed over in many attempts (%(error)s).",
    "The mail server does not take this mail (%(error)s).",
    "The platform refused it: %(message)s",
)
"""Msgids of what is kept with something filled in; a test holds them against the refusals that jobs keep."""

WHOLE = (
    "It could not be applied in many attempts.",
    "an event the portal does not know",
    "lease over",
    "order_id is missing or no order id",
    "settled by a person",
    "store: the order belongs to another store",
    "the body is gone: the customer was erased, or it is too old",
    "the body is no JSON object",
    "the customer's personal data was erased",
)
"""Msgids that are kept as they are and stand nowhere else where the catalogue looks for words."""

_PLACE = re.compile(r"%\((\w+)\)s")


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((msgid, re.compile(_pattern(msgid), re.DOTALL)) for msgid in WITH_PLACES)


def _pattern(msgid: str) -> str:
    parts = _PLACE.split(msgid)  # text, name, text, name … text
    return "".join(f"(?P<{part}>.*)" if at % 2 else re.escape(part) for at, part in enumerate(parts))


def taken_apart(text: str) -> tuple[str, dict[str, str]]:
    """The msgid of a kept text and what fills its places; the text itself where it is none with places."""
    for msgid, pattern in _patterns():
        found = pattern.fullmatch(text)
        if found is not None:
            return msgid, found.groupdict()
    return text, {}
