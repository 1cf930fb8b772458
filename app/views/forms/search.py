"""The search form as its template sees it: what was typed, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.domain.orders import RefundStatus, Status
from app.domain.refusal import Refusal
from app.domain.search import FILTER_LABELS, LABELS, Typed

BOXES = (*(s.value for s in Status), *(f"refund_{s.value}" for s in RefundStatus))


@dataclass(slots=True)
class SearchForm:
    """The form, filled or empty. ``stores`` are the names to choose from."""

    typed: Typed = field(default_factory=dict)
    errors: dict[str, list[Refusal]] = field(default_factory=dict)
    stores: list[str] = field(default_factory=list)

    labels = LABELS
    boxes = tuple((value, FILTER_LABELS[value]) for value in BOXES)

    def value(self, name: str) -> str:
        """What stands in a field of one value; several that were given stand one a line."""
        return "\n".join(self.typed.get(name, ()))

    def holds(self, name: str, value: str) -> bool:
        """Is the box ticked, the store chosen?"""
        return value in self.typed.get(name, ())

    def several(self, name: str) -> bool:
        """Were several values given?"""
        return len(self.typed.get(name, ())) > 1

    def wrong(self, name: str) -> list[Refusal]:
        """What is wrong with a field."""
        return self.errors.get(name, [])

    @property
    def filled(self) -> int:
        """How many filters are set; a range of days is one."""
        names = {name.removesuffix("_from").removesuffix("_to") for name in self.typed}
        return len(names)

    @property
    def shown_stores(self) -> list[str]:
        """Stores to choose from, what was asked for included even where there is no such store."""
        return [*self.stores, *(name for name in self.typed.get("store", ()) if name not in self.stores)]
