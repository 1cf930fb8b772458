"""``portal migrate`` and ``portal sync``."""

from __future__ import annotations

import click

from app import schema
from app.cli import portal
from app.db import database
from app.security.sync import sync_roles


@portal.command("migrate")
def migrate() -> None:
    """Bring the database to the newest schema."""
    schema.upgrade(database().engine)
    click.echo(f"schema {schema.current(database().engine)}")


@portal.command("sync")
def sync() -> None:
    """Write roles and permissions as the code has them; repeatable."""
    click.echo(sync_roles())
