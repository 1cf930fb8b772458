"""Recording orders: what a snapshot changes, and what it never may (contract.md 4)."""

import sqlalchemy as sa

from app.models import License, Order, OrderEvent, OrderItem, RawSnapshot


def test_an_order_is_recorded_whole(make, session):
    order_id = make.order()
    order = session.get_one(Order, order_id)
    assert (order.status, order.delivery, str(order.total), order.version) == ("paid", "delivered", "118.00", 1)
    assert (order.email_key, order.phone_digits) == ("marcel.laporte@example.com", "33123456789")
    assert session.scalars(sa.select(OrderItem.name)).all() == ["Demo"]
    assert session.scalars(sa.select(License.code_key)).all() == ["abcd-1234-efgh"]
    assert len(session.scalars(sa.select(OrderEvent)).all()) == 4
    assert session.scalars(sa.select(RawSnapshot.version)).all() == [1]
