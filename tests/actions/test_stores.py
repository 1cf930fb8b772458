"""Stores: what is written, where and by whom, when one is made, changed, closed and reopened."""

import pytest

from app.actions import stores
from app.domain.refusal import Invalid, NotFound, Refused
from app.models import AuditEntry, Store
from tests.actions.support import actor, one, rows, run


@pytest.fixture
def boss(app, make):
    return actor(app, make.person("boss@example.org", role="Admin"))


def told(app):
    entries = rows(app, AuditEntry, order_by=AuditEntry.id)
    return [(entry.event, entry.subject, entry.store_id, entry.details) for entry in entries]


def state(app):
    return [(store.title, store.currency, store.closed_at) for store in rows(app, Store)]


def test_a_change_is_written_with_what_it_became_and_only_when_there_is_one(app, make, boss):
    store = make.store("acme-eu", title="Acme", currency="EUR")
    run(app, boss, stores.change_store, store)
    run(app, boss, stores.change_store, store, title="Acme", currency="EUR")
    assert told(app) == []
    run(app, boss, stores.change_store, store, title="Acme Europe")
    run(app, boss, stores.change_store, store, currency="USD")
    assert state(app) == [("Acme Europe", "USD", None)]
    assert told(app) == [
        ("store.changed", "acme-eu", store, {"title": "Acme Europe", "currency": "EUR"}),
        ("store.changed", "acme-eu", store, {"title": "Acme Europe", "currency": "USD"}),
    ]


def test_what_does_not_hold_changes_nothing(app, make, boss):
    store = make.store("acme-eu", title="Acme", currency="EUR")
    with pytest.raises(Invalid) as caught:
        run(app, boss, stores.change_store, store, title="Other", currency="E")
    assert list(caught.value.errors) == ["currency"]
    with pytest.raises(NotFound):
        run(app, boss, stores.change_store, store + 1, title="Other")
    assert state(app) == [("Acme", "EUR", None)]
    assert told(app) == []


def test_a_store_is_closed_once_and_reopened_once(app, make, boss):
    store = make.store("acme-eu")
    with pytest.raises(Refused):
        run(app, boss, stores.reopen_store, store)
    run(app, boss, stores.close_store, store)
    assert one(app, Store).closed_at is not None
    with pytest.raises(Refused):
        run(app, boss, stores.close_store, store)
    run(app, boss, stores.reopen_store, store)
    assert one(app, Store).closed_at is None
    assert told(app) == [("store.closed", "acme-eu", store, {}), ("store.reopened", "acme-eu", store, {})]
