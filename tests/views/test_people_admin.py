"""The people screens for an administrator: roles, accounts, and their own that they keep."""

import pytest
import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import AuditEntry, Mail, OneTimeToken, Person, RecoveryCode
from tests.views.people_world import text


def test_several_addresses_each_have_their_result(world, app):
    answer = world.browser("admin").submit(
        "/people/invite",
        {
            "addresses": "a@example.org\r\nBo Ek <b@example.org>\n\nnonsense\nspec@example.org\na@example.org",
            "first_name": "Ann", "last_name": "Other", "role": "Specialist", "teams": [str(world.red)],
        },
    )  # fmt: skip
    assert answer.status_code == 200
    page = text(answer)
    assert page.count("access data is on its way") == 2
    assert "not an email address" in page
    assert "already has an account" in page
    with app.app_context():
        names = dict(
            session.execute(
                sa.select(Person.email, Person.last_name).where(Person.email.in_(["a@example.org", "b@example.org"]))
            ).all()
        )
    assert names == {"a@example.org": "Other", "b@example.org": "Ek"}


def test_an_administrator_changes_role_and_it_ends_sessions(world):
    spec = world.browser("spec")
    answer = world.browser("admin").submit(
        f"/people/{world.spec}/edit",
        {
            "first_name": "Sam",
            "last_name": "Spec",
            "role": "Lead",
            "teams": [str(world.red)],
            "stores": [str(world.us)],
        },
    )
    assert answer.status_code == 303
    actor = world.actor(world.spec)
    assert (actor.roles, actor.stores) == ({"Lead"}, {world.rival, world.us})
    assert spec.get("/change-password").status_code == 303
    with world.app.app_context():
        entry = session.scalars(sa.select(AuditEntry).where(AuditEntry.event == "person.changed")).one()
    assert entry.details == {
        "role": "Lead",
        "teams": {"given": [world.red], "taken": [world.blue]},
        "stores": {"given": [world.us], "taken": []},
    }


def test_an_administrator_deactivates_and_reactivates(world, app):
    spec, admin = world.browser("spec"), world.browser("admin")
    with app.app_context(), transaction():
        from app.actions.access_links import make_link

        make_link(session, world.spec)
    assert admin.submit(f"/people/{world.spec}/deactivate").status_code == 303
    assert spec.get("/change-password").status_code == 303
    with app.app_context():
        assert session.scalars(sa.select(OneTimeToken)).one().voided_at is not None
    page = text(admin.get(f"/people/{world.spec}"))
    assert "Reactivate" in page
    assert page.count("Nothing: the account is deactivated.") == 2
    assert "The newest orders they find" not in page
    assert "spec@example.org" not in text(admin.get("/people/"))
    assert "spec@example.org" in text(admin.get("/people/?closed=1"))
    assert admin.submit(f"/people/{world.spec}/deactivate").status_code == 409
    assert admin.submit(f"/people/{world.spec}/access").status_code == 409
    assert admin.submit(f"/people/{world.spec}/reactivate").status_code == 303
    assert admin.submit(f"/people/{world.spec}/reactivate").status_code == 409
    with app.app_context(), scope_as(ALL_STORES):
        person = session.get_one(Person, world.spec)
        assert (person.active, person.password, person.deactivated_at) == (True, None, None)
        assert session.scalars(sa.select(Mail.template)).all() == ["access"]
    assert world.actor(world.spec).stores == {world.eu, world.us}


@pytest.mark.parametrize("path", ["deactivate", "second-step"])
def test_an_administrator_does_not_lock_themselves_out(world, path):
    before = world.state()
    assert world.browser("admin").submit(f"/people/{world.admin}/{path}").status_code == 409
    assert world.state() == before


def test_an_administrator_keeps_the_own_role(world):
    before = world.state()
    answer = world.browser("admin").submit(
        f"/people/{world.admin}/edit", {"first_name": "Ann", "last_name": "Example", "role": "Specialist"}
    )
    assert answer.status_code == 422
    assert world.state() == before


def test_an_administrator_takes_a_lost_second_step_away(world, app):
    with app.app_context(), transaction():
        person = session.get_one(Person, world.spec)
        person.totp_secret, person.totp_confirmed_at = "x", person.created_on.astimezone()
        session.add(RecoveryCode(user_id=world.spec, code_hash="x"))
    spec, admin = world.browser("spec"), world.browser("admin")
    assert "Take the second step away" in text(admin.get(f"/people/{world.spec}"))
    assert admin.submit(f"/people/{world.spec}/second-step").status_code == 303
    assert admin.submit(f"/people/{world.spec}/second-step").status_code == 409
    assert spec.get("/change-password").status_code == 303
    with app.app_context():
        assert session.get_one(Person, world.spec).totp_secret is None
        assert session.scalars(sa.select(RecoveryCode)).all() == []


def test_access_is_sent_again_and_people_are_signed_out(world, app):
    admin, spec = world.browser("admin"), world.browser("spec")
    assert admin.submit(f"/people/{world.spec}/access").status_code == 303
    assert spec.get("/change-password").status_code == 200
    assert admin.submit(f"/people/{world.spec}/sign-out").status_code == 303
    assert spec.get("/change-password").status_code == 303
    with app.app_context(), scope_as(ALL_STORES):
        events = session.scalars(sa.select(AuditEntry.event).order_by(AuditEntry.id)).all()
        assert session.scalars(sa.select(Mail.user_id)).all() == [world.spec]
    assert events == ["access.sent", "sessions.ended"]
