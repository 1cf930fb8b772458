"""Write the audit. A change's entry stands in the transaction of the change; reads are noted and written later."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.access import Actor
from app.domain.audit import DETAILS, EVENTS
from app.models import AuditEntry
from app.models.base import utcnow


def facts(
    actor: Actor,
    event: str,
    *,
    result: str = "ok",
    order_id: int | None = None,
    store_id: int | None = None,
    subject: str | None = None,
    details: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The columns of an entry about something the actor did.

    Raises KeyError for an event without a sentence, or a detail without a name: nobody could read it.
    """
    for name in (event, *(details or {})):
        if name not in EVENTS and name not in DETAILS:
            raise KeyError(f"{name} is not in app/domain/audit.py")
    return {
        "at": utcnow(),
        "event": event,
        "result": result,
        "actor_id": actor.id,
        "actor": actor.login[:128],
        "ip": actor.ip,
        "order_id": order_id,
        "store_id": store_id,
        "subject": subject,
        "details": details or {},
    }


def record(session: Session, actor: Actor, event: str, **about: Any) -> None:
    """Add an entry to the running transaction; ``about`` as the keywords of ``facts``."""
    session.add(AuditEntry(**facts(actor, event, **about)))


def note_read(session: Session, actor: Actor, event: str, **about: Any) -> None:
    """Remember that something was read: written in a batch after the answer (``app/reads.py``), never in a page."""
    session.info.setdefault("audit_notes", []).append(facts(actor, event, **about))


def take_notes(session: Session) -> list[dict[str, Any]]:
    """The notes of this session so far, and forget them."""
    return session.info.pop("audit_notes", [])


def write_notes(session: Session, notes: list[dict[str, Any]]) -> None:
    """Write a batch of notes in the running transaction."""
    session.execute(sa.insert(AuditEntry), notes)
