"""The search form of a value: the same functions write the key columns and normalise the question (domain.md 3).

Two values find each other exactly when their search forms are equal (codes: when one is part of the other).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

MAX_KEY_BYTES = 1000
"""A search form longer than this is shortened to a prefix and a hash: a B-tree entry has a limit of about 2,700 bytes,
and one compatibility character can become eighteen, so that even 255 characters may not fit."""

BETWEEN_CODES = "\x1f"
"""Stands between the codes of an order and is part of none, so that nothing is found across two of them."""

_MARKS = " !\"#$%&'()*+,-./:;<=>?@[]^_`{|}~\\\t\n\r"
_LETTERS = "þðŋħŧłøæœđıĸŀŉſƀƃƅƈƌƍƒƕƙƚƛƞơƣƥƨƪƫƴƶƹ"
_SWAPPED = str.maketrans(_MARKS + _LETTERS, _LETTERS + _MARKS)
"""Trigrams are made of letters and digits only (PostgreSQL), and codes are full of dashes: ``4-7`` would yield none
worth the name. So marks are kept as letters that codes do not have, and these letters as the marks."""

_PREFIX = 200
_ENOUGH = 8  # rounds until folding changes nothing; two are known to be needed, more never were


def normalise_text(value: str | None) -> str | None:
    """Case-folded, NFKC, white space trimmed and runs of it made one space; None when nothing is left.

    Idempotent. ``%`` and ``_`` are ordinary characters: keys are only ever compared with ``=``.
    """
    if value is None:
        return None
    return _bounded(_folded(value))


def normalise_vat(value: str | None) -> str | None:
    """A VAT number as text without spaces, dots and dashes of any kind; None when nothing is left."""
    if value is None:
        return None
    text = _folded(value)
    kept = "".join(c for c in text if not (c == "." or c.isspace() or c == "\u2212" or unicodedata.category(c) == "Pd"))
    return _bounded(_folded(kept))


def normalise_phone(value: str | None) -> str | None:
    """The ASCII digits of a phone number; None when there are none. Arabic-Indic digits are not digits here."""
    return _bounded(re.sub(r"[^0-9]+", "", value or ""))


def normalise_card(value: str | None) -> str | None:
    """The last four digits of a card; the rules of any text."""
    return normalise_text(value)


def normalise_code(value: str) -> str:
    """An activation code for finding parts of it: case-folded, everything else as it is."""
    return value.replace(BETWEEN_CODES, "").casefold()


def code_letters(key: str) -> str:
    """A normalised code, or a part of one, as it is kept for search: marks and letters swapped.

    One code is a part of another exactly when its letters are a part of the other's.
    """
    return key.translate(_SWAPPED)


def join_codes(codes: Iterable[str]) -> str | None:
    """All codes of an order as they are kept for search, in one text; None when there are none."""
    return BETWEEN_CODES.join(code_letters(normalise_code(code)) for code in codes) or None


def _folded(value: str) -> str:
    """Caseless compatibility form. Folding can undo a normalisation and the other way round, so: until it is stable."""
    for _ in range(_ENOUGH):
        text = unicodedata.normalize("NFD", value).casefold()
        text = unicodedata.normalize("NFKD", text).casefold()
        text = " ".join(unicodedata.normalize("NFKC", text).split())
        if text == value:
            break
        value = text
    return value


def _bounded(key: str) -> str | None:
    if not key:
        return None
    raw = key.encode("utf-8", "surrogatepass")
    if len(raw) <= MAX_KEY_BYTES:
        return key
    return f"{key[:_PREFIX].rstrip()}#{hashlib.sha256(raw).hexdigest()}"
