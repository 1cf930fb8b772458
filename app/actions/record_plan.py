"""What recording knows of an order and what it will write, between reading and writing."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.actions.rows import Row
from app.domain.snapshot import Snapshot


@dataclass(slots=True)
class Known:
    """What the portal knows of an order that has been here before."""

    order: Row
    items: list[Row] = field(default_factory=list)
    licenses: list[Row] = field(default_factory=list)
    requests: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    parameters: list[Row] = field(default_factory=list)
    relations: list[Row] = field(default_factory=list)
    documents: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class Plan:
    """What will be written for one order."""

    snapshot: Snapshot
    known: Known | None
    order: Row
    items: list[Row]
    licenses: list[Row]
    request: Row | None = None
    request_told: bool = False
    request_moved: bool = False
    changed: bool = True

    @property
    def erased(self) -> bool:
        """Is the customer erased, from now on or already?"""
        return self.order["erased_at"] is not None
