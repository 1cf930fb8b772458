"""The store screens: making, closing, forbidding delivery in two steps; API tokens."""

import datetime as dt
import re

import pytest
import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Action, ApiToken, AuditEntry, DeliveryBan, License, OrderItem, Store
from app.models.base import utcnow
from tests.pages import parse


def text(answer):
    return answer.get_data(as_text=True)


def rows(app, model):
    with app.app_context(), scope_as(ALL_STORES):
        return session.scalars(sa.select(model).order_by(model.id)).all()


def events(app):
    with app.app_context():
        return session.scalars(sa.select(AuditEntry.event).order_by(AuditEntry.id)).all()


@pytest.fixture
def admin(make):
    return make.admin()


def test_stores_are_listed_with_orders_teams_and_delivery(app, make, admin):
    make.team("Blue", "acme-eu")
    for _ in range(3):
        make.order("acme-eu")
    make.order("other")
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.add(DeliveryBan(store_id=make_id(app, "other"), reason="Keys are being replaced"))
    page = text(admin.get("/stores/"))
    assert re.search(r'acme-eu.*?data-k="Orders">3<.*?Blue.*?Allowed', page, re.S)
    assert re.search(r'other.*?data-k="Orders">1<.*?Forbidden.*?Keys are being replaced', page, re.S)
    page = text(admin.get("/stores/?find=ACME"))
    assert "acme-eu" in page
    assert "Keys are being replaced" not in page
    assert "No store was found" in text(admin.get("/stores/?find=%25"))


def test_the_list_tells_of_forbidden_products_and_of_the_end(app, make, admin):
    store_id, now = make.store("acme-eu"), utcnow()
    end = now + dt.timedelta(days=2)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        for number in range(4):
            session.add(DeliveryBan(store_id=store_id, product_id=f"p-{number}", reason=f"why {number}", ends_at=end))
        session.add(DeliveryBan(store_id=store_id, product_id="p-9", reason="over", starts_at=now, ends_at=now))
    (row,) = [tr for tr in parse(text(admin.get("/stores/"))).all("tr") if "acme-eu" in tr.text]
    cell = row.one("td", data_k="Delivery")
    assert [p.text.split(" until")[0] for p in cell.all("p")] == [
        "Forbidden for product p-0: why 0", "Forbidden for product p-1: why 1", "Forbidden for product p-2: why 2",
        "and 1 more",
    ]  # fmt: skip
    assert cell.all("time")[0].attrs["datetime"].startswith(end.isoformat()[:16])
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.add(DeliveryBan(store_id=store_id, reason="All of it"))
    (row,) = [tr for tr in parse(text(admin.get("/stores/"))).all("tr") if "acme-eu" in tr.text]
    assert [p.text for p in row.one("td", data_k="Delivery").all("p")] == ["Forbidden: All of it"]


@pytest.mark.parametrize("typed", ["acme", "ACME", "Acme", "foundry", "FOUNDRY"])
def test_a_store_is_found_in_any_letter_case(make, admin, typed):
    make.store("Acme-EU", title="Glyph Foundry")
    make.store("other")
    page = text(admin.get(f"/stores/?find={typed}"))
    assert "Acme-EU" in page
    assert ">other<" not in page


def make_id(app, name):
    return session.scalars(sa.select(Store.id).where(Store.name == name)).one()


def test_counting_orders_stops(app, make, admin, monkeypatch):
    from app.queries import stores

    monkeypatch.setattr(stores, "COUNT_MOST", 2)
    for _ in range(4):
        make.order("acme-eu")
    assert 'data-k="Orders">2+<' in text(admin.get("/stores/"))
    assert ">2+</a>" in text(admin.get(f"/stores/{make.store('acme-eu')}"))


def test_a_store_is_made_changed_closed_and_reopened(app, admin):
    assert admin.get("/stores/new").status_code == 200
    answer = admin.submit("/stores/new", {"name": "acme-eu", "title": "Acme", "currency": "eur"})
    assert answer.status_code == 303
    path = answer.location
    assert admin.submit(path + "/edit", {"title": "Acme Europe", "currency": ""}).status_code == 303
    assert admin.submit(path + "/edit", {"title": "Acme Europe", "currency": ""}).status_code == 303
    assert admin.submit(f"{path}/close").status_code == 303
    assert admin.submit(f"{path}/close").status_code == 409
    assert rows(app, Store)[0].closed_at is not None
    assert "Reopen the store" in text(admin.get(path))
    assert admin.submit(f"{path}/reopen").status_code == 303
    assert admin.submit(f"{path}/reopen").status_code == 409
    (store,) = rows(app, Store)
    assert (store.title, store.currency, store.closed_at) == ("Acme Europe", None, None)
    assert events(app) == ["store.made", "store.changed", "store.closed", "store.reopened"]


@pytest.mark.parametrize(
    "data",
    [{"name": ""}, {"name": "two words"}, {"name": "acme-eu"}, {"name": "x" * 65}, {"name": "ok", "currency": "QQQ"},
     {"name": "ok", "title": "x" * 256}, {"name": "ok", "title": "a\x07b"}],
)  # fmt: skip
def test_a_store_that_does_not_hold_is_refused_at_its_field(app, make, admin, data):
    store_id = make.store("acme-eu")
    answer = admin.submit("/stores/new", data)
    assert answer.status_code == 422
    assert 'class="err"' in text(answer)
    if data["name"] == "ok":
        assert admin.submit(f"/stores/{store_id}/edit", data).status_code == 422
    assert [s.name for s in rows(app, Store)] == ["acme-eu"]
    assert events(app) == []


def test_stores_that_are_none_are_not_found(admin):
    for path in ("/stores/999999", "/stores/0", "/stores/99999999999999999999"):
        assert admin.get(path).status_code == 404
    for path in ("/stores/9/close", "/stores/9/reopen", "/stores/9/bans/1/lift", "/stores/9/edit"):
        assert admin.submit(path).status_code == 404, path
    assert admin.submit("/stores/9/bans", {"reason": "x"}).status_code == 404
    assert admin.submit("/stores/9/bans", {"reason": "x", "confirmed": "yes"}).status_code == 404


def test_forbidding_shows_what_it_touches_and_saves_only_when_confirmed(app, make, admin):
    store_id = make.store("acme-eu")
    orders = [make.order("acme-eu") for _ in range(3)]
    make.order("other")
    actor = make.person()
    with app.app_context(), scope_as(ALL_STORES), transaction():
        codes = {c.order_id: c for c in session.scalars(sa.select(License).where(License.order_id.in_(orders)))}
        session.execute(sa.update(OrderItem).where(OrderItem.order_id == orders[0]).values(product_id="p-1"))
        session.execute(sa.update(OrderItem).where(OrderItem.order_id.in_(orders[1:])).values(product_id="p-2"))
        codes[orders[2]].deleted = True
        for index, order_id in enumerate(orders[:2]):
            session.add(
                Action(
                    kind="resend_license", order_id=order_id, store_id=store_id, subject=codes[order_id].license_id,
                    request_token=f"token-{index}", key=f"key-{index}", actor_id=actor,
                )
            )  # fmt: skip
    path = f"/stores/{store_id}/bans"
    page = text(admin.submit(path, {"reason": "  Keys are   being replaced "}))
    assert 'data-touched-orders="2"' in page
    assert 'data-touched-resends="2"' in page
    page = text(admin.submit(path, {"reason": "Keys", "product": "p-1"}))
    assert "Is the product id right?" not in page
    assert 'data-touched-orders="1"' in page
    assert 'data-touched-resends="1"' in page
    assert rows(app, DeliveryBan) == []
    answer = admin.submit(path, {"reason": "  Keys are   being replaced ", "confirmed": "yes"})
    assert answer.status_code == 303
    (ban,) = rows(app, DeliveryBan)
    assert (ban.reason, ban.product_id, ban.ends_at) == ("Keys are being replaced", None, None)
    assert abs(ban.starts_at - utcnow()) < dt.timedelta(minutes=1)
    page = text(admin.get(f"/stores/{store_id}"))
    assert "In force" in page
    assert "Delivery is forbidden. Specialists read the reason" in page
    assert admin.submit(f"{path}/{ban.id}/lift").status_code == 303
    assert admin.submit(f"{path}/{ban.id}/lift").status_code == 409
    assert "Lifted" in text(admin.get(f"/stores/{store_id}"))
    assert events(app) == ["delivery.forbidden", "delivery.allowed"]


def test_products_of_the_newest_orders_are_offered_and_an_unknown_one_is_asked_about(app, make, admin, monkeypatch):
    from app.queries import stores

    monkeypatch.setattr(stores, "NEWEST", 2)
    for day, name in enumerate(("Old", "beta <b>", "Alpha"), 1):
        item = {"product_id": f"p-{9 - day}", "name": name}
        make.order("acme-eu", create_date=f"2026-08-0{day}T09:00:00Z", items=[item, {"product_id": None}])
    make.order("other", items=[{"product_id": "p-0"}])
    store_id = make.store("acme-eu")
    page = parse(text(admin.get(f"/stores/{store_id}")))
    offered = page.one("datalist", id=page.one("input", name="product").attrs["list"]).all("option")
    assert [(o.attrs["value"], o.text) for o in offered] == [("p-6", "Alpha"), ("p-7", "beta <b>")]
    asked = text(admin.submit(f"/stores/{store_id}/bans", {"reason": "Keys", "product": "p-3"}))
    assert "Is the product id right?" in asked
    assert rows(app, DeliveryBan) == []


def test_whoever_goes_back_finds_what_they_typed(app, make, admin):
    path = f"/stores/{make.store('acme-eu')}/bans"
    typed = {"reason": "Keys & <co>", "starts": "2150-01-01", "ends": "2150-01-02", "product": "p-1"}
    asked = parse(text(admin.submit(path, typed)))
    assert [b.attrs["value"] for b in asked.all("button", name="confirmed")] == ["no", "yes"]
    page = parse(text(admin.submit(path, {**typed, "confirmed": "no"})))
    assert page.one("textarea", name="reason").text == typed["reason"]
    for name in ("starts", "ends", "product"):
        assert page.one("input", name=name).attrs["value"] == typed[name]
    assert rows(app, DeliveryBan) == []


def test_a_ban_from_day_to_day_is_in_the_persons_time_zone(app, make):
    admin = make.signed_in(make.person(role="Admin", timezone="Asia/Tokyo"))
    store_id = make.store("acme-eu")
    year = utcnow().year + 1
    answer = admin.submit(
        f"/stores/{store_id}/bans",
        {"reason": "Audit", "starts": f"{year}-03-01", "ends": f"{year}-03-02", "product": "p", "confirmed": "yes"},
    )
    assert answer.status_code == 303
    (ban,) = rows(app, DeliveryBan)
    assert ban.starts_at == dt.datetime(year, 2, 28, 15, tzinfo=dt.UTC)
    assert ban.ends_at == dt.datetime(year, 3, 2, 15, tzinfo=dt.UTC)
    page = text(admin.get(f"/stores/{store_id}"))
    assert "The ban is planned." in page
    assert "Delivery is forbidden." not in page
    assert "Planned" in page
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(DeliveryBan).values(starts_at=ban.starts_at.replace(2020), ends_at=utcnow()))
    assert "Over" in text(admin.get(f"/stores/{store_id}"))
    assert admin.submit(f"/stores/{store_id}/bans/{ban.id}/lift").status_code == 409


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"reason": ""}, "reason"), ({"reason": "x" * 501}, "reason"), ({"reason": "a\x1b"}, "reason"),
        ({"reason": "x", "starts": "tomorrow"}, "starts"), ({"reason": "x", "starts": "2026-02-30"}, "starts"),
        ({"reason": "x", "ends": "1999-01-01"}, "ends"), ({"reason": "x", "ends": "2020-01-01"}, "ends"),
        ({"reason": "x", "starts": "2019-01-01", "ends": "2020-01-01"}, "ends"),
        ({"reason": "x", "starts": "2150-01-02", "ends": "2150-01-01"}, "ends"),
        ({"reason": "x", "product": "p" * 256}, "product"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("confirmed", ["", "yes"])
def test_a_ban_that_does_not_hold_is_refused_at_its_field(app, make, admin, data, field, confirmed):
    path = f"/stores/{make.store('acme-eu')}/bans"
    answer = admin.submit(path, {**data, "confirmed": confirmed})
    assert answer.status_code == 422
    assert f'id="{field}-err"' in text(answer)
    assert rows(app, DeliveryBan) == []


def test_a_token_is_shown_once_and_revoked(app, make, admin):
    make.store("acme-eu")
    assert "No API token yet" in text(admin.get("/tokens/"))
    page = text(admin.submit("/tokens/", {"name": "Shop", "stores": ["acme-eu"]}))
    secret = re.search(r"data-token>([^<]+)<", page)[1]
    (token,) = rows(app, ApiToken)
    assert token.token_hash not in page
    listed = text(admin.get("/tokens/"))
    assert secret not in listed
    assert "Shop" in listed
    assert "acme-eu" in listed
    assert admin.submit(f"/tokens/{token.id}/revoke").status_code == 303
    assert "Revoked" in text(admin.get("/tokens/"))
    assert admin.submit("/tokens/999/revoke").status_code == 404
    answer = admin.submit("/tokens/", {"name": "", "stores": ["acme-eu"]})
    assert answer.status_code == 422
    assert len(rows(app, ApiToken)) == 1
