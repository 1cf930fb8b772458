"""Erasure in the panel: who may, the word, the fresh proof, the duty that documents stay under."""

from app.db import scope_as
from app.domain.access import ALL_STORES
from app.models import Order
from tests.actions.erasure_seeds import seed


def test_the_panel_asks_for_the_word(app, make):
    order_id = seed(make)
    admin = make.admin()
    page = admin.get(f"/orders/{order_id}/erase")
    assert page.status_code == 200
    csrf = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    answer = admin.post(f"/orders/{order_id}/erase", data={"csrf_token": csrf, "confirm": "no", "duty": "kept text"})
    assert answer.status_code == 422
    assert "kept text" in answer.text
    answer = admin.post(f"/orders/{order_id}/erase", data={"csrf_token": csrf, "confirm": "ERASE"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/orders/{order_id}")
    with app.app_context(), scope_as(ALL_STORES):
        from app.db import session

        assert session.get(Order, order_id).erased_at


def test_the_panel_asks_for_a_fresh_proof(app, make):
    order_id = seed(make)
    stale = make.signed_in(make.person(role="Admin"), proved=False)
    page = stale.get(f"/orders/{order_id}/erase").text
    assert "What will go" in page
    assert 'name="confirm"' not in page
    assert stale.submit(f"/orders/{order_id}/erase", {"confirm": "ERASE"}).status_code == 401
    with app.app_context(), scope_as(ALL_STORES):
        from app.db import session

        assert session.get(Order, order_id).erased_at is None


def test_a_duty_that_cannot_be_kept_is_named(app, make):
    order_id = seed(make)
    admin = make.admin()
    answer = admin.submit(f"/orders/{order_id}/erase", {"confirm": "ERASE", "duty": "x" * 256})
    assert answer.status_code == 422
    assert "At most 255 characters" in answer.text
    with app.app_context(), scope_as(ALL_STORES):
        from app.db import session

        assert session.get(Order, order_id).erased_at is None


def test_nobody_but_an_administrator_may(make):
    order_id = seed(make)
    for client in (make.specialist(), make.signed_in(make.person(role="Lead", stores=("acme-eu",)))):
        assert client.get(f"/orders/{order_id}/erase").status_code in (302, 403)
