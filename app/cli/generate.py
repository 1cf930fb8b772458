"""``portal generate``."""

from __future__ import annotations

import sys

import click
import orjson

from app.cli import portal
from app.tryout.generate import generate, store_names


@portal.command("generate")
@click.argument("count", type=click.IntRange(min=0))
@click.option("--stores", default=200, show_default=True, type=click.IntRange(1, 5000), help="Number of stores.")
@click.option("--seed", default=1, show_default=True, help="Another seed gives other orders.")
@click.option("--list-stores", is_flag=True, help="Only print the names of the stores, for `portal store`.")
def generate_command(count: int, stores: int, seed: int, list_stores: bool) -> None:
    """Write COUNT synthetic, deterministic order snapshots to stdout, one JSON object a line."""
    if list_stores:
        click.echo("\n".join(store_names(stores)))
        return
    out = sys.stdout.buffer
    for snapshot in generate(count, stores=stores, seed=seed):
        out.write(orjson.dumps(snapshot, option=orjson.OPT_APPEND_NEWLINE))
