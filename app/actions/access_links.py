"""Links to set a password: made when the mail is sent, kept hashed, used once and by POST.

A queued mail never holds the secret: the mail job calls ``make_link`` (or ``make_temporary_password``) in the
transaction that settles what is being sent, and puts the result into the words only.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actions import audit, queue
from app.actions.credentials import put_password, set_password
from app.domain import audit as events
from app.domain.access import Actor
from app.domain.passwords import temporary_password
from app.domain.refusal import NotFound
from app.domain.sign_in import LINK_HOURS
from app.models import OneTimeToken, Person
from app.models.base import utcnow

ACCESS, RESET = "access", "reset"
TEMPLATES = {"link": "access", "temporary_password": "access_temporary", "elsewhere": "access_elsewhere"}


def queue_access_mail(session: Session, actor: Actor, person: Person, how: str) -> None:
    """Queue the access mail: the login and a link or an expiring password, as the setting ``ACCESS_MAIL`` says; the
    login alone (``elsewhere``) where somebody else keeps the passwords."""
    template = TEMPLATES[how]
    _queue(session, person, template)
    audit.record(session, actor, events.ACCESS_SENT, subject=f"person:{person.id}", details={"mail": template})


def queue_reset_mail(session: Session, actor: Actor, person: Person) -> None:
    """Queue the mail for somebody who forgot the password."""
    _queue(session, person, "password_reset")
    audit.record(session, actor, events.PASSWORD_ASKED, subject=f"person:{person.id}")


def refuse_reset_mail(session: Session, actor: Actor, person: Person | None) -> None:
    """Note that no mail goes out: there is no such account, it is closed, or it asks too often. Names no typed name."""
    subject = None if person is None else f"person:{person.id}"
    audit.record(session, actor, events.PASSWORD_ASKED, result="refused", subject=subject)


def _queue(session: Session, person: Person, template: str) -> None:
    queue.put_mail(
        session, f"{template}:{person.id}:{secrets.token_hex(8)}", template, user_id=person.id,
        params={"user_id": person.id}, language=person.language or "en",
    )  # fmt: skip


def make_link(session: Session, user_id: int, purpose: str = ACCESS) -> str:
    """A new link's path, ``/set-password/<token>``, good for 24 hours; older ones are void. The caller commits.

    Raises NotFound where the account is gone or closed: then there is nothing to send.
    """
    person = _open_account(session, user_id)
    now = utcnow()
    void_links(session, person.id)
    token = secrets.token_urlsafe(32)
    session.add(
        OneTimeToken(
            user_id=person.id, purpose=purpose, token_hash=_hash(token), created_at=now,
            expires_at=now + dt.timedelta(hours=LINK_HOURS),
        )
    )  # fmt: skip
    session.flush()
    return f"/set-password/{token}"


def make_temporary_password(session: Session, user_id: int) -> str:
    """A random password for 24 hours that must be changed at the first sign-in. The caller commits.

    Raises NotFound where the account is gone or closed.
    """
    person = _open_account(session, user_id)
    password = temporary_password()
    put_password(person, password, expires_at=utcnow() + dt.timedelta(hours=LINK_HOURS))
    void_links(session, person.id)
    session.flush()
    return password


def person_of_link(session: Session, token: str, *, lock: bool = False) -> Person:
    """Whose link it is. Raises NotFound for one that is unknown, used, void, too old, or of a closed account."""
    now = utcnow()
    statement = (
        sa.select(Person)
        .join(OneTimeToken, OneTimeToken.user_id == Person.id)
        .where(
            OneTimeToken.token_hash == _hash(token),
            OneTimeToken.used_at.is_(None),
            OneTimeToken.voided_at.is_(None),
            OneTimeToken.expires_at > now,
            Person.active.is_(True),
        )
    )
    found = session.scalar(statement.with_for_update() if lock else statement)
    if found is None:
        raise NotFound
    return found


def use_link(session: Session, actor: Actor, token: str, password: str, repeated: str) -> Person:
    """Set the password by the link and use it up. Raises NotFound, or Invalid at the fields (then it is not used)."""
    person = person_of_link(session, token, lock=True)
    set_password(session, actor, person, password=password, repeated=repeated, event=events.PASSWORD_SET)
    session.execute(sa.update(OneTimeToken).where(OneTimeToken.token_hash == _hash(token)).values(used_at=utcnow()))
    void_links(session, person.id)
    return person


def void_links(session: Session, user_id: int) -> None:
    """Void every link of the person that is still open."""
    session.execute(
        sa.update(OneTimeToken)
        .where(OneTimeToken.user_id == user_id, OneTimeToken.used_at.is_(None), OneTimeToken.voided_at.is_(None))
        .values(voided_at=utcnow())
    )


def _open_account(session: Session, user_id: int) -> Person:
    person = session.get(Person, user_id)
    if person is None or not person.active:
        raise NotFound
    return person


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
