"""Migrations: up, down and up again on both databases, and what they make is what the models say."""

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from app import schema
from app.db import make_engine
from tests.conftest import _new_database


@pytest.fixture
def empty(db_kind, tmp_path):
    """An engine on a database without tables."""
    for url in _new_database(db_kind, tmp_path):
        engine = make_engine(url)
        yield engine
        engine.dispose()


def _things(engine) -> set[str]:
    """Tables, functions and triggers of ours."""
    if engine.dialect.name == "sqlite":
        question = "SELECT type || ' ' || name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
    else:
        question = (
            "SELECT 'table ' || tablename FROM pg_tables WHERE schemaname = 'public' UNION ALL "
            "SELECT 'function ' || proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
            "WHERE nspname = 'public' AND NOT EXISTS "
            "(SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') UNION ALL "
            "SELECT 'trigger ' || tgname FROM pg_trigger WHERE NOT tgisinternal"
        )
    with engine.connect() as connection:
        return set(connection.scalars(sa.text(question)))


def test_up_down_and_up_again(empty):
    schema.upgrade(empty)
    made = _things(empty)
    assert len([name for name in made if name.startswith("table ")]) > 30
    assert schema.current(empty) == schema.head()
    schema.downgrade(empty)
    assert schema.current(empty) is None
    left = {name for name in _things(empty) if "alembic_version" not in name}
    assert left == set()
    schema.upgrade(empty)
    assert _things(empty) == made


def test_the_head_is_the_one_that_alembic_finds():
    assert schema.head() == ScriptDirectory.from_config(schema.alembic_config()).get_current_head()


def test_the_models_are_what_the_migrations_make(empty):
    schema.upgrade(empty)
    with empty.connect() as connection:
        command.check(schema.alembic_config(connection))  # raises when autogenerate would find something to do


def test_two_that_migrate_at_once_do_it_once(empty):
    import threading

    errors = []

    def migrate():
        try:
            schema.upgrade(empty)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=migrate) for _ in range(2 if empty.dialect.name == "postgresql" else 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert schema.current(empty) == schema.head()
