"""The database of an app: one engine, one thread-scoped session, one place where a transaction ends.

``session`` is the current app's session. Entry points write inside ``with transaction():`` and nowhere else;
actions use the session and never commit. On SQLite such a transaction begins with BEGIN IMMEDIATE, so that
two writers queue instead of failing half-way, while plain reads never block anybody.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

import orjson
import sqlalchemy as sa
from flask import Flask, current_app, g, has_app_context
from sqlalchemy import event
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.orm import ORMExecuteState, Session, scoped_session, sessionmaker, with_loader_criteria
from werkzeug.local import LocalProxy

from app.domain.access import ALL_STORES, NO_STORES, Scope
from app.models import STORE_SCOPED, Store

log = logging.getLogger(__name__)
_writing: ContextVar[bool] = ContextVar("writing", default=False)
TRANSIENT = (OperationalError, InterfaceError, InternalError, NoConnectionError)
"""A database that restarts, hangs, deadlocks or is locked; not one that says our data is wrong."""


@dataclass(frozen=True)
class Database:
    """The engine and the session factory of one app."""

    engine: sa.Engine
    session: scoped_session[Session]


ALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000}
"""A database host that is gone without a word is noticed in half a minute (tcp_user_timeout: milliseconds). The
system's default, two hours, would keep a worker waiting for it that long."""


def make_engine(url: str, **options: Any) -> sa.Engine:
    """An engine set up for the portal: JSON by orjson, UTC, custom plans, SQLite in WAL with honest durability."""
    options.setdefault("json_serializer", lambda value: orjson.dumps(value).decode())
    options.setdefault("json_deserializer", orjson.loads)
    options.setdefault("hide_parameters", True)  # an error's text ends up in a log
    if url.startswith("sqlite"):
        engine = sa.create_engine(url, connect_args={"timeout": 15, "check_same_thread": False}, **options)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    options.setdefault("pool_pre_ping", True)
    options.setdefault("pool_use_lifo", True)  # the connection that has prepared most is the one used most
    engine = sa.create_engine(
        url, connect_args={"connect_timeout": 5, "options": "-c timezone=UTC -c jit=off", **ALIVE}, **options
    )
    engine.dialect.do_rollback = _roll_back  # type: ignore[method-assign]
    return engine


def _roll_back(connection: Any) -> None:
    """End a transaction and keep what was prepared. Every request that only reads ends so, and psycopg's own rollback
    makes the server forget every prepared statement (a table might have been made in it; ours come from migrations):
    each page would then plan all of its statements again."""
    if connection.pgconn.transaction_status:  # zero is "idle"
        connection.pgconn.exec_(b"ROLLBACK")
    if connection.pgconn.transaction_status:
        connection.rollback()  # says what is wrong


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we send BEGIN ourselves
    for pragma in ("journal_mode=WAL", PATIENT, "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}").close()
    # SQLite's own knows A to Z only: nobody would find Иванов, whatever the letter case.
    connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


PATIENCE = 15.0
"""Seconds until "database is locked"."""
PATIENT, BRIEFLY = f"busy_timeout={PATIENCE * 1000:.0f}", "busy_timeout=18"
"""How long SQLite itself asks again: after 1, 2, 5, 10 ms, and then ever more seldom, every 100 ms in the end."""


def _begin_sqlite(connection: sa.Connection) -> None:
    """A reader begins at once; a writer asks every few milliseconds until it is its turn.

    Every 100 ms, it would hardly ever hit the moment in which a busy worker is between two transactions: webhooks
    waited for half a minute.
    """
    if not _writing.get():
        connection.exec_driver_sql("BEGIN")
        return
    raw: Any = connection.connection.dbapi_connection
    until = time.monotonic() + PATIENCE
    raw.execute(f"PRAGMA {BRIEFLY}").close()
    try:
        while _is_busy(raw) and time.monotonic() < until:
            time.sleep(0.0005)
        if not raw.in_transaction:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises what is wrong
    finally:
        raw.execute(f"PRAGMA {PATIENT}").close()


def _is_busy(raw: Any) -> bool:
    """Begin to write, unless somebody else does just now."""
    try:
        raw.execute("BEGIN IMMEDIATE").close()
    except sqlite3.OperationalError as error:
        return bool(error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY)
    return False


def init_app(app: Flask, url: str, **options: Any) -> Database:
    """Bind a database to an app: ``session`` works inside its contexts and is given back at their end."""
    engine = make_engine(url, **options)
    found = scoped_session(sessionmaker(engine, expire_on_commit=False))
    event.listen(found.session_factory, "do_orm_execute", _narrow_to_scope)
    database = Database(engine, found)
    app.extensions["database"] = database

    @app.teardown_appcontext
    def give_back(_error: BaseException | None) -> None:
        found.remove()

    return database


def database() -> Database:
    """The current app's database."""
    return cast(Database, current_app.extensions["database"])


session: Session = cast(Session, LocalProxy(lambda: database().session()))
"""The current app's session in this thread."""


@contextmanager
def transaction() -> Iterator[Session]:
    """Do what follows in one transaction: committed at the end, rolled back on any error.

    Reads made before (signing in) are ended first, so that the transaction sees the present.
    Functions given to ``after_commit`` run once it is committed. Transactions do not nest.
    """
    now = database().session()
    if now.info.get("transaction"):
        raise RuntimeError("transactions do not nest: let the entry point open the one there is")
    if now.new or now.dirty or now.deleted:
        raise RuntimeError("something was changed before the transaction began")
    now.commit()
    token = _writing.set(True)
    now.info["transaction"] = True
    now.info["after_commit"] = []
    try:
        yield now
        for function in current_app.extensions.get("before_commit", ()):
            function(now)
        now.commit()
    except BaseException:
        now.rollback()
        now.info["after_commit"] = []
        raise
    finally:
        now.info["transaction"] = False
        _writing.reset(token)
    for function in now.info.pop("after_commit"):
        try:
            function()
        except Exception:  # a hint that fails is made up for by the sweeper
            log.warning("after_commit.failed", exc_info=True)


def empty_log() -> None:
    """SQLite: write the log into the file and empty it, so that what was just erased does not lie on in the log.

    Waits two seconds for readers at most; the log of a portal that is never still empties later. PostgreSQL's own
    log is its server's matter.
    """
    engine = database().engine
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA busy_timeout=2000")
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.cursor().execute("PRAGMA busy_timeout=15000")
        connection.close()


def after_commit(function: Callable[[], object]) -> None:
    """Run the function once the present transaction is committed; not at all if it is rolled back."""
    session.info["after_commit"].append(function)


# --- scope: layer one of three -------------------------------------------------------------------------------------


def current_scope() -> Scope:
    """The stores whose rows exist just now. Nobody said: none (fail closed)."""
    return getattr(g, "scope", NO_STORES) if has_app_context() else NO_STORES


@contextmanager
def scope_as(stores: Scope) -> Iterator[None]:
    """See the rows of these stores for a while. Jobs and commands say whose eyes they look through."""
    before = getattr(g, "scope", None)
    g.scope = stores
    try:
        yield
    finally:
        if before is None:
            g.pop("scope", None)
        else:
            g.scope = before


def confined(scope: Scope) -> Scope:
    """The part of the scope that the current scope allows, too. Raw statements, which the session cannot narrow,
    take this: a wrong argument shows nothing that the person may not see."""
    now = current_scope()
    if now is ALL_STORES:
        return scope
    return now if scope is ALL_STORES else cast(frozenset[int], scope) & cast(frozenset[int], now)


def scope_ids(scope: Scope) -> list[int]:
    """The store ids of a limited scope, sorted; not for ALL_STORES."""
    return sorted(cast(frozenset[int], scope))


def _narrow_to_scope(state: ORMExecuteState) -> None:
    """Add "and only these stores" to every ORM statement that touches a store's rows, lazy loads included."""
    if state.is_column_load:
        return
    scope = current_scope()
    if scope is ALL_STORES:
        return
    ids = scope_ids(scope)
    state.statement = state.statement.options(
        with_loader_criteria(Store, lambda cls: cls.id.in_(ids), include_aliases=True),
        *(
            with_loader_criteria(model, lambda cls: cls.store_id.in_(ids), include_aliases=True)  # type: ignore[attr-defined]
            for model in STORE_SCOPED
        ),
    )
