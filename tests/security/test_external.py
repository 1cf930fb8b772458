"""Sign-in by somebody else's word: what the settings file changes, without a real directory or identity provider."""

import pytest
import sqlalchemy as sa
from click import ClickException
from flask_appbuilder.security.manager import BaseSecurityManager

from app import create_app
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import AuditEntry, Mail, Person
from app.security import elsewhere
from tests.conftest import settings_for
from tests.factories import Browser

pytestmark = pytest.mark.only_db("sqlite")


@pytest.fixture
def with_settings(app, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(elsewhere, "find_spec", lambda _name: True)

    def build(text):
        file = tmp_path / "sign_in.py"
        file.write_text(text)
        url = app.extensions["database"].engine.url.render_as_string(hide_password=False)
        made.append(create_app(settings_for(url, tmp_path, SIGN_IN_SETTINGS=str(file))))
        return made[-1]

    yield build
    for found in made:
        found.extensions["database"].engine.dispose()


def signed_in(app):
    """What the audit says of people who signed in."""
    with app.app_context():
        found = session.scalars(sa.select(AuditEntry).where(AuditEntry.event == "sign_in.succeeded"))
        return [(e.event, e.actor, e.subject, e.ip) for e in found]


LDAP = "AUTH_TYPE = 2\nAUTH_LDAP_SERVER = 'ldap://127.0.0.1:1'\n"


@pytest.fixture
def directory(monkeypatch):
    """What FAB does with a directory that knows Ann, Bo and their one password; every question is noted."""
    questions = []

    def auth_user_ldap(self, username, password):
        user = self.find_user(username=username)
        if user is None or not user.is_active:
            return None
        questions.append(username)
        right = username in ("ann@example.org", "bo@example.org") and password == "in the directory"
        self.update_user_auth_stat(user, right)
        return user if right else None

    monkeypatch.setattr(BaseSecurityManager, "auth_user_ldap", auth_user_ldap)
    return questions


def test_a_directory_checks_the_password_behind_our_form_and_limits(with_settings, make, directory):
    ann = make.person("ann@example.org")
    app = with_settings(LDAP)
    browser = Browser(app)
    assert "Forgot your password?" not in browser.get("/login/").text
    for _ in range(4):
        answer = browser.submit("/login/", {"username": "ann@example.org", "password": "wrong"})
        assert answer.status_code == 401
    answer = browser.submit("/login/", {"username": " Ann@Example.org ", "password": "in the directory"})
    assert answer.status_code == 303
    assert len(signed_in(app)) == 1, "once, whoever checks the password"
    assert browser.get("/account/").status_code == 200
    assert browser.submit("/prove", {"proof_password": "in the directory"}).status_code == 303
    assert browser.submit("/prove", {"proof_password": "wrong"}).status_code == 401
    with app.app_context():
        assert session.get_one(Person, ann).login_count == 1


def test_a_directory_is_asked_about_strangers_too_and_opens_nothing_for_them(with_settings, make, directory):
    bo = make.person("bo@example.org")
    app = with_settings(LDAP)
    with app.app_context(), transaction():
        session.get_one(Person, bo).active = False
    browser = Browser(app)
    for who in ("ann@example.org", "bo@example.org"):
        assert browser.submit("/login/", {"username": who, "password": "in the directory"}).status_code == 401
    assert directory == ["ann@example.org", "bo@example.org"]
    assert browser.get("/account/").status_code == 302


def test_a_directory_is_not_asked_without_a_password(with_settings, make, directory):
    make.person("ann@example.org")
    browser = Browser(with_settings(LDAP))
    assert browser.submit("/login/", {"username": "ann@example.org", "password": ""}).status_code == 401
    assert directory == []


def test_whom_the_directory_knows_can_be_let_in_where_that_is_set(with_settings, make, monkeypatch):
    app = with_settings(LDAP + "AUTH_USER_REGISTRATION = True\nAUTH_USER_REGISTRATION_ROLE = 'Specialist'\n")

    def register(self, username, password):
        assert self.find_user(username=username) is None
        return self.add_user(username, "Ann", "Lee", username, self.find_role("Specialist"))

    monkeypatch.setattr(BaseSecurityManager, "auth_user_ldap", register)
    browser = Browser(app)
    assert browser.submit("/login/", {"username": "ann@example.org", "password": "x"}).status_code == 303
    assert browser.get("/account/").status_code == 200


def test_no_password_of_ours_can_be_set_there(with_settings, make):
    browser = Browser(with_settings(LDAP))
    for path in ("/forgot-password", "/change-password", "/set-password/x"):
        assert browser.get(path).status_code == 404
        assert browser.submit(path).status_code == 404


def test_the_access_mail_holds_no_secret_there(with_settings, make):
    admin = make.person("admin@example.org", "Admin")
    make.app = app = with_settings(LDAP)
    browser = make.signed_in(admin)
    sent = {"addresses": "new@example.org", "first_name": "New", "last_name": "One", "role": "Admin"}
    assert browser.submit("/people/invite", sent).status_code == 200
    with app.app_context(), scope_as(ALL_STORES):
        assert session.scalars(sa.select(Mail.template)).all() == ["access_elsewhere"]


def test_a_web_server_can_say_who_it_is_and_our_way_out_stays(with_settings, make):
    ann = make.person("ann@example.org")
    app = with_settings("AUTH_TYPE = 3\n")
    browser = Browser(app)
    named = {"environ_overrides": {"REMOTE_USER": "ann@example.org"}}
    answer = browser.get("/login/?next=/orders/", **named)
    assert (answer.status_code, answer.location) == (303, "/orders/")
    assert browser.get("/account/").status_code == 200
    assert browser.get("/logout/").status_code == 200
    answer = browser.submit("/logout/", **named)
    assert (answer.status_code, answer.location) == (303, "/logout/")
    page = browser.get("/logout/", **named)  # and not back in at once
    assert "You have signed out." in page.text
    assert 'href="/login/"' in page.text
    assert browser.get("/account/").status_code == 302
    with app.app_context():
        found = session.execute(sa.select(AuditEntry.event, AuditEntry.actor_id).order_by(AuditEntry.id)).all()
    assert [tuple(row) for row in found] == [("sign_in.succeeded", ann), ("sign_in.ended", ann)]


@pytest.mark.parametrize("name", ["nobody@example.org", None])
def test_whom_the_web_server_names_in_vain_is_told_so(with_settings, make, name):
    browser = Browser(with_settings("AUTH_TYPE = 3\n"))
    answer = browser.get("/login/", environ_overrides={"REMOTE_USER": name} if name else {})
    assert answer.status_code == 401  # and is not sent round in circles
    assert "That opened no account here" in answer.text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("AUTH_TYPE = 6\n", "AUTH_TYPE must be one of 1, 2, 3, 4, 5, not 6"),
        ("AUTH_TYPE = = 2\n", "sign_in.py cannot be read \\(SyntaxError"),
        ("AUTH_TYPE = 4\n", "AUTH_TYPE 4 needs a package: pip install Authlib"),
    ],
)
def test_settings_that_could_only_fail_later_are_named_at_the_start(with_settings, monkeypatch, text, why):
    monkeypatch.setattr(elsewhere, "find_spec", lambda _name: None)
    with pytest.raises(ClickException, match=why):
        with_settings(text)


def test_a_settings_file_that_is_not_there_is_named(tmp_path):
    from config import ConfigError

    with pytest.raises(ConfigError, match="SIGN_IN_SETTINGS: there is no file"):
        settings_for("sqlite:///x", tmp_path, SIGN_IN_SETTINGS="/nowhere.py")
