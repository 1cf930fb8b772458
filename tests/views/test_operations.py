"""*Jobs and mail*: who may see it, what it shows, and what a decision does."""

from __future__ import annotations

import uuid

import pytest
import sqlalchemy as sa

from app.actions.queue import put_mail, submit_action
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES, Actor
from app.jobs import protocol
from app.models import Action, AuditEntry, Heartbeat, Mail, Order, OrderEvent, WebhookDelivery
from app.models.base import db_now
from tests.pages import parse


@pytest.fixture
def order(make):
    return make.order()


@pytest.fixture
def action(app, make, order):
    """Write an action in a state; its id."""
    person = make.person(stores=("acme-eu",), first_name="Ann", last_name="Asker")

    def write(state="attention", kind="request_refund", subject=None, **values):
        with app.app_context(), scope_as(ALL_STORES), transaction():
            row, _ = submit_action(
                session, kind=kind, order=session.get_one(Order, order), subject=subject or str(order),
                actor=Actor(id=person, login="ann", name="Ann"), token=str(uuid.uuid4()),
            )  # fmt: skip
            row.state = state
            for name, value in values.items():
                setattr(row, name, value)
            return row.id

    return write


@pytest.fixture
def admin(make):
    return make.admin(first_name="Ada", last_name="Admin")


def get(app, model, row_id):
    with app.app_context(), scope_as(ALL_STORES):
        return session.get_one(model, row_id)


def post(client, path, **fields):
    page = client.get("/operations/?state=all")
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0] if "csrf_token" in page.text else ""
    return client.post(path, data={"csrf_token": token, **fields})


PAGES = ("/operations/", "/operations/mail", "/operations/webhooks", "/operations/health")


@pytest.mark.parametrize("path", PAGES)
def test_only_administrators_see_it(make, path):
    assert make.admin().get(path).status_code == 200
    for client in (make.specialist(), make.signed_in(make.person(role="Lead", stores=("acme-eu",)))):
        assert client.get(path).status_code in (302, 403, 404)


def test_it_shows_what_needs_a_person_first(admin, action):
    action(doubt=True, reason="An earlier attempt may have happened, and nobody can be asked.")
    page = admin.get("/operations/").text
    assert "Ann Asker" in page
    assert "Needs attention" in page
    assert "An earlier attempt may have happened, and nobody can be asked." in page
    assert "It happened" in page
    assert "It did not, try again" in page
    assert "It did not, leave it" in page


def test_the_health_says_who_works_and_what_waits(app, admin, action):
    action("waiting", next_at=db_now(-100.0))
    with app.app_context(), transaction():
        session.add(Heartbeat(name="worker:actions@x:1", kind="worker", info={"queue": "actions"}))
    page = admin.get("/operations/health").text
    row = page.split('data-queue="actions"')[1].split("</tr>")[0]
    assert ">1<" in row
    assert '<b class="bad">1 min</b>' in row
    assert 'href="/operations/?state=waiting"' in row
    assert "none" in page.split('data-queue="mail"')[1].split("</tr>")[0]
    assert 'data-poll="/operations/health"' in page


@pytest.mark.parametrize(("answers", "said"), [(True, "answers"), (False, "does not answer")])
def test_the_health_says_whether_the_queue_server_answers_and_who_is_silent(app, admin, answers, said):
    assert "Queue server" not in admin.get("/operations/").text  # no sweeper: nobody can say
    with app.app_context(), transaction():
        session.add(Heartbeat(name="sweeper@x:2", kind="sweeper", info={"queue_server": answers}))
        session.add(Heartbeat(name="sweeper@y:3", kind="sweeper", seen_at=db_now(-40.0), info={"queue_server": True}))
    page = parse(admin.get("/operations/").text)
    health = page.one("section", id="health").text
    assert f"Queue server: {said}" in health
    assert ("waits here and happens when it is back" in health) is not answers
    assert "Sweepers: 1" in health
    told = {item.all("span")[0].text: "silent" in item.text for item in page.all("section", "processes")[0].all("li")}
    assert told == {"sweeper@x:2": False, "sweeper@y:3": True}


def test_a_row_says_since_when_what_it_waits_for_and_who_decided(app, admin, make, action):
    boss = make.person(first_name="Bo", last_name="Boss")
    action("attention", finished_at=db_now(-7200.0), doubt=True, error="the platform answered 502", fence=2)
    action("running", kind="resend_license", subject="L1")
    action("done", kind="resend_license", subject="L2", resolved_by=boss, finished_at=db_now())
    page = parse(admin.get("/operations/?state=all").text)
    rows = {row.attrs["data-action-state"]: row for row in page.all("tr", data_action_state=None)}
    stuck = rows["attention"]
    assert "Since" in stuck.text
    assert "An earlier attempt may have happened." in stuck.text
    assert "the platform answered 502" in stuck.text
    assert "Waits for its mail" in rows["running"].text
    assert "Decided by Bo Boss" in rows["done"].text
    assert "find out at the platform" in admin.get("/operations/").text
    assert "find out at the platform" not in admin.get("/operations/?state=done").text


@pytest.mark.parametrize("verb", ["happened", "again", "leave"])
def test_an_old_page_decides_nothing_about_a_later_attempt(app, admin, action, verb):
    number = action(fence=5)
    form = parse(admin.get("/operations/").text).all("form", action=f"/operations/actions/{number}/{verb}")[0]
    assert [field.attrs["value"] for field in form.all("input", name="fence")] == ["5"]
    answer = post(admin, f"/operations/actions/{number}/{verb}", fence="4")
    assert answer.status_code == 409
    assert "It was tried again since you opened the page." in answer.text
    assert get(app, Action, number).state == "attention"
    assert post(admin, f"/operations/actions/{number}/{verb}", fence="5").status_code == 303


def test_it_happened_is_written_down_and_done_by_the_worker(app, admin, action, monkeypatch):
    number = action(doubt=True)
    told = []
    monkeypatch.setitem(app.extensions, "hint", lambda *row: told.append(row))
    assert post(admin, f"/operations/actions/{number}/happened").status_code == 303
    row = get(app, Action, number)
    assert (row.state, row.verdict) == ("waiting", "happened")
    assert row.resolved_by is not None
    assert told == [("actions", number)]
    calls = []

    class Handler:
        capability = protocol.Capability.NONE
        permission = None

        def settle(self, _session, action, outcome, _actor):
            calls.append(outcome.verdict.value)

    from app.jobs.actions import work_action

    monkeypatch.setitem(app.extensions, "handlers", {"request_refund": Handler()})
    with app.app_context():
        assert work_action(number) == "done"
    assert calls == ["done"]
    with app.app_context(), scope_as(ALL_STORES):
        assert session.scalars(sa.select(AuditEntry.event).where(AuditEntry.event == "action.declared")).all()
        lines = session.scalars(sa.select(OrderEvent.text).where(OrderEvent.code == "action.happened")).all()
    assert lines == [f"Ada Admin stated that action {number} has happened"]


def test_it_did_not_is_tried_afresh(app, admin, action):
    number = action(doubt=True, attempt=60, reason="It was tried many times without a clear answer.")
    assert post(admin, f"/operations/actions/{number}/again").status_code == 303
    row = get(app, Action, number)
    assert (row.state, row.doubt, row.attempt, row.reason, row.verdict) == ("waiting", False, 0, None, None)
    with app.app_context(), scope_as(ALL_STORES):
        assert session.scalars(sa.select(OrderEvent.code)).all().count("action.again") == 1


@pytest.mark.parametrize("state", ["waiting", "running", "done", "refused", "withdrawn"])
@pytest.mark.parametrize("verb", ["happened", "again", "leave"])
def test_what_needs_nobody_cannot_be_decided(app, admin, action, state, verb):
    number = action(state)
    answer = post(admin, f"/operations/actions/{number}/{verb}")
    assert answer.status_code == 409
    assert "decided already" in answer.text
    assert get(app, Action, number).state == state


def test_an_unknown_action_is_not_found(admin, action):
    action()
    assert post(admin, "/operations/actions/999/again").status_code == 404


def test_a_specialist_decides_nothing(app, make, action):
    number = action()
    assert make.specialist().post(f"/operations/actions/{number}/again").status_code in (302, 400, 403, 404)
    assert get(app, Action, number).state == "attention"


def test_get_decides_nothing(app, admin, action):
    number = action()
    assert admin.get(f"/operations/actions/{number}/again").status_code == 405
    assert get(app, Action, number).state == "attention"


def test_a_mail_is_tried_again_and_its_action_waits_for_it(app, admin, action, order):
    number = action(kind="resend_license", subject="l1")
    with app.app_context(), scope_as(ALL_STORES), transaction():
        mail, _ = put_mail(
            session, "m1", "license", recipient="customer@example.org", order_id=order, store_id=1, action_id=number
        )
        session.get_one(Mail, mail).state = "attention"
        session.get_one(Mail, mail).error = "recipient refused: 550"
    page = admin.get("/operations/mail").text
    assert "customer@example.org" in page
    assert "550" in page
    assert post(admin, f"/operations/mail/{mail}/again").status_code == 303
    assert get(app, Mail, mail).state == "waiting"
    row = get(app, Action, number)
    assert (row.state, row.lease_until) == ("running", None)
    assert post(admin, f"/operations/mail/{mail}/again").status_code == 409


def test_a_mail_is_left_unsent_and_the_page_says_so(app, admin, order):
    with app.app_context(), scope_as(ALL_STORES), transaction():
        mail, _ = put_mail(session, "m1", "license", recipient="gone@example.org", order_id=order, store_id=1)
        session.get_one(Mail, mail).state = "attention"
        session.get_one(Mail, mail).fence = 2
    form = parse(admin.get("/operations/mail").text).all("form", action=f"/operations/mail/{mail}/leave")[0]
    assert [field.attrs["value"] for field in form.all("input", name="fence")] == ["2"]
    assert post(admin, f"/operations/mail/{mail}/leave", fence="1").status_code == 409
    assert get(app, Mail, mail).state == "attention"
    assert post(admin, f"/operations/mail/{mail}/leave", fence="2").status_code == 303
    assert get(app, Mail, mail).state == "refused"
    assert "settled by a person" in admin.get("/operations/mail?state=refused").text


def test_webhooks_show_their_fate_and_that_of_their_body(app, admin, make):
    store = make.store("acme-eu")
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.add(
            WebhookDelivery(
                store_id=store, digest="d" * 64, event="order.created", order_id=7, body='{"a": "é"}', state="refused",
                reason="The order belongs to another store.",
            )
        )  # fmt: skip
        session.add(WebhookDelivery(store_id=store, digest="e" * 64, event="what.ever", body=None, state="ignored"))
    page = admin.get("/operations/webhooks?state=all").text
    assert "The order belongs to another store." in page
    assert "kept, 11 bytes" in page
    assert "dropped" in page


def test_a_webhook_that_could_not_be_applied_is_tried_again(app, admin, make):
    store = make.store("acme-eu")
    with app.app_context(), scope_as(ALL_STORES), transaction():
        row = WebhookDelivery(
            store_id=store, digest="d" * 64, event="order.created", body="{}", state="attention", attempt=60
        )
        session.add(row)
        session.flush()
        number = row.id
    assert post(admin, f"/operations/webhooks/{number}/again").status_code == 303
    found = get(app, WebhookDelivery, number)
    assert (found.state, found.attempt) == ("waiting", 0)
    assert post(admin, f"/operations/webhooks/{number}/again").status_code == 409
    assert post(admin, "/operations/webhooks/999/again").status_code == 404


def test_it_is_filtered_and_paged(admin, action, monkeypatch):
    from app.views import operations

    monkeypatch.setattr(operations, "PAGE", 2)
    rows = [action("done", kind="resend_license", subject=f"l{n}") for n in range(5)]
    assert "data-action-id" not in admin.get("/operations/").text
    page = admin.get("/operations/?state=done").text
    assert [row for row in rows if f'data-action-id="{row}"' in page] == rows[3:]
    assert f"before={rows[3]}" in page
    page = admin.get(f"/operations/?state=done&before={rows[3]}").text
    assert [row for row in rows if f'data-action-id="{row}"' in page] == rows[1:3]


@pytest.mark.parametrize("query", ["state=nonsense", "state=withdrawn", "state="])
def test_a_state_that_is_none_is_an_error_at_its_field(admin, query):
    answer = admin.get(f"/operations/mail?{query}")
    assert answer.status_code == 422
    assert "There is no such state." in answer.text


@pytest.mark.parametrize("before", ["x", "-1", "0", "99999999999999999999999"])
def test_a_place_that_is_none_is_the_beginning(admin, action, before):
    action()
    answer = admin.get(f"/operations/?before={before}")
    assert answer.status_code == 200
    assert "data-action-id" in answer.text


def test_metrics_tell_how_much_waits(app, admin, action):
    action("attention")
    text = admin.get("/metrics").text
    assert 'portal_queue_rows{queue="actions",state="attention"} 1.0' in text
    assert 'portal_queue_oldest_due_seconds{queue="mail"} 0.0' in text
