"""``portal translations``: bring the Russian catalogue up to date."""

from __future__ import annotations

import click

from app import catalogue
from app.cli import portal


@portal.command("translations")
def translations() -> None:
    """Refresh and compile the catalogue from code and templates; exit 1 when something is untranslated."""
    count, gaps = catalogue.refresh("ru")
    click.echo(f"ru: {count} sentences, {len(gaps)} without a translation")
    for gap in gaps:
        click.echo(f"  {gap}", err=True)
    if gaps:
        raise SystemExit(1)
