"""The filters of the audit, each alone and all together; names of people that entries are about."""

import datetime as dt

import pytest

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import AuditEntry
from app.queries.audit import AuditFilter, list_entries, logins, store_names, team_names
from tests.actions.support import NOW, actor

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def boss(app, make):
    return actor(app, make.person("boss@example.org", "Admin"))


@pytest.fixture
def written(app, make):
    """Three entries, an hour apart, which differ in everything that can be asked for."""
    stores = [make.store(name) for name in ("acme-eu", "acme-us", "rival")]
    with app.app_context(), transaction():
        for number, store in enumerate(stores):
            session.add(
                AuditEntry(
                    at=NOW + number * HOUR, event=f"order.event{number}", actor=f"person{number}", details={},
                    result=("ok", "refused", "failed")[number], order_id=number + 1, store_id=store,
                )
            )  # fmt: skip
            session.flush()
    return stores


def shown(app, who, **wanted):
    with app.app_context(), scope_as(ALL_STORES):
        return [entry.order_id for entry in list_entries(session, who, AuditFilter(**wanted))]


def test_each_filter_alone(app, boss, written):
    assert shown(app, boss) == [3, 2, 1]
    assert shown(app, boss, event="order.event1") == [2]
    assert shown(app, boss, actors=("person2",)) == [3]
    assert shown(app, boss, actors=("person2", "person0")) == [3, 1]
    assert shown(app, boss, result="ok") == [1]
    assert shown(app, boss, order_id=2) == [2]
    assert shown(app, boss, store_id=written[2]) == [3]


def test_page_by_page_and_one_more_to_tell_that_there_is_another(app, boss, written):
    with app.app_context(), scope_as(ALL_STORES):
        first = list_entries(session, boss, AuditFilter(), limit=1)
        assert [entry.order_id for entry in first] == [3, 2]
        second = list_entries(session, boss, AuditFilter(), before=first[0].id, limit=1)
        assert [entry.order_id for entry in second] == [2, 1]


def test_who_leads_nobody_sees_nothing(app, make, written):
    assert shown(app, actor(app, make.person("spec@example.org", stores=("acme-eu",)))) == []


def test_from_a_moment_on_and_before_a_moment(app, boss, written):
    second = dt.timedelta(seconds=1)
    assert shown(app, boss, since=NOW + HOUR) == [3, 2], "the moment itself is included"
    assert shown(app, boss, since=NOW + HOUR + second) == [3]
    assert shown(app, boss, until=NOW + HOUR) == [1], "the moment itself is left out"
    assert shown(app, boss, until=NOW + HOUR + second) == [2, 1]
    assert shown(app, boss, since=NOW + HOUR, until=NOW + 2 * HOUR) == [2]


def test_filters_hold_together(app, boss, written):
    assert shown(app, boss, event="order.event1", actors=("person1",), result="refused", order_id=2) == [2]
    assert shown(app, boss, event="order.event1", actors=("person2",)) == []


def test_names_are_told_of_people_the_reader_may_see(app, make, boss):
    team = make.team("Blue", "acme-eu")
    member, far = make.person("in@example.org", teams=(team,)), make.person("far@example.org")
    lead = actor(app, make.person("lead@example.org", "Lead", teams=(team,)))
    subjects = [f"person:{member}", f"person:{far}", "person:0x1", "store:1", None]
    entries = [AuditEntry(subject=subject) for subject in subjects]
    inside, outside = {f"person:{member}": (member, "in@example.org")}, {f"person:{far}": (far, "far@example.org")}
    with app.app_context(), scope_as(ALL_STORES):
        assert logins(session, boss, entries) == inside | outside
        assert logins(session, lead, entries) == inside
        assert logins(session, boss, entries[2:]) == {}


def test_names_of_teams_and_stores(app, make, boss):
    blue, red = make.team("Blue", "acme-eu"), make.team("Red", "rival")
    lead = actor(app, make.person("lead@example.org", "Lead", teams=(blue,)))
    with app.app_context(), scope_as(ALL_STORES):
        assert team_names(session, boss) == {blue: "Blue", red: "Red"}
        assert team_names(session, lead) == {blue: "Blue"}
        assert store_names(session) == {make.store("acme-eu"): "acme-eu", make.store("rival"): "rival"}
    with app.app_context(), scope_as(lead.stores):
        assert store_names(session) == {make.store("acme-eu"): "acme-eu"}
