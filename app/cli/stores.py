"""``portal store`` and ``portal team``."""

from __future__ import annotations

import click
import sqlalchemy as sa

from app.actions import stores, teams
from app.cli import portal
from app.cli.answers import refusals_in_words
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES, SYSTEM
from app.models import DeliveryBan, Group, Store
from app.models.base import utcnow


@portal.command("store")
@click.argument("name")
@click.option("--title", help="What people call it.")
@click.option("--currency", help="Three letters, as in EUR.")
@click.option("--forbid-delivery", metavar="REASON", help="Forbid delivery from now on; specialists read the reason.")
@click.option("--allow-delivery", is_flag=True, help="Lift every ban of the store.")
def store(
    name: str, title: str | None, currency: str | None, forbid_delivery: str | None, allow_delivery: bool
) -> None:
    """Create or change a store (checkout page)."""
    if forbid_delivery is not None and allow_delivery:
        raise click.UsageError("Give either --forbid-delivery or --allow-delivery.")
    now = utcnow()
    with refusals_in_words(), scope_as(ALL_STORES), transaction():
        found = session.scalar(sa.select(Store).where(Store.name == name))
        word = "changed"
        if found is None:
            found, word = (
                stores.make_store(session, SYSTEM, name, title=title or "", currency=currency or ""),
                "created",
            )
        else:
            stores.change_store(session, SYSTEM, found.id, title=title, currency=currency)
        if forbid_delivery is not None:
            stores.forbid_delivery(session, SYSTEM, found.id, stores.BanWish(forbid_delivery), now=now)
        if allow_delivery:
            live = sa.or_(DeliveryBan.ends_at.is_(None), DeliveryBan.ends_at > now)
            for ban_id in session.scalars(
                sa.select(DeliveryBan.id).where(DeliveryBan.store_id == found.id, DeliveryBan.lifted_at.is_(None), live)
            ).all():
                stores.allow_delivery(session, SYSTEM, found.id, ban_id, now=now)
    click.echo(f"store {name} {word}")


@portal.command("team")
@click.argument("name")
@click.option("--store", "store_names", multiple=True, help="A store it works with; repeat for more.")
def team(name: str, store_names: tuple[str, ...]) -> None:
    """Create or change a team; stores given replace those it had."""
    with refusals_in_words(), scope_as(ALL_STORES), transaction():
        ids = store_ids(store_names)
        found = session.scalar(sa.select(Group).where(Group.name == name.strip()))
        if found is None:
            teams.make_team(session, SYSTEM, name, ids)
        else:
            kept = ids if store_names else teams.stores_of_team(session, found.id)
            teams.change_team(session, SYSTEM, found.id, found.name, kept)
    click.echo(f"team {name} {'created' if found is None else 'changed'}")


def store_ids(names: tuple[str, ...]) -> frozenset[int]:
    """Ids of the stores of these names; a ClickException names the first that does not exist."""
    known: dict[str, int] = dict(session.execute(sa.select(Store.name, Store.id).where(Store.name.in_(names))).all())  # type: ignore[arg-type]
    for name in names:
        if name not in known:
            raise click.ClickException(f"There is no store named {name}.")
    return frozenset(known.values())
