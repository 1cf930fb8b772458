"""Sessions of browsers, kept in the database.

A signed-in browser holds one random 256-bit token; the table holds its SHA-256 and the session's data. Ending the
row ends every copy of the cookie at once. A visitor who has not signed in has no row: what the sign-in form needs
(CSRF token, a message) stands in a second, signed, short-lived cookie. Nothing is read before it is asked for, so
static files and health checks cost no statement.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
from collections.abc import Iterator
from typing import Any, cast

import sqlalchemy as sa
from flask import Flask, Request, Response, session
from flask.sessions import SessionInterface, SessionMixin
from itsdangerous import BadSignature, URLSafeSerializer, URLSafeTimedSerializer

from app.db import database, transaction
from app.domain.sign_in import SEEN_EVERY, SessionLimits
from app.models import Person, UserSession
from app.models.base import utcnow
from app.queries.people import session_and_person
from config import Settings

VISIT_SECONDS = 2 * 60 * 60
VISIT_BYTES = 3000
DEVICE_SECONDS = 180 * 24 * 60 * 60
USER_KEY, CSRF_KEY = "_user_id", "csrf_token"
_DERIVED = {USER_KEY, "_fresh", "_id"}  # Flask-Login's keys; the row says it better


def hash_token(token: str) -> str:
    """What the database knows of a secret."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_token() -> str:
    """A secret of 256 random bits, fit for cookies and addresses."""
    return secrets.token_urlsafe(32)


class BrowserSession(SessionMixin):
    """What Flask calls the session; read on first use, written by ``DatabaseSessions`` at the end."""

    def __init__(self, app: Flask, request: Request, interface: DatabaseSessions) -> None:
        self._app, self._request, self._interface = app, request, interface
        self._data: dict[str, Any] | None = None
        self.token = request.cookies.get(interface.session_cookie)
        self.row: UserSession | None = None
        self.person: Person | None = None
        self.starts_for: Person | None = None
        self.known_to: int | None = None
        self.modified = False
        self.unknown = False

    @property
    def read(self) -> bool:
        """Has anybody asked for what is in it?"""
        return self._data is not None

    def _load(self) -> dict[str, Any]:
        if self._data is None:
            self._data = {}  # should the database fail now, the error page finds a visitor, not a second failure
            if self.token:
                self.unknown = True
                found = self._interface.find(self.token)
                self.unknown = False
                if found is not None:
                    self.row, self.person = found
                    self._data = {**self.row.data, USER_KEY: str(self.person.id), "_fresh": True}
            else:
                self._data = self._interface.read_visit(self._app, self._request)
        return self._data

    def load_person(self) -> Person | None:
        """The person of this browser; None for a visitor, an ended session or a closed account."""
        self._load()
        return self.person

    def start(self, person: Person, *, same_forms: bool = False) -> None:
        """Sign the person in: at the end of the request a new session begins, with a new id and a new CSRF token.

        ``same_forms``: whoever signs in again keeps the CSRF token, so that the forms in other tabs still fit.
        """
        before = self._load()
        again = same_forms and self.person is not None and self.person.id == person.id
        csrf = (before.get(CSRF_KEY) if again else None) or secrets.token_hex(32)
        self._data = {key: value for key, value in before.items() if key == "_flashes"}
        self._data.update({USER_KEY: str(person.id), "_fresh": True, CSRF_KEY: csrf})
        self.person = self.starts_for = person
        self.modified = True
        self.remember(person)

    def end(self) -> None:
        """Sign out; a message for the next page may follow."""
        self._load()
        self._data = {}
        self.person = self.starts_for = None
        self.modified = True

    def remember(self, person: Person) -> None:
        """From now on this browser is one of the person's own: see ``device``."""
        self.known_to = person.id

    def device(self, person_id: int) -> str:
        """This browser's name where the person has signed in with it before, else nothing.

        Tries from such a browser are counted apart: somebody who keeps on guessing locks nobody out.
        """
        known_to, name = self._interface.read_device(self._app, self._request)
        return name if known_to == person_id else ""

    def __contains__(self, key: object) -> bool:
        # Flask-Login asks so after every answer, a health check's too. Nobody is remembered here.
        return key != "_remember" and key in self._load()

    def __getitem__(self, key: str) -> Any:
        return self._load()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        data = self._load()
        if key not in data or data[key] != value:
            data[key] = value
            self.modified = True

    def __delitem__(self, key: str) -> None:
        del self._load()[key]
        self.modified = True

    def __iter__(self) -> Iterator[str]:
        return iter(self._load())

    def __len__(self) -> int:
        return len(self._load())

    def kept(self) -> dict[str, Any]:
        """The data as it can be stored: plain JSON, without what the row itself says."""
        plain = {key: value for key, value in self._load().items() if key not in _DERIVED}
        return cast(dict[str, Any], json.loads(json.dumps(plain, default=str)))


class DatabaseSessions(SessionInterface):
    """Opens and saves ``BrowserSession``."""

    def __init__(self, settings: Settings) -> None:
        # __Host- cookies must be Secure, which a browser refuses to send to a plain http try-out.
        prefix = "__Host-" if settings.https else ""
        self.session_cookie = f"{prefix}portal_session"
        self.visit_cookie = f"{prefix}portal_visit"
        self.device_cookie = f"{prefix}portal_device"
        self.secure = settings.https
        self.limits = SessionLimits(
            dt.timedelta(minutes=settings.session_idle_minutes), dt.timedelta(hours=settings.session_hours)
        )

    def open_session(self, app: Flask, request: Request) -> BrowserSession:
        """Flask's hook."""
        return BrowserSession(app, request, self)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Flask's hook: write what changed, set or drop the cookies."""
        found = cast(BrowserSession, session)
        if not found.read:
            return
        response.vary.add("Cookie")
        if found.unknown:
            return  # the database failed: whoever was signed in still is, once it is back
        if found.known_to is not None:
            name = found.device(found.known_to) or secrets.token_urlsafe(12)
            text = self._device_signer(app).dumps([found.known_to, name])
            self._set(response, self.device_cookie, cast(str, text), DEVICE_SECONDS)
        if found.starts_for is not None:
            self._begin(found, response)
        elif found.token and (found.row is None or found.get(USER_KEY) is None):
            self._finish(app, found, response)
        elif found.modified and found.row is not None:
            self._write(
                sa.update(UserSession).where(UserSession.token_hash == found.row.token_hash).values(data=found.kept())
            )
        elif found.modified:
            self._set_visit(app, found, response)

    def find(self, token: str) -> tuple[UserSession, Person] | None:
        """The live session with this token and its person; one statement."""
        return session_and_person(database().session(), hash_token(token), utcnow(), self.limits.idle)

    def _begin(self, found: BrowserSession, response: Response) -> None:
        person, request, now = cast(Person, found.starts_for), found._request, utcnow()
        token = new_token()
        row = UserSession(
            token_hash=hash_token(token), user_id=person.id, auth_version=person.auth_version, data=found.kept(),
            created_at=now, seen_at=now, expires_at=now + self.limits.absolute, proved_at=now,
            ip=request.remote_addr, user_agent=(request.user_agent.string or "")[:255],
        )  # fmt: skip
        end_old = [] if not found.token else [_end(found.token)]
        seen = sa.update(Person).where(Person.id == person.id).values(last_seen_at=now)  # later uses: seen_note
        self._write(*end_old, seen, row=row)
        self._set(response, self.session_cookie, token)
        self._drop(response, self.visit_cookie)

    def _finish(self, app: Flask, found: BrowserSession, response: Response) -> None:
        if found.row is not None:
            self._write(_end(cast(str, found.token)))
        self._drop(response, self.session_cookie)
        self._set_visit(app, found, response)

    def _set_visit(self, app: Flask, found: BrowserSession, response: Response) -> None:
        data = found.kept()
        if not data:
            if self.visit_cookie in found._request.cookies:
                self._drop(response, self.visit_cookie)
            return
        text = self._signer(app).dumps(data)
        if len(text) > VISIT_BYTES:  # a browser would drop it whole; the messages are worth less than the CSRF token
            text = self._signer(app).dumps({key: data[key] for key in (CSRF_KEY,) if key in data})
        self._set(response, self.visit_cookie, cast(str, text), VISIT_SECONDS)

    def read_visit(self, app: Flask, request: Request) -> dict[str, Any]:
        """A visitor's data; empty when there is none, or it is old or forged."""
        text = request.cookies.get(self.visit_cookie)
        if not text:
            return {}
        try:
            return cast(dict[str, Any], self._signer(app).loads(text, max_age=VISIT_SECONDS))
        except BadSignature:
            return {}

    def read_device(self, app: Flask, request: Request) -> tuple[int, str]:
        """Whose browser this is, and its name; nobody's when it says nothing, or something forged."""
        try:
            known_to, name = self._device_signer(app).loads(request.cookies.get(self.device_cookie, ""))
        except BadSignature:
            return 0, ""
        return known_to, name

    def _device_signer(self, app: Flask) -> URLSafeSerializer:
        return URLSafeSerializer(cast(str, app.secret_key), salt="device")

    def _signer(self, app: Flask) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(cast(str, app.secret_key), salt="visit")

    def _write(self, *statements: sa.Executable, row: UserSession | None = None) -> None:
        now = database().session()
        if now.new or now.dirty or now.deleted:
            now.rollback()  # a view that failed half-way left them
        with transaction() as writing:
            for statement in statements:
                writing.execute(statement)
            if row is not None:
                writing.add(row)

    def _set(self, response: Response, name: str, value: str, seconds: int | None = None) -> None:
        response.set_cookie(name, value, max_age=seconds, secure=self.secure, httponly=True, samesite="Lax", path="/")

    def _drop(self, response: Response, name: str) -> None:
        response.delete_cookie(name, secure=self.secure, httponly=True, samesite="Lax", path="/")


def _end(token: str) -> sa.Delete:
    return sa.delete(UserSession).where(UserSession.token_hash == hash_token(token))


def browser_session() -> BrowserSession:
    """The session object of the request itself."""
    return cast(BrowserSession, session._get_current_object())  # type: ignore[attr-defined]


def seen_note() -> sa.Update | None:
    """The statement that notes the session as used, at most once a minute; None when it was noted lately."""
    found = browser_session()
    now = utcnow()
    if found.row is None or found.starts_for or now - found.row.seen_at < dt.timedelta(seconds=SEEN_EVERY):
        return None
    return sa.update(UserSession).where(UserSession.token_hash == found.row.token_hash).values(seen_at=now)
