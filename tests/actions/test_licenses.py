"""Resending a code: one row for one form, the rule asked again when the mail is written, the word when it is sent."""

import pytest

from app.actions import licenses
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES, NO_STORES
from app.domain.refusal import NotFound, Refused
from app.models import Action, AuditEntry, License, Mail
from tests.actions.support import NOW, counts, one, portal_lines, rows, run, token


def test_the_same_form_again_is_the_same_action(app, make, ann):
    order_id, form = make.order(), token()
    first = run(app, ann, licenses.resend, order_id, "l1", token=form, now=NOW)
    before = counts(app)
    assert run(app, ann, licenses.resend, order_id, "l1", token=form, now=NOW) == first
    assert counts(app) == before


def test_a_code_the_order_does_not_have_is_not_found(app, make, ann):
    order_id = make.order()
    before = counts(app)
    with pytest.raises(NotFound):
        run(app, ann, licenses.resend, order_id, "l9", token=token(), now=NOW)
    assert counts(app) == before


def test_the_mail_is_not_written_once_the_rule_says_no(app, make, ann):
    order_id = make.order()
    run(app, ann, licenses.resend, order_id, "l1", token=token(), now=NOW)
    action = one(app, Action)
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.get_one(License, one(app, License).id).deleted = True
    with pytest.raises(Refused) as caught:
        run(app, ann, licenses.post_mail, action, now=NOW, default_language="en")
    assert caught.value.refusal.code == "license.deleted"
    assert rows(app, Mail) == []


def test_the_mail_names_the_row_and_goes_to_the_orders_address(app, make, ann):
    order_id = make.order(locale="ru_RU")
    run(app, ann, licenses.resend, order_id, "l1", token=token(), now=NOW)
    action, code = one(app, Action), one(app, License)
    run(app, ann, licenses.post_mail, action, now=NOW, default_language="en")
    mail = one(app, Mail)
    assert (mail.dedupe, mail.template, mail.recipient, mail.params, mail.language, mail.action_id) == (
        f"license-{action.id}", "license", "marcel.laporte@example.com", {"license": code.id}, "ru", action.id,
    )  # fmt: skip


def test_sent_is_said_in_the_history_and_the_audit(app, make, ann):
    order_id = make.order()
    run(app, ann, licenses.resend, order_id, "l1", token=token(), now=NOW)
    action = one(app, Action)
    run(app, ann, licenses.sent, action, now=NOW)
    ((code, text),) = portal_lines(app, order_id)
    assert code == "license.sent"
    assert "Demo" in text
    entry = rows(app, AuditEntry)[-1]
    assert (entry.event, entry.order_id, entry.subject, entry.details) == (
        "license.sent", order_id, "l1", {"action": action.id},
    )  # fmt: skip


def test_nothing_is_said_about_an_order_that_is_not_there(app, make, ann):
    order_id = make.order()
    run(app, ann, licenses.resend, order_id, "l1", token=token(), now=NOW)
    action, before = one(app, Action), counts(app)
    with app.app_context(), scope_as(NO_STORES), transaction():
        licenses.sent(session, ann, action, now=NOW)
    assert counts(app) == before
