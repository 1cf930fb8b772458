"""Write the audit. A change's entry stands in the transaction of the change; reads are noted and written later."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.domain.access import Actor
from app.models import AuditEntry


def entry(
    actor: Actor,
    event: str,
    *,
    result: str = "ok",
    order_id: int | None = None,
    store_id: int | None = None,
    subject: str | None = None,
    details: dict[str, Any] | None = None,
) -> AuditEntry:
    """An entry about something the actor did; not yet in any session."""
    return AuditEntry(
        event=event,
        result=result,
        actor_id=actor.id,
        actor=actor.login[:128],
        ip=actor.ip,
        order_id=order_id,
        store_id=store_id,
        subject=subject,
        details=details or {},
    )


def record(session: Session, actor: Actor, event: str, **facts: Any) -> None:
    """Add an entry to the running transaction; ``facts`` as of ``entry``."""
    session.add(entry(actor, event, **facts))


def note_read(session: Session, actor: Actor, event: str, **facts: Any) -> None:
    """Remember that something was read. Entry points write the notes after the answer (``take_notes``)."""
    session.info.setdefault("audit_notes", []).append(entry(actor, event, **facts))


def take_notes(session: Session) -> list[AuditEntry]:
    """The notes of this session so far, and forget them."""
    return session.info.pop("audit_notes", [])
