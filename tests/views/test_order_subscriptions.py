"""The subscription's block and its dialogs say what is so: whose renewals, which links, what a click will do."""

import pytest
import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Action, OrderRelation
from app.models.base import utcnow
from tests.pages import order_of, parse

PARENT, RENEWAL, ABSENT = 50_001, 50_002, 50_003


def word(number, status="active", **more):
    return {
        "id": f"{PARENT}_{number}", "type": "AR", "status": status, "period": "P1Y", "parent_order_id": PARENT, **more,
    }  # fmt: skip


def page(client, order_id):
    return parse(client.get(f"/orders/{order_id}").text)


def block(client, order_id, number=1):
    return order_of(client.get(f"/orders/{order_id}")).one(data_subscription_id=f"{PARENT}_{number}")


@pytest.fixture
def two(make):
    """An order with two subscriptions, both cancelled; a renewal order of the first waits for its payment."""
    first, second = word(1, "cancelled", child_order_ids=[RENEWAL, ABSENT]), word(2, "cancelled")
    make.order(order_id=PARENT, items=[{"subscription": first}, {"subscription": second}])
    make.order(order_id=RENEWAL, status="not_paid", pay_date=None, items=[{"subscription": word(1, "cancelled")}])
    return make.specialist()


def test_a_block_names_the_renewals_of_its_own_subscription(two):
    assert block(two, PARENT, 1).rows()["Renewal orders"] == f"{RENEWAL}, {ABSENT}"
    assert "Renewal orders" not in block(two, PARENT, 2).rows()


def test_renewals_told_without_a_subscription_stand_in_every_block(app, two):
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(
            sa.update(OrderRelation).where(OrderRelation.related_id == RENEWAL).values(subscription_code="")
        )
    assert block(two, PARENT, 2).rows()["Renewal orders"] == str(RENEWAL)


def test_only_orders_that_the_reader_can_open_are_links(make, two):
    found = order_of(two.get(f"/orders/{PARENT}"))
    assert {a.attrs["href"] for a in found.all("a", cls="num")} == {f"/orders/{RENEWAL}"}
    assert str(ABSENT) in found.text
    make.order(order_id=ABSENT, store="other")
    assert order_of(two.get(f"/orders/{PARENT}")).text == found.text, "another store's order looks like none"
    elsewhere = {"id": "70001_1", "type": "AR", "status": "active", "parent_order_id": 70_001}
    make.order(order_id=70_002, items=[{"subscription": elsewhere}])
    found = order_of(two.get("/orders/70002"))
    assert found.one(data_subscription_id="70001_1").rows()["Parent order"] == "70001"
    assert found.all("a", cls="num") == []


@pytest.mark.parametrize(("number", "waits"), [(1, True), (2, False)])
def test_the_question_to_resume_says_that_a_renewal_waits_where_one_of_its_own_does(two, number, waits):
    dialog = page(two, PARENT).one(id=f"ask-resume-{PARENT}_{number}")
    assert ("A renewal order still waits for its payment." in dialog.text) is waits


def test_it_says_so_on_the_renewals_page_where_the_parent_is_not_known(make):
    line = {"id": "60001_1", "type": "AR", "status": "cancelled", "parent_order_id": 60_001}
    make.order(order_id=60_002, status="not_paid", pay_date=None, items=[{"subscription": line}])
    dialog = page(make.specialist(), 60_002).one(id="ask-resume-60001_1")
    assert "A renewal order still waits for its payment." in dialog.text


def test_where_auto_renewal_is_off_no_next_charge_is_promised(make):
    make.order(order_id=PARENT, items=[{"subscription": word(1, next_charge_date="2027-11-01")}])
    client = make.specialist()
    assert block(client, PARENT).rows()["Next charge"] == "1 Nov 2027"
    make.order(
        order_id=PARENT, version=2, items=[{"subscription": word(1, "cancelled", next_charge_date="2027-11-01")}]
    )
    assert block(client, PARENT).rows()["Next charge"] == "none"


def test_the_questions_name_order_person_product_and_what_ends(make):
    make.order(
        order_id=PARENT, customer={"first_name": "Ann", "last_name": "Lee"},
        items=[{"name": "Glyph", "subscription": word(1, next_charge_date="2027-11-01")}],
    )  # fmt: skip
    line = word(1, next_charge_date="2027-11-01")
    make.order(order_id=RENEWAL, number_1c="RX-2", items=[{"name": "Glyph", "subscription": line}])
    client = make.specialist()
    assert page(client, PARENT).one(id=f"ask-cancel-{PARENT}_1").rows() | {"Order": ""} == {
        "Order": "", "Customer": "Ann Lee", "Product": "Glyph", "Subscription": f"{PARENT}_1 · AR",
        "Next charge": "1 Nov 2027",
    }  # fmt: skip
    asked = page(client, RENEWAL).one(id=f"ask-cancel-{PARENT}_1").rows()
    assert (asked["Order"], asked["Parent order"]) == ("RX-2", str(PARENT))


@pytest.mark.parametrize(("standalone", "told"), [(True, False), (False, True)])
def test_whoever_cancels_at_the_platform_knows_that_the_customer_is_told(make, monkeypatch, standalone, told):
    import dataclasses

    from app.settings import settings
    from app.views import order

    url = None if standalone else "https://platform.example"
    monkeypatch.setattr(order, "settings", lambda: dataclasses.replace(settings(), platform_url=url))
    make.order(order_id=PARENT, items=[{"subscription": word(1)}, {"subscription": word(2, "cancelled")}])
    found = page(make.specialist(), PARENT)
    for name in (f"ask-cancel-{PARENT}_1", f"ask-resume-{PARENT}_2"):
        assert ("The platform tells the customer." in found.one(id=name).text) is told


@pytest.mark.parametrize(("status", "name"), [("active", "cancel"), ("cancelled", "resume")])
def test_two_items_of_one_subscription_ask_with_one_dialog(make, status, name):
    make.order(order_id=PARENT, items=[{"subscription": word(1, status)}, {"subscription": word(1, status)}])
    found = page(make.specialist(), PARENT)
    assert len(found.all("dialog", id=f"ask-{name}-{PARENT}_1")) == 1
    assert len(found.all("button", data_dialog=f"ask-{name}-{PARENT}_1")) == 2


@pytest.mark.parametrize("what", ["subscription", "code"])
def test_an_action_whose_subject_is_no_longer_shown_still_says_how_it_ended(app, make, what):
    make.order(order_id=PARENT, items=[{"subscription": word(1)}])
    kind, subject = ("cancel_subscription", f"{PARENT}_1") if what == "subscription" else ("resend_license", "l1")
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.add(
            Action(
                kind=kind, order_id=PARENT, store_id=make.store("acme-eu"), subject=subject, state="refused",
                actor_id=make.person(), request_token="a-form-token", key="a-key", reason="The item has been refunded.",
                finished_at=utcnow(),
            )
        )  # fmt: skip
    client = make.specialist()
    assert len(page(client, PARENT).all(cls="state")) == 1
    assert page(client, PARENT).all("div", cls="family") == []
    if what == "subscription":
        make.order(order_id=PARENT, version=2, status="deleted", items=[{"subscription": word(1)}])
    else:
        make.order(order_id=PARENT, version=2, items=[{"licenses": []}])
    told = page(client, PARENT).one("div", cls="family").one(cls="state").text
    assert "Refused" in told
    assert "The item has been refunded." in told
