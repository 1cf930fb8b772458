"""``/orders/`` as a browser meets it (contract.md 2): one test per promise."""

import datetime as dt
import re
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.domain.search import PERSONAL
from app.models import AuditEntry, StoredSearch, UserSession
from app.models.base import utcnow

SECRET = "sekret.canary@example.org"


def ids(response):
    return [int(found) for found in re.findall(r'data-order-id="(\d+)"', response.text)]


def count(response):
    return re.search(r'data-result-count="([^"]+)"', response.text)[1]


def token(client):
    return re.search(r'name="csrf_token" value="([^"]+)"', client.get("/orders/").text)[1]


def find(client, follow=True, **form):
    form.setdefault("csrf_token", token(client))
    return client.post("/orders/search", data=form, follow_redirects=follow)


def address(client, **form):
    answer = find(client, follow=False, **form)
    assert answer.status_code == 303, answer.text
    return answer.location


@pytest.fixture
def three(make):
    """Three orders of one store, newest last made."""
    return [
        make.order(
            order_id=100 + n,
            create_date=f"2026-08-1{n}T12:00:00+00:00",
            pay_date=f"2026-08-1{n}T13:00:00+00:00",
            customer={"email": f"buyer{n}@example.org"},
            items=[{"licenses": [{"license_id": "l1", "code": f"CODE-000{n}", "deleted": False}]}],
        )
        for n in (1, 2, 3)
    ]


class TestList:
    def test_without_a_filter_the_newest_orders(self, make, three):
        page = make.specialist().get("/orders/")
        assert page.status_code == 200
        assert ids(page) == [103, 102, 101]
        assert count(page) == "3"

    def test_signed_out_people_are_asked_to_sign_in(self, client):
        assert "/login/" in client.get("/orders/").location

    def test_taking_the_permission_away_takes_the_screen_away(self, app, make, three):
        client = make.specialist()
        assert client.get("/orders/").status_code == 200
        with app.app_context(), scope_as(ALL_STORES), transaction():
            role = session.scalar(sa.text("SELECT id FROM ab_role WHERE name = 'Specialist'"))
            gone = session.execute(
                sa.text("SELECT * FROM ab_permission_view_role WHERE role_id = :r"), {"r": role}
            ).mappings().all()  # fmt: skip
            session.execute(sa.text("DELETE FROM ab_permission_view_role WHERE role_id = :r"), {"r": role})
        try:
            assert client.get("/orders/").status_code == 403
            assert client.get("/orders/?status=paid").status_code == 403
            assert client.post("/orders/search").status_code in (400, 403)
        finally:
            with app.app_context(), transaction():
                table = sa.table("ab_permission_view_role", *(sa.column(name) for name in gone[0]))
                session.execute(table.insert(), [dict(row) for row in gone])
        assert client.get("/orders/").status_code == 200

    @pytest.mark.parametrize("role", ["Specialist", "Lead", "Admin"])
    def test_every_role_searches(self, make, three, role):
        client = make.signed_in(make.person(role=role, stores=("acme-eu",)))
        assert ids(client.get("/orders/?ids=102")) == [102]

    def test_another_stores_orders_do_not_exist(self, make, three):
        make.order("other", order_id=999, customer={"email": SECRET})
        client = make.specialist()
        for page in (client.get("/orders/"), client.get("/orders/?ids=999,101"), find(client, email=SECRET)):
            assert 999 not in ids(page)
        assert sorted(ids(make.admin().get("/orders/?ids=999,101"))) == [101, 999]

    def test_somebody_without_stores_is_told_so(self, make, three):
        page = make.signed_in(make.person()).get("/orders/")
        assert page.status_code == 200
        assert ids(page) == []
        assert "You have no stores yet" in page.text

    def test_the_page_names_the_zone_and_the_stores(self, make, three):
        page = make.specialist("acme-eu", "acme-us", timezone="Europe/Berlin").get("/orders/")
        assert "Days in Europe/Berlin" in page.text
        assert "Your stores: <b>acme-eu</b>, <b>acme-us</b>" in page.text


class TestReadableLinks:
    def test_the_filters_that_hold_nothing_personal(self, make, three):
        client = make.specialist()
        assert ids(client.get("/orders/?created_from=2026-08-12&created_to=&paid_from=&paid_to=")) == [102]
        assert ids(client.get("/orders/?created_from=2026-08-12&created_to=2026-08-13")) == [103, 102]
        assert ids(client.get("/orders/?paid_to=2026-08-12")) == [102, 101]
        assert ids(client.get("/orders/?status=paid&status=refund_sent")) == []
        assert ids(client.get("/orders/?status=paid&ids=101,A0000000103&store=acme-eu")) == [103, 101]

    def test_days_are_days_of_the_person(self, make):
        make.order(order_id=5, create_date="2026-08-12T23:30:00+00:00")
        assert ids(make.specialist(timezone="Europe/Berlin").get("/orders/?created_from=2026-08-13")) == [5]
        assert ids(make.specialist(timezone="America/New_York").get("/orders/?created_from=2026-08-13")) == []

    @pytest.mark.parametrize("name", sorted(PERSONAL))
    def test_personal_data_in_an_address_is_answered_400(self, make, client, three, name):
        for browser in (make.specialist(), client):
            answer = browser.get("/orders/", query_string={name: SECRET})
            assert answer.status_code == 400
            assert SECRET not in answer.text
            assert "must not hold personal data" in answer.text
            assert ids(answer) == []

    def test_an_empty_personal_field_holds_nothing(self, make, three):
        assert make.specialist().get("/orders/?email=&code=&status=paid").status_code == 200

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("created_from=2026-02-30", "created_from"),
            ("created_from=2026-08-14&created_to=2026-08-13", "created_from"),
            ("status=nosuch", "status"),
            ("ids=111111_22222", "ids"),
            ("ids=99999999999999999999", "ids"),
            ("store=other", "store"),
        ],
    )
    def test_a_filter_that_means_nothing_is_an_error_at_its_field(self, make, three, query, field):
        make.store("other")
        answer = make.specialist().get(f"/orders/?{query}")
        assert answer.status_code == 422
        assert f'id="e-{field}"' in answer.text
        assert ids(answer) == []

    @pytest.mark.parametrize(
        "query",
        ["after=x", "before=AAAA", "after=" + "A" * 90, "after=LTEuMQ", "size=7", "size=x",
         "after=OTk5OTk5OTk5OTk5OTk5OTk5OTkuMQ", "after=MS4x&before=MS4x", "after=é"],
    )  # fmt: skip
    def test_a_place_that_does_not_exist_is_no_crash(self, make, three, query):
        assert make.specialist().get(f"/orders/?{query}").status_code in (200, 422)

    def test_filters_of_a_foreign_hand_do_not_matter(self, make, three):
        client = make.specialist()
        assert ids(client.get("/orders/?_flt_0_store=3&_oc_OrderView=x&page_OrderView=abc&psize_OrderView=99999")) == [
            103,
            102,
            101,
        ]


class TestStoredSearch:
    def test_post_leads_to_a_key_and_the_filters_survive_a_reload(self, make, three):
        client = make.specialist()
        where = address(client, email="BUYER2@example.org", status="paid")
        assert re.fullmatch(r"/orders/\?s=[A-Za-z0-9_-]{22}", where)
        for _ in range(2):
            page = client.get(where)
            assert ids(page) == [102]
            assert 'value="BUYER2@example.org"' in page.text
            assert re.search(r'value="paid" checked', page.text)

    def test_nothing_personal_stands_in_address_cookie_session_or_audit(self, app, make, three):
        client = make.specialist()
        where = address(client, email=SECRET, code="CANARYCODE", phone="5550199")
        client.get(where)
        app.extensions["read_notes"].flush()
        with client.session_transaction() as cookie:
            seen = str(dict(cookie))
        with app.app_context(), scope_as(ALL_STORES):
            seen += str([vars(row) for row in session.scalars(sa.select(AuditEntry))])
            seen += str([row.data for row in session.scalars(sa.select(UserSession))])
        for text in (SECRET, "CANARYCODE", "5550199"):
            assert text not in where
            assert text not in seen

    def test_nothing_asked_leads_to_the_newest(self, make, three):
        assert address(make.specialist(), email="") == "/orders/"

    def test_a_colleague_with_a_common_store_opens_it_within_their_own_scope(self, make, three):
        make.order("acme-us", order_id=700, customer={"email": "buyer2@example.org"})
        where = address(make.specialist("acme-eu", "acme-us"), email="buyer2@example.org")
        assert sorted(ids(make.specialist("acme-us").get(where))) == [700]
        assert sorted(ids(make.admin().get(where))) == [102, 700]

    def test_somebody_without_a_common_store_is_answered_404(self, make, three):
        where = address(make.specialist(), email=SECRET)
        for client in (make.specialist("other"), make.signed_in(make.person())):
            answer = client.get(where)
            assert answer.status_code == 404
            assert SECRET not in answer.text
            assert 'id="findform"' in answer.text

    def test_an_administrators_search_opens_for_people_with_a_store(self, make, three):
        where = address(make.admin(), email="buyer1@example.org")
        assert ids(make.specialist().get(where)) == [101]
        assert make.signed_in(make.person()).get(where).status_code == 404

    def test_a_colleague_who_left_the_store_does_not_lend_it(self, app, make, three):
        maker = make.person(stores=("acme-eu",))
        where = address(make.signed_in(maker), email=SECRET)
        with app.app_context(), transaction():
            session.execute(sa.text("DELETE FROM store_grant WHERE user_id = :u"), {"u": maker})
        assert make.specialist().get(where).status_code == 404

    def test_after_thirty_days_it_is_gone(self, app, make, three):
        client = make.specialist()
        where = address(client, email="buyer1@example.org")
        with app.app_context(), transaction():
            kept = session.scalar(sa.select(StoredSearch))
            assert dt.timedelta(days=29) < kept.expires_at - utcnow() <= dt.timedelta(days=30)
            kept.expires_at = utcnow() - dt.timedelta(seconds=1)
        assert client.get(where).status_code == 404

    @pytest.mark.parametrize("key", ["nosuch", "x" * 22, "x" * 5000, "../../etc", "é" * 20])
    def test_an_unknown_key_is_answered_404_with_the_empty_form(self, make, three, key):
        answer = make.specialist().get(f"/orders/?s={key}")
        assert answer.status_code == 404
        assert 'id="findform"' in answer.text
        assert ids(answer) == []

    @pytest.mark.parametrize("query", ["s=", "s=&status=", "s=&status=paid"])
    def test_an_empty_key_is_no_filter(self, make, three, query):
        answer = make.specialist().get(f"/orders/?{query}")
        assert (answer.status_code, ids(answer)) == (200, [103, 102, 101])

    def test_a_filter_beside_a_kept_search_is_an_error_at_its_field_and_never_ignored(self, make, three):
        client = make.specialist()
        where = address(client, email="buyer1@example.org")
        answer = client.get(f"{where}&status=deleted&ids=")
        assert (answer.status_code, ids(answer)) == (422, [])
        assert 'id="e-status"' in answer.text
        assert 'id="e-ids"' not in answer.text
        assert 'value="buyer1@example.org"' in answer.text
        assert ids(client.get(f"{where}&status=&size=25")) == [101]

    def test_a_kept_search_of_another_shape_is_no_crash(self, app, make, three):
        person = make.person(stores=("acme-eu",))
        with app.app_context(), transaction():
            for key, raw in (("a" * 22, ["x"]), ("b" * 22, {"email": 7, "status": ["nosuch"]})):
                session.add(
                    StoredSearch(key=key, user_id=person, criteria=raw, expires_at=utcnow() + dt.timedelta(days=1))
                )
        client = make.signed_in(person)
        assert client.get(f"/orders/?s={'a' * 22}").status_code == 200
        assert client.get(f"/orders/?s={'b' * 22}").status_code == 422


class TestErrors:
    @pytest.mark.parametrize("name", ["email", "ids", "code", "created_to", "status", "store", "card"])
    def test_a_nul_is_an_error_at_its_field(self, make, three, name):
        answer = find(make.specialist(), **{name: "12\x0034"})
        assert answer.status_code == 422
        assert f'id="e-{name}"' in answer.text

    def test_input_that_does_not_hold_is_kept_with_the_error_at_its_field(self, app, make, three):
        client = make.specialist()
        typed = {
            "created_from": "2026-02-30", "ids": "A12\nB_x <b>", "phone": "()", "vat": "--", "card": "12", "code": "ab",
            "first_name": " Zoë ", "company": '"><script>', "status": "refund_sent",
        }  # fmt: skip
        answer = find(client, **typed)
        assert answer.status_code == 422
        for name in ("created_from", "ids", "phone", "vat", "card", "code"):
            assert f'id="e-{name}"' in answer.text
            assert re.search(rf'id="f-{name}"[^>]* aria-invalid="true" aria-describedby="e-{name}', answer.text)
        assert "A12\nB_x &lt;b&gt;" in answer.text
        assert 'value="2026-02-30"' in answer.text
        assert 'value=" Zoë "' in answer.text
        assert "&#34;&gt;&lt;script&gt;" in answer.text
        assert re.search(r'value="refund_sent" checked', answer.text)
        assert ids(answer) == []
        with app.app_context():
            assert session.scalar(sa.select(sa.func.count()).select_from(StoredSearch)) == 0

    def test_a_foreign_stores_name_is_no_store(self, app, make, three):
        make.store("other")
        client = make.specialist()
        known, unknown = find(client, store="other"), find(client, store="neverwas")
        assert known.status_code == unknown.status_code == 422
        clean = [re.sub(r'value="[^"]{40,}"|nonce="[^"]+"|other|neverwas', "", page.text) for page in (known, unknown)]
        assert clean[0] == clean[1]

    def test_without_the_csrf_token_nothing_is_kept(self, app, make, three):
        assert make.specialist().post("/orders/search", data={"email": SECRET}).status_code == 400
        with app.app_context():
            assert session.scalar(sa.select(sa.func.count()).select_from(StoredSearch)) == 0


class TestTags:
    def test_each_filter_can_be_taken_away_by_one_click(self, make, three):
        client = make.specialist()
        page = client.get(
            address(client, email="nobody@example.org", status=["paid", "refund_sent"], created_from="2026-08-12")
        )
        assert count(page) == "0"
        assert "No order matches all of these filters" in page.text
        buttons = re.findall(r'<button form="findform" name="without" value="([^"]+)"', page.text)
        assert buttons == ["created", "status:paid", "status:refund_sent", "email"]
        form = {"email": "nobody@example.org", "status": ["paid", "refund_sent"], "created_from": "2026-08-12"}
        for button, left in (("email", {"status", "created_from"}), ("created", {"status", "email"})):
            where = address(client, **form, without=button)
            again = client.get(where)
            kept = re.findall(r'name="without" value="([a-z]+)', again.text)
            assert set(kept) == {name.removesuffix("_from") for name in left}
        page = client.get(address(client, **form, without="status:paid"))
        buttons = re.findall(r'name="without" value="([^"]+)"', page.text)
        assert buttons == ["created", "status:refund_sent", "email"]

    def test_the_address_of_a_page_with_errors_opens_the_form(self, make, three):
        client = make.specialist()
        assert find(client, card="42").status_code == 422
        answer = client.get("/orders/search")
        assert (answer.status_code, answer.location) == (302, "/orders/")
        assert client.get(f"/orders/search?email={SECRET}").status_code == 400

    @pytest.mark.parametrize(
        ("days", "said"),
        [
            ("created_from=2026-08-12&created_to=2026-08-13", "с 12 авг. 2026 по 13 авг. 2026"),
            ("created_from=2026-08-12", "12 авг. 2026"),
            ("paid_to=2026-08-12", "по 12 авг. 2026"),
        ],
    )
    def test_a_tag_says_days_as_the_person_reads_days(self, make, three, days, said):
        page = make.specialist(language="ru").get(f"/orders/?{days}")
        assert f"</span> {said}</span>" in page.text

    def test_what_was_typed_is_escaped(self, make, three):
        page = find(make.specialist(), company="<img src=x onerror=alert(1)>%(value)s%s")
        assert page.status_code == 200
        assert "<img" not in page.text


class TestPages:
    @pytest.fixture
    def many(self, make):
        """130 orders, many of one second."""
        return [make.order(order_id=1000 + n, create_date=f"2026-08-1{n % 3}T12:00:0{n % 2}+00:00") for n in range(130)]

    @pytest.mark.parametrize("query", ["", "status=paid"])
    def test_walking_all_pages_meets_every_order_once(self, make, many, query):
        client = make.specialist()
        found, path, pages = [], f"/orders/?{query}", []
        while path:
            page = client.get(path)
            assert count(page) == "130"
            pages.append(ids(page))
            found += pages[-1]
            more = re.search(r'rel="next" href="([^"]+)"', page.text)
            path = more[1].replace("&amp;", "&") if more else None
        assert [len(p) for p in pages] == [50, 50, 30]
        assert len(set(found)) == len(found) == 130
        for before in (pages[1], pages[0]):
            path = re.search(r'rel="prev" href="([^"]+)"', page.text)[1].replace("&amp;", "&")
            page = client.get(path)
            assert ids(page) == before
        assert 'rel="prev"' not in page.text

    @pytest.mark.parametrize("size", [25, 50, 100])
    def test_page_size_by_choice(self, make, many, size):
        client = make.specialist()
        page = client.get(f"/orders/?size={size}")
        assert len(ids(page)) == size
        following = re.search(r'rel="next" href="([^"]+)"', page.text)[1]
        query = parse_qs(urlsplit(following.replace("&amp;", "&")).query)
        assert query.get("size", ["50"]) == [str(size)]
        assert f"size={size}" in address(client, status="paid", size=str(size)) or size == 50

    def test_pages_of_a_stored_search_keep_its_key(self, make, many):
        client = make.specialist()
        where = address(client, email="customer@example.com")
        page = client.get(where)
        if ids(page):
            assert where.split("?")[1] in re.search(r'rel="next" href="([^"]+)"', page.text)[1].replace("&amp;", "&")

    def test_the_count_is_capped_and_says_so(self, make, many, monkeypatch):
        monkeypatch.setattr("app.queries.raw_ways.CAP", 100)
        monkeypatch.setattr("app.queries.search.CAP", 100)
        assert count(make.specialist().get("/orders/")) == "100+"
        monkeypatch.setattr("app.queries.raw_ways.CAP", 130)
        monkeypatch.setattr("app.queries.search.CAP", 130)
        assert count(make.specialist().get("/orders/")) == "130"


class TestForm:
    def test_fields_are_named_as_people_and_tools_expect(self, make, three):
        page = make.specialist("acme-eu", "acme-us").get("/orders/").text
        for name in ("phone", "first_name", "last_name", "email", "company", "vat", "card", "code", "ids", "store",
                     "created_from", "created_to", "paid_from", "paid_to"):  # fmt: skip
            assert len(re.findall(rf'name="{name}"', page)) == 1
        for label in ("Order IDs", "Phone Number", "First Name", "Last Name", "Email", "Company", "VAT Number",
                      "Last 4 digits of Card Number", "Activation code"):  # fmt: skip
            assert re.search(rf'<label for="f-\w+">{label}</label>', page)
        for label in ("creation date from", "creation date to", "payment date from", "payment date to"):
            assert f'aria-label="Order {label}"' in page
        for status in ("Not paid", "Paid", "Deleted", "Terminated", "Refund request has been sent",
                       "Refund info is being updated", "Request has been completed", "Refusal to refund"):  # fmt: skip
            assert re.search(rf'<input type="checkbox" name="status" value="\w+">{status}</label>', page)
        assert page.count('type="date" max="9999-12-31"') == 4  # no years of six digits

    def test_a_single_store_needs_no_store_field(self, make, three):
        assert 'name="store"' not in make.specialist().get("/orders/").text


def test_reading_is_written_to_the_audit_without_personal_data(app, make, three):
    app.extensions["read_notes"].notes.clear()
    client = make.specialist()
    client.get(address(client, email="buyer1@example.org", status="paid"))
    app.extensions["read_notes"].flush()
    with app.app_context(), scope_as(ALL_STORES):
        entries = [
            e for e in session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id)) if e.event.startswith("orders.")
        ]
    assert [entry.event for entry in entries] == ["orders.listed", "orders.searched"]
    assert entries[1].details == {"filters": ["email", "status"], "found": "1"}
