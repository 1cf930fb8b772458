"""Settings: what is wrong is named, and .env.example says the truth."""

import ast
import dataclasses
import json
import re
import secrets

import pytest
from dotenv import dotenv_values

import config
from config import ROOT, ConfigError, Settings, load

STRONG = "kL0w-9eXzQ2m4TnV7bR1cY8uJ3hG6fD5sA"
PRODUCTION = {
    "PORTAL_ENV": "production", "SECRET_KEY": STRONG, "DATABASE_URL": "postgresql+psycopg://portal@db/portal",
    "REDIS_URL": "redis://queue:6379/0", "MAIL_URL": "smtp://mail.example:587", "BASE_URL": "https://portal.example/",
}  # fmt: skip
DERIVED = {"queue_embedded", "inbox_local"}


@pytest.fixture
def environ(tmp_path):
    return {"PORTAL_DATA": str(tmp_path)}


def _read_names() -> set[str]:
    """Every name of a setting that config.py asks its mapping for."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / "config.py").read_text())):
        if isinstance(node, ast.Call):
            names |= {a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    return {name for name in names if re.fullmatch(r"[A-Z][A-Z0-9_]{4,}", name)}


def test_the_example_names_every_setting_and_no_other():
    example = set(dotenv_values(ROOT / ".env.example"))
    assert example == _read_names()
    assert {name.lower() for name in example} == {f.name for f in dataclasses.fields(Settings)} - DERIVED


def test_the_example_shows_the_defaults(environ):
    example = {name: value or "" for name, value in dotenv_values(ROOT / ".env.example").items()}
    assert load({**example, **environ}) == load(environ)


def test_the_code_reads_settings_in_one_place_only():
    asked = re.compile(r"os\.environ|getenv")
    found = [p.relative_to(ROOT).as_posix() for p in (ROOT / "app").rglob("*.py") if asked.search(p.read_text())]
    assert found == []


def test_dotenv_is_under_the_environment_and_never_in_tests(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("MAIL_FROM=file@example.org\nLOG_LEVEL=debug\n")
    monkeypatch.setattr(config, "ROOT", tmp_path)
    monkeypatch.setenv("LOG_LEVEL", "error")
    monkeypatch.delenv("PORTAL_ENV", raising=False)
    assert config.environment()["MAIL_FROM"] == "file@example.org"
    assert config.environment()["LOG_LEVEL"] == "error"
    monkeypatch.setenv("PORTAL_ENV", "test")
    assert config.environment().get("MAIL_FROM") != "file@example.org"


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "REDIS_URL", "MAIL_URL", "BASE_URL"])
def test_production_needs(environ, name):
    assert load({**environ, **PRODUCTION}).production
    with pytest.raises(ConfigError, match=rf"^{name} is required"):
        load({**environ, **PRODUCTION, name: ""})


@pytest.mark.parametrize(
    "weak",
    [
        "secret", "short", "a" * 40, "abcabcabcabcabcabcabcabcabcabcabcabc", "12345678901234567890123456789012345678",
        "change-me-change-me-change-me-change-me", "please-Change_Me-before-production-use-1",
        "dev-key-of-the-day-" * 2,
    ],
)  # fmt: skip
def test_production_refuses_weak_keys(environ, weak):
    with pytest.raises(ConfigError, match="SECRET_KEY is weak"):
        load({**environ, **PRODUCTION, "SECRET_KEY": weak})


@pytest.mark.parametrize("weak", ["secret", "secret_key_0123456", "abcdabcdabcdabcdabcd"])
def test_production_refuses_weak_webhook_secrets(environ, weak):
    with pytest.raises(ConfigError, match="a secret of 'acme-eu' is weak"):
        load({**environ, **PRODUCTION, "WEBHOOK_SECRETS": json.dumps({"acme-eu": {"*": [weak]}})})


def test_random_secrets_are_never_called_weak(environ):
    for _ in range(200):
        own, theirs = secrets.token_urlsafe(32), secrets.token_hex(8)
        found = json.dumps({"acme-eu": {"*": [theirs]}})
        loaded = load({**environ, **PRODUCTION, "SECRET_KEY": own, "WEBHOOK_SECRETS": found})
        assert (loaded.secret_key, loaded.webhook_secrets["acme-eu"]["*"]) == (own, (theirs,))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORTAL_ENV", "prod"), ("DATABASE_URL", "mysql://a/b"), ("DATABASE_URL", "postgresql+psycopg://h:x/b"),
        ("DATABASE_URL", "postgresql+psycopg://h"), ("REDIS_URL", "http://x"), ("REDIS_URL", "redis://x:99999"),
        ("MAIL_URL", "mail.example"), ("MAIL_URL", "smtp://x?tls=maybe"), ("MAIL_URL", "smtp://x?verify=no"),
        ("MAIL_URL", "smtps://x?tls=none"), ("MAIL_FROM", "two@example.org, more@example.org"), ("MAIL_FROM", "nobody"),
        ("MAIL_FROM", "a@example.org\nBcc: b@example.org"), ("BASE_URL", "portal.example"),
        ("PLATFORM_URL", "http://platform.example"), ("PLATFORM_URL", "https://platform.example"),
        ("WEBHOOK_SECRETS", "[]"), ("WEBHOOK_SECRETS", "{"), ("WEBHOOK_SECRETS", '{"a": {"*": "secret"}}'),
        ("WEBHOOK_SECRETS", '{"a": {"*": []}}'), ("DEFAULT_TIMEZONE", "Mars/Olympus"), ("DEFAULT_TIMEZONE", "../etc"),
        ("DEFAULT_LANGUAGE", "de"), ("ACCESS_MAIL", "both"), ("REFUND_AGAIN_AFTER_PARTIAL", "perhaps"),
        ("ADMIN_TOTP_REQUIRED", "2"), ("TRUSTED_PROXIES", "-1"), ("TRUSTED_PROXIES", "99"), ("UNPAID_DAYS", "many"),
        ("SESSION_IDLE_MINUTES", "0"), ("SESSION_HOURS", "1.5"), ("WEB_PROCESSES", "0"), ("WEB_THREADS", "²"),
        ("LOG_LEVEL", "loud"), ("QUEUE_TIMING", "lease"), ("QUEUE_TIMING", "lease=5"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named(environ, name, value):
    with pytest.raises(ConfigError, match="PLATFORM_USERNAME" if value == "https://platform.example" else name):
        load({**environ, name: value})


def test_the_address_that_stands_for_longer_ones_fits_the_platform(environ):
    platform = {"PLATFORM_URL": "https://p.example", "PLATFORM_USERNAME": "u", "PLATFORM_PASSWORD": "p"}
    fits = "a" * 68 + "@example.org"
    assert load({**environ, **platform, "MAIL_FROM": fits}).mail_from == fits
    assert load({**environ, "MAIL_FROM": "a" + fits}).mail_from == "a" + fits
    with pytest.raises(ConfigError, match="MAIL_FROM"):
        load({**environ, **platform, "MAIL_FROM": "a" + fits})


def test_a_tryout_needs_nothing_and_embeds_what_is_missing(environ, tmp_path):
    found = load(environ)
    assert (found.queue_embedded, found.inbox_local, found.mail_url) == (True, True, None)
    assert found.redis_url == f"unix://{tmp_path}/queue/queue.sock"
    assert found.database_url == f"sqlite:///{tmp_path}/portal.sqlite3"
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "port").write_text("2525")
    assert load(environ).mail_url == "smtp://127.0.0.1:2525"


def test_a_tryouts_key_is_made_once_and_closed_to_others(environ, tmp_path):
    assert load(environ).secret_key == load(environ).secret_key != ""
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_a_long_data_folder_gets_a_short_socket(tmp_path):
    found = load({"PORTAL_DATA": str(tmp_path / ("x" * 120))})
    assert found.redis_url is not None
    assert len(found.redis_url) < 107
