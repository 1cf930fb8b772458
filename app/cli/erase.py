"""``portal erase``: forget a customer, or forget again after a restore."""

from __future__ import annotations

from pathlib import Path

import click
import sqlalchemy as sa

from app import erasure_journal
from app.actions.erasure import erase_order, preview
from app.actions.orders import hold_order
from app.cli import portal
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES, SYSTEM
from app.models import Order
from app.models.base import utcnow


@portal.command("erase")
@click.argument("order_id", type=click.IntRange(1, 2**63 - 1), required=False)
@click.option("--keep-documents", metavar="DUTY", help="Keep stored documents under this legal duty, named to readers.")
@click.option("--replay", is_flag=True, help="After a restore: erase again what the journal says was erased.")
@click.option("--journal", "journals", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A journal to replay; several hosts have several. Default: this host's.")  # fmt: skip
def erase(order_id: int | None, keep_documents: str | None, *, replay: bool, journals: tuple[Path, ...]) -> None:
    """Erase the personal data of ORDER_ID's customer everywhere."""
    if replay == (order_id is not None):
        raise click.UsageError("give either an ORDER_ID or --replay")
    with scope_as(ALL_STORES):
        if order_id is not None:
            others = _others(order_id)
            if not _erase(order_id, keep_documents):
                raise click.ClickException(f"there is no order {order_id}")
            click.echo(f"order {order_id}: personal data erased")
            if others:
                click.echo(f"other orders of the same buyer, not erased: {' '.join(map(str, others))}")
            return
        paths = journals or tuple(p for p in (erasure_journal.journal_path(),) if p.exists())
        wanted = erasure_journal.read_hashes(paths)
        alive, gone = _in_journal(wanted)
        done = sum(_erase(found, keep_documents) for found in alive)
        unknown = len(wanted) - len(alive) - gone
        click.echo(f"{len(wanted)} in the journal, {done} erased again, {gone} erased already, {unknown} not here")
        if wanted and unknown == len(wanted):
            click.echo("None of them is here. Is SECRET_KEY the one this journal was written under?")
        elif unknown:
            click.echo("Orders that are not here may come in again: replay once more when the platform has sent them.")


def _in_journal(wanted: set[str]) -> tuple[list[int], int]:
    """The orders the journal names that hold a customer now, and how many are erased."""
    orders = sa.select(Order.id, Order.erased_at).order_by(Order.id).execution_options(yield_per=10_000)
    alive, gone = [], 0
    for order_id, erased_at in session.execute(orders):
        if erasure_journal.order_hash(order_id) in wanted:
            gone += erased_at is not None
            alive += [order_id] if erased_at is None else []
    session.rollback()
    return alive, gone


def _others(order_id: int) -> tuple[int, ...]:
    """The same buyer's other orders, while the order still tells who that is (domain.md 8)."""
    order = session.get(Order, order_id)
    found = preview(session, order).other_order_ids if order is not None else ()
    session.rollback()
    return found


def _erase(order_id: int, keep_documents: str | None) -> bool:
    """One order, one transaction. False when there is no such order."""
    with transaction():
        order = hold_order(session, order_id)
        if order is None:
            return False
        erase_order(session, order, actor=SYSTEM, now=utcnow(), keep_documents=keep_documents)
        return True
