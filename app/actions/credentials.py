"""What a person signs in with: the password. The second step is in ``second_step``, links in ``access_links``."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session
from werkzeug.security import check_password_hash, generate_password_hash

from app.actions import audit
from app.domain import audit as events
from app.domain.access import Actor
from app.domain.passwords import DIFFERENT, SAME_AS_BEFORE, WRONG, normalised, why_not_password
from app.domain.refusal import Invalid
from app.models import Person
from app.models.base import utcnow

HASH_METHOD = "scrypt:32768:8:1"
# Compared where there is no such account, no password or a closed account, so that the answer takes as long.
DUMMY_HASH = (
    "scrypt:32768:8:1$jz3DVMKt9ssyRzyk$60e4258b7b01805bcb4e19f64f27e4d42404142ed4b00d62cbaf537f"
    "a6098d47487d2e33d6f0a7547e89a28d42f23901c7e5e27be7eb70412f327937da76a582"
)  # of "nobody has this password"


def matches(person: Person | None, password: str, now: dt.datetime | None = None) -> bool:
    """Is this the person's password? One scrypt computation in any case, for nobody and closed accounts as well.

    An expired temporary password does not match.
    """
    kept = person.password if person is not None else None
    usable = (
        person is not None
        and bool(person.active)
        and bool(kept)
        and (person.password_expires_at is None or person.password_expires_at > (now or utcnow()))
    )
    right = check_password_hash(kept if usable and kept else DUMMY_HASH, normalised(password))
    return right and usable


def own_words(person: Person) -> tuple[str, ...]:
    """What must not stand in the person's password."""
    return tuple(word or "" for word in (person.username, person.email, person.first_name, person.last_name))


def end_sessions(person: Person) -> None:
    """Every session of the person ends at once, copies of cookies included."""
    person.auth_version = (person.auth_version or 0) + 1


def put_password(person: Person, password: str, *, expires_at: dt.datetime | None = None) -> None:
    """Store the hash. With ``expires_at`` it is a temporary one, to be changed at the first sign-in."""
    person.password = generate_password_hash(normalised(password), HASH_METHOD)
    person.password_changed_at = utcnow()
    person.password_expires_at = expires_at
    person.must_change_password = expires_at is not None
    end_sessions(person)


def rehash(person: Person, password: str) -> None:
    """Hash the same password at the present cost; sessions live on."""
    person.password = generate_password_hash(normalised(password), HASH_METHOD)


def set_password(
    session: Session,
    actor: Actor,
    person: Person,
    *,
    password: str,
    repeated: str,
    event: str = events.PASSWORD_CHANGED,
) -> None:
    """Set the password a person chose and end all their sessions. Raises Invalid at ``password`` or ``repeated``."""
    refusal = why_not_password(password, own_words(person))
    if refusal is not None:
        raise Invalid({"password": [refusal]})
    if normalised(password) != normalised(repeated):
        raise Invalid({"repeated": [DIFFERENT]})
    put_password(person, password)
    audit.record(session, actor, event, subject=f"person:{person.id}")
    session.flush()


def change_password(
    session: Session, actor: Actor, person: Person, *, present: str, password: str, repeated: str
) -> None:
    """Change one's own password, proving the present one. Raises Invalid at ``present``, ``password``, ``repeated``."""
    if not matches(person, present):
        raise Invalid({"present": [WRONG]})
    if normalised(present) == normalised(password):
        raise Invalid({"password": [SAME_AS_BEFORE]})
    set_password(session, actor, person, password=password, repeated=repeated)
