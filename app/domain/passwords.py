"""What a password must be: 12 to 128 characters, not a common one, not made of one's own name (issue 4, section 4).

No character classes are asked for: they make passwords worse. ``common_passwords.txt.gz`` holds the 18,051 entries
of six characters or more of Royce Williams' list, as Django ships it (BSD).
"""

from __future__ import annotations

import gzip
import itertools
import re
import secrets
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from app.domain.refusal import Refusal

LEAST, MOST = 12, 128
TEMPORARY_LENGTH = 20
PRODUCT_WORDS = frozenset({"esupport", "portal", "noventiq", "softline", "checkout"})
# No letters that look like others: people type a temporary password from a mail or a phone call.
TEMPORARY_ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789"

TOO_SHORT = Refusal("password.short", "Use at least %(least)s characters.", {"least": LEAST})
TOO_LONG = Refusal("password.long", "Use at most %(most)s characters.", {"most": MOST})
COMMON = Refusal("password.common", "This password is too common. Choose one that others would not think of.")
OWN_WORDS = Refusal("password.own", "Leave your name and your email address out of the password.")
DIFFERENT = Refusal("password.different", "The two passwords are not the same.")
SAME_AS_BEFORE = Refusal("password.same", "Choose a password that differs from the present one.")
WRONG = Refusal("password.wrong", "This is not your present password.")


@cache
def common_passwords() -> frozenset[str]:
    """The list, in lower case; read once."""
    packed = Path(__file__).with_name("common_passwords.txt.gz").read_bytes()
    return frozenset(gzip.decompress(packed).decode().split("\n"))


def normalised(password: str) -> str:
    """The one form in which a password is judged and hashed: typed on any keyboard, it is the same."""
    return unicodedata.normalize("NFC", password)


def why_not_password(password: str, own_words: Iterable[str] = ()) -> Refusal | None:
    """Why this password is refused; None when it is good. ``own_words``: names, login and email of the person."""
    password = normalised(password)
    if len(password) < LEAST:
        return TOO_SHORT
    if len(password) > MOST:
        return TOO_LONG
    folded = password.casefold()
    if _is_common(folded):
        return COMMON
    if any(word in folded for word in _words(own_words)):
        return OWN_WORDS
    return None


def _is_common(folded: str) -> bool:
    common = common_passwords()
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", folded)
    unit = re.match(r"(.+?)\1+$", folded, re.DOTALL)
    return (
        folded in common
        or core in common
        or core in PRODUCT_WORDS
        or len(set(folded)) < 5
        or _is_a_row(folded)
        or (unit is not None and (len(unit[1]) <= 4 or unit[1] in common))
    )


def _is_a_row(folded: str) -> bool:
    """Mostly neighbours: ``123456789012``, ``abcdefghijkl`` and keyboard rows, in either direction."""
    rows = "qwertyuiop[]asdfghjkl;'zxcvbnm,./"
    steps = 0
    for one, two in itertools.pairwise(folded):
        near = abs(ord(one) - ord(two)) == 1 or {one, two} == {"9", "0"}
        keys = one in rows and two in rows and abs(rows.index(one) - rows.index(two)) == 1
        steps += near or keys
    return steps >= 0.75 * (len(folded) - 1)


def _words(own_words: Iterable[str]) -> set[str]:
    """The parts of names and addresses that are long enough to give a password away."""
    parts = (part for word in own_words for part in re.split(r"[\W_]+", word.casefold()))
    return {part for part in parts if len(part) >= 4}


def temporary_password() -> str:
    """A random password for a day: 20 characters out of 54, about 115 bits."""
    return "".join(secrets.choice(TEMPORARY_ALPHABET) for _ in range(TEMPORARY_LENGTH))
