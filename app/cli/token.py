"""``portal token NAME --store S …``."""

from __future__ import annotations

import click

from app.actions.tokens import make_token
from app.cli import portal
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES, SYSTEM
from app.domain.refusal import Invalid


@portal.command("token")
@click.argument("name")
@click.option("--store", "stores", multiple=True, required=True, help="A store it may write and read; repeat for more.")
def token(name: str, stores: tuple[str, ...]) -> None:
    """Make an API token for these stores and print it, once."""
    try:
        with scope_as(ALL_STORES), transaction():
            text = make_token(session, name, stores, actor=SYSTEM)
    except Invalid as error:
        raise click.ClickException("; ".join(r.english() for found in error.errors.values() for r in found)) from None
    click.echo(text)
