"""The second step of signing in: codes of an authenticator and recovery codes, each good for once (issue 4)."""

from __future__ import annotations

import re
import secrets

from app.domain.refusal import Refusal

PERIOD = 30
"""Seconds a code stands on the authenticator's screen."""
DRIFT = 1
"""Codes this many periods early or late are taken: clocks differ."""
RECOVERY_CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"

WRONG_CODE = Refusal("code.wrong", "This code is not valid. Wait for the next one and try again.")
REQUIRED = Refusal("second_step.required", "Administrators have to use a second step here.")


def steps_around(at: float, last_step: int | None) -> list[int]:
    """The periods whose codes are taken at that Unix time: one either side, and only later than the last one used."""
    now = int(at // PERIOD)
    return [step for step in range(now - DRIFT, now + DRIFT + 1) if last_step is None or step > last_step]


def plain_code(typed: str) -> str:
    """A typed code without spaces and dashes, in lower case."""
    return re.sub(r"[\s-]+", "", typed).casefold()


def recovery_codes() -> list[str]:
    """Ten codes to print: ``abcde-fghjk``, about 49 bits each."""
    return [f"{_part()}-{_part()}" for _ in range(RECOVERY_CODES)]


def _part() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(5))
