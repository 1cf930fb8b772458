"""How long things take and when they are tried again. One setting, QUEUE_TIMING; docs/queue.md says why."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.settings import settings


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, but for ``attempts``. call < job < lease, so that nobody calls after the lease is over."""

    call: float
    """A client's time-out for one answer (platform, mail server)."""
    job: float
    """RQ ends a job that takes longer."""
    lease: float
    """How long a claimed row belongs to its worker."""
    quarantine: float
    """Longer than the other side's worst lateness: before that, asking "did it happen?" proves nothing."""
    backoff: float
    cap: float
    attempts: float
    tick: float
    rehint: float

    @property
    def quarantine_after_lease(self) -> float:
        """What is left to wait when a lease ends: the last call may have gone out ``job`` seconds after its start."""
        return max(0.0, self.job + self.quarantine - self.lease)

    @property
    def budget(self) -> float:
        """A job begins no further row after this long: the one it has may still need the rest."""
        return self.job / 3

    def wait(self, attempt: int, rand: Callable[[], float] = random.random) -> float:
        """Seconds until attempt ``attempt`` + 1: backoff · 2ⁿ, at most ``cap``, give or take half."""
        return min(self.backoff * 2 ** min(attempt - 1, 30), self.cap) * (0.5 + rand())


def of(values: Mapping[str, float]) -> Timing:
    """The timing of a setting."""
    return Timing(**values)


def timing() -> Timing:
    """What the current app works with."""
    return of(settings().queue_timing)
