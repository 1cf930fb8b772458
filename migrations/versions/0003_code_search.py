"""Find a part of an activation code: a trigram index on PostgreSQL, an FTS5 trigram table on SQLite.

PostgreSQL's trigrams are made of letters and digits only, and codes are full of dashes: ``4-7`` alone would yield no
trigram worth the name and the whole index would be read. So the index holds the codes with every punctuation mark
turned into a letter that codes do not have (``code_letters``); a code that has such a letter after all is sorted out
when the found rows are looked at.

A later migration that rebuilds ``license`` on SQLite (batch mode) has to make the triggers again.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MARKS = " !\"#$%&()*+,-./:;<=>?@[]^_`{|}~\\'"
LETTERS = "þðŋħŧłøæœđıĸŀŉſƀƃƅƈƌƍƒƕƙƚƛƞơƣƥƨƪƫ"


def upgrade():
    if op.get_bind().dialect.name == "sqlite":
        _up_sqlite()
    else:
        _up_postgresql()


def downgrade():
    if op.get_bind().dialect.name == "sqlite":
        for event in ("insert", "delete", "update"):
            op.get_bind().exec_driver_sql(f"DROP TRIGGER license_code_{event}")
        op.get_bind().exec_driver_sql("DROP TABLE license_code_fts")
    else:
        # The extensions stay: they may have been there before, and others may use them.
        op.get_bind().exec_driver_sql("DROP INDEX ix_license_code_trigram")
        op.get_bind().exec_driver_sql("DROP FUNCTION code_letters(text)")


def _up_postgresql():
    run = op.get_bind().exec_driver_sql
    run("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    run("CREATE EXTENSION IF NOT EXISTS btree_gin")
    marks, letters = MARKS.replace("'", "''"), LETTERS
    body = f"SELECT translate($1, E'{marks.replace(chr(92), chr(92) * 2)}', '{letters}')".replace("%", "%%")
    run(
        "CREATE FUNCTION code_letters(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE "
        f"AS $code${body}$code$"
    )
    # With the store: a text in many codes of others and few of one's own would cost a look at all of them.
    run("CREATE INDEX ix_license_code_trigram ON license USING gin (store_id, code_letters(code_key) gin_trgm_ops)")


def _up_sqlite():
    run = op.get_bind().exec_driver_sql
    run(
        "CREATE VIRTUAL TABLE license_code_fts USING fts5("
        "code_key, content='license', content_rowid='id', tokenize='trigram case_sensitive 1')"
    )
    add = "INSERT INTO license_code_fts(rowid, code_key) VALUES (new.id, new.code_key);"
    drop = "INSERT INTO license_code_fts(license_code_fts, rowid, code_key) VALUES ('delete', old.id, old.code_key);"
    run(f"CREATE TRIGGER license_code_insert AFTER INSERT ON license BEGIN {add} END")
    run(f"CREATE TRIGGER license_code_delete AFTER DELETE ON license BEGIN {drop} END")
    run(f"CREATE TRIGGER license_code_update AFTER UPDATE OF id, code_key ON license BEGIN {drop} {add} END")
    run("INSERT INTO license_code_fts(license_code_fts) VALUES ('rebuild')")
