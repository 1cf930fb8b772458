"""Sending mail rows through a real SMTP server: each answer, the same Message-ID, nobody who is erased."""

from __future__ import annotations

import ssl

import pytest
import sqlalchemy as sa
from flask_mail import BadHeaderError

from app.actions.queue import put_mail
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.jobs import protocol
from app.jobs.protocol import Capability
from app.mail.connection import make_message
from app.mail.server import MailServer, parse_mail_url
from app.models import Mail, OneTimeToken, Order, Person
from app.models.base import db_now, utcnow
from config import ConfigError
from tests.jobs.conftest import ORDER_ID


@pytest.fixture
def smtp(app, smtp_server, monkeypatch):
    """The mail server of the app, with a short time-out."""
    smtp_server.clear()
    monkeypatch.setitem(app.extensions, "mail_server", (parse_mail_url(smtp_server.url), 1.0))
    return smtp_server


@pytest.fixture
def post(app, world, make):
    """Write a mail row; its id."""
    person = make.person("ann@example.org", first_name="Ann", last_name="Long")

    def write(template="password_reset", **values):
        with app.app_context(), scope_as(ALL_STORES), transaction():
            if "recipient" not in values:
                values.setdefault("user_id", person)
            return put_mail(session, f"test-{utcnow().timestamp()}", template, **values)[0]

    return write


def message_ids(smtp):
    return [message["Message-ID"] for message in smtp.messages]


def test_a_mail_is_sent_in_text_and_html_with_the_rows_message_id(world, work, smtp, post):
    mail = post()
    assert work("mail", mail) == "done"
    row = world.row(mail, Mail)
    message = smtp.messages[0]
    assert message["Message-ID"] == row.message_id
    assert message["From"] == "esupport@localhost"
    assert message["To"] == "ann@example.org"
    assert message["Subject"] == "Set a new password for ESupport Portal"
    assert message["Auto-Submitted"] == "auto-generated"
    parts = [part.get_content_type() for part in message.walk() if not part.is_multipart()]
    assert parts == ["text/plain", "text/html"]
    assert "Hello Ann Long," in message.get_body(("plain",)).get_content()
    assert max(len(line) for line in smtp.taken[0].content.splitlines()) < 998
    assert row.finished_at is not None


def test_the_link_is_made_when_it_is_sent_and_stands_nowhere_but_in_the_mail(world, work, smtp, post):
    mail = post("access")
    assert work("mail", mail) == "done"
    text = smtp.messages[0].get_body(("plain",)).get_content()
    link = next(line for line in text.splitlines() if "/set-password/" in line)
    assert link.startswith("http://localhost/set-password/")
    token = link.rpartition("/")[2]
    row = world.row(mail, Mail)
    assert token not in str(row.params)
    with world.app.app_context():
        hashes = session.scalars(sa.select(OneTimeToken.token_hash)).all()
    assert len(hashes) == 1
    assert token not in hashes


def test_a_second_attempt_makes_a_new_link_and_voids_the_first(world, work, smtp, post):
    smtp.faults.extend(["taken_then_lost"])
    mail = post("access")
    assert work("mail", mail) == "waiting"
    world.make_due(mail, Mail)
    assert work("mail", mail) == "done"
    first, second = smtp.messages
    assert first["Message-ID"] == second["Message-ID"]
    assert first.get_body(("plain",)).get_content() != second.get_body(("plain",)).get_content()
    with world.app.app_context():
        assert session.scalar(sa.select(sa.func.count()).where(OneTimeToken.voided_at.is_(None))) == 1


def test_a_temporary_password_can_be_used_and_must_be_changed(world, work, smtp, post):
    assert work("mail", post("access_temporary")) == "done"
    text = smtp.messages[0].get_body(("plain",)).get_content()
    assert "Temporary password: " in text
    with world.app.app_context():
        person = session.scalars(sa.select(Person).where(Person.email == "ann@example.org")).one()
        assert person.must_change_password


def test_where_others_identify_people_the_access_mail_makes_no_secret(world, work, smtp, post):
    assert work("mail", post("access_elsewhere")) == "done"
    text = smtp.messages[0].get_body(("plain",)).get_content()
    assert "with the account of your organization" in text
    assert "/set-password/" not in text
    with world.app.app_context():
        assert session.scalar(sa.select(sa.func.count()).select_from(OneTimeToken)) == 0


def test_it_speaks_the_recipients_language(world, work, smtp, post, make):
    person = make.person("vera@example.org", language="ru")
    assert work("mail", post(user_id=person)) == "done"
    assert 'lang="ru"' in smtp.messages[0].get_body(("html",)).get_content()


@pytest.mark.parametrize("fault", ["451 Try later", "mail:421 Busy", "rcpt:450 Mailbox busy", "lost", "hang"])
def test_later_means_waiting_with_the_same_message_id(world, work, smtp, post, fault):
    smtp.faults.append(fault)
    mail = post()
    assert work("mail", mail) == "waiting"
    before = world.row(mail, Mail)
    assert before.error
    assert smtp.taken == []
    world.make_due(mail, Mail)
    smtp.release()
    assert work("mail", mail) == "done"
    assert message_ids(smtp) == [before.message_id]


@pytest.mark.parametrize("fault", ["550 Not wanted", "rcpt:550 No such user", "mail:553 Not you"])
def test_never_means_a_person_has_to_look(world, work, smtp, post, fault):
    smtp.faults.append(fault)
    mail = post()
    assert work("mail", mail) == "attention"
    assert "55" in world.row(mail, Mail).error
    assert "ann@" not in world.row(mail, Mail).error


def test_no_server_is_set(world, work, post):
    mail = post()
    assert work("mail", mail) == "waiting"
    assert "MAIL_URL" in world.row(mail, Mail).error


def test_nobody_listens(world, work, app, post, monkeypatch):
    monkeypatch.setitem(app.extensions, "mail_server", (MailServer("127.0.0.1", 1, "offered"), 1.0))
    mail = post()
    assert work("mail", mail) == "waiting"


def test_an_erased_orders_address_is_never_mailed(world, work, smtp, post, app):
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.get_one(Order, ORDER_ID).erased_at = utcnow()
    mail = post(recipient="deleted@example.org", order_id=ORDER_ID, store_id=1)
    assert work("mail", mail) == "refused"
    assert smtp.tried == 0


def test_an_emptied_recipient_is_never_mailed(world, work, smtp, post):
    mail = post(recipient="a@example.org")
    world.change(mail, Mail, recipient=None)
    assert work("mail", mail) == "refused"
    assert smtp.tried == 0
    assert world.row(mail, Mail).error == "The address is kept for 30 days only, and they are over."


def test_a_closed_account_gets_no_link(world, work, smtp, post, make, app):
    person = make.person("gone@example.org")
    with app.app_context(), transaction():
        session.get_one(Person, person).active = False
    mail = post("access", user_id=person)
    assert work("mail", mail) == "refused"
    assert smtp.tried == 0
    with app.app_context():
        assert session.scalar(sa.select(sa.func.count()).select_from(OneTimeToken)) == 0


@pytest.mark.parametrize("address", ["deleted", "a@b\r\nBcc: c@example.org", "a b@example.org", "", "<a@example.org>"])
def test_what_is_no_address_is_refused(world, work, smtp, post, address):
    mail = post(recipient=address)
    assert work("mail", mail) == "refused"
    assert smtp.tried == 0


def test_the_resend_is_done_and_said_only_when_the_server_took_it(world, work, smtp, post, handler):
    handler.capability = Capability.LOCAL
    handler.answers = [protocol.parked()]
    action = world.click("resend_license", "L1")
    assert work("actions", action) == "parked"
    mail = post(action_id=action)
    smtp.faults.append("451 Try later")
    assert work("mail", mail) == "waiting"
    assert (world.state(action), handler.taken) == ("running", [])
    world.make_due(mail, Mail)
    assert work("mail", mail) == "done"
    assert (world.state(action), handler.taken) == ("done", [action])


def test_a_mail_that_is_never_taken_takes_its_action_to_the_people(world, work, smtp, post, handler):
    handler.capability = Capability.LOCAL
    handler.answers = [protocol.parked()]
    action = world.click("resend_license", "L1")
    work("actions", action)
    smtp.faults.append("550 No")
    assert work("mail", post(action_id=action)) == "attention"
    assert world.state(action) == "attention"
    assert handler.settled[-1] == (action, "attention")
    assert handler.taken == []


@pytest.mark.parametrize("field", ["sender", "recipient", "subject", "message_id"])
@pytest.mark.parametrize("sign", ["\r", "\n", "\r\n ", "\x00"])
def test_a_line_break_in_any_header_is_refused(app, field, sign):
    values = {
        "sender": "a@example.org", "recipient": "b@example.org", "subject": "s", "message_id": "<1@example.org>",
    }  # fmt: skip
    values[field] += f"{sign}Bcc: evil@example.org"
    with app.app_context(), pytest.raises(BadHeaderError):
        make_message(text="t", html="h", **values)


def test_a_line_break_in_a_parameter_cannot_leave_the_subject(world, work, smtp, post, app, monkeypatch):
    from app.mail import render

    monkeypatch.setattr(render, "force_locale", lambda _language: __import__("contextlib").nullcontext())
    words = None
    with app.app_context():
        app.jinja_env.loader, before = _OneTemplate(), app.jinja_env.loader
        try:
            words = render.render("x", "en", {"name": "A\r\nBcc: evil@example.org"})
        finally:
            app.jinja_env.loader = before
            app.jinja_env.cache.clear()
    assert words.subject == "Hello A Bcc: evil@example.org"


class _OneTemplate:
    """A loader with one text."""

    def load(self, environment, _name, known=None):
        return environment.from_string("Hello {{ name }}", globals=known)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://127.0.0.1:2525", MailServer("127.0.0.1", 2525, "offered")),
        ("smtp://mail.example.org", MailServer("mail.example.org", 587, "required")),
        ("smtp://mail.example.org:25?tls=none", MailServer("mail.example.org", 25, "none")),
        ("smtps://u%40x:p%3Aw@mail.example.org", MailServer("mail.example.org", 465, "implicit", "u@x", "p:w")),
    ],
)
def test_mail_url(url, server):
    assert parse_mail_url(url) == server


@pytest.mark.parametrize(
    "url",
    ["http://x", "smtp://", "smtp://x:99999", "smtp://x?tls=off", "smtps://x?tls=none", "smtp://u:p@x?tls=none"],
)
def test_a_wrong_mail_url_is_named(url):
    with pytest.raises(ConfigError, match="MAIL_URL"):
        parse_mail_url(url)


@pytest.mark.parametrize("implicit", [True, False])
def test_a_certificate_nobody_vouches_for_is_not_used(world, work, app, post, monkeypatch, tmp_path, implicit):
    from tests.servers import SmtpServer

    server = SmtpServer(tls=self_signed(tmp_path), implicit_tls=implicit)
    server.start()
    try:
        monkeypatch.setitem(app.extensions, "mail_server", (parse_mail_url(server.url), 2.0))
        mail = post()
        assert work("mail", mail) == "waiting"
        assert "certificate" in world.row(mail, Mail).error
        assert server.taken == []
    finally:
        server.stop()


def test_a_server_elsewhere_without_tls_gets_nothing(world, work, app, smtp_server, post, monkeypatch):
    smtp_server.clear()
    server = MailServer("127.0.0.1", smtp_server.port, "required")
    monkeypatch.setitem(app.extensions, "mail_server", (server, 1.0))
    mail = post()
    assert work("mail", mail) == "waiting"
    assert "TLS" in world.row(mail, Mail).error
    assert smtp_server.tried == 0


def self_signed(folder):
    """A TLS context with a certificate for localhost that no system trusts."""
    import subprocess

    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.mark.parametrize(("tried", "state", "sent"), [(59, "done", 1), (60, "attention", 0)])
def test_a_mail_that_kills_its_workers_is_not_tried_for_ever(world, work, smtp, post, handler, tried, state, sent):
    """Each attempt was claimed and never ended: the sweeper gave the row back when the lease was over."""
    handler.capability = Capability.LOCAL
    handler.answers = [protocol.parked()]
    action = world.click("resend_license", "L1")
    work("actions", action)
    mail = post(action_id=action)
    world.change(mail, Mail, attempt=tried)
    assert work("mail", mail) == state
    assert world.state(action) == state
    assert len(smtp.taken) == sent


@pytest.mark.parametrize(
    "now", [{"state": "running", "lease_until": db_now(60.0)}, {"state": "waiting"}, {"state": "done"}]
)
@pytest.mark.parametrize("fault", ["", "550 No"])
def test_a_mail_ends_no_action_that_is_not_parked_on_it(world, work, smtp, post, handler, now, fault):
    """A worker has it, or will have, or has ended it: a person has said in between that it happened."""
    action = world.click("resend_license", "L1", **now)
    before = world.row(action)
    if fault:
        smtp.faults.append(fault)
    assert work("mail", post(action_id=action)) == ("attention" if fault else "done")
    after = world.row(action)
    assert (after.state, after.lease_until, after.reason) == (before.state, before.lease_until, before.reason)
    assert (handler.taken, handler.settled) == ([], [])
