"""The team screens: who sees which, and making, changing and removing them."""

import pytest
import sqlalchemy as sa

from app.db import scope_as, session
from app.domain.access import ALL_STORES
from app.models import AuditEntry, Group
from tests.pages import parse
from tests.views.people_world import text


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
