"""What every request must be like and every answer must carry."""

import re

import pytest
import sqlalchemy as sa
from werkzeug.exceptions import RequestEntityTooLarge

from app import create_app
from app.db import session
from app.models import AuditEntry, Person, metadata
from app.security.edge import read_bytes
from tests.conftest import settings_for
from tests.factories import Browser

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": ("same-origin", "no-referrer"),
    "Cross-Origin-Opener-Policy": "same-origin",
}
NOT_STATIC = ("assets.", "appbuilder.static")


def gets(app):
    """Every address that answers GET, with ids that fit the converters."""
    for rule in app.url_map.iter_rules():
        if "GET" not in rule.methods or rule.endpoint.startswith(NOT_STATIC):
            continue
        yield rule.endpoint, re.sub(r"<(?:[^:>]*:)?[^>]*>", "1", rule.rule)


def posts(app):
    for rule in app.url_map.iter_rules():
        for method in sorted(rule.methods & {"POST", "PUT", "PATCH", "DELETE"}):
            yield rule.endpoint, method, re.sub(r"<(?:[^:>]*:)?[^>]*>", "1", rule.rule)


def fingerprint(app):
    """Everything in the database but what is noted about reading itself."""
    left_out = {"audit_entry", "user_session", "ab_user", "rate_hit", "stored_search", "heartbeat", "metric_count"}
    with app.extensions["database"].engine.connect() as connection:
        return {
            table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar()
            for table in metadata.sorted_tables
            if table.name not in left_out
        } | {"people": connection.execute(sa.text("SELECT id, password, auth_version, active FROM ab_user")).all()}


@pytest.mark.parametrize("who", ["visitor", "Admin"])
def test_every_page_carries_the_headers_and_changes_nothing(app, make, client, who):
    make.order("acme-eu")
    browser = client if who == "visitor" else make.admin()
    before = fingerprint(app)
    for endpoint, path in gets(app):
        answer = browser.get(path)
        assert answer.status_code < 500 or path == "/readyz", path  # no worker is alive in a test
        for name, value in HEADERS.items():
            assert answer.headers[name] in value, (path, name)
        assert "Permissions-Policy" in answer.headers, path
        csp = answer.headers["Content-Security-Policy"]
        for part in ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
            assert part in csp, (path, part)
        assert "unsafe" not in csp, path
        assert answer.headers.getlist("Content-Security-Policy") == [csp], path
        assert "no-store" in answer.headers["Cache-Control"], (path, endpoint)
        assert "Strict-Transport-Security" not in answer.headers
    assert fingerprint(app) == before


TYPED = {
    "addresses": "new@example.org", "first_name": "New", "last_name": "One", "role": "Admin", "name": "new",
    "username": "boss@example.org", "password": "a long enough phrase 42", "repeated": "a long enough phrase 42",
}  # fmt: skip


@pytest.mark.parametrize("who", ["visitor", "admin"])
def test_a_request_for_the_head_alone_is_a_get_whatever_it_carries(app, make, client, who):
    make.order("acme-eu")
    make.team("Blue", "acme-eu")
    browser = client if who == "visitor" else make.signed_in(make.person("boss@example.org", role="Admin"))
    before = fingerprint(app)
    for _endpoint, path in gets(app):
        assert browser.head(path, data=TYPED).status_code == browser.get(path).status_code, path
    assert fingerprint(app) == before
    with app.app_context():
        assert session.scalars(sa.select(Person.email).where(Person.email == "new@example.org")).all() == []
        events = set(session.scalars(sa.select(AuditEntry.event)))
    assert not events & {"sign_in.failed", "password.asked", "person.invited", "team.made", "store.made"}


def test_scripts_carry_the_nonce_and_it_is_new_each_time(make):
    browser = make.admin()
    one, two = browser.get("/account/"), browser.get("/account/")
    nonces = [re.search(r"'nonce-([^']+)'", a.headers["Content-Security-Policy"])[1] for a in (one, two)]
    assert nonces[0] != nonces[1]
    page = one.get_data(as_text=True)
    assert re.findall(r"<script\b[^>]*>", page)
    for tag in re.findall(r"<script\b[^>]*>", page):
        assert f'nonce="{nonces[0]}"' in tag
    assert not re.search(r"\son[a-z]+=|\sstyle=|<style|javascript:", page)


def test_the_headers_of_a_page_are_exactly_these(client):
    headers = client.get("/login/").headers
    nonce = re.search(r"'nonce-([\w-]{22,})'", headers["Content-Security-Policy"])[1]
    assert headers["Content-Security-Policy"] == (
        f"default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    off = dict.fromkeys(
        ("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "microphone", "midi", "payment",
         "publickey-credentials-get", "screen-wake-lock", "usb", "xr-spatial-tracking"), "()",
    )  # fmt: skip
    assert dict(part.split("=") for part in headers["Permissions-Policy"].split(", ")) == off


def test_what_has_no_script_of_ours_runs_none(client):
    csp = client.get("/healthz").headers["Content-Security-Policy"]
    assert "script-src 'none';" in csp
    assert "nonce" not in csp


def test_our_own_files_may_be_kept(client):
    answer = client.get("/favicon.ico")
    assert answer.status_code < 400
    assert "no-store" not in answer.headers.get("Cache-Control", "")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


EXEMPT = ("/api/", "/webhooks/")


def test_every_change_needs_the_csrf_token(app, make):
    make.order("acme-eu")
    browser, before = make.admin(), fingerprint(app)
    for _endpoint, method, path in posts(app):
        answer = browser.open(path, method=method, data={"csrf_token": "forged"})
        if path.startswith(EXEMPT):
            assert answer.status_code in (400, 401, 404, 405, 413, 415), path
        else:
            assert answer.status_code == 400, (method, path, answer.status_code)
    assert fingerprint(app) == before


def test_another_persons_csrf_token_does_not_fit(app, make):
    mine, theirs = make.admin(), Browser(app)
    with theirs.session_transaction() as found:
        found["csrf_token"] = "1" * 40
    assert mine.post("/teams/new", data={"csrf_token": theirs.csrf(), "name": "x"}).status_code == 400


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "evil.example:80", "localhost@evil", ""])
def test_a_host_that_is_not_ours_is_refused(client, host):
    answer = client.get("/login/", headers={"Host": host})
    assert answer.status_code == 400
    assert b"evil" not in answer.data


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080"])
def test_loopback_is_ours(client, host):
    assert client.get("/login/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("path", ["/orders/?store=a%00b", "/orders/?a%00=b", "/people/%00", "/login/?next=%00"])
def test_nul_in_an_address_is_refused(make, path):
    assert make.admin().get(path).status_code == 400


def test_nul_in_a_form_is_refused(make):
    admin = make.admin()
    assert admin.submit("/teams/new", {"name": "a\0b"}).status_code == 400
    assert admin.submit("/login/", {"username": "a", "pass\0word": "b"}).status_code == 400


def test_a_form_that_is_too_large_is_refused(make):
    assert make.admin().submit("/teams/new", {"name": "x" * 2_000_000}).status_code == 413


@pytest.mark.parametrize(("length", "whole"), [(0, True), (10, True), (11, False), (1000, False)])
def test_a_body_of_at_most_so_many_bytes_is_read_whole(app, length, whole):
    with app.test_request_context("/api/v1/orders", method="POST", data=b"x" * length):
        if whole:
            assert read_bytes(10) == b"x" * length
        else:
            with pytest.raises(RequestEntityTooLarge):
                read_bytes(10)


def test_fabs_own_doors_are_closed(app, client):
    rules = {rule.rule for rule in app.url_map.iter_rules()}
    for path in (
        "/api/v1/security/login", "/api/v1/security/refresh", "/api/v1/menu/", "/back", "/lang/<string:locale>",
        "/resetpassword/form", "/resetmypassword/form", "/userinfoeditview/form", "/users/list/", "/roles/list/",
        "/groups/list/", "/register/form",
    ):  # fmt: skip
        assert path not in rules
    assert client.post("/api/v1/security/login", json={"username": "a", "password": "b"}).status_code in (401, 404)


# --- https and proxies ---


@pytest.fixture
def secure(app, tmp_path):
    url = app.extensions["database"].engine.url.render_as_string(hide_password=False)
    found = create_app(
        settings_for(url, tmp_path, BASE_URL="https://portal.example.com", TRUSTED_PROXIES="1"), pool_size=1
    )
    yield found
    found.extensions["database"].engine.dispose()


PROXY = {"Host": "portal.example.com", "X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"}


def test_behind_https_cookies_are_secure_and_bound_to_the_host(secure):
    answer = Browser(secure).get("/login/", headers=PROXY)
    assert answer.status_code == 200
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-portal_visit=")
    for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie


def test_the_address_comes_from_the_trusted_proxy_only(app, secure, make):
    from app.models import AuditEntry

    browser = Browser(secure)
    token = re.search(r'csrf_token" value="([^"]+)', browser.get("/login/", headers=PROXY, base_url="https://portal.example.com").text)[1]  # fmt: skip # noqa: E501
    headers = {**PROXY, "X-Forwarded-For": "203.0.113.9, 198.51.100.7", "Referer": "https://portal.example.com/login/"}
    answer = browser.post(
        "/login/", data={"csrf_token": token, "username": "x", "password": "y"},
        headers=headers, base_url="https://portal.example.com",
    )  # fmt: skip
    assert answer.status_code == 401
    with app.extensions["database"].engine.connect() as connection:
        assert connection.execute(sa.select(AuditEntry.ip)).scalars().all() == ["198.51.100.7"]


def test_without_a_proxy_nobody_says_where_they_come_from(app, client, make):
    from app.models import AuditEntry

    client.submit("/login/", {"username": "x", "password": "y"}, headers={"X-Forwarded-For": "203.0.113.9"})
    with app.extensions["database"].engine.connect() as connection:
        assert connection.execute(sa.select(AuditEntry.ip)).scalars().all() == ["127.0.0.1"]


def test_the_answer_to_a_broken_database_is_one_failure_not_two(tmp_path):
    from app.security import later

    broken = create_app(settings_for(f"sqlite:///{tmp_path / 'empty.sqlite3'}", tmp_path))
    broken.testing = False
    broken.config["PROPAGATE_EXCEPTIONS"] = False
    browser = Browser(broken)
    browser.set_cookie("portal_session", "x" * 43)
    assert browser.get("/account/").status_code == 503
    assert browser.get("/healthz").status_code == 200
    later.write(broken, sa.update(metadata.tables["user_session"]).values(ip="x"))
    broken.extensions["database"].engine.dispose()


def test_bytes_that_are_no_utf_8_in_an_address_are_refused(client):
    assert client.get("/orders/", environ_overrides={"QUERY_STRING": "ids=\xff"}).status_code == 400
