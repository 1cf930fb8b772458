"""``/refunds/`` and the desk (contract.md 2 and 5)."""

import dataclasses
import re

import pytest
import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Action, Document, License, Mail, Order, OrderItem, RefundRequest
from tests.actions.support import counts, one, rows
from tests.views.test_order_actions import press, tokens

TWO = [{"amount": "100.00"}, {"amount": "18.00"}]


def listed(client, **query):
    page = client.get("/refunds/", query_string=query)
    assert page.status_code == 200, page.text
    return [int(found) for found in re.findall(r'<tr data-order-id="(\d+)"', page.text)]


def decide(client, order_id, verb, **fields):
    page = client.get("/refunds/").text
    form = re.search(rf'action="/refunds/{order_id}/{verb}">(.*?)</form>', page, re.S)[1]
    hidden = dict(re.findall(r'name="(csrf_token|request_token)" value="([^"]*)"', form))
    return client.post(f"/refunds/{order_id}/{verb}", data={**hidden, **fields})


@pytest.fixture
def ann(make):
    return make.specialist(first_name="Ann", last_name="Lee")


def test_who_sees_which_requests(make, ann):
    mine, other, foreign = make.order(), make.order(), make.order(store="other")
    colleague, stranger = make.specialist(), make.specialist("other")
    for client, order_id in ((ann, mine), (colleague, other), (stranger, foreign)):
        assert press(client, order_id, "refund", reason=f"why {order_id}").status_code == 303
    lead = make.signed_in(make.person(role="Lead", stores=("acme-eu",)))
    assert listed(ann) == [mine]
    assert listed(lead) == [mine, other]
    assert listed(make.admin()) == [mine, other, foreign]
    assert f"why {foreign}" not in lead.get("/refunds/?status=all").text


def test_the_list_is_by_status_with_age_amount_reason_and_who(make, ann):
    order_id = make.order()
    press(ann, order_id, "refund", reason="Paid <twice>")
    page = ann.get("/refunds/").text
    told = ("Refund request has been sent", "Less than an hour", "€118.00", "Paid &lt;twice&gt;", "Ann Lee", "A00")
    for word in told:
        assert word in page
    assert listed(ann, status="sent") == listed(ann, status="all") == [order_id]
    assert listed(ann, status="completed") == []
    for bad in ("nope", "sent' OR 1=1"):
        assert ann.get("/refunds/", query_string={"status": bad}).status_code == 404
    assert listed(ann, before="x") == [order_id]


def test_one_withdraws_from_the_list(app, make, ann):
    order_id = make.order()
    press(ann, order_id, "refund", reason="x")
    page = ann.get("/refunds/").text
    form = re.search(rf'action="/orders/{order_id}/refund/withdraw">(.*?)</form>', page, re.S)[1]
    answer = ann.post(
        f"/orders/{order_id}/refund/withdraw", data=dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    )
    assert (answer.status_code, answer.location) == (303, "/refunds/")
    assert one(app, RefundRequest).status == "withdrawn"


def test_the_desk_takes_up_and_completes_chosen_items(app, make, ann):
    order_id, boss = make.order(items=TWO), make.admin()
    press(ann, order_id, "refund", reason="x")
    assert decide(boss, order_id, "take").status_code == 303
    assert one(app, Order).refund_status == "updating"
    answer = decide(boss, order_id, "complete", result="partial", items="i2", remove_codes="y")
    assert (answer.status_code, answer.location) == (303, "/refunds/")
    assert (one(app, Order).status, one(app, RefundRequest).result) == ("paid", "partial")
    assert [i.refunded for i in rows(app, OrderItem, order_by=OrderItem.item_id)] == [False, True]
    assert [c.deleted for c in rows(app, License)] == [False, True]
    assert one(app, Mail).params["result"] == "partial refund completed"
    document = one(app, Document)
    page = ann.get(f"/orders/{order_id}").text
    assert f"/orders/{order_id}/documents/{document.document_id}" in page
    content = ann.get(f"/orders/{order_id}/documents/{document.document_id}")
    assert content.data.startswith(b"%PDF-")


def test_a_refused_decision_says_why_and_keeps_what_was_typed(app, make, ann):
    order_id, boss = make.order(items=TWO), make.admin()
    press(ann, order_id, "refund", reason="x")
    before = counts(app)
    answer = decide(boss, order_id, "complete", result="partial")
    assert answer.status_code == 422
    assert "Choose at least one item to refund." in answer.text
    assert re.search(r'value="partial" checked', answer.text)
    answer = decide(boss, order_id, "refuse", comment="я" * 1001)
    assert answer.status_code == 422
    assert "я" * 1001 in answer.text
    assert counts(app) == before
    assert decide(boss, order_id, "refuse", comment="Too late").status_code == 303
    assert (one(app, RefundRequest).status, one(app, RefundRequest).comment) == ("refused", "Too late")
    assert "Too late" in ann.get(f"/orders/{order_id}").text
    before = counts(app)[:3]
    answer = boss.post(f"/refunds/{order_id}/complete", data={**tokens(boss, order_id), "result": "full"})
    assert answer.status_code == 409
    assert "This order has no open refund request." in answer.text
    assert counts(app)[:3] == before


@pytest.mark.parametrize("role", ["Specialist", "Lead"])
@pytest.mark.parametrize("verb", ["take", "complete", "refuse"])
def test_only_administrators_decide(app, make, ann, role, verb):
    order_id = make.order()
    press(ann, order_id, "refund", reason="x")
    client = make.signed_in(make.person(role=role, stores=("acme-eu",)))
    assert f"/refunds/{order_id}/{verb}" not in client.get("/refunds/").text
    before = counts(app)
    answer = client.post(
        f"/refunds/{order_id}/{verb}", data={**tokens(client, order_id), "result": "full", "comment": "x"}
    )
    assert answer.status_code in (302, 403)
    assert counts(app) == before


def test_with_a_platform_there_is_no_desk(app, make, ann, monkeypatch):
    order_id, boss = make.order(), make.admin()
    press(ann, order_id, "refund", reason="x")
    hidden = tokens(boss, order_id)
    changed = dataclasses.replace(app.extensions["settings"], platform_url="http://127.0.0.1:1")
    monkeypatch.setitem(app.extensions, "settings", changed)
    before = counts(app)
    assert f"/refunds/{order_id}/take" not in boss.get("/refunds/").text
    for address in (f"/orders/{order_id}", f"/orders/{order_id}/requests"):
        assert "To the refund desk" not in boss.get(address).text
    assert boss.post(f"/refunds/{order_id}/take", data=hidden).status_code == 404
    assert counts(app) == before


def test_a_missing_order_is_not_there_for_the_desk(make):
    boss, order_id = make.admin(), make.order()
    for address in ("999/take", "0/refuse", f"{2**80}/complete", "x/take"):
        assert boss.post(f"/refunds/{address}", data=tokens(boss, order_id)).status_code == 404


@pytest.mark.parametrize(
    "gone_out",
    [{"state": "running"}, {"state": "waiting", "doubt": True}, {"state": "waiting", "verdict": "happened"}],
)
def test_withdraw_is_offered_as_long_as_it_is_possible(app, make, ann, monkeypatch, gone_out):
    """With a platform: until our call goes out. The button, the list and the click say the same."""
    platform = dataclasses.replace(app.extensions["settings"], platform_url="http://127.0.0.1:1")
    monkeypatch.setitem(app.extensions, "settings", platform)
    order_id = make.order()
    press(ann, order_id, "refund", reason="x")

    def offered():
        pages = [ann.get(path).text for path in (f"/orders/{order_id}", "/refunds/")]
        return [f"/orders/{order_id}/refund/withdraw" in page for page in pages]

    assert offered() == [True, True]
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.execute(sa.update(Action).values(**gone_out).execution_options(synchronize_session=False))
    assert offered() == [False, False]
    assert ann.post(f"/orders/{order_id}/refund/withdraw", data=tokens(ann, order_id)).status_code == 409
    assert one(app, RefundRequest).status == "sent"


def test_an_answer_of_a_rule_is_said_in_the_readers_language_and_a_persons_as_typed(app, make):
    person = make.person(stores=("acme-eu",), language="ru")
    ann, first, second = make.signed_in(person), make.order(), make.order()
    decider = make.person(role="Admin")
    for order_id in (first, second):
        assert press(ann, order_id, "refund", reason="Paid twice").status_code == 303
    answers = {first: None, second: decider}
    with app.app_context(), scope_as(ALL_STORES), transaction():
        for order_id, by in answers.items():
            session.execute(
                sa.update(RefundRequest)
                .where(RefundRequest.order_id == order_id)
                .values(status="refused", comment="Only a paid order can be refunded.", decided_by=by)
            )
    russian = "Вернуть деньги можно только по оплаченному заказу."
    for address, by_rule in ((f"/orders/{first}", True), (f"/orders/{second}", False)):
        requests = ann.get(address).text.split('id="requests"')[1].split("</section>")[0]
        assert (russian in requests) is by_rule
    listed_page = ann.get("/refunds/?status=all").text
    assert listed_page.count(russian) == 1
    assert listed_page.count("Only a paid order can be refunded.") == 1


def test_an_orders_page_leads_the_deciding_to_its_request(make, ann):
    mine, other, foreign = make.order(), make.order(), make.order(store="other")
    for order_id in (mine, other):
        assert press(ann, order_id, "refund", reason=f"why {order_id}").status_code == 303
    admin = make.admin()
    link = f'href="/refunds/?order={mine}"'
    assert link in admin.get(f"/orders/{mine}").text
    assert link not in ann.get(f"/orders/{mine}").text
    assert "/refunds/?order=" not in admin.get(f"/orders/{foreign}").text
    assert listed(admin, order=mine) == listed(admin, order=f"A{mine:010d}") == [mine]
    assert listed(ann, order=other) == [other]
    for nobodys in (foreign, 1, "nonsense"):
        assert ann.get("/refunds/", query_string={"order": nobodys}).status_code == 404
    assert decide(admin, mine, "refuse", comment="No").status_code == 303
    assert link not in admin.get(f"/orders/{mine}").text


def test_a_form_of_the_desk_sent_twice_is_once_and_a_stale_one_decides_nothing(app, make, ann):
    order_id, boss, chief = make.order(items=TWO), make.admin(), make.admin()
    press(ann, order_id, "refund", reason="first")
    address = f"/refunds/{order_id}/complete"
    page = chief.get("/refunds/").text
    stale = dict(re.findall(r'name="(csrf_token|request_token)" value="([^"]*)"', page.split(f'action="{address}"')[1]))
    page = boss.get("/refunds/").text
    form = dict(re.findall(r'name="(csrf_token|request_token)" value="([^"]*)"', page.split(f'action="{address}"')[1]))
    chosen = {**form, "result": "partial", "items": ["i2"]}
    assert boss.post(address, data=chosen).status_code == 303
    before = counts(app)
    assert boss.post(address, data=chosen).status_code == 303
    assert counts(app) == before
    answer = chief.post(address, data={**stale, "result": "full"})
    assert answer.status_code == 409
    assert "The refund request has already been decided." in answer.text
    assert "Decided by" in answer.text
    assert [i.refunded for i in rows(app, OrderItem, order_by=OrderItem.item_id)] == [False, True]
    assert len(rows(app, Mail)) == 1


def test_who_comes_second_to_take_up_is_told_by_whom(app, make, ann):
    order_id, boss = make.order(), make.signed_in(make.person(role="Admin", first_name="Bo", last_name="Boss"))
    chief = make.admin()
    press(ann, order_id, "refund", reason="x")
    hidden = tokens(chief, order_id)
    assert decide(boss, order_id, "take").status_code == 303
    answer = chief.post(f"/refunds/{order_id}/take", data=hidden)
    assert answer.status_code == 409
    assert "Bo Boss has already taken this refund request up." in answer.text
    assert f'action="/refunds/{order_id}/take"' not in answer.text
    assert f'action="/refunds/{order_id}/complete"' in answer.text, "a colleague may be ill"


@pytest.mark.parametrize(("verb", "fields"), [("complete", {"result": "full"}), ("refuse", {"comment": "No"})])
def test_no_mail_is_promised_where_nobody_here_asked(app, make, ann, verb, fields):
    boss, mine = make.admin(), make.order()
    told = {"status": "sent", "updated": "2026-08-14T09:00:00Z"}
    theirs = make.order(refund=told)
    press(ann, mine, "refund", reason="x")
    for order_id, words, mails in ((theirs, "No mail is sent", 0), (mine, "is told by mail", 1)):
        assert decide(boss, order_id, verb, **fields).status_code == 303
        assert words in boss.get("/refunds/").text
        assert len(rows(app, Mail)) == mails


@pytest.mark.parametrize("number", ["9" * 5000, str(2**63), "x", "", "-1"])
def test_what_cannot_be_a_request_is_none(app, make, ann, number):
    """As the last row of a page it is the first page; in a form's token it is the order's open request."""
    order_id, boss = make.order(), make.admin()
    press(ann, order_id, "refund", reason="x")
    assert listed(boss, before=number) == [order_id]
    hidden = {**tokens(boss, order_id), "request_token": f"hand-made~{number}"}
    assert boss.post(f"/refunds/{order_id}/take", data=hidden).status_code == 303
    assert one(app, RefundRequest).status == "updating"
