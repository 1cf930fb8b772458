"""Codes for search stand in the order itself: a search is for orders, and other filters are columns of these.

``orders.codes_key`` holds all codes of an order (``app.domain.normal.join_codes``), found by a trigram index on
PostgreSQL and an FTS5 trigram table on SQLite. With the codes in ``license`` every hit had to be looked up in
``orders``, and no index could tell how a common part of codes and another filter come together.

Stop all processes first: the code of the version before writes and searches the column that goes here. Filling the
new one takes some minutes for each million of orders.
A later migration that rebuilds ``orders`` on SQLite (batch mode) has to make the triggers again.
"""

from itertools import groupby

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BETWEEN = "\x1f"
MARKS = " !\"#$%&'()*+,-./:;<=>?@[]^_`{|}~\\\t\n\r"
LETTERS = "þðŋħŧłøæœđıĸŀŉſƀƃƅƈƌƍƒƕƙƚƛƞơƣƥƨƪƫƴƶƹ"
SWAPPED = str.maketrans(MARKS + LETTERS, LETTERS + MARKS)
COMMENT = "all its activation codes, see domain.normal.join_codes"
BATCH = 1000
OLD_COMMENT = "case-folded, for search"
OLD_MARKS = " !\"#$%&()*+,-./:;<=>?@[]^_`{|}~\\'"
OLD_LETTERS = "þðŋħŧłøæœđıĸŀŉſƀƃƅƈƌƍƒƕƙƚƛƞơƣƥƨƪƫ"


def upgrade():
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.add_column("orders", sa.Column("codes_key", sa.Text(), nullable=True, comment=COMMENT))
    if sqlite:
        _drop_fts("license_code")
    else:
        op.drop_index("ix_license_code_trigram", "license")
    _join_codes()
    op.drop_column("license", "code_key")
    if sqlite:
        _make_fts("order_codes", "orders", "codes_key")
        return
    run = op.get_bind().exec_driver_sql
    run("DROP FUNCTION code_letters(text)")
    # With the store: a text in many codes of others and few of one's own would cost a look at all of them.
    run(
        "CREATE INDEX ix_orders_codes ON orders USING gin (store_id, codes_key gin_trgm_ops)"
        " WHERE codes_key IS NOT NULL"
    )
    run("ANALYZE orders (codes_key)")


def downgrade():
    sqlite = op.get_bind().dialect.name == "sqlite"
    if sqlite:
        _drop_fts("order_codes")
    else:
        op.drop_index("ix_orders_codes", "orders")
    op.add_column("license", sa.Column("code_key", sa.Text(), nullable=False, server_default="", comment=OLD_COMMENT))
    _fold_codes()
    with op.batch_alter_table("license") as batch:
        batch.alter_column("code_key", server_default=None)
    op.drop_column("orders", "codes_key")
    if sqlite:
        _make_fts("license_code", "license", "code_key")
        return
    run = op.get_bind().exec_driver_sql
    marks = OLD_MARKS.replace("'", "''").replace("\\", "\\\\")
    body = f"SELECT translate($1, E'{marks}', '{OLD_LETTERS}')".replace("%", "%%")
    run(
        "CREATE FUNCTION code_letters(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE "
        f"AS $code${body}$code$"
    )
    run("CREATE INDEX ix_license_code_trigram ON license USING gin (store_id, code_letters(code_key) gin_trgm_ops)")


def _join_codes():
    """Write every order's codes into it."""
    bind = op.get_bind()
    orders = sa.table("orders", sa.column("id"), sa.column("codes_key"))
    write = orders.update().where(orders.c.id == sa.bindparam("order")).values(codes_key=sa.bindparam("codes"))
    read = sa.text("SELECT order_id, code_key FROM license WHERE order_id > :last ORDER BY order_id, id LIMIT :some")
    last = 0
    while rows := bind.execute(read, {"last": last, "some": BATCH}).all():
        if len(rows) == BATCH and rows[0][0] != rows[-1][0]:  # the last order may not be here as a whole
            rows = [row for row in rows if row[0] != rows[-1][0]]
        elif len(rows) == BATCH:
            one = sa.text("SELECT order_id, code_key FROM license WHERE order_id = :order ORDER BY id")
            rows = bind.execute(one, {"order": rows[0][0]}).all()
        last = rows[-1][0]
        bind.execute(
            write,
            [
                {"order": order, "codes": BETWEEN.join(_letters(code) for _, code in codes)}
                for order, codes in groupby(rows, key=lambda row: row[0])
            ],
        )


def _letters(key):
    return key.replace(BETWEEN, "").translate(SWAPPED)


def _fold_codes():
    bind = op.get_bind()
    code = sa.table("license", sa.column("id"), sa.column("code_key"))
    write = code.update().where(code.c.id == sa.bindparam("code")).values(code_key=sa.bindparam("key"))
    read = sa.text("SELECT id, code FROM license WHERE id > :last ORDER BY id LIMIT :some")
    last = 0
    while rows := bind.execute(read, {"last": last, "some": BATCH}).all():
        last = rows[-1][0]
        bind.execute(write, [{"code": id_, "key": text.casefold()} for id_, text in rows])


def _drop_fts(name):
    run = op.get_bind().exec_driver_sql
    for event in ("insert", "delete", "update"):
        run(f"DROP TRIGGER {name}_{event}")
    run(f"DROP TABLE {name}_fts")


def _make_fts(name, table, column):
    """The FTS5 table, and the triggers that keep it; rows without a text are not in it."""
    run = op.get_bind().exec_driver_sql
    fts = f"{name}_fts"
    run(
        f"CREATE VIRTUAL TABLE {fts} USING fts5("
        f"{column}, content='{table}', content_rowid='id', tokenize='trigram case_sensitive 1')"
    )
    add = f"INSERT INTO {fts}(rowid, {column}) SELECT new.id, new.{column} WHERE new.{column} IS NOT NULL;"
    drop = (
        f"INSERT INTO {fts}({fts}, rowid, {column})"
        f" SELECT 'delete', old.id, old.{column} WHERE old.{column} IS NOT NULL;"
    )
    moved = f"WHEN new.id <> old.id OR new.{column} IS NOT old.{column}"
    run(f"CREATE TRIGGER {name}_insert AFTER INSERT ON {table} BEGIN {add} END")
    run(f"CREATE TRIGGER {name}_delete AFTER DELETE ON {table} BEGIN {drop} END")
    run(f"CREATE TRIGGER {name}_update AFTER UPDATE OF id, {column} ON {table} {moved} BEGIN {drop} {add} END")
    run(f"INSERT INTO {fts}({fts}) VALUES ('rebuild')")
