"""Forgotten passwords: the same answer for everybody, a mail only for real accounts."""

import re

import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import AuditEntry, Mail, Person
from tests.security.support import text


def test_asking_for_nobody_is_written_down_without_what_was_typed(app, client, make, ann):
    closed = make.person("closed@example.org")
    with app.app_context(), transaction():
        session.get_one(Person, closed).active = False
    for name in ("nobody@example.org", "closed@example.org", "", "ann@example.org"):
        assert client.submit("/forgot-password", {"username": name}).status_code == 200
    with app.app_context(), scope_as(ALL_STORES):
        found = session.execute(
            sa.select(AuditEntry.event, AuditEntry.result, AuditEntry.subject).order_by(AuditEntry.id)
        ).all()
        assert session.scalar(sa.select(sa.func.count()).select_from(Mail)) == 1
    assert [tuple(row) for row in found] == [
        ("password.asked", "refused", None),
        ("password.asked", "refused", f"person:{closed}"),
        ("password.asked", "refused", None),
        ("password.asked", "ok", f"person:{ann}"),
    ]


def mails(app):
    with app.app_context(), scope_as(ALL_STORES):
        return session.execute(sa.select(Mail.template, Mail.user_id)).all()


def test_forgotten_passwords_get_the_same_answer_and_a_mail_only_for_real_accounts(app, client, ann, make):
    closed = make.person("closed@example.org")
    with app.app_context(), transaction():
        session.get_one(Person, closed).active = False
    pages = set()
    for who in ("ann@example.org", "nobody@example.org", "closed@example.org", ""):
        answer = client.submit("/forgot-password", {"username": who})
        pages.add((answer.status_code, re.sub(r'nonce="[^"]*|csrf_token[^>]*|value="[^"]*', "", text(answer))))
    assert len(pages) == 1
    assert mails(app) == [("password_reset", ann)]


def test_asking_too_often_sends_no_more_mails_but_says_the_same(app, client, ann):
    statuses = [client.submit("/forgot-password", {"username": "ann@example.org"}).status_code for _ in range(5)]
    assert statuses == [200] * 5
    assert len(mails(app)) == 3
    more = [client.submit("/forgot-password", {"username": f"n{n}"}).status_code for n in range(16)]
    assert more == [200] * 15 + [429]
    assert "Please wait an hour" in text(client.submit("/forgot-password", {"username": "one more"}))
