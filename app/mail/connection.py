"""Flask-Mail with a connection that ends in time, verifies certificates, and refuses line breaks in every header."""

from __future__ import annotations

import smtplib
import ssl
from email.charset import QP, Charset
from email.mime.text import MIMEText
from types import TracebackType
from typing import Any

from flask import Flask, current_app
from flask_mail import BadHeaderError, Connection, Mail, Message

from app.mail.server import MailServer, parse_mail_url
from config import Settings


class NoTlsError(Exception):
    """The server does not offer STARTTLS and is not this machine: nothing is sent to it."""


class PortalConnection(Connection):
    """One conversation with the mail server."""

    def __init__(self, mail: Any, server: MailServer, timeout: float) -> None:
        super().__init__(mail)
        self.server = server
        self.timeout = timeout

    def configure_host(self) -> smtplib.SMTP:
        """Connect, with every answer within ``timeout`` and TLS verified by the system's certificates."""
        server = self.server
        context = ssl.create_default_context()
        host: smtplib.SMTP
        if server.tls == "implicit":
            host = smtplib.SMTP_SSL(server.host, server.port, timeout=self.timeout, context=context)
        else:
            host = smtplib.SMTP(server.host, server.port, timeout=self.timeout)
        try:
            host.ehlo_or_helo_if_needed()
            if server.tls in ("offered", "required"):
                _secure(host, context, required=server.tls == "required")
            if server.username and server.password:
                host.login(server.username, server.password)
        except BaseException:
            host.close()
            raise
        return host

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Say goodbye. What the server took, it took: a connection lost now changes nothing."""
        if self.host is not None:
            try:
                self.host.quit()
            except (smtplib.SMTPException, OSError):
                self.host.close()


def _secure(host: smtplib.SMTP, context: ssl.SSLContext, *, required: bool) -> None:
    if host.has_extn("starttls"):
        host.starttls(context=context)
        host.ehlo()
    elif required:
        raise NoTlsError


class PortalMail(Mail):
    """Flask-Mail's extension, connecting to MAIL_URL."""

    def connect(self) -> PortalConnection:
        """A connection to the server of the current app."""
        state = current_app.extensions["mail"]
        server, timeout = current_app.extensions["mail_server"]
        if server is None:
            raise NoServerError
        return PortalConnection(state, server, timeout)

    def bind(self, app: Flask, settings: Settings) -> None:
        """Bind to an app: the server of MAIL_URL, a time-out for each of its answers, and who we are."""
        server = parse_mail_url(settings.mail_url) if settings.mail_url else None
        app.config.update(
            MAIL_SERVER=server.host if server else "",
            MAIL_PORT=server.port if server else 25,
            MAIL_DEFAULT_SENDER=settings.mail_from,
            MAIL_SUPPRESS_SEND=False,
        )
        app.extensions["mail_server"] = (server, settings.queue_timing["call"])
        self.init_app(app)


class NoServerError(Exception):
    """MAIL_URL is not set."""


class PortalMessage(Message):
    """A message in text and HTML; quoted-printable, so that no line is too long and no server needs 8 bits."""

    def _mimetext(self, text: str | None, subtype: str = "plain") -> MIMEText:
        charset = Charset("utf-8")
        charset.body_encoding = QP
        return MIMEText(text or "", subtype, charset)  # type: ignore[arg-type]


def make_message(*, sender: str, recipient: str, subject: str, text: str, html: str, message_id: str) -> PortalMessage:
    """A message ready to send. Raises BadHeaderError for a line break (or NUL) in anything that becomes a header."""
    headers = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
    for value in (sender, recipient, subject, message_id, *headers.values()):
        if any(sign in value for sign in "\r\n\x00"):
            raise BadHeaderError("a line break in a header")
    message = PortalMessage(
        subject=subject, recipients=[recipient], body=text, html=html, sender=sender, extra_headers=headers
    )
    message.msgId = message_id
    return message
