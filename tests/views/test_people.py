"""The list of people and a person's page: what is found, and what its reader may know."""

from app.actions import audit
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from tests.pages import parse
from tests.views.people_world import text


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


def test_a_username_of_its_own_is_on_the_page(world, make):
    jo = make.person("jo@example.org", username="jo.domain", teams=(world.blue,))
    rows = parse(text(world.browser("lead").get(f"/people/{jo}"))).all("dl")[0].rows()
    assert (rows["Email"], rows["Username"]) == ("jo@example.org", "jo.domain")
    assert "Username" not in text(world.browser("lead").get(f"/people/{world.spec}"))
