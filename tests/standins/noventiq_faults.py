"""What can go wrong with a call to the stand-in of the platform, and which of it comes next."""

from __future__ import annotations

import random
import threading
from collections import defaultdict, deque

FAULTS = {
    "429": "too many requests, nothing done",
    "500": "an error before anything was done",
    "502": "a gateway's error before anything was done",
    "503": "out of service, nothing done",
    "reset": "the connection is reset before anything was done",
    "hang": "nothing is done and no answer comes",
    "done_then_502": "done, but the gateway answers with an error",
    "done_then_reset": "done, then the connection is reset",
    "done_then_hang": "done, but no answer comes in time",
    "late": "no answer comes, and it is done only after the client has given up",
    "truncated": "done, and the answer breaks off",
    "expired": "the token has just expired (1009)",
    "invalid": "the token is called invalid (1007)",
    "redirect": "answers with a redirect",
    "html": "a proxy's page instead of an answer",
    "huge": "an answer without end",
    "error_in_200": "200 with an error inside",
}
STORM_FAULTS = ("429", "503", "500", "reset", "hang", "done_then_502", "done_then_reset", "done_then_hang", "late",
                "truncated", "expired")  # fmt: skip


class Faults:
    """Which fault comes next: planned ones first, then by chance."""

    def __init__(self, rate: float = 0.0, seed: int = 1) -> None:
        self.rate = rate
        self.allowed: tuple[str, ...] = STORM_FAULTS
        self._random = random.Random(seed)
        self._planned: dict[str, deque[str]] = defaultdict(deque)
        self._lock = threading.Lock()

    def next(self, call: str, *faults: str) -> None:
        """Plan faults for the next calls of a kind: login, order, search, refund, subscription, activity."""
        unknown = set(faults) - set(FAULTS) - {"ok"}
        if unknown:
            raise ValueError(f"no such fault: {unknown}")
        with self._lock:
            self._planned[call].extend(faults)

    def take(self, call: str) -> str | None:
        with self._lock:
            if self._planned[call]:
                fault = self._planned[call].popleft()
                return None if fault == "ok" else fault
            if call != "login" and self._random.random() < self.rate:
                return self._random.choice(self.allowed)
            return None
