"""Bring the schema to the head, take it down, or say where it stands. Alembic owns every table, FAB's included."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

FOLDER = Path(__file__).resolve().parent.parent / "migrations"
# Two processes that start together on an empty PostgreSQL must not both migrate.
LOCK = 7_031_994


def alembic_config(connection: sa.Connection | None = None) -> Config:
    """Alembic's settings without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def upgrade(engine: sa.Engine, to: str = "head") -> None:
    """Migrate up. One migrates, others wait."""
    with engine.connect() as connection, _alone(connection):
        command.upgrade(alembic_config(connection), to)
        connection.commit()


def downgrade(engine: sa.Engine, to: str = "base") -> None:
    """Migrate down."""
    with engine.connect() as connection, _alone(connection):
        command.downgrade(alembic_config(connection), to)
        connection.commit()


def head() -> str:
    """The newest revision the code knows."""
    found = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert found is not None
    return found


def current(engine: sa.Engine) -> str | None:
    """The revision the database is at; None when it is empty."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def _alone(connection: sa.Connection) -> Iterator[None]:
    """Hold the lock for the while; a connection that goes back to the pool must not keep it."""
    if connection.dialect.name != "postgresql":
        yield
        return
    connection.execute(sa.select(sa.func.pg_advisory_lock(LOCK)))
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(sa.select(sa.func.pg_advisory_unlock(LOCK)))
        connection.commit()
