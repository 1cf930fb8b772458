"""``portal user``."""

from __future__ import annotations

import sys

import click
import sqlalchemy as sa

from app.actions import audit
from app.actions.credentials import put_password
from app.actions.people import Change, Invitation, change, invite
from app.cli import portal
from app.cli.answers import refusals_in_words
from app.cli.stores import store_ids
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES, SYSTEM, Role
from app.domain.audit import PASSWORD_GIVEN
from app.domain.passwords import why_not_password
from app.domain.people import Manager
from app.domain.refusal import Invalid
from app.domain.sign_in import same_login
from app.models import Group
from app.queries.people import person_by_login
from app.security.identity import access_mail


@portal.command("user")
@click.argument("email")
@click.option("--first-name", required=True)
@click.option("--last-name", required=True)
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@click.option("--team", "team_names", multiple=True, help="A team; repeat for more. Replaces the teams they had.")
@click.option("--store", "store_names", multiple=True, help="A store held directly; repeat. Replaces those they had.")
@click.option("--password-stdin", is_flag=True, help="Set the password read from stdin, and send no access mail.")
def user(
    *,
    email: str,
    first_name: str,
    last_name: str,
    role: str,
    team_names: tuple[str, ...],
    store_names: tuple[str, ...],
    password_stdin: bool,
) -> None:
    """Create or change an account; a new one gets the access mail."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    manager = Manager(SYSTEM)
    with refusals_in_words(), scope_as(ALL_STORES), transaction():
        if password is not None:
            refusal = why_not_password(password, (email, first_name, last_name))
            if refusal is not None:
                raise Invalid({"password": [refusal]})
        stores, teams = store_ids(store_names), _team_ids(team_names)
        person = person_by_login(session, same_login(email))
        word = "changed"
        if person is None:
            wanted = Invitation(email, first_name, last_name, Role(role), teams, stores)
            person = invite(session, manager, wanted, how=None if password else access_mail())
            word = "created"
        else:
            wanted_change = Change(
                first_name, last_name, Role(role), teams if team_names else None, stores if store_names else None
            )
            change(session, manager, person.id, wanted_change)
        if password is not None:
            put_password(person, password)
            audit.record(session, SYSTEM, PASSWORD_GIVEN, subject=f"person:{person.id}")
    click.echo(f"user {person.email} {word}{'' if person.active else ' (deactivated)'}")


def _team_ids(names: tuple[str, ...]) -> frozenset[int]:
    known: dict[str, int] = dict(session.execute(sa.select(Group.name, Group.id).where(Group.name.in_(names))).all())  # type: ignore[arg-type]
    for name in names:
        if name not in known:
            raise click.ClickException(f"There is no team named {name}.")
    return frozenset(known.values())
