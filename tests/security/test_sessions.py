"""Sessions live in the database: what ends one ends every copy of its cookie."""

import datetime as dt
import os
import re

import pytest
import sqlalchemy as sa

from app.actions import credentials
from app.db import session, transaction
from app.models import AuditEntry, Person, UserSession
from app.models.base import utcnow
from app.security.sessions import hash_token
from tests.statements import counted

PASSWORD = "a long enough phrase 42"
COOKIE = "portal_session"


@pytest.fixture
def ann(app, make):
    person_id = make.person("ann@example.org", stores=("acme-eu",))
    with app.app_context(), transaction():
        credentials.put_password(session.get_one(Person, person_id), PASSWORD)
    return person_id


def sign_in(client, username="ann@example.org", password=PASSWORD, **more):
    page = client.get("/login/").get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    return client.post("/login/", data={"csrf_token": token, "username": username, "password": password, **more})


def is_in(client) -> bool:
    return client.get("/change-password").status_code == 200


def copy_of(client, app):
    from tests.factories import Browser

    thief = Browser(app)
    thief.set_cookie(COOKIE, client.get_cookie(COOKIE).value)
    return thief


def rows(app):
    with app.app_context():
        return session.scalars(sa.select(UserSession)).all()


def test_signing_in_makes_a_row_that_holds_only_the_hash(app, client, ann):
    answer = sign_in(client)
    assert answer.status_code == 303
    token = client.get_cookie(COOKIE).value
    (row,) = rows(app)
    assert row.token_hash == hash_token(token) != token
    assert len(token) >= 43  # 256 bits
    assert row.user_id == ann
    assert is_in(client)


def test_the_cookie_is_http_only_lax_and_plain_on_loopback(client, ann):
    header = next(h for h in sign_in(client).headers.getlist("Set-Cookie") if h.startswith(COOKIE))
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    assert "Path=/" in header
    assert "Secure" not in header
    assert "Domain" not in header


def test_a_visitor_has_no_row(app, client):
    client.get("/login/")
    client.get("/forgot-password")
    assert rows(app) == []


def test_signing_in_gives_a_new_id_and_a_new_csrf_token(app, client, ann):
    client.get("/login/")
    before = client.csrf()
    sign_in(client)
    first = client.get_cookie(COOKIE).value
    assert client.csrf() != before
    assert client.get_cookie("portal_visit") is None
    # Signing in on top of a session replaces it.
    sign_out = client.submit("/logout/")
    assert sign_out.status_code == 303
    sign_in(client)
    assert client.get_cookie(COOKIE).value != first


def test_a_planted_session_cookie_is_not_taken_over(app, client, ann):
    client.set_cookie(COOKIE, "planted-by-somebody-else-0123456789abcdefghi")
    sign_in(client)
    assert client.get_cookie(COOKIE).value != "planted-by-somebody-else-0123456789abcdefghi"


def test_signing_out_kills_a_copied_cookie(app, client, ann):
    sign_in(client)
    thief = copy_of(client, app)
    assert is_in(thief)
    client.submit("/logout/")
    assert not is_in(thief)
    assert not is_in(client)
    assert rows(app) == []


def test_signing_out_by_get_asks_and_changes_nothing(client, ann):
    sign_in(client)
    page = client.get("/logout/")
    assert page.status_code == 200
    assert "csrf_token" in page.get_data(as_text=True)
    assert is_in(client)


def test_signing_out_needs_the_csrf_token(client, ann):
    sign_in(client)
    assert client.post("/logout/").status_code == 400
    assert is_in(client)


def test_changing_the_password_ends_all_other_sessions(app, client, ann, make):
    sign_in(client)
    thief, other = copy_of(client, app), make.signed_in(ann)
    new = "another phrase altogether 7"
    answer = client.submit("/change-password", {"present": PASSWORD, "password": new, "repeated": new})
    assert answer.status_code == 303
    assert is_in(client)
    assert not is_in(thief)
    assert not is_in(other)


@pytest.mark.parametrize("change", ["active", "auth_version", "deleted_row"])
def test_what_ends_a_session_ends_copies(app, make, ann, change):
    browser = make.signed_in(ann)
    thief = copy_of(browser, app)
    assert is_in(thief)
    with app.app_context(), transaction():
        person = session.get_one(Person, ann)
        if change == "active":
            person.active = False
        elif change == "auth_version":
            credentials.end_sessions(person)
        else:
            session.execute(sa.delete(UserSession))
    assert not is_in(browser)
    assert not is_in(thief)


@pytest.mark.parametrize(
    ("column", "ago", "alive"),
    [
        ("seen_at", dt.timedelta(minutes=29), True),
        ("seen_at", dt.timedelta(minutes=31), False),
        ("expires_at", dt.timedelta(minutes=-1), True),
        ("expires_at", dt.timedelta(seconds=1), False),
    ],
)
def test_idle_and_absolute_limits(app, make, ann, column, ago, alive):
    browser = make.signed_in(ann)
    with app.app_context(), transaction():
        session.execute(sa.update(UserSession).values({column: utcnow() - ago}))
    assert is_in(browser) is alive


def test_use_is_noted_after_the_answer_and_at_most_once_a_minute(app, make, ann):
    browser = make.signed_in(ann)
    (fresh,) = rows(app)
    browser.get("/change-password")
    assert rows(app)[0].seen_at == fresh.seen_at
    long_ago = utcnow() - dt.timedelta(minutes=5)
    with app.app_context(), transaction():
        session.execute(sa.update(UserSession).values(seen_at=long_ago))
    browser.get("/change-password", headers={"X-Partial": "1"})  # a page that asks by itself is nobody's use
    assert rows(app)[0].seen_at == long_ago
    browser.get("/change-password")
    with app.app_context():
        assert session.scalars(sa.select(UserSession.seen_at)).one() > long_ago
        assert session.get_one(Person, ann).last_seen_at > long_ago


def test_a_page_costs_two_statements_for_signing_in(app, make, ann):
    browser = make.signed_in(ann)
    engine = app.extensions["database"].engine
    with counted(engine) as signed_in:
        assert browser.get("/change-password").status_code == 200
    with counted(engine) as seen:
        app.test_client().get("/healthz")
    # The menu's count of open refund requests is a third; lists ask for it along with their own statements.
    signing_in = [s for s in signed_in if "FROM refund_request" not in s]
    assert len(signing_in) == 2, signed_in
    assert seen == []


def test_messages_live_in_the_row(app, make, ann):
    browser = make.signed_in(ann)
    with browser.session_transaction() as found:
        found["_flashes"] = [("success", "Kept.")]
    assert rows(app)[0].data["_flashes"] == [["success", "Kept."]]
    assert "Kept." in browser.get("/change-password").get_data(as_text=True)
    assert "_flashes" not in rows(app)[0].data


def test_a_visitors_cookie_that_was_changed_is_nobodys(app, client):
    client.get("/login/")
    client.set_cookie("portal_visit", client.get_cookie("portal_visit").value + "x")
    with client.session_transaction() as found:
        assert dict(found) == {}


def test_a_visitors_cookie_stays_small(client):
    with client.session_transaction() as found:
        found["_flashes"] = [("info", os.urandom(4500).hex())]
        found["csrf_token"] = "kept"
    with client.session_transaction() as found:
        assert dict(found) == {"csrf_token": "kept"}
        found.clear()
    assert client.get_cookie("portal_visit") is None


def test_sign_ins_are_audited_without_what_was_typed(app, client, ann):
    sign_in(client, "my secret in the wrong field", "x")
    sign_in(client)
    client.submit("/logout/")
    with app.app_context():
        found = session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(e.event, e.result, e.actor_id) for e in found] == [
        ("sign_in.failed", "failed", None),
        ("sign_in.succeeded", "ok", ann),
        ("sign_in.ended", "ok", ann),
    ]
    assert "secret" not in str([e.__dict__ for e in found])
    assert {e.ip for e in found} == {"127.0.0.1"}


def test_a_health_check_asks_no_database_and_ends_no_session(app, client, ann):
    sign_in(client)
    with counted(app.extensions["database"].engine) as statements:
        answer = client.get("/healthz")
    assert (answer.status_code, len(statements)) == (200, 0)
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")
    assert is_in(client)
