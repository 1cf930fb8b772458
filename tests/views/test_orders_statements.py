"""A page costs the same few statements for one order and for fifty."""

import pytest

from tests.statements import counted
from tests.views.test_orders import address, ids


@pytest.mark.parametrize("typed", [{}, {"email": "marcel.laporte@example.com"}, {"status": "paid"}, {"code": "ABCD"}])
def test_a_page_takes_at_most_eight_statements(app, make, typed):
    client, engine = make.specialist("acme-eu", "acme-us"), app.extensions["database"].engine
    make.order(customer={"email": "marcel.laporte@example.com"})
    where = address(client, **typed)
    with counted(engine) as one:
        assert len(ids(client.get(where))) == 1
    for _ in range(55):
        make.order(customer={"email": "marcel.laporte@example.com"})
    with counted(engine) as fifty:
        assert len(ids(client.get(where))) == 50
    assert len(fifty) == len(one)
    assert len(fifty) <= 8, "\n".join(fifty)
