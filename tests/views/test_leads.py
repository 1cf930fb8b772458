"""The people screens for a lead: what a lead may do and what every attempt beyond it comes to."""

import re

import pytest
import sqlalchemy as sa
from flask_appbuilder.security.sqla.models import assoc_permissionview_role

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import AuditEntry, Mail, Person, StoreGrant
from tests.views.people_world import text


def test_a_lead_sees_the_people_of_the_team_and_nobody_else(world):
    page = text(world.browser("lead").get("/people/"))
    assert "spec@example.org" in page
    assert "peer@example.org" in page
    assert "far@example.org" not in page
    assert "Red" not in page
    assert "rival" not in page


def test_a_leads_page_about_a_person_says_through_what(world):
    page = text(world.browser("lead").get(f"/people/{world.both}"))
    assert "acme-eu" in page
    assert "team Blue" in page
    assert "outside your stores" in page
    assert "rival" not in page
    assert "Red" not in page
    assert "Resend license information" in page


def test_a_lead_invites_into_the_own_team(world, app):
    answer = world.browser("lead").submit(
        "/people/invite",
        {
            "addresses": "New One <new@example.org>", "role": "Specialist",
            "teams": [str(world.blue)], "stores": [str(world.us)],
        },
    )  # fmt: skip
    assert answer.status_code == 200, text(answer)
    with app.app_context(), scope_as(ALL_STORES):
        person = session.scalars(sa.select(Person).where(Person.email == "new@example.org")).one()
        mail = session.scalars(sa.select(Mail)).one()
        event = session.scalars(sa.select(AuditEntry).where(AuditEntry.event == "person.invited")).one()
    assert (person.first_name, person.last_name, person.password) == ("New", "One", None)
    assert (mail.template, mail.user_id) == ("access", person.id)
    assert (event.actor_id, event.details["role"]) == (world.lead, "Specialist")
    assert world.actor(person.id).stores == {world.eu, world.us}


def test_a_lead_moves_stores_and_teams_within_the_own_reach_and_leaves_the_rest(world, app):
    answer = world.browser("lead").submit(
        f"/people/{world.both}/edit",
        {"first_name": "Bo", "last_name": "Th", "teams": [str(world.blue)], "stores": [str(world.us)]},
    )
    assert answer.status_code == 303, text(answer)
    assert world.actor(world.both).stores == {world.eu, world.us, world.rival}
    world.browser("lead").submit(
        f"/people/{world.both}/edit", {"first_name": "Bo", "last_name": "Th", "teams": [str(world.blue)]}
    )
    with app.app_context():
        assert session.scalars(sa.select(StoreGrant.store_id).where(StoreGrant.user_id == world.both)).all() == [
            world.rival
        ]


def test_a_lead_deactivates_by_removing_from_the_own_teams(world):
    spec, both = world.browser("spec"), world.browser("both")
    lead = world.browser("lead")
    assert lead.submit(f"/people/{world.spec}/deactivate").status_code == 303
    assert lead.submit(f"/people/{world.both}/deactivate").status_code == 303
    assert spec.get("/change-password").status_code == 303  # no team or store is left: the account is closed
    assert both.get("/change-password").status_code == 303  # signed out, too
    with world.app.app_context():
        assert not session.get_one(Person, world.spec).active
        assert session.get_one(Person, world.both).active
    assert world.actor(world.both).stores == {world.rival}
    assert lead.get(f"/people/{world.both}").status_code == 404


def test_whom_a_lead_removes_keeps_nothing_the_lead_could_give(world, make):
    helper = make.person("helper@example.org", teams=(world.blue,), stores=("acme-us", "rival"))
    only = make.person("only@example.org", teams=(world.blue,), stores=("acme-us",))
    lead = world.browser("lead")
    page = text(lead.get(f"/people/{helper}"))
    assert "lose your stores" in page
    assert "invite them again" in text(lead.get(f"/people/{only}"))
    for person in (helper, only):
        assert lead.submit(f"/people/{person}/deactivate").status_code == 303
    assert world.actor(helper).stores == {world.rival}
    assert world.actor(only).stores == set()
    with world.app.app_context(), scope_as(ALL_STORES):
        assert session.get_one(Person, helper).active
        assert not session.get_one(Person, only).active
        entries = session.scalars(sa.select(AuditEntry).where(AuditEntry.event == "person.left_teams"))
        assert [entry.details for entry in entries] == [{"teams": [world.blue], "stores": [world.us]}] * 2
    assert lead.submit(
        "/people/invite", {"addresses": "O N <only@example.org>", "role": "Specialist", "teams": [str(world.blue)]}
    ).status_code == 200  # fmt: skip


def test_scope_changes_hold_at_the_next_request(world):
    spec = world.browser("spec")
    assert spec.get("/orders/?store=acme-us").status_code == 200
    world.browser("admin").submit(
        f"/people/{world.spec}/edit",
        {"first_name": "S", "last_name": "P", "role": "Specialist", "teams": [str(world.red)]},
    )
    assert world.actor(world.spec).stores == {world.rival}
    assert spec.get("/change-password").status_code == 200  # still signed in


ATTEMPTS = {
    "invite above Specialist": ("/people/invite", {"role": "Lead", "teams": ["blue"]}, 422),
    "invite an Admin": ("/people/invite", {"role": "Admin", "teams": ["blue"]}, 422),
    "invite with a made-up role": ("/people/invite", {"role": "Owner", "teams": ["blue"]}, 422),
    "invite without a role": ("/people/invite", {"teams": ["blue"]}, 422),
    "invite into a foreign team": ("/people/invite", {"role": "Specialist", "teams": ["red"]}, 422),
    "invite into own and foreign": ("/people/invite", {"role": "Specialist", "teams": ["blue", "red"]}, 422),
    "invite with a foreign store": (
        "/people/invite", {"role": "Specialist", "teams": ["blue"], "stores": ["rival"]}, 422),
    "invite with a missing store": (
        "/people/invite", {"role": "Specialist", "teams": ["blue"], "stores": ["999999"]}, 422),
    "invite without a team": ("/people/invite", {"role": "Specialist", "stores": ["eu"]}, 422),
    "invite with nonsense ids": ("/people/invite", {"role": "Specialist", "teams": ["x"]}, 422),
    "invite with huge ids": ("/people/invite", {"role": "Specialist", "teams": ["99999999999999999999"]}, 422),
    "invite an existing person": (
        "/people/invite", {"addresses": "far@example.org", "role": "Specialist", "teams": ["blue"]}, 422),
    "invite nobody": ("/people/invite", {"addresses": " \n", "role": "Specialist", "teams": ["blue"]}, 422),
    "invite a crowd": (
        "/people/invite",
        {"addresses": "\n".join(f"p{i}@example.org" for i in range(51)), "role": "Specialist", "teams": ["blue"]}, 422),
    "raise to Lead": ("/people/{spec}/edit", {"role": "Lead", "teams": ["blue"]}, 422),
    "raise to Admin": ("/people/{spec}/edit", {"role": "Admin", "teams": ["blue"]}, 422),
    "give a foreign team": ("/people/{spec}/edit", {"teams": ["blue", "red"]}, 422),
    "give a foreign store": ("/people/{spec}/edit", {"teams": ["blue"], "stores": ["rival"]}, 422),
    "change oneself": ("/people/{lead}/edit", {"teams": ["blue"], "stores": ["eu"]}, 409),
    "raise oneself": ("/people/{lead}/edit", {"role": "Admin", "teams": ["blue"]}, 409),
    "change another lead": ("/people/{peer}/edit", {"teams": ["blue"]}, 409),
    "change an administrator": ("/people/{boss}/edit", {"teams": ["blue"]}, 409),
    "change somebody else's person": ("/people/{far}/edit", {"teams": ["blue"]}, 404),
    "empty a name": ("/people/{spec}/edit", {"first_name": " ", "teams": ["blue"]}, 422),
    "deactivate oneself": ("/people/{lead}/deactivate", {}, 409),
    "deactivate another lead": ("/people/{peer}/deactivate", {}, 409),
    "deactivate an administrator": ("/people/{boss}/deactivate", {}, 409),
    "deactivate somebody else's person": ("/people/{far}/deactivate", {}, 404),
    "deactivate nobody": ("/people/999999/deactivate", {}, 404),
    "reactivate": ("/people/{spec}/reactivate", {}, 403),
    "send access to a lead": ("/people/{peer}/access", {}, 409),
    "send access far away": ("/people/{far}/access", {}, 404),
    "sign an administrator out": ("/people/{boss}/sign-out", {}, 409),
    "sign somebody far out": ("/people/{far}/sign-out", {}, 404),
    "take a second step away": ("/people/{spec}/second-step", {}, 403),
    "make a team": ("/teams/new", {"name": "Mine", "stores": ["rival"]}, 403),
    "change a team": ("/teams/{blue}/edit", {"name": "Blue", "stores": ["eu", "rival"]}, 403),
    "remove a team": ("/teams/{red}/remove", {}, 403),
    "make a store": ("/stores/new", {"name": "new"}, 403),
    "change a store": ("/stores/{eu}/edit", {"title": "x"}, 403),
    "close a store": ("/stores/{eu}/close", {}, 403),
    "reopen a store": ("/stores/{eu}/reopen", {}, 403),
    "forbid delivery": ("/stores/{eu}/bans", {"reason": "x", "confirmed": "yes"}, 403),
    "make a token": ("/tokens/", {"name": "x", "stores": ["acme-eu"]}, 403),
}  # fmt: skip


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_lead_gets_no_further(world, attempt):
    path, data, status = ATTEMPTS[attempt]
    ids = {name: getattr(world, name) for name in ("lead", "spec", "peer", "boss", "far", "blue", "red", "eu")}
    form = {
        name: [str(getattr(world, v, v)) if name in ("teams", "stores") and path[1:6] != "token" else v for v in value]
        if isinstance(value, list)
        else value
        for name, value in data.items()
    }
    if "invite" in path:
        form = {"addresses": "new@example.org", "first_name": "N", "last_name": "P", **form}
    elif "people" in path and "edit" in path:
        form = {"first_name": "Sam", "last_name": "Spec", **form}
    before = world.state()
    answer = world.browser("lead").submit(path.format(**ids), form)
    assert answer.status_code == status, text(answer)
    assert world.state() == before
    assert "Faraway" not in text(answer)


@pytest.mark.parametrize("who", ["spec", None])
def test_nobody_below_a_lead_opens_these_screens(world, client, who):
    browser = world.browser(who) if who else client
    refused = 403 if who else 302
    before = world.state()
    for path in ("/people/", f"/people/{world.spec}", "/people/invite", f"/people/{world.spec}/edit", "/teams/",
                 "/teams/new", "/stores/", f"/stores/{world.eu}", "/stores/new", "/tokens/"):  # fmt: skip
        assert browser.get(path).status_code == refused, path
    for path in (f"/people/{world.spec}/deactivate", f"/people/{world.spec}/access", f"/stores/{world.eu}/close",
                 "/tokens/", "/teams/new"):  # fmt: skip
        assert browser.submit(path, {"name": "x"}).status_code == refused, path
    assert world.state() == before


def test_foreign_and_missing_people_look_alike(world):
    lead = world.browser("lead")
    foreign, missing = lead.get(f"/people/{world.far}"), lead.get("/people/999999")
    strip = re.compile(rb'nonce="[^"]*|csrf_token[^>]*')
    assert foreign.status_code == missing.status_code == 404
    assert strip.sub(b"", foreign.data) == strip.sub(b"", missing.data)
    assert lead.get("/people/99999999999999999999").status_code == 404
    assert lead.get("/people/0").status_code == 404


def test_a_lead_who_was_just_removed_leads_no_more(world):
    lead = world.browser("lead")
    world.browser("admin").submit(
        f"/people/{world.lead}/edit", {"first_name": "L", "last_name": "E", "role": "Lead", "teams": [str(world.red)]}
    )
    before = world.state()
    assert lead.submit(f"/people/{world.spec}/deactivate").status_code == 404
    assert world.state() == before


@pytest.mark.parametrize("permission", ["can_list", "can_invite", "can_edit", "can_deactivate"])
def test_taking_a_permission_away_takes_the_screen_away(world, app, permission):
    from app.security.sync import sync_roles

    pages = {
        "can_list": ("/people/", "get"), "can_invite": ("/people/invite", "get"),
        "can_edit": (f"/people/{world.spec}/edit", "get"),
        "can_deactivate": (f"/people/{world.spec}/sign-out", "submit"),
    }  # fmt: skip
    path, verb = pages[permission]
    lead = world.browser("lead")
    assert getattr(lead, verb)(path).status_code in (200, 303)
    with app.app_context():
        pair = session.execute(
            sa.text(
                "SELECT pv.id FROM ab_permission_view pv JOIN ab_permission p ON p.id = pv.permission_id "
                "JOIN ab_view_menu v ON v.id = pv.view_menu_id WHERE p.name = :p AND v.name = 'PersonView'"
            ),
            {"p": permission},
        ).scalar_one()
        with transaction():
            session.execute(
                assoc_permissionview_role.delete().where(assoc_permissionview_role.c.permission_view_id == pair)
            )
    try:
        assert getattr(world.browser("lead"), verb)(path).status_code == 403
    finally:
        with app.app_context():
            sync_roles()


def test_a_lead_invites_somebody_back_and_an_administrator_is_told_where_to_look(world, app):
    lead, admin = world.browser("lead"), world.browser("admin")
    lead.submit(f"/people/{world.spec}/deactivate")
    form = {"addresses": "Sam Back <spec@example.org>", "role": "Specialist", "teams": [str(world.blue)]}
    told = text(admin.submit("/people/invite", form))
    assert "already has an account. Find it among the people" in told
    assert lead.submit("/people/invite", form).status_code == 200
    assert world.actor(world.spec).stores == {world.eu, world.us}
    assert "Sam Back" in text(lead.get("/people/"))
