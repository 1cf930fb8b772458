"""What a handler of an action's kind gives the engine, and what it gets back (docs/queue.md).

The engine (``app/jobs/lease.py``, ``app/jobs/actions.py``) owns states, leases, retries and doubt; a handler owns
the meaning of one kind. For each claimed row the engine asks, in this order::

    lookup(action)                     only if action.doubt and the capability is LOOKUP; no transaction is open
    guard(session, action, actor)      the rules and the person's rights once more; reads only
    perform(action)                    the call; no transaction is open
    settle(session, action, outcome, actor)   inside the one finishing transaction

``action`` is a detached row: read it, never change it. ``actor`` is the person who asked, with the permissions and
the scope of this moment (``SYSTEM`` where no person is behind it).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy.orm import Session

from app.domain.access import Actor
from app.domain.refusal import Refusal
from app.models import Action


class Capability(enum.StrEnum):
    """How an action may be repeated when an earlier attempt may have happened (``action.doubt``)."""

    KEY = "key"
    """The other side takes ``action.key`` and does one key once: simply repeat."""
    LOOKUP = "lookup"
    """The other side can be asked what happened: ``lookup`` first, repeat only when it surely did not happen."""
    NONE = "none"
    """Nobody can tell: never repeat, show it to a person."""
    REPEATABLE = "repeatable"
    """Sets a state: doing it again changes nothing more."""
    LOCAL = "local"
    """Everything happens in ``settle``, in our own database: an attempt that did not finish did nothing."""


class Verdict(enum.StrEnum):
    """How an attempt ended."""

    DONE = "done"
    REFUSED = "refused"  # for good: a rule or the other side said no, and nothing happened
    RETRY = "retry"  # this attempt surely did nothing: 429, 503, connection refused, token could not be fetched
    UNKNOWN = "unknown"  # it may have happened: time-out, reset, 5xx after sending
    PARKED = "parked"  # handed on to a mail row; done when the mail server has taken that
    ATTENTION = "attention"  # only a person can decide


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt. Make one with ``done()``, ``refused()``, ``retry()``, ``unknown()``, … below."""

    verdict: Verdict
    reason: Refusal | None = None
    error: str = ""
    after: float | None = None
    data: dict[str, Any] = field(default_factory=dict)


def done(**data: Any) -> Outcome:
    """It happened; ``data`` is for ``settle``."""
    return Outcome(Verdict.DONE, data=data)


def refused(reason: Refusal, **data: Any) -> Outcome:
    """It will not happen; the reason is kept with the action and shown."""
    return Outcome(Verdict.REFUSED, reason=reason, data=data)


def retry(error: str, after: float | None = None) -> Outcome:
    """It surely did not happen this time. ``error``: a short text without personal data; ``after``: seconds to wait
    at least (``Retry-After``)."""
    return Outcome(Verdict.RETRY, error=error, after=after)


def unknown(error: str) -> Outcome:
    """It may have happened. The engine waits out the quarantine and comes back with ``action.doubt`` set."""
    return Outcome(Verdict.UNKNOWN, error=error)


def parked(**data: Any) -> Outcome:
    """``settle`` writes a mail row with ``action_id``; the action ends when that mail does (``mail_taken``)."""
    return Outcome(Verdict.PARKED, data=data)


def attention(reason: Refusal) -> Outcome:
    """A person has to decide whether it happened."""
    return Outcome(Verdict.ATTENTION, reason=reason)


class Handler(Protocol):
    """One kind of action."""

    capability: Capability
    permission: tuple[str, str] | None
    """The FAB permission the person must still hold when the job runs; None: being in scope is enough."""

    def guard(self, session: Session, action: Action, actor: Actor) -> Refusal | None:
        """The rules of the domain, asked again just before the call; None when nothing speaks against it.

        Asked after the engine has checked account, permission and scope. Not asked once ``doubt`` could not be
        resolved: then only the other side knows. Reads; the engine ends the reading transaction before the call.
        """

    def lookup(self, action: Action) -> Outcome | None:
        """Did an earlier attempt happen? ``done()`` when it did, None when it surely did not, ``retry()`` or
        ``unknown()`` when that cannot be learned now. Only asked of LOOKUP handlers."""

    def perform(self, action: Action) -> Outcome:
        """Do it, with every time-out below ten seconds. No transaction is open; anything it raises is ``unknown``."""
        ...

    def settle(self, session: Session, action: Action, outcome: Outcome, actor: Actor) -> None:
        """Write what follows (history, changed rows, mail rows, audit) for DONE, REFUSED, PARKED and ATTENTION.

        Runs in the transaction that ends the lease: all of it or nothing, and nothing once the lease is lost.
        A LOCAL handler does its whole work here, under row locks, and may raise ``Refused``: everything is rolled
        back and the action ends refused with that reason (``settle`` is then called again with ``refused``).
        An ATTENTION that a person settles comes back as DONE or REFUSED, or as an ordinary new attempt.
        """

    def mail_taken(self, session: Session, action: Action, actor: Actor) -> None:
        """The mail server has taken the mail of a parked action, in the transaction that ends both."""
