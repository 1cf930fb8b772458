"""Check who somebody is: the first step, the second, and proofs in between. Every path that takes a password is here.

All of them count towards the same limits, answer alike for known and unknown names, and compute one scrypt hash.
"""

from __future__ import annotations

import enum

from flask import current_app, request
from flask_appbuilder.const import AUTH_DB, AUTH_LDAP

from app.actions import audit
from app.actions.credentials import HASH_METHOD, matches, rehash
from app.actions.second_step import Vault, check_code
from app.db import session, transaction
from app.domain import audit as events
from app.domain.access import Actor
from app.domain.sign_in import TRIES_PER_ACCOUNT, TRIES_PER_ADDRESS, TRIES_WINDOW, same_login
from app.models import Person
from app.models.base import utcnow
from app.queries.people import person_by_login
from app.security.limits import forget, hit
from app.security.sessions import browser_session
from app.settings import settings

ACCOUNT, ADDRESS = "try-account", "try-address"


class Answer(enum.Enum):
    """What came of a try."""

    RIGHT = "right"
    WRONG = "wrong"
    TOO_OFTEN = "too often"


def vault() -> Vault:
    """The keeper of second-step secrets; one per app, its key is costly to derive."""
    found = current_app.extensions.get("vault")
    if found is None:
        found = current_app.extensions["vault"] = Vault(str(current_app.secret_key))
    return found  # type: ignore[no-any-return]


def actor_for(person: Person | None) -> Actor:
    """Who the audit names while nobody is signed in yet: the account that was tried, or nobody."""
    if person is None:
        return Actor(id=None, login="anonymous", name="", ip=request.remote_addr)
    return Actor(id=person.id, login=person.username, name="", ip=request.remote_addr)


def check_password(typed_login: str, password: str) -> tuple[Answer, Person | None]:
    """The first step. The person is given back only with ``Answer.RIGHT``."""
    login = same_login(typed_login)
    person = person_by_login(session, login)
    if not _may_try(person, login):
        return Answer.TOO_OFTEN, None
    if by_directory():
        found = current_app.appbuilder.sm.auth_user_ldap(typed_login, password)  # type: ignore[attr-defined]
        right, person = found is not None, found or person
    else:
        right = matches(person, password)
    with transaction():
        if not right or person is None:
            audit.record(session, actor_for(person), events.SIGN_IN_FAILED, result="failed", subject=_subject(person))
            return Answer.WRONG, None
        session.add(person)
        if not by_directory() and not (person.password or "").startswith(HASH_METHOD):
            rehash(person, password)
        if person.totp_confirmed_at is None:
            _succeeded(person, login)
    return Answer.RIGHT, person


def check_second_step(person: Person, typed: str) -> Answer:
    """The second step: a code, or a recovery code."""
    if not _may_try(person, ""):
        return Answer.TOO_OFTEN
    with transaction():
        session.add(person)
        if not check_code(session, actor_for(person), person, vault(), typed):
            audit.record(
                session, actor_for(person), events.SIGN_IN_FAILED, result="failed", subject=_subject(person),
                details={"step": "second"},
            )  # fmt: skip
            return Answer.WRONG
        _succeeded(person, "")
    return Answer.RIGHT


def check_proof(person: Person, password: str, code: str) -> Answer:
    """A proof in between: the password, or a code where a second step is set up."""
    if not _may_try(person, ""):
        return Answer.TOO_OFTEN
    right = False
    if takes_passwords() and (password or not code):
        right = _is_password_of(person, password)
    with transaction():
        session.add(person)
        right = right or bool(code and check_code(session, actor_for(person), person, vault(), code))
        event = events.IDENTITY_PROVED if right else events.IDENTITY_NOT_PROVED
        audit.record(session, actor_for(person), event, result="ok" if right else "failed", subject=_subject(person))
        if right:
            forget(ACCOUNT, _account_key(person, ""))
    return Answer.RIGHT if right else Answer.WRONG


def local_passwords() -> bool:
    """Are passwords kept here? Not where LDAP, OAuth or SAML know who somebody is."""
    return bool(current_app.config["AUTH_TYPE"] == AUTH_DB)


def takes_passwords() -> bool:
    """Is a password typed into our form? Not where OAuth, SAML or the web server say who somebody is."""
    return local_passwords() or by_directory()


def access_mail() -> str:
    """Which mail a new account gets: as ``ACCESS_MAIL`` says, or one without any secret where we keep no passwords."""
    return settings().access_mail if local_passwords() else "elsewhere"


def signed_in_elsewhere(person: Person) -> None:
    """Note that somebody has signed in by another's word."""
    with transaction():
        session.add(person)
        _succeeded(person, "")


def refused_elsewhere() -> Answer:
    """Note that another's word opened nothing. Only that counts: a whole team may sign in from one address."""
    if not hit(ADDRESS, request.remote_addr or "", TRIES_PER_ADDRESS, TRIES_WINDOW):
        return Answer.TOO_OFTEN
    with transaction():
        audit.record(session, actor_for(None), events.SIGN_IN_FAILED, result="failed")
    return Answer.WRONG


def by_directory() -> bool:
    """Does an LDAP directory check passwords?"""
    return bool(current_app.config["AUTH_TYPE"] == AUTH_LDAP)


def _is_password_of(person: Person, password: str) -> bool:
    if not by_directory():
        return matches(person, password)
    found = current_app.appbuilder.sm.auth_user_ldap(person.username, password)  # type: ignore[attr-defined]
    return found is not None and found.id == person.id


def may_try_password(person: Person) -> bool:
    """Count a try of the present password in a form that is not one of the above (changing the password)."""
    return _may_try(person, "")


def _may_try(person: Person | None, login: str) -> bool:
    ip = request.remote_addr or ""
    # Both are counted, so that the order of the questions tells nothing.
    by_address = hit(ADDRESS, ip, TRIES_PER_ADDRESS, TRIES_WINDOW)
    by_account = hit(ACCOUNT, _account_key(person, login), TRIES_PER_ACCOUNT, TRIES_WINDOW)
    if by_address and by_account:
        return True
    with transaction():
        audit.record(session, actor_for(person), events.SIGN_IN_LIMITED, result="refused", subject=_subject(person))
    return False


def _account_key(person: Person | None, login: str) -> str:
    if person is None:
        return f"name:{login}"
    # Own browsers are counted apart: whoever goes on guessing elsewhere cannot keep the person out.
    return f"person:{person.id}:{browser_session().device(person.id)}"


def _subject(person: Person | None) -> str | None:
    # What was typed as a name is often a password: it is never written down.
    return None if person is None else f"person:{person.id}"


def _succeeded(person: Person, login: str) -> None:
    forget(ACCOUNT, _account_key(person, login))
    person.last_login = utcnow().replace(tzinfo=None)  # FAB's column is naive
    person.last_seen_at = utcnow()
    person.login_count = (person.login_count or 0) + 1
    audit.record(session, actor_for(person), events.SIGNED_IN, subject=_subject(person))
