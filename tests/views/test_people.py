"""The people screens: what a lead may do and what every attempt beyond it comes to; what an administrator may do."""

import re

import pytest
import sqlalchemy as sa
from flask_appbuilder.security.sqla.models import assoc_permissionview_role, assoc_user_group
from werkzeug.datastructures import MultiDict

from app.actions import audit
from app.actions.credentials import put_password
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import AuditEntry, Group, Mail, OneTimeToken, Person, RecoveryCode, StoreGrant
from app.queries.people import actor_of
from tests.pages import parse


class World:
    """Two teams with a store each, a lead of the first, people in and beside it."""

    def __init__(self, app, make):
        self.app, self.make = app, make
        self.blue, self.red = make.team("Blue", "acme-eu", "acme-us"), make.team("Red", "rival")
        self.eu, self.us, self.rival = make.store("acme-eu"), make.store("acme-us"), make.store("rival")
        self.lead = make.person("lead@example.org", "Lead", teams=(self.blue,))
        self.spec = make.person("spec@example.org", teams=(self.blue,), first_name="Sam", last_name="Spec")
        self.peer = make.person("peer@example.org", "Lead", teams=(self.blue,))
        self.boss = make.person("boss@example.org", "Admin", teams=(self.blue,))
        self.far = make.person("far@example.org", teams=(self.red,), first_name="Fay", last_name="Faraway")
        self.both = make.person("both@example.org", teams=(self.blue, self.red), stores=("rival",))
        self.admin = make.person("admin@example.org", "Admin")

    def browser(self, name, **more):
        return self.make.signed_in(getattr(self, name), **more)

    def state(self):
        """Everything about people that a refused attempt must leave alone."""
        with self.app.app_context(), scope_as(ALL_STORES):
            people = session.execute(
                sa.select(
                    Person.id, Person.email, Person.first_name, Person.last_name, Person.active, Person.auth_version,
                    Person.password, Person.totp_secret,
                ).order_by(Person.id)
            ).all()  # fmt: skip
            teams = session.execute(
                sa.select(assoc_user_group.c.user_id, assoc_user_group.c.group_id).order_by(sa.text("1, 2"))
            ).all()
            grants = session.execute(sa.select(StoreGrant.user_id, StoreGrant.store_id).order_by(sa.text("1, 2"))).all()
            roles = {p.id: sorted(r.name for r in p.roles) for p in session.scalars(sa.select(Person))}
            mails = session.scalar(sa.select(sa.func.count()).select_from(Mail))
            groups = session.execute(sa.select(Group.id, Group.name).order_by(Group.id)).all()
            return [people, teams, grants, roles, mails, groups]

    def actor(self, person_id):
        with self.app.app_context():
            return actor_of(session, session.get_one(Person, person_id))


@pytest.fixture
def world(app, make):
    return World(app, make)


def text(answer):
    return answer.get_data(as_text=True)


def hidden_fields(page):
    """The hidden fields of the form that asks for a proof."""
    (form,) = [f for f in parse(page).all("form") if f.all("input", name="proof_password")]
    return [(i.attrs["name"], i.attrs["value"]) for i in form.all("input", type="hidden")]


# --- a lead's team ------------------------------------------------------------------------------------------------


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


# --- administrators ------------------------------------------------------------------------------------------------


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


def test_changing_people_needs_a_fresh_proof(world):
    before = world.state()
    stale = world.browser("admin", proved=False)
    page = stale.get("/people/invite")
    assert (page.status_code, page.location) == (303, "/prove?next=/people/invite")
    for path in ("/people/invite", f"/people/{world.spec}/deactivate", "/tokens/", f"/stores/{world.eu}/close",
                 "/teams/new", f"/stores/{world.eu}/bans"):  # fmt: skip
        answer = stale.submit(path, {"name": "x", "reason": "x", "confirmed": "yes"})
        assert answer.status_code == 401, path
        assert f'action="{path}"' in text(answer)
    assert world.state() == before
    assert stale.get("/people/").status_code == 200


def test_what_was_typed_is_sent_on_with_the_proof(world, app, make):
    with app.app_context(), transaction():
        put_password(session.get_one(Person, world.admin), "a long way to the sea")
    stale = world.browser("admin", proved=False)
    before = world.state()
    typed = {"name": 'Blue & "quick"', "stores": [str(world.eu), str(world.us)]}
    asked = stale.submit("/teams/new", typed)
    fields = hidden_fields(text(asked))
    assert [pair for pair in fields if pair[0] != "csrf_token"] == [
        ("name", typed["name"]), ("stores", str(world.eu)), ("stores", str(world.us)),
    ]  # fmt: skip
    wrong = stale.post("/teams/new", data=MultiDict([*fields, ("proof_password", "not this one")]))
    assert wrong.status_code == 401
    assert hidden_fields(text(wrong))[1:] == fields[1:]
    assert world.state() == before
    done = stale.post("/teams/new", data=MultiDict([*fields, ("proof_password", "a long way to the sea")]))
    assert (done.status_code, done.location) == (303, "/teams/")
    assert "Blue &amp; &#34;quick&#34;" in text(stale.get("/teams/"))
    for _ in range(5):  # a proof has been given, so nothing asks for another
        assert stale.get("/teams/new").status_code == 200


def test_guesses_of_a_proof_are_limited_at_every_form(world):
    stale = world.browser("admin", proved=False)
    before = world.state()
    guess = {"name": "Blue", "proof_password": "not this one"}
    assert [stale.submit("/teams/new", guess).status_code for _ in range(6)] == [401] * 5 + [429]
    assert stale.submit("/teams/new", guess).headers["Retry-After"] == "900"
    assert world.state() == before


def test_the_list_is_searched_and_paged(world, app, make):
    for number in range(52):
        make.person(f"many{number:02}@example.org", last_name=f"Many{number:02}", teams=(world.red,))
    admin = world.browser("admin")
    first = text(admin.get("/people/?find=MANY"))
    assert "many00@" in first
    assert "many51@" not in first
    assert 'rel="next"' in first
    second = text(admin.get("/people/?find=MANY&page=2"))
    assert "many51@" in second
    assert 'rel="prev"' in second
    assert "Nobody was found" in text(admin.get("/people/?find=%25"))
    for page in ("0", "-1", "abc", "99999999999", "%D9%A3"):
        assert admin.get(f"/people/?page={page}").status_code == 200


def test_an_administrators_page_and_preview(world, make):
    order_id = make.order("acme-eu", order_name="A0000000042")
    admin = world.browser("admin")
    page = text(admin.get(f"/people/{world.admin}"))
    assert "Every store, as an administrator." in page
    page = text(admin.get(f"/people/{world.both}"))
    assert "team Red" in page
    assert "held directly" in page
    assert "A0000000042" in page
    assert str(order_id) in page
    assert "A0000000042" not in text(admin.get(f"/people/{world.far}"))


def test_what_they_did_lately_is_on_their_page(world, app):
    world.browser("spec").submit("/logout/")
    assert "Signed out" in text(world.browser("lead").get(f"/people/{world.spec}"))


def test_the_list_says_what_each_did_lately_as_far_as_the_reader_may_know(world, make):
    mine, theirs = make.order("acme-eu"), make.order("rival")
    for who, order_id, store_id in (
        (world.spec, 7, world.eu), (world.spec, mine, world.eu), (world.both, mine, world.eu),
        (world.both, theirs, world.rival),
    ):  # fmt: skip
        actor = world.actor(who)
        with world.app.app_context(), scope_as(ALL_STORES), transaction():
            audit.record(session, actor, "order.viewed", order_id=order_id, store_id=store_id)

    def lately(browser):
        page = parse(text(browser.get("/people/")))
        rows = [row for row in page.all("tr") if row.all("td")]
        return {row.one("th").all("span")[-1].text: row.one("td", data_k="Lately").text for row in rows}

    seen = lately(world.browser("lead"))
    assert seen["spec@example.org"].startswith(f"Opened an order {mine}")
    assert seen["both@example.org"].startswith(f"Opened an order {mine}")
    assert seen["peer@example.org"] == ""
    assert lately(world.browser("admin"))["both@example.org"].startswith(f"Opened an order {theirs}")


def test_people_are_found_by_username_and_in_any_letters(world, make):
    make.person("olga@example.org", first_name="Ольга", last_name="Ёлкина", teams=(world.blue,))
    make.person("jo@example.org", username="DOMAIN\\Jo", teams=(world.blue,))
    lead = world.browser("lead")
    for find, email in {"ольга ёл": "olga", "ЁЛКИНА": "olga", "domain\\jo": "jo", "JO@EX": "jo"}.items():
        page = text(lead.get("/people/", query_string={"find": find}))
        assert f"{email}@example.org" in page, find
        assert "spec@example.org" not in page, find


def test_the_list_of_one_team(world):
    admin, lead = world.browser("admin"), world.browser("lead")
    page = text(admin.get(f"/people/?team={world.red}"))
    assert "far@example.org" in page
    assert "spec@example.org" not in page
    assert "spec@example.org" in text(lead.get(f"/people/?team={world.blue}"))
    # both@example.org is in the lead's team and in the foreign one, which is not told
    assert "both@example.org" not in text(lead.get(f"/people/?team={world.red}"))
    for nonsense in ("0", "-1", "x", "9" * 30, "²", "٣"):
        assert "Nobody was found" in text(admin.get(f"/people/?team={nonsense}")), nonsense


def edit_form(browser, person_id):
    """The fields of the form to change a person, as a browser sends them."""
    (form,) = [
        f
        for f in parse(text(browser.get(f"/people/{person_id}/edit"))).all("form")
        if f.all("input", name="first_name")
    ]
    fields = MultiDict()
    for field in form.all("input"):
        if field.attrs.get("type") != "checkbox" or "checked" in field.attrs:
            fields.add(field.attrs["name"], field.attrs.get("value", ""))
    for choice in form.all("select"):
        fields.add(choice.attrs["name"], choice.one("option", selected=None).attrs["value"])
    return fields


def test_two_who_change_one_person_at_once_do_not_undo_each_other(world, app):
    first, second = world.browser("admin"), world.browser("admin")
    lead = world.browser("lead")
    one, two, three = (edit_form(browser, world.spec) for browser in (first, second, lead))
    one.add("stores", str(world.rival))
    one["role"] = "Lead"
    assert first.post(f"/people/{world.spec}/edit", data=one).status_code == 303
    two["first_name"] = "Samuel"
    two.add("teams", str(world.red))
    assert second.post(f"/people/{world.spec}/edit", data=two).status_code == 303
    actor = world.actor(world.spec)
    assert (actor.roles, actor.name) == ({"Lead"}, "Samuel Spec")
    assert actor.stores == {world.eu, world.us, world.rival}
    before = world.state()
    assert lead.post(f"/people/{world.spec}/edit", data=three).status_code == 409  # a lead by now
    assert world.state() == before


def test_a_form_that_was_refused_still_knows_what_it_came_with(world):
    admin = world.browser("admin")
    fields = edit_form(admin, world.spec)
    fields["first_name"] = ""
    fields.add("stores", str(world.rival))
    refused = admin.post(f"/people/{world.spec}/edit", data=fields)
    assert refused.status_code == 422
    form = parse(text(refused))
    assert form.one("input", name="had_stores").attrs["value"] == ""
    assert form.one("input", name="had_first_name").attrs["value"] == "Sam"


@pytest.mark.parametrize("had", ["x", "1,x", "9" * 30])
def test_what_a_form_says_it_came_with_is_bounded(world, had):
    before = world.state()
    fields = {"first_name": "Sam", "last_name": "Spec", "teams": [str(world.blue)], "had_teams": had}
    assert world.browser("lead").submit(f"/people/{world.spec}/edit", fields).status_code == 422
    assert world.state() == before


def test_a_lead_takes_nothing_by_claiming_that_the_form_showed_it(world):
    before = world.state()
    fields = {"first_name": "Bo", "last_name": "Th", "teams": [str(world.blue)], "had_stores": str(world.rival)}
    assert world.browser("lead").submit(f"/people/{world.both}/edit", fields).status_code == 422
    assert world.state() == before


def test_a_username_of_its_own_is_on_the_page(world, make):
    jo = make.person("jo@example.org", username="jo.domain", teams=(world.blue,))
    rows = parse(text(world.browser("lead").get(f"/people/{jo}"))).all("dl")[0].rows()
    assert (rows["Email"], rows["Username"]) == ("jo@example.org", "jo.domain")
    assert "Username" not in text(world.browser("lead").get(f"/people/{world.spec}"))


def test_a_lead_invites_somebody_back_and_an_administrator_is_told_where_to_look(world, app):
    lead, admin = world.browser("lead"), world.browser("admin")
    lead.submit(f"/people/{world.spec}/deactivate")
    form = {"addresses": "Sam Back <spec@example.org>", "role": "Specialist", "teams": [str(world.blue)]}
    told = text(admin.submit("/people/invite", form))
    assert "already has an account. Find it among the people" in told
    assert lead.submit("/people/invite", form).status_code == 200
    assert world.actor(world.spec).stores == {world.eu, world.us}
    assert "Sam Back" in text(lead.get("/people/"))


# --- teams ---------------------------------------------------------------------------------------------------------


def test_a_lead_sees_the_own_teams_only(world):
    page = text(world.browser("lead").get("/teams/"))
    assert "Blue" in page
    assert "Sam Spec" in page
    assert "Red" not in page
    assert "New team" not in page


def test_an_administrator_makes_changes_and_removes_teams(world, app):
    admin = world.browser("admin")
    assert admin.get("/teams/new").status_code == 200
    assert admin.submit("/teams/new", {"name": "Green", "stores": [str(world.rival)]}).status_code == 303
    with app.app_context():
        green = session.scalars(sa.select(Group.id).where(Group.name == "Green")).one()
    assert "checked" in text(admin.get(f"/teams/{green}/edit"))
    answer = admin.submit(f"/teams/{green}/edit", {"name": "Greener", "stores": [str(world.eu), str(world.us)]})
    assert answer.status_code == 303
    assert "Greener" in text(admin.get("/teams/"))
    assert admin.submit(f"/teams/{green}/remove").status_code == 303
    assert admin.submit(f"/teams/{world.blue}/remove").status_code == 409
    assert admin.submit(f"/teams/{green}/remove").status_code == 404
    with app.app_context(), scope_as(ALL_STORES):
        assert session.scalars(sa.select(Group.name).order_by(Group.name)).all() == ["Blue", "Red"]
        events = session.scalars(sa.select(AuditEntry.event).order_by(AuditEntry.id)).all()
    assert events == ["team.made", "team.changed", "team.removed"]


def test_a_team_says_that_deactivated_people_are_in_it(world):
    admin = world.browser("admin")
    for name in ("far", "both"):
        admin.submit(f"/people/{getattr(world, name)}/deactivate")
    page = parse(text(admin.get("/teams/")))
    (row,) = [tr for tr in page.all("tr") if any(th.text == "Red" for th in tr.all("th", scope="row"))]
    assert row.one("td", data_k="People").text == "Deactivated: 2"
    address = row.one("td", data_k="People").one("a").attrs["href"]
    assert "far@example.org" in text(admin.get(address))
    assert "perhaps deactivated ones" in text(admin.submit(f"/teams/{world.red}/remove"))


def test_two_who_change_one_team_at_once_do_not_undo_each_other(world, app):
    admin = world.browser("admin")
    had = f"{world.eu},{world.us}"
    first = {"name": "Blue", "had_stores": had, "stores": [str(world.eu), str(world.us), str(world.rival)]}
    second = {"name": "Bluer", "had_stores": had, "stores": [str(world.us)]}
    form = parse(text(admin.get(f"/teams/{world.blue}/edit")))
    assert form.one("input", name="had_stores").attrs["value"] == had
    for fields in (first, second):
        assert admin.submit(f"/teams/{world.blue}/edit", fields).status_code == 303
    assert world.actor(world.spec).stores == {world.us, world.rival}
    same = {"name": "Bluer", "stores": [str(world.us), str(world.rival)]}
    assert admin.submit(f"/teams/{world.blue}/edit", same).status_code == 303
    with app.app_context():
        events = session.scalars(sa.select(AuditEntry.event)).all()
    assert events == ["team.changed"] * 2  # nothing changed the third time
    refused = parse(text(admin.submit(f"/teams/{world.blue}/edit", {**first, "name": ""})))
    assert refused.one("input", name="had_stores").attrs["value"] == had


@pytest.mark.parametrize(
    "data",
    [{"name": ""}, {"name": "x" * 101}, {"name": "Red"}, {"name": "a\x07b"}, {"name": "ok", "stores": ["999999"]},
     {"name": "ok", "stores": ["²"]}],
)  # fmt: skip
def test_a_team_that_does_not_hold_is_refused_at_its_field(world, data):
    before = world.state()
    admin = world.browser("admin")
    answer = admin.submit("/teams/new", data)
    assert answer.status_code == 422
    assert 'class="err"' in text(answer)
    assert admin.submit(f"/teams/{world.blue}/edit", data).status_code == 422
    assert world.state() == before
