"""Turn the second step on and off, and check what is typed there. The secret is encrypted with a key of the app's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

import sqlalchemy as sa
from pyotp.totp import TOTP
from sqlalchemy.orm import Session

from app.actions import audit
from app.actions.credentials import end_sessions
from app.domain import audit as events
from app.domain.access import Actor
from app.domain.refusal import Invalid, NotFound
from app.domain.second_step import WRONG_CODE, plain_code, recovery_codes, steps_around
from app.models import Person, RecoveryCode
from app.models.base import utcnow
from app.safe import Safe


class Vault(Safe):
    """Keeps the second steps of people."""

    def __init__(self, secret_key: str) -> None:
        super().__init__(secret_key, "second step")

    def proposal(self, person: Person, salt: str) -> str:
        """The secret offered to a person in one session: always the same there, so that showing it writes nothing."""
        text = f"setup:{person.id}:{person.auth_version}:{salt}"
        return base64.b32encode(hmac.new(self._key[32:], text.encode(), hashlib.sha256).digest()[:20]).decode()

    def fingerprint(self, user_id: int, code: str) -> str:
        """A keyed hash of a recovery code: 49 bits alone could be guessed from a plain one."""
        return hmac.new(self._key[32:], f"{user_id}:{code}".encode(), hashlib.sha256).hexdigest()


def confirm_setup(session: Session, actor: Actor, person: Person, vault: Vault, *, secret: str, code: str) -> list[str]:
    """Turn the second step on with the secret that was shown and a first code of it; the recovery codes, shown once.

    Ends every session. Raises Invalid at ``code``, NotFound where a second step is on already.
    """
    if person.totp_confirmed_at is not None:
        raise NotFound
    person.totp_secret, person.totp_last_step = vault.close(secret), None
    session.flush()
    if not _take_code(session, person, vault, code):
        raise Invalid({"code": [WRONG_CODE]})
    person.totp_confirmed_at = utcnow()
    end_sessions(person)
    audit.record(session, actor, events.SECOND_STEP_ON, subject=f"person:{person.id}")
    return _make_recovery_codes(session, person, vault)


def renew_recovery_codes(session: Session, actor: Actor, person: Person, vault: Vault) -> list[str]:
    """New recovery codes; the old ones no longer work. Raises NotFound without a second step."""
    if person.totp_confirmed_at is None:
        raise NotFound
    audit.record(session, actor, events.RECOVERY_CODES_MADE, subject=f"person:{person.id}")
    return _make_recovery_codes(session, person, vault)


def turn_off(session: Session, actor: Actor, person: Person) -> None:
    """Take the second step away (one's own, or a person's who lost it) and end every session."""
    event = events.SECOND_STEP_OFF if actor.id == person.id else events.SECOND_STEP_RESET
    person.totp_secret = person.totp_confirmed_at = person.totp_last_step = None
    session.execute(sa.delete(RecoveryCode).where(RecoveryCode.user_id == person.id))
    end_sessions(person)
    audit.record(session, actor, event, subject=f"person:{person.id}")
    session.flush()


def check_code(session: Session, actor: Actor, person: Person, vault: Vault, typed: str) -> bool:
    """Take a code of the authenticator or a recovery code. Each works once."""
    if person.totp_confirmed_at is None:
        return False
    return _take_code(session, person, vault, typed) or _take_recovery_code(session, actor, person, vault, typed)


def _take_code(session: Session, person: Person, vault: Vault, typed: str) -> bool:
    code = plain_code(typed)
    if not (len(code) == 6 and code.isascii() and code.isdigit()) or not person.totp_secret:
        return False
    maker = TOTP(vault.open(person.totp_secret))
    for step in steps_around(time.time(), person.totp_last_step):
        if hmac.compare_digest(maker.generate_otp(step), code):
            # Compare and swap: two requests with one code cannot both win.
            taken = session.execute(
                sa.update(Person)
                .where(Person.id == person.id, sa.or_(Person.totp_last_step.is_(None), Person.totp_last_step < step))
                .values(totp_last_step=step)
            )
            session.flush()
            return taken.rowcount == 1  # type: ignore[attr-defined]
    return False


def _take_recovery_code(session: Session, actor: Actor, person: Person, vault: Vault, typed: str) -> bool:
    taken = session.execute(
        sa.update(RecoveryCode)
        .where(
            RecoveryCode.user_id == person.id,
            RecoveryCode.code_hash == vault.fingerprint(person.id, plain_code(typed)),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=utcnow())
    )
    if taken.rowcount != 1:  # type: ignore[attr-defined]
        return False
    audit.record(session, actor, events.RECOVERY_CODE_USED, subject=f"person:{person.id}")
    return True


def _make_recovery_codes(session: Session, person: Person, vault: Vault) -> list[str]:
    session.execute(sa.delete(RecoveryCode).where(RecoveryCode.user_id == person.id))
    codes = recovery_codes()
    session.add_all(
        RecoveryCode(user_id=person.id, code_hash=vault.fingerprint(person.id, plain_code(code))) for code in codes
    )
    session.flush()
    return codes
