"""Two processes record the same orders at once: nothing breaks or doubles, and the newest version wins."""

import datetime as dt
import multiprocessing
import random

import sqlalchemy as sa

from app.actions.record import record_orders
from app.actions.snapshots import parse_snapshot
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES, PLATFORM
from app.models import License, Order, OrderEvent, OrderItem, Subscription
from tests.factories import snapshot

ORDERS, VERSIONS = 12, 4


def raws():
    """Versions of orders of one family: order 1 is the parent of all others."""
    word = {"id": "1_2", "type": "AR", "status": "active", "parent_order_id": 1}
    return [
        snapshot(order_id=i, version=v, total=f"{v}.00", items=[{"subscription": word}])
        for i in range(1, ORDERS + 1)
        for v in range(1, VERSIONS + 1)
    ]


def work(app, seed, gate):
    app.extensions["database"].engine.dispose(close=False)  # the parent's connections stay the parent's
    snapshots = [parse_snapshot(raw) for raw in raws()]
    random.Random(seed).shuffle(snapshots)
    gate.wait(60)
    with app.app_context(), scope_as(ALL_STORES):
        while snapshots:
            batch, snapshots = snapshots[:7], snapshots[7:]
            with transaction():
                results = record_orders(
                    session, batch, source=PLATFORM, allowed=ALL_STORES, now=dt.datetime.now(dt.UTC)
                )
            assert all(r.result != "refused" for r in results)


def test_two_processes_record_the_same_orders(app, make):
    make.store("acme-eu")
    context = multiprocessing.get_context("fork")
    gate = context.Barrier(2)
    workers = [context.Process(target=work, args=(app, seed, gate)) for seed in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(90)
    assert [worker.exitcode for worker in workers] == [0, 0]
    with app.app_context(), scope_as(ALL_STORES):
        rows = session.execute(sa.select(Order.id, Order.version, Order.total).order_by(Order.id)).all()
        assert [(r.id, r.version, str(r.total)) for r in rows] == [
            (i, VERSIONS, f"{VERSIONS}.00") for i in range(1, ORDERS + 1)
        ]
        for model, each in ((OrderItem, 1), (License, 1), (OrderEvent, 4)):
            assert session.scalar(sa.select(sa.func.count()).select_from(model)) == each * ORDERS
        assert session.scalars(sa.select(Subscription.code)).all() == ["1_2"]
