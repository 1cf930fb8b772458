"""Delivery bans: a store, or one product of it, to which nothing may be sent for a time (domain.md 6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ban:
    """A ban. ``product_id`` None: the whole store. ``ends_at`` is the first moment it no longer holds."""

    store_id: int
    product_id: str | None
    reason: str
    starts_at: dt.datetime
    ends_at: dt.datetime | None = None
    lifted_at: dt.datetime | None = None

    def holds(self, now: dt.datetime) -> bool:
        """In force at this moment?"""
        return (
            self.starts_at <= now
            and (self.ends_at is None or now < self.ends_at)
            and (self.lifted_at is None or now < self.lifted_at)
        )


def ban_in_force(bans: Iterable[Ban], product_id: str | None, now: dt.datetime) -> Ban | None:
    """The ban that forbids sending this product now: the store's own before the product's; None when none does.

    ``bans`` are those of the order's store.
    """
    held = [b for b in bans if b.holds(now) and (b.product_id is None or b.product_id == product_id)]
    return min(held, key=lambda b: (b.product_id is not None, b.starts_at), default=None)


def bans_in_force(bans: Iterable[Ban], now: dt.datetime) -> list[Ban]:
    """What is forbidden now: the store's own ban, which says it all; without one, one for each forbidden product.

    ``bans`` are those of one store.
    """
    known = list(bans)
    whole = ban_in_force(known, None, now)
    if whole is not None:
        return [whole]
    products = sorted({ban.product_id for ban in known if ban.product_id is not None})
    return [ban for product in products if (ban := ban_in_force(known, product, now)) is not None]
