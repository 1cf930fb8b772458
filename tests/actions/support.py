"""Short words for tests of actions: who asks, in a transaction, and what is in the tables afterwards."""

import datetime as dt
import itertools

import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Action, AuditEntry, Mail, Order, OrderEvent, Person, RefundRequest
from app.queries.people import actor_of

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
_tokens = itertools.count(1)


def token() -> str:
    return f"form-token-{next(_tokens)}"


def actor(app, person_id):
    with app.app_context(), scope_as(ALL_STORES):
        return actor_of(session, session.get(Person, person_id))


def run(app, who, function, *args, **options):
    """Run an action as a web request would: in the person's scope, in one transaction."""
    with app.app_context(), scope_as(who.stores), transaction():
        found = function(session, who, *args, **options)
        session.flush()
        return getattr(found, "id", found)


def rows(app, model, *where, order_by=None):
    with app.app_context(), scope_as(ALL_STORES):
        return list(
            session.scalars(sa.select(model).where(*where).order_by(order_by or sa.inspect(model).primary_key[0]))
        )


def one(app, model, *where):
    (found,) = rows(app, model, *where)
    return found


def counts(app):
    """How much there is of everything an action writes: equal before and after means that nothing happened."""
    return (
        tuple(len(rows(app, model)) for model in (Action, RefundRequest, Mail, AuditEntry))
        + tuple((order.status, order.refund_status) for order in rows(app, Order))
        + (len(rows(app, OrderEvent, OrderEvent.source == "portal")),)
    )


def portal_lines(app, order_id):
    found = rows(app, OrderEvent, OrderEvent.order_id == order_id, OrderEvent.source == "portal")
    return sorted((line.code, line.text) for line in found)
