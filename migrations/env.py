"""Alembic's entry: migrates whatever ``DATABASE_URL`` (or the caller's connection) points at."""

from alembic import context
from sqlalchemy import Connection

from app.db import make_engine
from app.models import metadata
from config import load

RENDER_AS_BATCH = True  # SQLite cannot alter columns in place


def _include(name: str | None, type_: str, parent: object) -> bool:
    """Leave out what the code search keeps beside our tables (FTS5 and its shadow tables)."""
    return not (type_ == "table" and name is not None and name.startswith("order_codes_fts"))


def _include_object(item: object, name: str | None, type_: str, reflected: bool, compare_to: object) -> bool:
    # The trigram index is written by hand; see 0005.
    return not (type_ == "index" and reflected and compare_to is None and str(name).startswith("ix_orders_codes"))


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=RENDER_AS_BATCH,
        include_name=_include,
        include_object=_include_object,
        compare_type=True,
        user_module_prefix="types.",
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    engine = make_engine(load().database_url)
    with engine.connect() as own:
        run(own)
    engine.dispose()
