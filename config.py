"""Settings, read once from the environment and checked: a wrong value is named, never guessed around.

Everything that starts (``run.py``, ``flask``, workers, sweeper) calls ``load()`` and gets the same values.
``.env.example`` lists every setting with its default and meaning; a test holds the two together.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from dotenv import dotenv_values

from launch import inbox, queue_server

ROOT = Path(__file__).resolve().parent
LANGUAGES = {"en": "English", "ru": "Русский"}
QUEUE_TIMING = {
    "call": 10.0, "job": 60.0, "lease": 120.0, "quarantine": 60.0, "backoff": 5.0, "cap": 3600.0,
    "attempts": 60.0, "tick": 1.5, "rehint": 15.0,
}  # fmt: skip
"""Seconds (``attempts``: a count) that the queue works with; docs/queue.md says what each means and why."""
PLATFORM_EMAIL_MAX = 80
"""Most characters of a requester's address that the platform takes (domain.md 9.2)."""
PLACEHOLDERS = ("changeme", "changethis", "replaceme", "secretkey", "yoursecret", "password", "insecure", "example")
"""Words of examples. They are long enough that no random secret holds one by chance."""


class ConfigError(Exception):
    """A setting is missing or wrong. The text names the setting and what to do."""


@dataclass(frozen=True)
class Settings:
    """What the portal runs with. Field names are the environment's names in lower case."""

    portal_env: str
    portal_data: Path
    secret_key: str
    database_url: str
    redis_url: str | None
    mail_url: str | None
    mail_from: str
    base_url: str
    platform_url: str | None
    platform_username: str
    platform_password: str
    webhook_secrets: Mapping[str, Mapping[str, tuple[str, ...]]]
    default_timezone: str
    default_language: str
    access_mail: str
    refund_again_after_partial: bool
    admin_totp_required: bool
    trusted_proxies: int
    document_hosts: tuple[str, ...]
    metrics_token: str | None
    unpaid_days: int
    queue_timing: Mapping[str, float]
    session_idle_minutes: int
    session_hours: int
    sign_in_settings: Path | None
    web_processes: int
    web_threads: int
    log_level: str
    queue_embedded: bool
    """No REDIS_URL: the try-out's own queue server, in the data folder."""
    inbox_local: bool
    """No MAIL_URL: mails are kept in the data folder (``launch/inbox.py``) and sent to nobody."""

    @property
    def production(self) -> bool:
        """True where default or weak secrets must refuse to start."""
        return self.portal_env == "production"

    @property
    def standalone(self) -> bool:
        """True where no platform API is set and the portal decides by itself (contract.md 5)."""
        return self.platform_url is None

    @property
    def https(self) -> bool:
        """True where people reach the portal by https: then cookies are Secure and HSTS is sent."""
        return self.base_url.startswith("https://")


def environment() -> dict[str, str]:
    """The environment, and under it the lines of ``.env`` beside this file, which tests never read."""
    if os.environ.get("PORTAL_ENV") == "test":
        return dict(os.environ)
    kept = {name: value for name, value in dotenv_values(ROOT / ".env").items() if value is not None}
    return {**kept, **os.environ}


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the given mapping, else from ``environment()``.

    Raises ConfigError naming the first setting that is missing or wrong.
    """
    env = environment() if environ is None else environ
    portal_env = _choice(env, "PORTAL_ENV", "tryout", ("tryout", "production", "test"))
    production = portal_env == "production"
    if production:
        for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "MAIL_URL", "BASE_URL"):
            if not env.get(name):
                raise ConfigError(f"{name} is required when PORTAL_ENV=production")
    tryout = portal_env == "tryout"
    data = Path(env.get("PORTAL_DATA") or ROOT / "instance").expanduser().resolve()
    redis_url = _url(env, "REDIS_URL", ("redis", "rediss", "unix"))
    mail_url = _mail_url(env)
    inbox_port = inbox.port(data / "inbox") if tryout else None
    return Settings(
        portal_env=portal_env,
        portal_data=data,
        secret_key=_secret_key(env, data, production),
        database_url=_database_url(env, data),
        redis_url=redis_url or (queue_server.url(data / "queue") if tryout else None),
        queue_embedded=tryout and redis_url is None,
        mail_url=mail_url or (f"smtp://127.0.0.1:{inbox_port}" if inbox_port else None),
        inbox_local=tryout and mail_url is None,
        mail_from=_mail_from(env),
        base_url=(_url(env, "BASE_URL", ("http", "https")) or "http://127.0.0.1:8080").rstrip("/"),
        platform_url=_platform_url(env),
        platform_username=env.get("PLATFORM_USERNAME", ""),
        platform_password=env.get("PLATFORM_PASSWORD", ""),
        webhook_secrets=_webhook_secrets(env.get("WEBHOOK_SECRETS") or "{}", production),
        default_timezone=_timezone(env.get("DEFAULT_TIMEZONE") or "UTC"),
        default_language=_choice(env, "DEFAULT_LANGUAGE", "en", tuple(LANGUAGES)),
        access_mail=_choice(env, "ACCESS_MAIL", "link", ("link", "temporary_password")),
        refund_again_after_partial=_flag(env, "REFUND_AGAIN_AFTER_PARTIAL", default=False),
        admin_totp_required=_flag(env, "ADMIN_TOTP_REQUIRED", default=False),
        trusted_proxies=_number(env, "TRUSTED_PROXIES", 0, 0, 5),
        document_hosts=tuple(h.strip().lower() for h in env.get("DOCUMENT_HOSTS", "").split(",") if h.strip()),
        metrics_token=env.get("METRICS_TOKEN") or None,
        unpaid_days=_number(env, "UNPAID_DAYS", 90, 1, 3650),
        queue_timing=_queue_timing(env.get("QUEUE_TIMING") or ""),
        session_idle_minutes=_number(env, "SESSION_IDLE_MINUTES", 30, 1, 1440),
        session_hours=_number(env, "SESSION_HOURS", 12, 1, 168),
        sign_in_settings=_file(env, "SIGN_IN_SETTINGS"),
        web_processes=_number(env, "WEB_PROCESSES", 2, 1, 64),
        web_threads=_number(env, "WEB_THREADS", 4, 1, 64),
        log_level=_choice(env, "LOG_LEVEL", "info", ("debug", "info", "warning", "error")),
    )


def _choice(env: Mapping[str, str], name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = env.get(name) or default
    if value not in allowed:
        raise ConfigError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return value


def _flag(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    value = (env.get(name) or "").strip().lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    if value:
        raise ConfigError(f"{name} must be on or off, not {value!r}")
    return default


def _number(env: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    value = env.get(name) or str(default)
    if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
        raise ConfigError(f"{name} must be a whole number from {least} to {most}, not {value!r}")
    return int(value)


def _url(env: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str | None:
    value = env.get(name)
    if not value:
        return None
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError as error:
        raise ConfigError(f"{name} is no address: {error}") from None
    if parts.scheme not in schemes or not (parts.hostname or parts.scheme == "unix"):
        raise ConfigError(f"{name} must be an address that starts with {' or '.join(s + '://' for s in schemes)}")
    return value


def _mail_url(env: Mapping[str, str]) -> str | None:
    value = _url(env, "MAIL_URL", ("smtp", "smtps"))
    if value is None:
        return None
    query = parse_qs(urlsplit(value).query, keep_blank_values=True)
    if query not in ({}, {"tls": ["none"]}):
        raise ConfigError("MAIL_URL: after the ? only tls=none is known")
    if query and value.startswith("smtps:"):
        raise ConfigError("MAIL_URL: smtps:// is TLS; take smtp:// for ?tls=none")
    return value


def _file(env: Mapping[str, str], name: str) -> Path | None:
    value = env.get(name)
    if not value:
        return None
    path = Path(value).expanduser()
    if not path.is_file():
        raise ConfigError(f"{name}: there is no file {value}")
    return path.resolve()


def _database_url(env: Mapping[str, str], data: Path) -> str:
    value = env.get("DATABASE_URL")
    if not value:
        return f"sqlite:///{data / 'portal.sqlite3'}"
    if not value.startswith(("postgresql+psycopg://", "sqlite:///")):
        raise ConfigError("DATABASE_URL must start with postgresql+psycopg:// or sqlite:///")
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError as error:
        raise ConfigError(f"DATABASE_URL is no address: {error}") from None
    if not parts.path.strip("/"):
        raise ConfigError("DATABASE_URL names no database")
    return value


def _platform_url(env: Mapping[str, str]) -> str | None:
    value = _url(env, "PLATFORM_URL", ("https", "http"))
    if value is None:
        return None
    host = urlsplit(value).hostname or ""
    if value.startswith("http://") and host not in ("127.0.0.1", "localhost", "::1"):
        raise ConfigError("PLATFORM_URL must be https:// (http:// only on this machine)")
    for name in ("PLATFORM_USERNAME", "PLATFORM_PASSWORD"):
        if not env.get(name):
            raise ConfigError(f"{name} is required when PLATFORM_URL is set")
    return value.rstrip("/")


def _mail_from(env: Mapping[str, str]) -> str:
    value = env.get("MAIL_FROM") or "esupport@localhost"
    if not re.fullmatch(r"[^@\s<>,;\"\x00-\x1f]+@[^@\s<>,;\"\x00-\x1f]+", value):
        raise ConfigError(f"MAIL_FROM must be one mail address, not {value!r}")
    if env.get("PLATFORM_URL") and len(value) > PLATFORM_EMAIL_MAX:
        raise ConfigError(
            f"MAIL_FROM has more than {PLATFORM_EMAIL_MAX} characters, and the platform takes no longer address"
        )
    return value


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ConfigError(f"DEFAULT_TIMEZONE: no time zone is called {name!r}") from None
    return name


def _webhook_secrets(text: str, production: bool) -> dict[str, dict[str, tuple[str, ...]]]:
    shape = 'WEBHOOK_SECRETS must be JSON like {"store": {"*": ["secret"]}}'
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{shape}: {error}") from None
    if not isinstance(value, dict):
        raise ConfigError(shape)
    result: dict[str, dict[str, tuple[str, ...]]] = {}
    for store, events in value.items():
        if not isinstance(events, dict):
            raise ConfigError(f"{shape}; look at store {store!r}")
        result[store] = {}
        for event, found in events.items():
            if not isinstance(found, list) or not found or not all(isinstance(s, str) and s for s in found):
                raise ConfigError(f"{shape}; look at {store!r}, {event!r}")
            if production and any(_weak(s, least=16) for s in found):
                raise ConfigError(f"WEBHOOK_SECRETS: a secret of {store!r} is weak; use 16 random characters or more")
            result[store][event] = tuple(found)
    return result


def _queue_timing(text: str) -> dict[str, float]:
    values = dict(QUEUE_TIMING)
    for word in text.split():
        name, _, value = word.partition("=")
        if name not in values or not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", value):
            raise ConfigError(f"QUEUE_TIMING must be words like lease=120, not {word!r}; known: {', '.join(values)}")
        values[name] = float(value)
    if not 0 < values["call"] < values["job"] < values["lease"]:
        raise ConfigError("QUEUE_TIMING: 0 < call < job < lease must hold, or two workers could do one thing")
    if values["attempts"] < 1 or values["job"] != int(values["job"]):
        raise ConfigError("QUEUE_TIMING: attempts must be at least 1, job a whole number of seconds")
    return values


def _weak(secret: str, *, least: int) -> bool:
    """Is it short, somebody's example, or a shorter text said again and again?"""
    bare = re.sub(r"[^a-z0-9]", "", secret.lower())
    again = any((secret[:n] * len(secret)).startswith(secret) for n in range(1, len(secret) // 2 + 1))
    return len(secret) < least or again or any(word in bare for word in PLACEHOLDERS)


def _secret_key(env: Mapping[str, str], data: Path, production: bool) -> str:
    value = env.get("SECRET_KEY") or ""
    if value:
        if production and (_weak(value, least=32) or len(set(value)) < 8):
            raise ConfigError("SECRET_KEY is weak; use at least 32 random characters")
        return value
    # A try-out keeps its own random key in the data folder, so that sessions survive a restart.
    kept = data / "secret_key"
    try:
        data.mkdir(parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(kept, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(48))
        except FileExistsError:
            pass
        return kept.read_text().strip()
    except OSError as error:
        raise ConfigError(f"PORTAL_DATA: cannot use the folder {data}: {error.strerror}") from None
