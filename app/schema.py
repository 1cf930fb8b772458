"""Bring the schema to the head, take it down, or say where it stands. Alembic owns every table, FAB's included.

It is loaded when something is migrated, and not in every web process that is asked whether it is ready.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).resolve().parent.parent / "migrations"
# Two processes that start together on an empty PostgreSQL must not both migrate.
LOCK = 7_031_994


def alembic_config(connection: sa.Connection | None = None) -> Config:
    """Alembic's settings without an ini file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def upgrade(engine: sa.Engine, to: str = "head") -> None:
    """Migrate up. One migrates, others wait."""
    from alembic import command

    with engine.connect() as connection, _alone(connection):
        command.upgrade(alembic_config(connection), to)
        connection.commit()


def downgrade(engine: sa.Engine, to: str = "base") -> None:
    """Migrate down."""
    from alembic import command

    with engine.connect() as connection, _alone(connection):
        command.downgrade(alembic_config(connection), to)
        connection.commit()


def head() -> str:
    """The newest revision the code knows: revisions are numbered, and their files named by them."""
    return max(file.name.partition("_")[0] for file in (FOLDER / "versions").glob("[0-9]*_*.py"))


def current(engine: sa.Engine) -> str | None:
    """The revision the database is at; None when it is empty."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.scalar(sa.text("SELECT version_num FROM alembic_version"))


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
