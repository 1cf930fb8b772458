"""A person changes their own page."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.actions import audit
from app.domain import account
from app.domain.access import Actor
from app.domain.audit import ACCOUNT_CHANGED
from app.domain.refusal import NotFound
from app.models import Person


def change_account(session: Session, actor: Actor, values: dict[str, str], languages: tuple[str, ...]) -> list[str]:
    """Keep what the person set about themselves; the names of the fields that changed.

    Raises Invalid as ``app.domain.account.check``. Writes an audit entry that names the fields, not their contents.
    """
    person = session.get(Person, actor.id)
    if person is None:
        raise NotFound
    kept = account.check(values, languages)
    changed = [name for name, value in kept.items() if getattr(person, name) != value]
    for name in changed:
        setattr(person, name, kept[name])
    if changed:
        audit.record(session, actor, ACCOUNT_CHANGED, subject=actor.login, details={"fields": changed})
    return changed


def change_theme(session: Session, actor: Actor, theme: str) -> None:
    """Keep the theme: light, dark, or nothing for what the system says. Anything else changes nothing."""
    person = session.get(Person, actor.id)
    if person is not None and theme in account.THEMES:
        person.theme = theme or None
