"""The audit page: everything for administrators, the team's part for leads, nothing for specialists."""

import re

import pytest

from app.actions import audit
from app.db import transaction
from app.domain.access import Actor
from tests.pages import parse


@pytest.fixture
def entries(app, make):
    """A lead of a team with one member; entries by the member, by a stranger, in own and foreign stores."""
    team = make.team("Glyph", "acme-eu")
    people = {
        "lead": make.person("lead@example.org", "Lead", teams=(team,)),
        "member": make.person("member@example.org", teams=(team,)),
        "stranger": make.person("stranger@example.org", stores=("acme-eu",)),
    }
    foreign = make.store("other")
    own = make.store("acme-eu")
    with app.app_context(), transaction() as session:
        for order, who, store in ((11, "member", own), (12, "stranger", own), (13, "member", foreign)):
            actor = Actor(id=people[who], login=f"{who}@example.org", name=who)
            audit.record(session, actor, "order.viewed", order_id=order, store_id=store, details={"=1+1": "=cmd()"})
    return people


def test_an_administrator_sees_all(entries, make):
    page = make.admin().get("/audit/").text
    assert all(f"/orders/{order}" in page for order in (11, 12, 13))


def test_a_lead_sees_the_team_in_own_stores(entries, make):
    page = make.signed_in(entries["lead"]).get("/audit/").text
    assert "/orders/11" in page
    assert "/orders/12" not in page
    assert "/orders/13" not in page


def test_a_specialist_is_refused(entries, make):
    assert make.signed_in(entries["member"]).get("/audit/").status_code in (302, 403)


@pytest.mark.parametrize(
    ("query", "orders"),
    [
        ("actor=stranger@example.org", {12}),
        ("order=A0000000011", {11}),
        ("event=order.viewed&result=refused", set()),
        ("since=2020-01-01&until=2020-01-02", set()),
        ("since=2020-01-01", {11, 12, 13}),
    ],
)
def test_filters_hold_together(entries, make, query, orders):
    page = make.admin().get(f"/audit/?{query}").text
    assert {order for order in (11, 12, 13) if f'href="/orders/{order}"' in page} == orders


@pytest.mark.parametrize(
    "query", ["order=abc", "order=99999999999999999999", "since=2026-02-30", "until=x", "store=-1"]
)
def test_what_means_nothing_is_an_error_at_its_field(entries, make, query):
    answer = make.admin().get(f"/audit/?{query}")
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text or query.startswith("store")


def test_the_export_has_no_formulas_and_is_audited(entries, make):
    admin = make.admin()
    answer = admin.get("/audit/export.csv?order=11")
    assert answer.mimetype == "text/csv"
    assert "'=1+1" in answer.text
    assert "Exported the audit" in admin.get("/audit/").text


def test_people_stores_teams_and_moments_are_named_and_none_beyond_the_reader(app, make, entries):
    own, foreign = make.store("acme-eu"), make.store("other")
    outer = make.team("Others", "other")
    with app.app_context(), transaction() as session:
        actor = Actor(id=entries["member"], login="member@example.org", name="member")
        for subject in ("lead", "stranger", "member"):
            until = "2026-03-04T05:06:07+00:00"
            details = {"stores": [own, foreign], "teams": [outer], "kind": "request_refund", "until": until}
            audit.record(session, actor, "person.changed", subject=f"person:{entries[subject]}", details=details)
    page = parse(make.admin().get("/audit/?event=person.changed").text)
    linked = {link.text for row in page.all("tr") for link in row.all("a") if "/people/" in link.attrs["href"]}
    assert linked == {"lead@example.org", "stranger@example.org"}, "who did it to themselves is named once"
    details = [line.text for line in page.all("td", "muted")[0].all("span")]
    assert details == ["Kind: Refund request", "Stores: acme-eu, other", "Teams: Others", "Until: 4 Mar 05:06"]
    page = parse(make.signed_in(entries["lead"]).get("/audit/?event=person.changed").text)
    linked = {link.text for row in page.all("tr") for link in row.all("a") if "/people/" in link.attrs["href"]}
    assert linked == {"lead@example.org"}
    assert f"person:{entries['stranger']}" in page.text
    details = [line.text for line in page.all("td", "muted")[0].all("span")]
    assert details[1:3] == [f"Stores: acme-eu, {foreign}", f"Teams: {outer}"]


def test_what_was_given_and_taken_is_said_in_names(app, make):
    admin_id = make.person("boss@example.org", role="Admin")
    blue, red = make.team("Blue"), make.team("Red")
    eu, us = make.store("acme-eu"), make.store("acme-us")
    person = make.person("ann@example.org", teams=(blue,))
    browser = make.signed_in(admin_id)
    fields = {"first_name": "Anna", "last_name": "Example", "role": "Specialist"}
    browser.submit(f"/people/{person}/edit", {**fields, "teams": [str(red)], "stores": [str(eu), str(us)]})
    browser.submit(f"/teams/{blue}/edit", {"name": "Blue", "stores": [str(eu), str(us)]})
    browser.submit(f"/stores/{eu}/bans", {"reason": "Recall", "product": "p-1", "confirmed": "yes"})
    ban = re.search(r"bans/(\d+)/lift", browser.get(f"/stores/{eu}").text)[1]
    browser.submit(f"/stores/{eu}/bans/{ban}/lift")
    page = parse(browser.get("/audit/").text)
    details = [[line.text for line in cell.all("span")] for cell in page.all("td", data_k="Details")]
    assert details == [
        ["Product: p-1", "Reason: Recall"],
        [*details[1][:1], "Product: p-1", "Reason: Recall"],
        ["Given: acme-eu, acme-us", "Name: Blue"],
        ["Names: Yes", "Stores, given: acme-eu, acme-us", "Teams, given: Red", "Teams, taken: Blue"],
    ]
    assert details[1][0].startswith("From: ")
