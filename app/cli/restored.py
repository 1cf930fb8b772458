"""``portal restored``: after a restore, before workers run."""

from __future__ import annotations

import click

from app.actions.operations import doubt_what_waits
from app.cli import portal
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES


@portal.command("restored")
def restored() -> None:
    """After a restore: look up what waits in the backup before doing it; it may have been done since."""
    with scope_as(ALL_STORES), transaction():
        number = doubt_what_waits(session)
    click.echo(f"{number} waiting actions will be looked up before they are tried")
