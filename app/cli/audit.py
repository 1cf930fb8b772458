"""``portal audit verify``: is the audit as it was written?"""

from __future__ import annotations

import click

from app.actions.audit_chain import verify
from app.cli import portal
from app.db import session


@portal.group("audit")
def audit_group() -> None:
    """Check the audit."""


@audit_group.command("verify")
@click.option("--head", help="A hash noted earlier (logs have one a day): shows that the end was not cut off.")
def verify_command(head: str | None) -> None:
    """Walk the hash chain; exit 1 and name the first entry that is wrong."""
    found = verify(session, head=head)
    click.echo(f"{found.checked} entries hold, {found.unsealed} not sealed yet, head {found.head}")
    if found.broken:
        raise click.ClickException(found.broken)
