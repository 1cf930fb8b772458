"""What an answer of the platform means for the engine, the same for every kind of action."""

from __future__ import annotations

from collections.abc import Callable

from app.domain.refusal import Refusal
from app.domain.work import REFUSED_THERE
from app.jobs import protocol
from app.jobs.protocol import Outcome
from app.platform.port import PlatformRefused, SurelyNot, Unknown


def refusal_of(error: PlatformRefused) -> Refusal:
    """The platform's own words, for people; a number where it said none."""
    return Refusal(REFUSED_THERE.code, REFUSED_THERE.text, {"message": error.message[:200] or f"HTTP {error.status}"})


def read(call: Callable[[], Outcome | None]) -> Outcome | None:
    """Run a part that only reads: whatever goes wrong, nothing was done."""
    try:
        return call()
    except SurelyNot as error:
        return protocol.retry(str(error), error.after)
    except Unknown as error:
        return protocol.retry(str(error))


def write(call: Callable[[], None]) -> Outcome:
    """Run the one call that changes something at the platform."""
    try:
        call()
    except SurelyNot as error:
        return protocol.retry(str(error), error.after)
    except PlatformRefused as error:
        return protocol.refused(refusal_of(error), status=error.status, said=error.message)
    except Unknown as error:
        return protocol.unknown(str(error))
    return protocol.done()
