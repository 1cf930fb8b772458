"""Passwords: what setting one writes and ends, and what does not hold."""

import datetime as dt

import pytest

from app.actions import access_links, credentials
from app.db import session, transaction
from app.domain import audit as events
from app.domain.refusal import Invalid
from app.models import AuditEntry, Person
from tests.actions.support import actor, one, rows

OLD, NEW = "a long enough phrase 42", "quite another phrase 17"


@pytest.fixture
def ann(app, make):
    person_id = make.person("ann@example.org", stores=("acme-eu",))
    with app.app_context(), transaction():
        credentials.put_password(session.get_one(Person, person_id), OLD)
    return actor(app, person_id)


def state(app):
    """All that a password is, without the entries about it."""
    person = one(app, Person)
    return person.password, person.auth_version, person.password_changed_at, person.must_change_password


def change(app, who, **given):
    given = {"present": OLD, "password": NEW, "repeated": NEW, **given}
    with app.app_context(), transaction():
        credentials.change_password(session, who, session.get_one(Person, who.id), **given)


def test_a_change_ends_sessions_and_is_written_down(app, ann):
    _, version, changed, _ = state(app)
    change(app, ann)
    person, entry = one(app, Person), one(app, AuditEntry)
    assert credentials.matches(person, NEW)
    assert not credentials.matches(person, OLD)
    assert person.auth_version == version + 1
    assert person.password_changed_at > changed
    assert (person.password_expires_at, person.must_change_password) == (None, False)
    assert (entry.event, entry.subject, entry.actor_id, entry.details) == (
        "password.changed", f"person:{ann.id}", ann.id, {},
    )  # fmt: skip


def test_a_password_set_by_a_link_is_written_down_as_that(app, ann):
    with app.app_context(), transaction():
        person = session.get_one(Person, ann.id)
        credentials.set_password(session, ann, person, password=NEW, repeated=NEW, event=events.PASSWORD_SET)
    assert one(app, AuditEntry).event == "password.set"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"present": NEW}, "present"), ({"password": OLD, "repeated": OLD}, "password"),
        ({"password": "short", "repeated": "short"}, "password"), ({"repeated": NEW + "x"}, "repeated"),
    ],
)  # fmt: skip
def test_what_does_not_hold_changes_nothing(app, ann, given, field):
    before = state(app)
    with pytest.raises(Invalid) as caught:
        change(app, ann, **given)
    assert list(caught.value.errors) == [field]
    assert state(app) == before
    assert rows(app, AuditEntry) == []


def test_a_temporary_password_holds_until_its_moment_and_must_be_changed(app, ann):
    ends = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
    with app.app_context(), transaction():
        credentials.put_password(session.get_one(Person, ann.id), NEW, expires_at=ends)
    person = one(app, Person)
    assert (person.password_expires_at, person.must_change_password) == (ends, True)
    assert credentials.matches(person, NEW, ends - dt.timedelta(seconds=1))
    assert not credentials.matches(person, NEW, ends)


def test_closed_accounts_and_nobody_match_nothing(app, ann):
    with app.app_context(), transaction():
        session.get_one(Person, ann.id).active = False
    assert not credentials.matches(one(app, Person), OLD)
    assert not credentials.matches(None, "nobody has this password")


def test_the_name_and_address_must_not_stand_in_it(app, ann):
    person = one(app, Person)
    assert set(credentials.own_words(person)) == {"ann@example.org", "Ann", "Example"}
    with pytest.raises(Invalid):
        change(app, ann, password="ann@example.org 1", repeated="ann@example.org 1")


def test_a_refused_mail_names_the_account_and_not_what_was_typed(app, ann):
    with app.app_context(), transaction():
        access_links.refuse_reset_mail(session, ann, session.get_one(Person, ann.id))
        access_links.refuse_reset_mail(session, ann, None)
    found = rows(app, AuditEntry)
    assert {(entry.event, entry.result) for entry in found} == {("password.asked", "refused")}
    assert [entry.subject for entry in found] == [f"person:{ann.id}", None]
