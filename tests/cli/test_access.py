"""``portal store``, ``portal team``, ``portal user``: what contract.md 1 promises of them."""

import pytest
import sqlalchemy as sa
from werkzeug.security import check_password_hash

from app.db import scope_as, session
from app.domain.access import ALL_STORES
from app.models import AuditEntry, DeliveryBan, Mail, Person, Store
from app.queries.people import actor_of

PASSWORD = "three blue lanterns 9"
WHO = ("--first-name", "Ann", "--last-name", "Example")


@pytest.fixture
def run(app):
    def invoke(*args, stdin=None):
        return app.test_cli_runner().invoke(args=["portal", *args], input=stdin)

    return invoke


def seen_by(app, email):
    with app.app_context(), scope_as(ALL_STORES):
        person = session.scalars(sa.select(Person).where(Person.email == email)).one()
        actor = actor_of(session, person)
        names = session.execute(sa.select(Store.id, Store.name)).all()
        return person, actor.roles, sorted(name for id_, name in names if id_ in actor.stores)


def test_a_store_is_created_and_changed(app, run):
    assert run("store", "acme-eu", "--title", "Acme", "--currency", "eur").exit_code == 0
    assert run("store", "acme-eu", "--title", "Acme Europe").exit_code == 0
    with app.app_context(), scope_as(ALL_STORES):
        store = session.scalars(sa.select(Store)).one()
        assert (store.name, store.title, store.currency) == ("acme-eu", "Acme Europe", "EUR")
        events = session.scalars(sa.select(AuditEntry.event).order_by(AuditEntry.id)).all()
    assert events == ["store.made", "store.changed"]


def test_delivery_is_forbidden_and_allowed(app, run):
    run("store", "acme-eu", "--forbid-delivery", "Keys are being replaced")
    with app.app_context(), scope_as(ALL_STORES):
        ban = session.scalars(sa.select(DeliveryBan)).one()
        assert (ban.reason, ban.product_id, ban.ends_at, ban.lifted_at) == ("Keys are being replaced", None, None, None)
    assert run("store", "acme-eu", "--allow-delivery").exit_code == 0
    with app.app_context(), scope_as(ALL_STORES):
        assert session.scalars(sa.select(DeliveryBan)).one().lifted_at is not None
    assert run("store", "acme-eu", "--allow-delivery").exit_code == 0


@pytest.mark.parametrize(
    "args",
    [
        ("store", "bad name"),
        ("store", "ok", "--currency", "XXQ"),
        ("store", "ok", "--forbid-delivery", " "),
        ("team", "Blue", "--store", "missing"),
        ("team", ""),
        ("user", "not an address", *WHO, "--role", "Specialist"),
        ("user", "a@example.org", *WHO, "--role", "Specialist", "--team", "missing"),
        ("user", "a@example.org", *WHO, "--role", "Specialist", "--store", "missing"),
    ],
)
def test_bad_input_is_named_and_nothing_is_made(app, run, args):
    result = run(*args)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    with app.app_context(), scope_as(ALL_STORES):
        assert session.scalars(sa.select(Store)).all() == []
        assert session.scalars(sa.select(Person)).all() == []


def test_both_ways_of_delivery_at_once_are_refused(run):
    assert run("store", "acme-eu", "--forbid-delivery", "why", "--allow-delivery").exit_code == 2


def test_a_new_user_gets_the_access_mail(app, run):
    run("store", "acme-eu")
    run("team", "Blue", "--store", "acme-eu")
    result = run("user", "Ann@Example.org", *WHO, "--role", "Lead", "--team", "Blue")
    assert result.output == "user ann@example.org created\n"
    person, roles, stores = seen_by(app, "ann@example.org")
    assert (roles, stores) == ({"Lead"}, ["acme-eu"])
    assert person.password is None
    with app.app_context(), scope_as(ALL_STORES):
        mail = session.scalars(sa.select(Mail)).one()
        assert (mail.template, mail.user_id, mail.params) == ("access", person.id, {"user_id": person.id})


def test_a_password_on_stdin_is_set_and_no_mail_is_sent(app, run):
    result = run("user", "ann@example.org", *WHO, "--role", "Admin", "--password-stdin", stdin=PASSWORD + "\n")
    assert result.exit_code == 0, result.output
    person, roles, _ = seen_by(app, "ann@example.org")
    assert check_password_hash(person.password, PASSWORD)
    assert not person.must_change_password
    assert roles == {"Admin"}
    with app.app_context(), scope_as(ALL_STORES):
        assert session.scalars(sa.select(Mail)).all() == []


def test_a_password_given_on_the_command_line_stands_in_the_audit(app, run):
    run("user", "ann@example.org", *WHO, "--role", "Admin", "--password-stdin", stdin=PASSWORD + "\n")
    again = run("user", "ann@example.org", *WHO, "--role", "Admin", "--password-stdin", stdin=PASSWORD + " 2\n")
    assert again.exit_code == 0
    person, _, _ = seen_by(app, "ann@example.org")
    with app.app_context():
        given = session.scalars(sa.select(AuditEntry).where(AuditEntry.event == "password.given")).all()
        assert [(e.actor, e.subject) for e in given] == [("system", f"person:{person.id}")] * 2


def test_a_bad_password_makes_no_account(app, run):
    result = run("user", "ann@example.org", *WHO, "--role", "Admin", "--password-stdin", stdin="short\n")
    assert result.exit_code == 1
    assert "at least 12 characters" in result.output
    with app.app_context():
        assert session.scalars(sa.select(Person)).all() == []


def test_teams_and_stores_given_replace_those_they_had(app, run):
    for name in ("one", "two", "three"):
        run("store", name)
    run("team", "Blue", "--store", "one")
    run("team", "Red", "--store", "two")
    run("user", "a@example.org", *WHO, "--role", "Specialist", "--team", "Blue", "--store", "three")
    assert seen_by(app, "a@example.org")[2] == ["one", "three"]
    run("user", "a@example.org", "--first-name", "Bo", "--last-name", "Ek", "--role", "Specialist", "--team", "Red")
    person, _, stores = seen_by(app, "a@example.org")
    assert stores == ["three", "two"]
    assert person.get_full_name() == "Bo Ek"
    run("user", "a@example.org", *WHO, "--role", "Lead", "--store", "one")
    assert seen_by(app, "a@example.org")[1:] == ({"Lead"}, ["one", "two"])
    run("team", "Red", "--store", "three")
    assert seen_by(app, "a@example.org")[2] == ["one", "three"]
    run("team", "Red")
    assert seen_by(app, "a@example.org")[2] == ["one", "three"]
