"""A page costs the same few statements for one order and for fifty."""

from contextlib import contextmanager

import pytest
from sqlalchemy import event

from tests.views.test_orders import address, ids


@contextmanager
def counted(app):
    statements = []
    engine = app.extensions["database"].engine

    def note(_connection, _cursor, statement, *_rest):
        if statement != "BEGIN":  # SQLite's, sent as a statement; PostgreSQL's goes with the first one
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("typed", [{}, {"email": "marcel.laporte@example.com"}, {"status": "paid"}, {"code": "ABCD"}])
def test_a_page_takes_at_most_eight_statements(app, make, typed):
    client = make.specialist("acme-eu", "acme-us")
    make.order(customer={"email": "marcel.laporte@example.com"})
    where = address(client, **typed)
    with counted(app) as one:
        assert len(ids(client.get(where))) == 1
    for _ in range(55):
        make.order(customer={"email": "marcel.laporte@example.com"})
    with counted(app) as fifty:
        assert len(ids(client.get(where))) == 50
    assert len(fifty) == len(one)
    # Looking a code up is a statement of its own.
    assert len(fifty) <= 8 + ("code" in typed), "\n".join(fifty)
