"""Fixtures. ``app`` runs every test that uses it twice: on SQLite and, where a server answers, on PostgreSQL.

Data is really committed (workers, threads and browsers have to see it) and deleted after each test;
roles and permissions stay.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app import create_app, schema
from app.db import Database
from app.models import metadata
from app.security.sync import sync_roles
from config import Settings, load
from tests import browser as browsers
from tests import factories, servers

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

KEPT = {
    "ab_role", "ab_permission", "ab_view_menu", "ab_permission_view", "ab_permission_view_role", "alembic_version",
}  # fmt: skip


def _postgresql() -> str | None:
    """Address of a server to make test databases on; None when there is none."""
    given = os.environ.get("TEST_DATABASE_URL")
    url = given or "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
    engine = sa.create_engine(url, connect_args={"connect_timeout": 2})
    try:
        with engine.connect():
            return url
    except sa.exc.OperationalError:
        if given or os.environ.get("REQUIRE_POSTGRESQL"):
            raise
        return None
    finally:
        engine.dispose()


POSTGRESQL = _postgresql()
DATABASES = ["sqlite", *(["postgresql"] if POSTGRESQL else [])]
if os.environ.get("TEST_DATABASES"):  # one of them is enough for measuring the tests themselves (benchmarks/)
    DATABASES = [kind for kind in DATABASES if kind in os.environ["TEST_DATABASES"].split(",")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "db_kind" in metafunc.fixturenames:
        only = metafunc.definition.get_closest_marker("only_db")
        kinds = [k for k in DATABASES if only is None or k in only.args]
        metafunc.parametrize("db_kind", kinds, scope="session")


def _new_database(kind: str, folder: Path) -> Iterator[str]:
    """A fresh database of the kind, gone afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'test.sqlite3'}"
        return
    assert POSTGRESQL
    name = f"portal_test_{os.getpid()}_{os.urandom(3).hex()}"
    server = sa.create_engine(POSTGRESQL, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield sa.engine.make_url(POSTGRESQL).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


def settings_for(url: str, folder: Path, **environ: str) -> Settings:
    """Settings of a test app."""
    return load({
        "PORTAL_ENV": "test", "PORTAL_DATA": str(folder), "DATABASE_URL": url,
        "SECRET_KEY": "a test key that is long enough to be strong", "BASE_URL": "http://localhost",
        **environ,
    })  # fmt: skip


@pytest.fixture(autouse=True)
def _push_request_context() -> None:
    """Replaces pytest-flask's fixture of this name: its shared context would lend one person's scope to the next."""


@pytest.fixture(scope="session")
def database_url(db_kind: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield from _new_database(db_kind, Path(folder))


@pytest.fixture(scope="session")
def _app(db_kind: str, database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    app = create_app(settings_for(database_url, tmp_path_factory.mktemp("data")))
    database: Database = app.extensions["database"]
    schema.upgrade(database.engine)
    with app.app_context():
        sync_roles()
    yield app
    database.engine.dispose()


@pytest.fixture
def app(_app: Flask) -> Iterator[Flask]:
    """The app on an empty database; no context is pushed, so that requests of several people don't share one."""
    yield _app
    _app.extensions["read_notes"].notes.clear()
    engine: sa.Engine = _app.extensions["database"].engine
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            names = [t.name for t in metadata.sorted_tables if t.name not in KEPT]
            connection.exec_driver_sql(";".join(f"DELETE FROM {name}" for name in names))
        else:
            # The audit's triggers refuse a DELETE; they are put back as they were.
            triggers = connection.execute(
                sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_entry'")
            ).all()
            for name, _ in triggers:
                connection.execute(sa.text(f"DROP TRIGGER {name}"))
            for table in reversed(metadata.sorted_tables):
                if table.name not in KEPT:
                    connection.execute(table.delete())
            for _, sql in triggers:
                connection.execute(sa.text(sql))


@pytest.fixture
def context(app: Flask) -> Iterator[Flask]:
    """An app context with every store in scope, for tests of actions and queries."""
    from app.db import scope_as
    from app.domain.access import ALL_STORES

    with app.app_context(), scope_as(ALL_STORES):
        yield app


@pytest.fixture
def session(context: Flask) -> Session:
    """The app's session. A proxy: makers end the session they share with the test, and the next one is given back."""
    from app.db import session

    return session


@pytest.fixture
def client(app: Flask) -> factories.Browser:
    """A browser nobody has signed in with."""
    return factories.Browser(app)


@pytest.fixture
def make(app: Flask) -> factories.Make:
    """Stores, people and orders, each committed."""
    return factories.Make(app)


# --- real servers, tests/servers.py ----------------------------------------------------------------------------------

_databases = itertools.cycle(range(1, 16))


@pytest.fixture(scope="session")
def queue_server() -> Iterator[servers.QueueServer]:
    """One queue server for the whole session. Use ``redis_url``; to kill or freeze one, take ``own_queue_server``."""
    server = servers.QueueServer(servers.short_folder())
    server.start()
    yield server
    server.stop()
    servers.remove(server.folder)


@pytest.fixture
def redis_url(queue_server: servers.QueueServer) -> Iterator[str]:
    """Address of an empty database of the session's queue server, this test's own."""
    number = next(_databases)
    queue_server.client(number).flushdb()
    yield queue_server.url(number)
    queue_server.client(number).flushdb()


@pytest.fixture
def own_queue_server() -> Iterator[servers.QueueServer]:
    """A running queue server that this test may stop, kill, freeze or wipe."""
    server = servers.QueueServer(servers.short_folder())
    server.start()
    yield server
    server.kill()
    servers.remove(server.folder)


@pytest.fixture
def smtp_server() -> Iterator[servers.SmtpServer]:
    """A real SMTP server without TLS that keeps what it takes and fails on demand."""
    server = servers.SmtpServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def live_app(app: Flask) -> Iterator[servers.LiveApp]:
    """The app on a free port, in threads of this process."""
    server = servers.LiveApp(app)
    server.start()
    yield server
    server.stop()


# --- a browser, tests/browser.py -------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; without it the test is skipped with the reason, and fails when ``CI=true``."""
    yield from browsers.launch()


@pytest.fixture
def _opened(browser: Browser, live_app: servers.LiveApp) -> Iterator[tuple[BrowserContext, Page, list[str]]]:
    context, page, problems = browsers.open_page(browser, live_app.url)
    yield context, page, problems
    context.close()
    assert problems == [], "the page reported problems"


@pytest.fixture
def page(_opened: tuple[BrowserContext, Page, list[str]]) -> Page:
    """A page at the live app; a script error or a CSP report in it fails the test. Addresses may start with ``/``."""
    return _opened[1]


@pytest.fixture
def problems(_opened: tuple[BrowserContext, Page, list[str]]) -> list[str]:
    """What went wrong in ``page`` so far; a test that expects some clears it."""
    return _opened[2]


@pytest.fixture
def sign_in(
    _opened: tuple[BrowserContext, Page, list[str]], make: factories.Make, live_app: servers.LiveApp
) -> Callable[[int], Page]:
    """``sign_in(person_id)`` makes ``page`` that person's."""

    def lend(person_id: int) -> Page:
        browsers.lend_cookies(_opened[0], make.signed_in(person_id), live_app.url)
        return _opened[1]

    return lend
