"""The form that changes a person: it takes away nothing that it did not show."""

import pytest
from werkzeug.datastructures import MultiDict

from tests.pages import parse
from tests.views.people_world import text


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
