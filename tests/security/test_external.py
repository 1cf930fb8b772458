"""Sign-in by somebody else's word: what the settings file changes, without a real directory or identity provider."""

import pytest
import sqlalchemy as sa

from app import create_app
from app.db import session
from app.models import AuditEntry, Person
from tests.conftest import settings_for
from tests.factories import Browser

pytestmark = pytest.mark.only_db("sqlite")


@pytest.fixture
def with_settings(app, tmp_path):
    made = []

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


def test_a_directory_checks_the_password_behind_our_form_and_limits(with_settings, make, monkeypatch):
    ann = make.person("ann@example.org")
    app = with_settings(LDAP)

    def ask(username, password):
        return session.get_one(Person, ann) if (username, password) == ("ann@example.org", "in the directory") else None

    monkeypatch.setattr(app.appbuilder.sm, "auth_user_ldap", ask)
    browser = Browser(app)
    assert "Forgot your password?" not in browser.get("/login/").text
    for _ in range(4):
        answer = browser.submit("/login/", {"username": "ann@example.org", "password": "wrong"})
        assert answer.status_code == 401
    answer = browser.submit("/login/", {"username": "ann@example.org", "password": "in the directory"})
    assert answer.status_code == 303
    assert len(signed_in(app)) == 1, "once, whoever checks the password"
    assert browser.get("/account/").status_code == 200
    assert browser.submit("/prove", {"proof_password": "in the directory"}).status_code == 303
    assert browser.submit("/prove", {"proof_password": "wrong"}).status_code == 401


def test_no_password_of_ours_can_be_set_there(with_settings, make):
    browser = Browser(with_settings(LDAP))
    for path in ("/forgot-password", "/change-password", "/set-password/x"):
        assert browser.get(path).status_code == 404
        assert browser.submit(path).status_code == 404


def test_a_web_server_can_say_who_it_is_and_our_way_out_stays(with_settings, make):
    ann = make.person("ann@example.org")
    app = with_settings("AUTH_TYPE = 3\n")
    browser = Browser(app)
    answer = browser.get("/login/", environ_overrides={"REMOTE_USER": "ann@example.org"})
    assert answer.status_code == 302
    assert signed_in(app) == [("sign_in.succeeded", "ann@example.org", f"person:{ann}", "127.0.0.1")]
    assert browser.get("/account/").status_code == 200
    assert browser.get("/logout/").status_code == 200
    assert browser.submit("/logout/").status_code == 303
    assert browser.get("/account/").status_code == 302


def test_a_settings_file_that_is_not_there_is_named(tmp_path):
    from config import ConfigError

    with pytest.raises(ConfigError, match="SIGN_IN_SETTINGS: there is no file"):
        settings_for("sqlite:///x", tmp_path, SIGN_IN_SETTINGS="/nowhere.py")
