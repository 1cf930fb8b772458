"""How common a part of codes is among the newest orders: by a sample of these.

It decides which way a search goes (``raw_ways``) and nothing else: what is found is the same, only slower where the
sample is missing or chance. It is kept in the process, and read again now and then by a statement that is made anyway.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from app.domain.normal import BETWEEN_CODES

COMMON = 0.02
"""A part is common from this share of the newest orders on: there, looking at these costs no more than the index."""

FRESH = 15 * 60
"""Seconds for which a sample will do."""

SAMPLE = (
    "SELECT 'codes', id, COALESCE(codes_key, '') FROM"
    " (SELECT id, codes_key FROM orders ORDER BY created_at DESC, id DESC LIMIT 500) AS o"
)
"""Rows of ("codes", id, codes of one order), of all stores: only how many have a part in them is ever looked at."""


@dataclass(slots=True)
class CodeSample:
    """Codes of the newest orders, as they are kept for search."""

    codes: str = ""
    orders: int = 0
    read_at: float | None = None

    def is_fresh(self) -> bool:
        """Need it not be read again?"""
        return self.read_at is not None and time.monotonic() - self.read_at < FRESH

    def take(self, codes: Iterable[str]) -> None:
        """Keep what was read: the codes of each order."""
        kept = list(codes)
        self.codes, self.orders = BETWEEN_CODES.join(kept), len(kept)
        self.read_at = time.monotonic()

    def is_common(self, part: str) -> bool:
        """Is the part of a code (in letters) found often in the newest orders?"""
        hits = self.codes.count(part)
        return hits > 0 and hits >= COMMON * self.orders


_samples: WeakKeyDictionary[sa.Engine, CodeSample] = WeakKeyDictionary()


def sample_of(engine: sa.Engine) -> CodeSample:
    """The sample of this database, perhaps empty."""
    return _samples.setdefault(engine, CodeSample())
