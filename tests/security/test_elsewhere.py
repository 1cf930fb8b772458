"""Signing in with OpenID Connect and SAML: whose account it opens, what is kept, what a stranger's answer opens."""

import datetime as dt
import re

import pytest
import sqlalchemy as sa

from app import create_app
from app.db import session, transaction
from app.models import AuditEntry, Person, RateHit, UserSession
from app.models.base import utcnow
from app.security import elsewhere
from tests.conftest import settings_for
from tests.factories import Browser
from tests.security import identity_providers
from tests.security.identity_providers import ID, Saml, asked_for

pytestmark = [
    pytest.mark.only_db("sqlite"),
    pytest.mark.filterwarnings("ignore:The HMAC key:UserWarning"),  # FAB signs its state with 30 letters
]

OIDC = """
AUTH_TYPE = 4
OAUTH_PROVIDERS = [
    {"name": "id", "label": "Company ID", "token_key": "access_token",
     "remote_app": {"client_id": "portal", "server_metadata_url": "https://id.example/.well-known/openid-configuration"}},
    {"name": "github", "token_key": "access_token", "remote_app": {"client_id": "portal"}},
]
"""
SAML = """
AUTH_TYPE = 5
SAML_PROVIDERS = [
    {"name": "idp", "label": "Company ID", "idp": {}, "attribute_mapping": {
        "mail": "email", "givenName": "first_name", "sn": "last_name", "uid": "username", "groups": "role_keys"}},
]
SAML_CONFIG = {}
"""


@pytest.fixture
def portal(app, tmp_path, monkeypatch, make):
    identity_providers.install(monkeypatch)
    monkeypatch.setattr(elsewhere, "find_spec", lambda _name: True)
    made = []

    def build(text):
        file = tmp_path / "sign_in.py"
        file.write_text(text)
        url = app.extensions["database"].engine.url.render_as_string(hide_password=False)
        made.append(create_app(settings_for(url, tmp_path, SIGN_IN_SETTINGS=str(file))))
        make.app = made[-1]
        return made[-1]

    yield build
    for found in made:
        found.extensions["database"].engine.dispose()


@pytest.fixture
def ann(make):
    return make.person("ann@example.org", stores=("acme-eu",))


def person(app, person_id):
    with app.app_context():
        return session.get_one(Person, person_id)


def entries(app):
    with app.app_context():
        rows = session.execute(
            sa.select(AuditEntry.event, AuditEntry.result, AuditEntry.actor_id).order_by(AuditEntry.id)
        )
        return [tuple(row) for row in rows]


def is_in(browser):
    return browser.get("/account/").status_code == 200


def grow_old(app):
    with app.app_context(), transaction():
        session.execute(sa.update(UserSession).values(proved_at=utcnow() - dt.timedelta(minutes=11)))


# --- OpenID Connect ---


def remote(app, name="id"):
    return app.appbuilder.sm.oauth_remotes[name]


def says(app, **claims):
    remote(app).token = {"access_token": "x", "userinfo": {"sub": "1", **claims}}


def come_back(browser, begun, provider="id"):
    return browser.get(f"/oauth-authorized/{provider}", query_string={"code": "x", "state": asked_for(begun)["state"]})


def sign_in(browser, query=""):
    return come_back(browser, browser.get(f"/login/id{query}"))


def test_a_verified_address_opens_the_account_and_leads_onwards(portal, ann):
    app = portal(OIDC)
    says(app, email="Ann@Example.org", email_verified=True, preferred_username="somebody")
    browser = Browser(app)
    page = browser.get("/login/?next=/orders/?status=paid").text
    assert 'href="/login/id?next=/orders/?status%3Dpaid"' in page or "/login/id?next=" in page
    assert "Sign in with Company ID" in page
    assert not re.search(r"<script(?![^>]*nonce)|\son[a-z]+=|\sstyle=", page)
    begun = browser.get("/login/id?next=/orders/")
    assert begun.location.startswith(f"{ID}/authorize?")
    assert asked_for(begun)["redirect_uri"] == "http://localhost/oauth-authorized/id"
    answer = come_back(browser, begun)
    assert (answer.status_code, answer.location) == (303, "/orders/")
    assert is_in(browser)
    assert entries(app) == [("sign_in.succeeded", "ok", ann)]
    found = person(app, ann)
    assert found.login_count == 1
    assert found.last_seen_at is not None


def test_without_a_verified_address_the_username_counts(portal, ann):
    app = portal(OIDC)
    browser = Browser(app)
    says(app, email="ann@example.org", email_verified=False, preferred_username="bo@example.org")
    assert sign_in(browser).status_code == 401
    says(app, email="ann@example.org")
    assert sign_in(browser).status_code == 401
    assert not is_in(browser)
    says(app, email="else@example.org", email_verified="true", preferred_username="ANN@example.org")
    assert sign_in(browser).status_code == 303
    assert is_in(browser)


def test_claims_that_are_not_in_the_token_are_asked_for(portal, ann):
    app = portal(OIDC)
    browser = Browser(app)
    says(app)
    remote(app).claims = {"sub": "2", "email": "ann@example.org", "email_verified": True}
    assert sign_in(browser).status_code == 401  # about somebody else than the token
    remote(app).claims["sub"] = "1"
    remote(app).metadata = {}
    assert sign_in(browser).status_code == 401  # nobody to ask
    remote(app).metadata = {"userinfo_endpoint": f"{ID}/userinfo"}
    assert sign_in(browser).status_code == 303
    assert is_in(browser)


@pytest.mark.parametrize("who", ["nobody@example.org", "closed@example.org"])
def test_who_has_no_open_account_is_told_so_and_written_down(portal, make, who):
    closed = make.person("closed@example.org")
    app = portal(OIDC)
    with app.app_context(), transaction():
        session.get_one(Person, closed).active = False
    browser = Browser(app)
    remote(app).token = {"access_token": "SECRET" * 900, "userinfo": {"email": who, "email_verified": True}}
    answer = sign_in(browser)
    assert answer.status_code == 401
    assert "That opened no account here" in answer.text
    assert "Sign in with Company ID" in answer.text
    assert entries(app) == [("sign_in.failed", "failed", None)]
    with browser.session_transaction() as found:
        assert not [name for name in found if name != "csrf_token" and not name.startswith("_state_")]


def test_what_the_provider_or_a_stranger_makes_up_opens_nothing(portal, ann):
    app = portal(OIDC)
    says(app, email="ann@example.org", email_verified=True)
    victim, stranger = Browser(app), Browser(app)
    begun = stranger.get("/login/id")
    assert come_back(victim, begun).status_code == 401  # an answer to somebody else's question
    assert not is_in(victim)
    remote(app).token = RuntimeError("access denied")
    assert come_back(stranger, begun).status_code == 401
    for path in ("/login/nosuch", "/oauth-authorized/nosuch", "/login/" + "x" * 65):
        assert victim.get(path).status_code == 404
    assert come_back(stranger, stranger.get("/login/github"), "github").status_code == 401
    assert not is_in(stranger)


def test_refusals_are_limited_per_address_and_sign_ins_are_not(portal, ann):
    app = portal(OIDC)
    browser = Browser(app)
    statuses = [browser.get("/oauth-authorized/id").status_code for _ in range(31)]
    assert statuses == [401] * 30 + [429]
    assert len(entries(app)) == 30
    says(app, email="ann@example.org", email_verified=True)
    assert sign_in(browser).status_code == 303
    with app.app_context(), transaction():
        session.execute(sa.delete(RateHit))


def test_a_provider_that_does_not_answer_is_named(portal, ann):
    app = portal(OIDC)
    remote(app).token = OSError("no route")
    browser = Browser(app)
    answer = browser.get("/login/id")
    assert answer.status_code == 502
    assert "The sign-in service does not answer" in answer.text


def test_tries_that_were_given_up_do_not_fill_the_cookie(portal, ann):
    app = portal(OIDC)
    says(app, email="ann@example.org", email_verified=True)
    browser = Browser(app)
    for _ in range(20):
        browser.get("/login/id?next=/orders/?status=paid")
    assert sign_in(browser).status_code == 303
    assert is_in(browser)


def test_nobody_is_led_elsewhere(portal, ann):
    app = portal(OIDC)
    says(app, email="ann@example.org", email_verified=True)
    for target in ("https://evil.example/", "//evil.example", "/\\evil.example"):
        browser = Browser(app)
        assert sign_in(browser, f"?next={target}").location == "/"


def test_signing_out_is_ours_and_does_not_sign_in_again(portal, ann):
    app = portal(OIDC)
    says(app, email="ann@example.org", email_verified=True)
    browser = Browser(app)
    sign_in(browser)
    assert browser.get("/login/").location == "/"
    answer = browser.submit("/logout/")
    assert answer.location == "/login/"
    page = browser.get("/login/")
    assert page.status_code == 200
    assert "You have signed out." in page.text
    assert not is_in(browser)


def test_a_proof_is_a_new_sign_in_and_a_form_in_another_tab_still_fits(portal, make):
    admin = make.person("admin@example.org", "Admin")
    app = portal(OIDC)
    says(app, email="admin@example.org", email_verified=True)
    browser = Browser(app)
    sign_in(browser)
    grow_old(app)
    asked = browser.get(browser.get("/second-step").location).text
    assert 'href="/login/?again=1&amp;next=/second-step"' in asked
    assert "proof_password" not in asked
    token = browser.csrf()
    held = browser.post("/teams/new", data={"csrf_token": token, "name": "Blue"})
    assert held.status_code == 401
    assert 'value="Blue"' in held.text
    assert "proof_password" not in held.text
    assert 'target="_blank"' in held.text
    assert (
        browser.post("/teams/new", data={"csrf_token": token, "name": "Blue", "proof_password": "x"}).status_code == 401
    )
    again = browser.get("/login/?again=1")
    assert again.status_code == 200
    assert 'href="/login/id?again=1"' in again.text
    before = browser.get_cookie("portal_session").value
    assert sign_in(browser, "?again=1").status_code == 303
    assert browser.get_cookie("portal_session").value != before
    assert browser.post("/teams/new", data={"csrf_token": token, "name": "Blue"}).status_code == 303
    assert browser.get("/login/id?again=1").location == "/"  # fresh enough
    assert [event for event, _, who in entries(app) if who == admin].count("sign_in.succeeded") == 2


def test_a_proof_as_somebody_else_is_a_session_of_theirs(portal, make, ann):
    make.person("admin@example.org", "Admin")
    app = portal(OIDC)
    says(app, email="admin@example.org", email_verified=True)
    browser = Browser(app)
    sign_in(browser)
    token = browser.csrf()
    grow_old(app)
    says(app, email="ann@example.org", email_verified=True)
    sign_in(browser, "?again=1")
    assert browser.post("/teams/new", data={"csrf_token": token, "name": "Blue"}).status_code == 400


def test_a_failed_proof_signs_nobody_out(portal, ann):
    app = portal(OIDC)
    says(app, email="ann@example.org", email_verified=True)
    browser = Browser(app)
    sign_in(browser)
    grow_old(app)
    says(app, email="nobody@example.org", email_verified=True)
    assert sign_in(browser, "?again=1").status_code == 401
    assert is_in(browser)


def test_a_temporary_password_of_before_stands_in_nobodys_way(portal, ann):
    app = portal(OIDC)
    with app.app_context(), transaction():
        session.get_one(Person, ann).must_change_password = True
    says(app, email="ann@example.org", email_verified=True)
    browser = Browser(app)
    sign_in(browser)
    assert is_in(browser)


def test_roles_by_the_providers_word_are_kept_audited_and_end_other_sessions(portal, make, ann):
    other = make.signed_in(ann)
    app = portal(OIDC + "AUTH_ROLES_MAPPING = {'leads': ['Lead']}\nAUTH_ROLES_SYNC_AT_LOGIN = True\n")
    says(app, email="ann@example.org", email_verified=True, groups=["leads"])
    browser = Browser(app)
    assert sign_in(browser).status_code == 303
    assert browser.get("/people/").status_code == 200
    assert other.get("/account/").status_code == 302
    assert [event for event, _, _ in entries(app)] == ["person.changed", "sign_in.succeeded"]
    browser.submit("/logout/")
    assert sign_in(browser).status_code == 303
    assert [event for event, _, _ in entries(app)].count("person.changed") == 1


# --- SAML ---


def ask(browser, query=""):
    return asked_for(browser.get(f"/login/idp{query}"))["SAMLRequest"]


def bring(browser, message, **more):
    """The provider's form: from another site, so without cookies; then the same form from our page, with them."""
    app = browser.application
    first = Browser(app).post("/saml/acs/", data={"SAMLResponse": message, **more})
    assert first.status_code == 200
    assert not first.headers.getlist("Set-Cookie")
    assert f'name="SAMLResponse" value="{message}"' in first.text
    return browser.post("/saml/acs/", data={"SAMLResponse": message, "onwards": "1", **more})


def test_an_assertion_opens_the_account_and_leads_onwards(portal, ann):
    app = portal(SAML)
    browser = Browser(app)
    assert 'href="/login/idp"' in browser.get("/login/").text
    question = ask(browser, "?next=/orders/")
    assert Saml.forced is False
    answer = bring(browser, f"{question}|mail=ANN@example.org|givenName=Anne|sn=Lee", RelayState="x")
    assert (answer.status_code, answer.location) == (303, "/orders/")
    assert is_in(browser)
    found = person(app, ann)
    assert (found.email, found.first_name, found.last_name) == ("ann@example.org", "Anne", "Lee")
    assert entries(app) == [("person.changed", "ok", ann), ("sign_in.succeeded", "ok", ann)]
    assert browser.get("/login/").location == "/"


def test_an_answer_that_this_browser_did_not_ask_for_opens_nothing(portal, ann):
    app = portal(SAML)
    asker, victim = Browser(app), Browser(app)
    question = ask(asker)
    message = f"{question}|mail=ann@example.org"
    assert bring(victim, message).status_code == 401  # never asked
    ask(victim)
    assert bring(victim, message).status_code == 401  # asked something else
    assert bring(asker, message).status_code == 303
    asker.submit("/logout/")
    assert bring(asker, message).status_code == 401  # answered once
    for browser in (asker, victim):
        assert not is_in(browser)


@pytest.mark.parametrize("message", ["broken", "", "q0|mail=ann@example.org", "|mail=ann@example.org"])
def test_what_cannot_be_read_opens_nothing(portal, ann, message):
    app = portal(SAML)
    browser = Browser(app)
    ask(browser)
    assert browser.post("/saml/acs/", data={"SAMLResponse": message, "onwards": "1"}).status_code == 401
    assert browser.post("/saml/acs/").status_code == 401
    assert not is_in(browser)


def test_what_we_could_not_keep_is_left_as_it_is(portal, make, ann):
    make.person("bo@example.org")
    app = portal(SAML)
    with app.app_context(), transaction():
        session.get_one(Person, ann).username = "ann"
    for attributes in ("uid=ann|mail=bo@example.org", f"uid=ANN|mail=no address|givenName={'x' * 65}", "uid=ann"):
        browser = Browser(app)
        assert bring(browser, f"{ask(browser)}|{attributes}").status_code == 303
        found = person(app, ann)
        assert found.email == "ann@example.org"
        assert len(found.first_name) < 65
    browser = Browser(app)
    assert bring(browser, f"{ask(browser)}|uid=unknown|mail=unknown@example.org").status_code == 401
    assert bring(browser, f"{ask(browser)}|sn=only").status_code == 401


def test_a_saml_proof_asks_for_the_password_there(portal, ann):
    app = portal(SAML)
    browser = Browser(app)
    bring(browser, f"{ask(browser)}|mail=ann@example.org")
    grow_old(app)
    question = ask(browser, "?again=1")
    assert Saml.forced is True
    assert bring(browser, f"{question}|mail=ann@example.org").status_code == 303
    assert browser.get("/second-step").status_code == 200
    assert browser.get("/login/idp?again=1").location == "/"


def test_unknown_providers_are_not_found_and_nothing_signs_out_by_get(portal, ann):
    app = portal(SAML)
    browser = Browser(app)
    bring(browser, f"{ask(browser)}|mail=ann@example.org")
    for path in ("/login/nosuch", "/saml/metadata/nosuch"):
        assert Browser(app).get(path).status_code == 404
    assert browser.get("/saml/slo/").status_code == 404
    assert browser.get("/logout/").status_code == 200
    assert is_in(browser)
    assert browser.submit("/logout/").location == "/login/"
    assert "You have signed out." in browser.get("/login/").text
