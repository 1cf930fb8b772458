"""Where mail goes: MAIL_URL, read once.

``smtp://`` uses STARTTLS where it is offered, and verifies it; a server elsewhere that does not offer it is not
used. ``smtps://`` is TLS from the first byte. No TLS only for this very machine, or with ``?tls=none``.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from config import ConfigError

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True, slots=True)
class MailServer:
    """One mail server and how to speak to it. ``tls``: ``implicit``, ``required``, ``offered`` or ``none``."""

    host: str
    port: int
    tls: str
    username: str | None = None
    password: str | None = None


def parse_mail_url(url: str) -> MailServer:
    """The server a MAIL_URL names. Raises ConfigError for what is none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ConfigError(f"MAIL_URL is no address: {error}") from None
    query = parse_qs(parts.query, keep_blank_values=True)
    if parts.scheme not in ("smtp", "smtps") or not host or parts.path not in ("", "/"):
        raise ConfigError("MAIL_URL must look like smtp://user:password@host:587 or smtps://host")
    if set(query) - {"tls"} or query.get("tls", ["none"]) != ["none"]:
        raise ConfigError("MAIL_URL: the only option is ?tls=none")
    username = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    if parts.scheme == "smtps":
        if "tls" in query:
            raise ConfigError("MAIL_URL: smtps:// and ?tls=none contradict each other")
        return MailServer(host, port or 465, "implicit", username, password)
    tls = "none" if "tls" in query else "offered" if host in LOOPBACK else "required"
    if username and tls == "none" and host not in LOOPBACK:
        raise ConfigError("MAIL_URL: a password is not sent without TLS; take away ?tls=none or the password")
    return MailServer(host, port or (25 if host in LOOPBACK else 587), tls, username, password)
