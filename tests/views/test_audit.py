"""The audit page: everything for administrators, the team's part for leads, nothing for specialists."""

import re

import pytest
import sqlalchemy as sa

from app.actions import audit
from app.db import session, transaction
from app.domain.access import SYSTEM, Actor
from app.models import AuditEntry
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
    with app.app_context(), transaction():
        for order, who, store in ((11, "member", own), (12, "stranger", own), (13, "member", foreign)):
            actor = Actor(id=people[who], login=f"{who}@example.org", name=who)
            audit.record(session, actor, "order.viewed", order_id=order, store_id=store, subject="=1+1")
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
        ("actor=%20Stranger@EXAMPLE.org", {12}),
        ("actor=the+PORTAL", set()),
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
    ("query", "field"),
    [
        ("order=abc", "order"),
        ("order=99999999999999999999", "order"),
        ("since=2026-02-30", "since"),
        ("until=x", "until"),
        ("since=2026-11-26&until=2026-11-25", "since"),
        ("store=-1", "store"),
        ("store=999999", "store"),
        ("event=order.eaten", "event"),
        ("result=perhaps", "result"),
    ],
)
def test_what_means_nothing_is_an_error_at_its_field(entries, make, query, field):
    """Else it would look as if nothing had happened."""
    answer = make.admin().get(f"/audit/?{query}")
    assert answer.status_code == 422
    page = parse(answer.text)
    wrong = [node.attrs["name"] for node in page.walk() if node.attrs.get("aria-invalid")]
    assert wrong == [field]
    assert page.one(id=f"{field}-err").text
    assert page.all("tr") == []


@pytest.mark.parametrize("before", ["x", "0", "-5", "99999999999999999999"])
def test_a_place_in_the_list_that_is_none_is_the_beginning(entries, make, before):
    answer = make.admin().get(f"/audit/?order=11&before={before}")
    assert answer.status_code == 200
    assert 'href="/orders/11"' in answer.text


def test_a_lead_filters_by_own_stores_only(app, make, entries):
    lead = make.signed_in(entries["lead"])
    assert lead.get(f"/audit/?store={make.store('acme-eu')}").status_code == 200
    assert lead.get(f"/audit/?store={make.store('other')}").status_code == 422


def test_the_export_has_no_formulas_and_is_audited(entries, make):
    admin = make.admin()
    answer = admin.get("/audit/export.csv?order=11")
    assert answer.mimetype == "text/csv"
    assert "'=1+1" in answer.text
    assert "Exported the audit" in admin.get("/audit/").text


def test_people_stores_teams_and_moments_are_named_and_none_beyond_the_reader(app, make, entries):
    own, foreign = make.store("acme-eu"), make.store("other")
    outer = make.team("Others", "other")
    with app.app_context(), transaction():
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
    assert f"Person {entries['stranger']}" in page.text
    details = [line.text for line in page.all("td", "muted")[0].all("span")]
    assert details[1:3] == [f"Stores: acme-eu, {foreign}", f"Teams: {outer}"]


def written(app, event):
    """What the audit has of this event, notes about reads included: result, actor, subject, order."""
    app.extensions["read_notes"].flush()
    with app.app_context():
        found = session.scalars(sa.select(AuditEntry).where(AuditEntry.event == event).order_by(AuditEntry.id))
        return [(e.result, e.actor, e.subject, e.order_id) for e in found]


def test_who_asks_for_what_the_role_does_not_open_stands_in_the_audit(app, make, client):
    ann = make.signed_in(make.person("ann@example.org", stores=("acme-eu",)))
    for path in ("/orders/", "/refunds/", "/account/"):
        assert ann.get(path).status_code == 200
    client.get("/audit/")
    assert written(app, "access.refused") == [], "nothing that is drawn asks for more, and a visitor signs in first"
    assert ann.get("/audit/").status_code == 403
    assert ann.submit(f"/orders/{make.order()}/erase", {"confirm": "ERASE"}).status_code == 403
    assert written(app, "access.refused") == [
        ("refused", "ann@example.org", "AuditView.can_list", None),
        ("refused", "ann@example.org", "ErasureView.can_erase", None),
    ]
    page = make.admin().get("/audit/?event=access.refused&result=refused").text
    assert "Read the audit" in page


def test_who_opens_what_is_not_theirs_stands_in_the_audit_as_if_it_did_not_exist(app, make):
    own, foreign = make.order(), make.order(store="rival")
    ann = make.signed_in(make.person("ann@example.org", stores=("acme-eu",)))
    for order_id in (own, foreign, 404):
        ann.get(f"/orders/{order_id}")
    assert written(app, "order.viewed") == [
        ("ok", "ann@example.org", None, own),
        ("refused", "ann@example.org", None, foreign),
        ("refused", "ann@example.org", None, 404),
    ]


def test_the_export_has_the_code_and_the_words_of_each_event(entries, make):
    answer = make.signed_in(make.person("ru@example.org", "Admin", language="ru")).get("/audit/export.csv?order=11")
    assert "order.viewed,Просмотр заказа,ok" in answer.text


def test_who_has_no_account_is_named_and_found_in_the_readers_words(app, make):
    person = make.person()
    with app.app_context(), transaction():
        audit.record(session, SYSTEM, "order.viewed", order_id=1)
        audit.record(session, Actor(id=person, login="system", name=""), "order.viewed", order_id=2)
    admin = make.signed_in(make.person("ru@example.org", "Admin", language="ru"))
    page = parse(admin.get("/audit/").text)
    assert [row.all("td")[1].text for row in page.all("tr")[1:]] == ["system", "Портал"]
    found = parse(admin.get("/audit/?actor=портал").text)
    assert [row.all("td")[3].text for row in found.all("tr")[1:]] == ["2", "1"]


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
        ["Stores given: acme-eu, acme-us", "Name: Blue"],
        ["Name changed: Yes", "Stores given: acme-eu, acme-us", "Teams given: Red", "Teams taken: Blue"],
    ]
    assert details[1][0].startswith("From: ")
