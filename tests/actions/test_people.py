"""People: what a change writes, what nothing comes of, and codes of a second step that is not set up."""

import threading
import time

import pytest
import sqlalchemy as sa

from app.actions import people, stores, teams, tokens
from app.actions.people import Change, Invitation
from app.actions.second_step import Vault, check_code
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES, Role
from app.domain.people import Boxes
from app.domain.refusal import Invalid, NotFound
from app.models import AuditEntry, Mail, Person, RecoveryCode, StoreGrant
from app.queries.staff import manager_of
from tests.actions.support import actor, one, rows


@pytest.fixture
def boss(app, make):
    return actor(app, make.person("boss@example.org", role="Admin"))


def act(app, who, function, *args, **options):
    with app.app_context(), scope_as(who.stores), transaction():
        return function(session, manager_of(session, who), *args, **options)


def invitation(email, **values):
    given = {"first_name": "Ann", "last_name": "Lee", "role": Role.ADMIN, "teams": frozenset(), "stores": frozenset()}
    return Invitation(email, **{**given, **values})


def test_a_change_to_what_it_is_already_writes_nothing(app, make, boss):
    ann = make.person("ann@example.org", stores=("acme-eu",))
    before = one(app, Person, Person.id == ann)
    act(app, boss, people.change, ann, Change(first_name="Ann", last_name="Example", role=Role.SPECIALIST))
    after = one(app, Person, Person.id == ann)
    assert (after.auth_version, after.changed_on) == (before.auth_version, before.changed_on)
    assert rows(app, AuditEntry) == []


def test_a_change_is_written_with_what_it_gave_and_took(app, make, boss):
    ann = make.person("ann@example.org", stores=("acme-eu",))
    eu, us = make.store("acme-eu"), make.store("acme-us")
    before = one(app, Person, Person.id == ann).auth_version
    act(app, boss, people.change, ann, Change(last_name="Lee", role=Role.LEAD, stores=frozenset({us})))
    person, entry = one(app, Person, Person.id == ann), one(app, AuditEntry)
    assert (person.last_name, person.auth_version) == ("Lee", before + 1)
    assert (entry.event, entry.subject, entry.actor_id) == ("person.changed", f"person:{ann}", boss.id)
    assert entry.details == {"names": True, "role": "Lead", "stores": {"given": [us], "taken": [eu]}}


def test_a_long_address_has_a_short_name_of_its_own(app, boss):
    longs = [f"{'a' * 60}@{'b' * 60}.{end}.example" for end in ("one", "two")]
    for email in longs:
        act(app, boss, people.invite, invitation(email), how=None)
    names = {person.email: person.username for person in rows(app, Person, Person.email.in_(longs))}
    assert list(names) == longs
    assert len(set(names.values())) == 2
    assert {len(name) <= 128 and name.startswith("a" * 60) for name in names.values()} == {True}


def test_an_address_is_taken_once(app, boss):
    act(app, boss, people.invite, invitation("new@example.org"), how="link")
    with pytest.raises(Invalid) as caught:
        act(app, boss, people.invite, invitation("NEW@example.org"), how="link")
    assert list(caught.value.errors) == ["email"]
    assert len(rows(app, Mail)) == 1
    entries = [(e.event, e.details) for e in rows(app, AuditEntry)]
    assert entries[0] == ("person.invited", {"role": "Admin", "teams": [], "stores": []})
    assert [event for event, _ in entries] == ["person.invited", "access.sent"]


def test_without_a_second_step_no_code_is_right_and_none_is_made(app, make, boss):
    ann = make.person("ann@example.org")
    vault = Vault("a key")
    with app.app_context(), transaction():
        person = session.get_one(Person, ann)
        session.add(RecoveryCode(user_id=ann, code_hash=vault.fingerprint(ann, "abcdefghjk")))
        session.flush()
        assert check_code(session, boss, person, vault, "abcde-fghjk") is False
        assert session.scalar(sa.select(RecoveryCode.used_at)) is None
    with app.app_context(), pytest.raises(NotFound), scope_as(ALL_STORES), transaction():
        people.change(session, manager_of(session, boss), 999_999, Change())


def events(app):
    return [(entry.event, entry.subject) for entry in rows(app, AuditEntry, order_by=AuditEntry.id)]


def version(app, person_id):
    return one(app, Person, Person.id == person_id).auth_version


def test_an_invitation_writes_role_teams_and_stores(app, make, boss):
    team, store = make.team("Blue", "acme-eu"), make.store("acme-us")
    given = {"role": Role.SPECIALIST, "teams": frozenset({team}), "stores": frozenset({store})}
    act(app, boss, people.invite, invitation("new@example.org", **given), how=None)
    with app.app_context(), scope_as(ALL_STORES):
        person = session.scalars(sa.select(Person).where(Person.email == "new@example.org")).one()
        assert (person.first_name, person.last_name, person.active) == ("Ann", "Lee", True)
        assert [role.name for role in person.roles] == ["Specialist"]
        assert [group.id for group in person.groups] == [team]
        assert session.scalars(sa.select(StoreGrant.store_id).where(StoreGrant.user_id == person.id)).all() == [store]
    assert rows(app, Mail) == []


def test_an_account_is_closed_and_opened_again(app, make, boss):
    ann = make.person("ann@example.org", password="a hash")
    before = version(app, ann)
    act(app, boss, people.deactivate, ann)
    person = one(app, Person, Person.id == ann)
    assert (person.active, person.auth_version) == (False, before + 1)
    assert person.deactivated_at is not None
    act(app, boss, people.reactivate, ann, how="link")
    person = one(app, Person, Person.id == ann)
    assert (person.active, person.deactivated_at, person.password, person.auth_version) == (
        True,
        None,
        None,
        before + 2,
    )
    assert [mail.user_id for mail in rows(app, Mail)] == [ann]
    subject = f"person:{ann}"
    assert events(app) == [
        ("person.deactivated", subject), ("person.reactivated", subject), ("access.sent", subject),
    ]  # fmt: skip


def test_signing_somebody_out_everywhere_is_written_down(app, make, boss):
    ann, other = make.person(), make.person()
    before, of_other = version(app, ann), version(app, other)
    act(app, boss, people.end_all_sessions, ann)
    assert (version(app, ann), version(app, other)) == (before + 1, of_other)
    assert events(app) == [("sessions.ended", f"person:{ann}")]


def test_access_is_sent_again_and_written_down(app, make, boss):
    ann = make.person()
    act(app, boss, people.send_access, ann, how="link")
    assert [mail.user_id for mail in rows(app, Mail)] == [ann]
    assert events(app) == [("access.sent", f"person:{ann}")]


@pytest.mark.parametrize(
    ("wanted", "field"),
    [({"teams": frozenset({999_999})}, "teams"), ({"stores": frozenset({999_999})}, "stores"),
     ({"first_name": " "}, "first_name"), ({"last_name": "x" * 65}, "last_name")],
)  # fmt: skip
def test_a_change_that_does_not_hold_is_named_at_its_field_and_writes_nothing(app, make, boss, wanted, field):
    ann = make.person("ann@example.org", stores=("acme-eu",))
    before = one(app, Person, Person.id == ann)
    with pytest.raises(Invalid) as caught:
        act(app, boss, people.change, ann, Change(**{"role": Role.LEAD, **wanted}))
    assert list(caught.value.errors) == [field]
    after = one(app, Person, Person.id == ann)
    assert (after.first_name, after.last_name, after.auth_version) == (
        before.first_name, before.last_name, before.auth_version,
    )  # fmt: skip
    assert events(app) == []


def let_go(app, make):
    """A lead, the team, and somebody the lead has removed from it, which closed the account."""
    blue = make.team("Blue", "acme-eu")
    lead = actor(app, make.person("lead@example.org", role="Lead", teams=(blue,)))
    ann = make.person("ann@example.org", teams=(blue,), password="a hash")
    act(app, lead, people.deactivate, ann)
    assert not one(app, Person, Person.id == ann).active
    return lead, blue, ann


def test_a_lead_takes_back_whom_a_lead_let_go(app, make):
    lead, blue, ann = let_go(app, make)
    store, before = make.store("acme-eu"), version(app, ann)
    wanted = invitation(
        "Ann@Example.org", first_name="Anna", role=Role.SPECIALIST, teams=frozenset({blue}), stores=frozenset({store})
    )
    act(app, lead, people.invite, wanted, how="link")
    with app.app_context(), scope_as(ALL_STORES):
        person = session.get_one(Person, ann)
        assert (person.first_name, person.active, person.deactivated_at, person.password) == ("Anna", True, None, None)
        assert person.auth_version == before + 1
        assert [role.name for role in person.roles] == ["Specialist"]
        assert [group.id for group in person.groups] == [blue]
        assert session.scalars(sa.select(StoreGrant.store_id).where(StoreGrant.user_id == ann)).all() == [store]
    assert [mail.user_id for mail in rows(app, Mail)] == [ann]
    subject = f"person:{ann}"
    assert events(app)[-3:] == [
        ("person.reactivated", subject), ("person.invited", subject), ("access.sent", subject),
    ]  # fmt: skip


@pytest.mark.parametrize("kept", ["role", "store", "open", "team"])
def test_a_lead_takes_nobody_elses_person(app, make, boss, kept):
    lead, blue, ann = let_go(app, make)
    red, rival = make.team("Red", "rival"), make.store("rival")
    with app.app_context(), scope_as(ALL_STORES), transaction():
        if kept == "store":
            session.add(StoreGrant(user_id=ann, store_id=rival))
        if kept == "open":
            session.get_one(Person, ann).active = True
    if kept == "role":
        act(app, boss, people.change, ann, Change(role=Role.LEAD))
    if kept == "team":
        act(app, boss, people.change, ann, Change(teams=frozenset({red})))
    before, said = one(app, Person, Person.id == ann), events(app)
    wanted = invitation("ann@example.org", role=Role.SPECIALIST, teams=frozenset({blue}))
    with pytest.raises(Invalid) as caught:
        act(app, lead, people.invite, wanted, how="link")
    assert [refusal.code for refusal in caught.value.errors["email"]] == ["person.taken"]
    after = one(app, Person, Person.id == ann)
    assert (after.active, after.password, after.auth_version) == (before.active, before.password, before.auth_version)
    assert (rows(app, Mail), events(app)) == ([], said)


def test_coming_back_needs_all_that_an_invitation_needs(app, make):
    lead, _blue, ann = let_go(app, make)
    said = events(app)
    with pytest.raises(Invalid) as caught:
        act(app, lead, people.invite, invitation("ann@example.org", role=Role.SPECIALIST, last_name=""), how="link")
    assert set(caught.value.errors) == {"last_name", "teams"}
    assert not one(app, Person, Person.id == ann).active
    assert (rows(app, Mail), events(app)) == ([], said)


def at_once(app, *functions):
    """Run them at the same time, each in a transaction of its own; what each raised, or None."""
    start, came = threading.Barrier(len(functions)), []

    def run(function):
        with app.app_context(), scope_as(ALL_STORES):
            start.wait()
            try:
                with transaction():
                    function()
                    time.sleep(0.05)  # the other one looks while this one has not finished
                came.append(None)
            except Exception as error:
                came.append(error)

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return came


@pytest.mark.parametrize("what", ["person", "store", "team", "token"])
def test_of_two_who_give_a_name_at_once_the_second_is_told_that_it_is_taken(app, make, boss, what):
    make.store("acme-eu")
    give = {
        "person": lambda: people.invite(
            session, manager_of(session, boss), invitation("new@example.org"), how="link"
        ),
        "store": lambda: stores.make_store(session, boss, "new"),
        "team": lambda: teams.make_team(session, boss, "New", frozenset()),
        "token": lambda: tokens.make_token(session, "new", ["acme-eu"], actor=boss),
    }[what]  # fmt: skip
    came = at_once(app, give, give)
    assert sorted(type(error) for error in came if error) == [Invalid]
    assert len(came) == 2


def test_what_two_people_change_of_one_at_once_both_holds(app, make, boss):
    ann = make.person("ann@example.org", stores=("acme-eu",))
    eu, us, rival = (make.store(name) for name in ("acme-eu", "acme-us", "rival"))
    shown = frozenset({eu})
    act(app, boss, people.change, ann, Change(stores=Boxes(shown, shown | {us})))
    act(app, boss, people.change, ann, Change(stores=Boxes(shown, frozenset({rival}))))
    with app.app_context(), scope_as(ALL_STORES):
        held = session.scalars(sa.select(StoreGrant.store_id).where(StoreGrant.user_id == ann)).all()
    assert set(held) == {us, rival}
