"""The driver's rows: places, errors as SQLAlchemy's, one round trip, and plans that are kept or made anew."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app.db import session, transaction
from app.queries.raw_rows import fetch

PREPARED = "SELECT statement FROM pg_prepared_statements"


def test_several_statements_with_their_values(context):
    rows = fetch(session.connection(), [("SELECT :a, '50%'", {"a": 7}), ("SELECT :a + :b", {"a": 1, "b": 2})])
    assert [[tuple(row) for row in found] for found in rows] == [[(7, "50%")], [(3,)]]


def test_what_looks_like_a_place_and_is_none(context):
    if session.get_bind().dialect.name == "postgresql":
        assert fetch(session.connection(), [("SELECT 7::text, :a", {"a": "x"})]) == [[("7", "x")]]
    else:
        assert fetch(session.connection(), [("SELECT 'a::b', :a", {"a": "x"})]) == [[("a::b", "x")]]


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_is_sqlalchemys_and_tells_no_values(context, count):
    with pytest.raises(DBAPIError) as caught:
        fetch(session.connection(), [("SELECT :secret FROM nowhere", {"secret": "hunter2"})] * count)
    assert "hunter2" not in str(caught.value)
    session.rollback()
    assert fetch(session.connection(), [("SELECT 1", {})]) == [[(1,)]]


@pytest.mark.only_db("postgresql")
def test_a_lost_connection_is_thrown_away(context):
    connection = session.connection()
    backend = connection.scalar(sa.text("SELECT pg_backend_pid()"))
    with session.get_bind().connect() as other:
        other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": backend})
    with pytest.raises(DBAPIError):
        fetch(connection, [("SELECT 1", {})])
    session.rollback()
    assert fetch(session.connection(), [("SELECT 1", {})]) == [[(1,)]]


@pytest.mark.only_db("postgresql")
def test_what_was_prepared_outlives_a_request_that_only_read(context):
    statement = "SELECT count(*) FROM store WHERE id = :id"
    for number in range(8):
        fetch(session.connection(), [(statement, {"id": number})])
        session.rollback()
    assert any("FROM store" in row[0] for row in fetch(session.connection(), [(PREPARED, {})])[0])
    with transaction():  # and in a transaction that was rolled back by an error, too
        assert fetch(session.connection(), [(statement, {"id": 1})]) == [[(0,)]]


@pytest.mark.only_db("postgresql")
def test_a_search_is_planned_for_its_values(context):
    statement = "SELECT count(*) FROM ab_user WHERE id = :id"
    for number in range(8):
        fetch(session.connection(), [(statement, {"id": number})], plan_anew=True)
    assert not any("FROM ab_user WHERE" in row[0] for row in fetch(session.connection(), [(PREPARED, {})])[0])
