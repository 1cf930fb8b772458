"""Erasure: seeded tokens in every place a customer's data can be, then a search of everything that is kept."""

import dataclasses
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.actions import licenses, refunds
from app.actions.erasure import erase_order, preview
from app.actions.queue import submit_action
from app.db import scope_as, transaction
from app.domain.access import ALL_STORES, SYSTEM, Actor
from app.models import Action, AuditEntry, Mail, Order, OrderEvent, StoredSearch
from app.models.base import utcnow
from tests.actions.erasure_seeds import TOKENS, dump, erase, seed, seed_around
from tests.actions.support import actor, one, portal_lines, rows, run, token


@pytest.fixture
def erased(app, make, tmp_path):
    """An order seeded, checked to be seeded, and erased by the command."""
    person = make.person(stores=("acme-eu",))
    order_id = seed(make)
    seed_around(app, order_id, person)
    before = dump(app, tmp_path)
    missing = {"tok-document", "tok-unknown", "tok-parameter"}  # compressed or encoded at rest
    assert [token for token in TOKENS if token not in before and token not in missing] == []
    result = app.test_cli_runner().invoke(args=["portal", "erase", str(order_id)])
    assert result.exit_code == 0, result.output
    return order_id


def test_no_token_is_left_anywhere(app, erased, tmp_path):
    after = dump(app, tmp_path)
    assert [token for token in TOKENS if token in after] == []


def test_mails_that_the_tryout_keeps_as_files_go_too(app, make, monkeypatch, tmp_path):
    settings = dataclasses.replace(app.extensions["settings"], inbox_local=True, portal_data=tmp_path)
    monkeypatch.setitem(app.extensions, "settings", settings)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for number, message_id in ((1, "<m1@portal>"), (2, "<another@portal>")):
        content = f"X-Envelope-To: tok-email@example.org\r\nMessage-ID: {message_id}\r\n\r\nHello Tok-First\r\n"
        (inbox / f"{number:020d}-1-{number}.eml").write_bytes(content.encode())
    (inbox / "port").write_text("2525")
    person, order_id = make.person(stores=("acme-eu",)), seed(make)
    seed_around(app, order_id, person)
    assert app.test_cli_runner().invoke(args=["portal", "erase", str(order_id)]).exit_code == 0
    assert sorted(path.name for path in inbox.iterdir()) == [f"{2:020d}-1-2.eml", "port"]


@pytest.mark.only_db("sqlite")
def test_the_databases_log_does_not_keep_it(app, make, tmp_path):
    """secure_delete overwrites in the file; the pages as they were would lie on in the write-ahead log."""
    file = Path(app.extensions["database"].engine.url.database)
    log = file.with_name(file.name + "-wal")
    order_id = seed(make)
    assert b"tok-first" in (file.read_bytes() + log.read_bytes()).lower()
    with app.app_context():
        assert app.test_cli_runner().invoke(args=["portal", "erase", str(order_id)]).exit_code == 0
    left = (file.read_bytes() + log.read_bytes()).lower()
    assert [token for token in TOKENS if token.encode() in left] == []


def test_what_is_no_personal_data_stays(app, make, erased):
    with app.app_context(), scope_as(ALL_STORES):
        from app.db import session

        order = session.get(Order, erased)
        assert order.erased_at
        assert (order.email_key, order.phone_digits, order.last_name_key) == (None, None, None)
        assert (order.payment_method, order.card_last_4) == ("CreditCard", None)
        assert session.get(StoredSearch, "other")
        assert session.get(StoredSearch, "k" * 20) is None
        mail = session.scalar(sa.select(Mail))
        assert (mail.state, mail.recipient, mail.params) == ("refused", None, {})
        assert mail.error == "The customer's personal data was erased, so there is nobody to send it to."
        assert mail.finished_at is not None
        lines = session.scalars(sa.select(OrderEvent.text).where(OrderEvent.order_id == erased)).all()
        assert sorted(lines) == ["Personal data anonymize", "deleted"]


def test_a_later_snapshot_does_not_bring_it_back(app, make, erased, tmp_path):
    seed(make, order_id=erased, version=9)
    assert [token for token in TOKENS if token in dump(app, tmp_path)] == []


def test_an_erased_snapshot_erases_every_copy(app, make, tmp_path):
    person = make.person(stores=("acme-eu",))
    order_id = seed(make)
    seed_around(app, order_id, person)
    seed(make, order_id=order_id, version=9, erased=True)
    assert [token for token in TOKENS if token in dump(app, tmp_path)] == []


def test_a_legal_persons_company_and_vat_stay(app, make):
    order_id = make.order(customer={"type": "legal", "company_name": "Firm", "vat_number": "FR1", "first_name": "Tok"})
    with app.app_context(), scope_as(ALL_STORES), transaction() as session:
        erase_order(session, session.get(Order, order_id), actor=SYSTEM, now=utcnow())
    with app.app_context(), scope_as(ALL_STORES):
        from app.db import session

        order = session.get(Order, order_id)
        assert (order.company_name, order.vat_number, order.company_key) == ("Firm", "FR1", "firm")
        assert order.first_name is None


def test_documents_stay_only_under_a_named_duty(app, make):
    order_id = seed(make)
    result = app.test_cli_runner().invoke(args=["portal", "erase", str(order_id), "--keep-documents", "Tax records"])
    assert result.exit_code == 0
    with app.app_context(), scope_as(ALL_STORES):
        from app.db import session
        from app.models import Document

        assert session.scalar(sa.select(Document.kept_reason)) == "Tax records"


def test_the_preview_counts_and_offers_the_buyers_other_orders(app, make):
    order_id, other = seed(make), seed(make)
    make.order()
    around = make.order(items=[{"license_user": {"name": "tok-owner", "email": "tok-owner-mail@example.org"}}])
    seed_around(app, around, make.person())
    with app.app_context(), scope_as(ALL_STORES):
        from app.db import session

        found = preview(session, session.get(Order, around))
        assert (found.refund_texts, found.webhook_bodies, found.mails, found.stored_searches) == (1, 1, 1, 2)
        found = preview(session, session.get(Order, order_id))
        assert found.other_order_ids == (other,)
        assert (found.items, found.history_texts, found.parameters, found.documents) == (1, 1, 1, 1)
        assert (found.refund_texts, found.waiting_resends, found.stored_searches) == (0, 0, 3)
        assert session.get(Order, order_id).erased_at is None


def test_a_second_erasure_takes_what_came_in_since_and_says_nothing_twice(app, make):
    order_id = seed(make)
    assert erase(app, order_id) is True
    first = one(app, Order, Order.id == order_id).erased_at
    with app.app_context(), scope_as(ALL_STORES), transaction() as session:
        session.execute(sa.update(Order).where(Order.id == order_id).values(first_name="Back", first_name_key="back"))
    assert erase(app, order_id) is False
    order = one(app, Order, Order.id == order_id)
    assert (order.first_name, order.first_name_key, order.erased_at) == (None, None, first)
    assert [e.event for e in rows(app, AuditEntry)].count("order.erased") == 1
    assert len(portal_lines(app, order_id)) == 1


def test_the_platforms_own_line_is_enough(app, make):
    order_id = seed(make)
    assert erase(app, order_id, own_line=False) is True
    assert rows(app, OrderEvent, OrderEvent.order_id == order_id, OrderEvent.source == "portal") == []
    assert [e.event for e in rows(app, AuditEntry)] == ["order.erased"]


def test_actions_lose_their_words_and_keep_what_names_nobody(app, make):
    order_id, person = seed(make), make.person()
    with app.app_context(), scope_as(ALL_STORES), transaction() as session:
        order = session.get(Order, order_id)
        who = Actor(id=person, login="ann", name="Ann")
        form = str(uuid.uuid4())
        action, _ = submit_action(session, kind="resend_license", order=order, subject="1", actor=who, token=form)
        action.payload = {"said": "tok-reason", "tries": 3, "items": ["1"]}
        action_id = action.id
    erase(app, order_id)
    assert one(app, Action, Action.id == action_id).payload == {"tries": 3, "items": ["1"]}


def test_mails_that_wait_are_stopped_and_those_gone_keep_their_state(app, make):
    order_id, store = seed(make), make.store()
    states = ("waiting", "running", "attention", "done", "refused")
    with app.app_context(), transaction() as session:
        for state in states:
            session.add(
                Mail(dedupe=state, template="license", params={"to": "tok"}, recipient="tok@example.org",
                     order_id=order_id, store_id=store, message_id=f"<{state}@portal>", state=state)
            )  # fmt: skip
    erase(app, order_id)
    found = {mail.dedupe: mail for mail in rows(app, Mail)}
    assert {name: mail.state for name, mail in found.items()} == {
        s: "done" if s == "done" else "refused" for s in states
    }
    assert [name for name, mail in found.items() if mail.error] == ["waiting", "running", "attention"]
    assert {(mail.recipient, str(mail.params)) for mail in found.values()} == {(None, "{}")}


@pytest.mark.parametrize("state", ["waiting", "running", "attention"])
def test_a_resend_that_waits_ends_and_none_waits_for_a_mail_for_ever(app, make, state):
    """One that is ``running`` without a lease is parked on its mail, which will not go out."""
    order_id = seed(make)
    ann = actor(app, make.person("ann@example.org", stores=("acme-eu",)))
    action_id = run(app, ann, licenses.resend, order_id, "1", token=token(), now=utcnow())
    with app.app_context(), scope_as(ALL_STORES), transaction() as session:
        action = session.get(Action, action_id)
        action.state, action.doubt = state, state == "attention"
        assert preview(session, session.get(Order, order_id)).waiting_resends == 1
    erase(app, order_id)
    action = one(app, Action)
    assert (action.state, action.doubt, action.finished_at is not None) == ("refused", False, True)
    assert action.reason == "The customer's personal data was erased, so there is nobody to send it to."
    ended = one(app, AuditEntry, AuditEntry.event == "action.ended")
    assert (ended.result, ended.order_id, ended.subject) == ("refused", order_id, "1")
    assert ended.details == {"action": action_id, "kind": "resend_license", "why": "license.erased"}


def test_a_resend_that_is_being_worked_and_other_actions_are_left_to_their_rules(app, make):
    order_id, other = seed(make), seed(make)
    ann = actor(app, make.person("ann@example.org", stores=("acme-eu",)))
    run(app, ann, licenses.resend, order_id, "1", token=token(), now=utcnow())
    run(app, ann, licenses.resend, other, "1", token=token(), now=utcnow())
    run(app, ann, refunds.request_refund, order_id, reason="tok-reason", token=token(), now=utcnow())
    with app.app_context(), scope_as(ALL_STORES), transaction() as session:
        busy = session.scalar(sa.select(Action).where(Action.order_id == order_id, Action.kind == "resend_license"))
        busy.state, busy.lease_until = "running", utcnow()
    erase(app, order_id)
    assert sorted((a.kind, a.state) for a in rows(app, Action)) == [
        ("request_refund", "waiting"), ("resend_license", "running"), ("resend_license", "waiting"),
    ]  # fmt: skip
    assert rows(app, AuditEntry, AuditEntry.event == "action.ended") == []


def test_an_order_that_holds_nobody_is_erased_quietly(app, make):
    person = make.person()
    order_id = make.order(customer={"email": None, "first_name": None, "last_name": None, "phone": None},
                          payment={"card_last_4": None}, erased=True)  # fmt: skip
    with app.app_context(), scope_as(ALL_STORES), transaction() as session:
        session.add(StoredSearch(key="k" * 20, user_id=person, criteria={"email": [""]}, expires_at=utcnow()))
        assert preview(session, session.get(Order, order_id)).other_order_ids == ()
    erase(app, order_id)
    assert len(rows(app, StoredSearch)) == 1, "a search for nothing is nobody's"
