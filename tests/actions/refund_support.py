"""Short words for tests of refunds: ask for one, act as the platform."""

from app.actions import refunds
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Order
from tests.actions.support import NOW, run, token


def ask(app, who, order_id, **options):
    options = {"reason": "Paid twice", "token": token(), "now": NOW, **options}
    return run(app, who, refunds.request_refund, order_id, **options)


def as_platform(app, function, order_id, **options):
    with app.app_context(), scope_as(ALL_STORES), transaction():
        order = session.get_one(Order, order_id)
        return function(session, order=order, **options)
