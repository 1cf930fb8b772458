"""What an administrator does about work that needs a person."""

import pytest

from app.actions import licenses, operations
from app.actions.queue import put_mail
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.domain.refusal import NotFound, Refused
from app.models import Action, AuditEntry, Mail, Order, OrderEvent, WebhookDelivery
from app.models.base import db_now
from tests.actions.support import NOW, counts, one, portal_lines, rows, run, token


def stuck_action(app, make, boss, **values):
    """A resend that needs a person; its id."""
    order_id = make.order()
    action_id = run(app, boss, licenses.resend, order_id, "l1", token=token(), now=NOW)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        action = session.get_one(Action, action_id)
        action.state, action.attempt, action.doubt, action.error = "attention", 60, True, "TimeoutError"
        action.finished_at = db_now()
        for name, value in values.items():
            setattr(action, name, value)
    return action_id


def stuck_mail(app, make, action_id=None, state="attention"):
    """A mail to a colleague that the server did not take; its id."""
    person = make.person()
    with app.app_context(), scope_as(ALL_STORES), transaction():
        mail_id, _ = put_mail(session, "stuck", "refund_result", user_id=person, action_id=action_id)
        mail = session.get_one(Mail, mail_id)
        mail.state, mail.attempt, mail.error, mail.finished_at = state, 60, "451", db_now()
    return mail_id


def test_a_mail_of_no_action_is_tried_again_and_said_so(app, make, boss):
    mail_id = stuck_mail(app, make)
    run(app, boss, operations.send_again, mail_id)
    mail = one(app, Mail)
    assert (mail.state, mail.attempt, mail.error, mail.finished_at) == ("waiting", 0, None, None)
    entry = one(app, AuditEntry)
    assert (entry.event, entry.subject, entry.actor_id) == ("mail.retried", f"mail:{mail_id}", boss.id)


def test_a_mail_of_an_action_that_needs_nobody_is_tried_alone(app, make, boss):
    action_id = stuck_action(app, make, boss, state="running")
    mail_id = stuck_mail(app, make, action_id)
    run(app, boss, operations.send_again, mail_id)
    assert one(app, Mail).state == "waiting"
    assert one(app, Action).state == "running"
    assert rows(app, AuditEntry)[-1].event == "mail.retried"


def test_a_mail_of_an_action_that_needs_somebody_takes_it_along(app, make, boss):
    action_id = stuck_action(app, make, boss)
    run(app, boss, operations.send_again, stuck_mail(app, make, action_id))
    action = one(app, Action)
    assert one(app, Mail).state == "waiting"
    assert (action.state, action.lease_until, action.finished_at) == ("running", None, None)
    assert action.resolved_by == boss.id
    assert rows(app, AuditEntry)[-1].event == "action.retried"


@pytest.mark.parametrize(
    ("now", "goes_to"),
    [({"email": "right@example.org"}, "right@example.org"), ({"email": ""}, "wrong@example.org"),
     ({"email": "deleted", "erased_at": NOW}, "wrong@example.org"), ({"id": None}, "wrong@example.org")],
)  # fmt: skip
def test_a_mail_tried_again_goes_to_the_address_the_order_has_now(app, make, boss, now, goes_to):
    order_id = make.order()
    with app.app_context(), scope_as(ALL_STORES), transaction():
        about = 999_999_999 if "id" in now else order_id
        mail_id, _ = put_mail(session, "lost", "license", recipient="wrong@example.org", order_id=about)
        session.get_one(Mail, mail_id).state = "attention"
        order = session.get_one(Order, order_id)
        for name in now.keys() - {"id"}:
            setattr(order, name, now[name])
    run(app, boss, operations.send_again, mail_id)
    assert (one(app, Mail).state, one(app, Mail).recipient) == ("waiting", goes_to)


def test_an_action_without_a_mail_is_asked_and_tried_afresh(app, make, boss):
    action_id = stuck_action(app, make, boss)
    run(app, boss, operations.try_again, action_id)
    action = one(app, Action)
    assert (action.state, action.doubt, action.attempt, action.verdict, action.resolved_by) == (
        "waiting", False, 0, None, boss.id,
    )  # fmt: skip
    assert action.next_at is not None
    assert action.finished_at is None
    assert len(portal_lines(app, action.order_id)) == 1


def test_what_happened_is_left_for_a_worker_to_write_down(app, make, boss):
    action_id = stuck_action(app, make, boss)
    run(app, boss, operations.it_happened, action_id)
    action = one(app, Action)
    assert (action.state, action.verdict, action.resolved_by) == ("waiting", "happened", boss.id)
    entry = rows(app, AuditEntry)[-1]
    assert (entry.event, entry.details) == ("action.declared", {"action": action_id, "kind": "resend_license"})


MAILS = (operations.send_again, operations.leave_mail)
ACTIONS = (operations.it_happened, operations.try_again, operations.leave_it)


@pytest.mark.parametrize("function", [*ACTIONS, *MAILS])
def test_what_does_not_exist_or_needs_nobody_is_left_alone(app, make, boss, function):
    action_id = stuck_action(app, make, boss, state="done")
    mail_id = stuck_mail(app, make, action_id, state="done")
    before = counts(app)
    with pytest.raises(NotFound):
        run(app, boss, function, 999_999)
    with pytest.raises(Refused):
        run(app, boss, function, mail_id if function in MAILS else action_id)
    assert counts(app) == before


def test_what_did_not_happen_and_shall_not_is_left_for_a_worker_to_end(app, make, boss, monkeypatch):
    action_id = stuck_action(app, make, boss)
    told = []
    monkeypatch.setitem(app.extensions, "hint", lambda *row: told.append(row))
    run(app, boss, operations.leave_it, action_id)
    action = one(app, Action)
    assert (action.state, action.verdict, action.resolved_by) == ("waiting", "left", boss.id)
    assert told == [("actions", action_id)]
    entry = rows(app, AuditEntry)[-1]
    assert (entry.event, entry.actor_id) == ("action.left", boss.id)
    assert entry.details == {"action": action_id, "kind": "resend_license"}
    assert portal_lines(app, action.order_id)[-1][0] == "action.left"


def test_a_mail_of_no_action_is_left_unsent_and_said_so(app, make, boss):
    mail_id = stuck_mail(app, make)
    run(app, boss, operations.leave_mail, mail_id)
    mail = one(app, Mail)
    assert (mail.state, mail.error) == ("refused", "settled by a person")
    assert mail.finished_at is not None
    entry = one(app, AuditEntry)
    assert (entry.event, entry.subject, entry.actor_id) == ("mail.left", f"mail:{mail_id}", boss.id)


@pytest.mark.parametrize(
    "now", [{"state": "done"}, {"state": "refused"}, {"state": "running", "lease_until": db_now(60.0)}]
)
def test_a_mail_whose_action_needs_nobody_is_left_by_itself(app, make, boss, now):
    action_id = stuck_action(app, make, boss, **now)
    run(app, boss, operations.leave_mail, stuck_mail(app, make, action_id))
    assert (one(app, Mail).state, one(app, Action).state) == ("refused", now["state"])
    assert one(app, Action).verdict is None
    assert rows(app, AuditEntry)[-1].event == "mail.left"


def test_a_mail_tried_since_the_page_was_opened_is_not_left(app, make, boss):
    mail_id = stuck_mail(app, make)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.get_one(Mail, mail_id).fence = 3
    before = counts(app)
    with pytest.raises(Refused) as refused:
        run(app, boss, operations.leave_mail, mail_id, fence=2)
    assert refused.value.refusal is operations.TRIED_SINCE
    assert (counts(app), one(app, Mail).state) == (before, "attention")
    run(app, boss, operations.leave_mail, mail_id, fence=3)
    assert one(app, Mail).state == "refused"


def test_an_action_whose_order_is_not_there_is_still_decided(app, make, boss):
    action_id = stuck_action(app, make, boss, order_id=999_999_999)
    run(app, boss, operations.it_happened, action_id)
    assert one(app, Action).verdict == "happened"
    assert rows(app, OrderEvent, OrderEvent.source == "portal") == []


def test_each_is_told_to_its_own_workers(app, make, boss, monkeypatch):
    action_id, mail_id, store = stuck_action(app, make, boss), stuck_mail(app, make), make.store()
    with app.app_context(), scope_as(ALL_STORES), transaction():
        row = WebhookDelivery(store_id=store, digest="0" * 64, event="order.created", state="attention")
        session.add(row)
        session.flush()
        delivery_id = row.id
    told = []
    monkeypatch.setitem(app.extensions, "hint", lambda queue, row_id: told.append((queue, row_id)))
    run(app, boss, operations.it_happened, action_id)
    run(app, boss, operations.send_again, mail_id)
    run(app, boss, operations.apply_again, delivery_id)
    assert told == [("actions", action_id), ("mail", mail_id), ("webhooks", delivery_id)]
    assert rows(app, AuditEntry)[-1].subject == f"webhook:{delivery_id}"


@pytest.mark.parametrize(("say", "said"), [(operations.it_happened, "happened"), (operations.leave_it, "left")])
@pytest.mark.parametrize("function", MAILS)
def test_a_mail_goes_the_way_a_colleague_has_said_of_its_action(app, make, boss, say, said, function):
    action_id = stuck_action(app, make, boss)
    mail_id = stuck_mail(app, make, action_id)
    run(app, boss, say, action_id)
    before = counts(app)
    with pytest.raises(Refused):
        run(app, boss, function, mail_id)
    assert counts(app) == before
    assert (one(app, Mail).state, one(app, Action).verdict) == ("attention", said)


@pytest.mark.parametrize("function", ACTIONS)
def test_what_a_person_saw_of_an_earlier_attempt_decides_nothing_about_a_later_one(app, make, boss, function):
    action_id = stuck_action(app, make, boss, fence=3)
    before = counts(app)
    with pytest.raises(Refused) as refused:
        run(app, boss, function, action_id, fence=2)
    assert refused.value.refusal is operations.TRIED_SINCE
    assert counts(app) == before
    assert one(app, Action).state == "attention"
    run(app, boss, function, action_id, fence=3)
    assert one(app, Action).state == "waiting"


@pytest.mark.parametrize(
    ("state", "verdict", "doubted"),
    [
        ("waiting", None, True),
        ("waiting", "happened", False),
        ("waiting", "left", False),
        ("attention", None, False),
        ("done", None, False),
    ],
)
def test_after_a_restore_what_waits_is_looked_up_before_it_is_done(app, make, boss, state, verdict, doubted):
    stuck_action(app, make, boss, state=state, verdict=verdict, doubt=False)
    done = app.test_cli_runner().invoke(args=["portal", "restored"])
    assert (done.exit_code, done.output.split()[0]) == (0, str(int(doubted)))
    assert one(app, Action).doubt is doubted
