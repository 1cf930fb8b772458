"""A refusal: why something may not happen, as a value that a screen can show and an action can raise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason. ``code`` is stable (``refund.exists``); ``text`` is an English msgid with ``%(name)s`` places.

    Show it with ``app.i18n.say(refusal)``, which translates ``text`` and fills ``params`` in.
    """

    code: str
    text: str
    params: dict[str, Any] = field(default_factory=dict, hash=False)

    def english(self) -> str:
        """The sentence in English, for logs, rows and the API."""
        return self.text % self.params if self.params else self.text


class Refused(Exception):
    """Raised by an action: nothing was written. Entry points answer 409 with the reason in words."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.english())
        self.refusal = refusal


class NotFound(Exception):
    """Does not exist, or not for this actor: the two are never told apart. Entry points answer 404."""


class Invalid(Exception):
    """Input that does not hold: field name to messages (msgids). Entry points answer 422 and keep what was typed."""

    def __init__(self, errors: dict[str, list[Refusal]]) -> None:
        super().__init__("; ".join(f"{name}: {r.english()}" for name, found in errors.items() for r in found))
        self.errors = errors
