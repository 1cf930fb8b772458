"""The second step: setting it up, codes and recovery codes that work once, turning it off."""

import re
import time

import pyotp
import pytest
import sqlalchemy as sa

from app.actions import credentials
from app.db import session, transaction
from app.models import Person, RecoveryCode
from tests.factories import Browser
from tests.security.support import events, is_in, person, sign_in, text, turn_on


def test_setting_up_writes_nothing_before_the_first_code(app, make, ann):
    browser = make.signed_in(ann)
    first = text(browser.get("/second-step"))
    assert (
        re.search(r"mono\">([A-Z2-7]+)<", first)[1]
        == re.search(r"mono\">([A-Z2-7]+)<", text(browser.get("/second-step")))[1]
    )
    assert browser.submit("/second-step", {"code": "000000"}).status_code == 422
    assert person(app, ann).totp_secret is None


def test_the_secret_is_encrypted_and_other_sessions_end(app, make, ann):
    other = make.signed_in(ann)
    secret, _ = turn_on(app, make, ann)
    assert secret not in person(app, ann).totp_secret
    assert not is_in(other)


def test_both_steps_are_needed(app, client, make, ann):
    secret, _ = turn_on(app, make, ann)
    answer = sign_in(client, next="/orders/?status=paid")
    assert answer.location.startswith("/login/code?next=")
    assert not is_in(client)
    answer = client.submit("/login/code", {"code": pyotp.TOTP(secret).now(), "next": "/orders/?status=paid"})
    assert answer.location == "/orders/?status=paid"
    assert is_in(client)


def test_a_code_works_once(app, make, ann):
    secret, _ = turn_on(app, make, ann)
    code = pyotp.TOTP(secret).now()
    first, second = Browser(app), Browser(app)
    for browser in (first, second):
        sign_in(browser)
        browser.submit("/login/code", {"code": code})
    assert is_in(first)
    assert not is_in(second)


@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_codes_one_period_off_are_taken(app, client, make, ann, monkeypatch, steps, good):
    secret, _ = turn_on(app, make, ann)
    now = time.time() // 30 * 30 + 15
    monkeypatch.setattr("app.actions.second_step.time.time", lambda: now)
    sign_in(client)
    client.submit("/login/code", {"code": pyotp.TOTP(secret).at(int(now + 30 * steps))})
    assert is_in(client) is good


def test_a_recovery_code_works_once(app, make, ann):
    _, codes = turn_on(app, make, ann)
    first, second = Browser(app), Browser(app)
    for browser in (first, second):
        sign_in(browser)
        browser.submit("/login/code", {"code": codes[3].upper().replace("-", " ")})
    assert is_in(first)
    assert not is_in(second)
    with app.app_context():
        kept = session.scalars(sa.select(RecoveryCode.code_hash)).all()
    assert not {c.replace("-", "") for c in codes} & set(kept)
    assert "recovery_code.used" in events(app)


def test_the_second_step_must_follow_soon_and_of_the_same_account_state(app, client, make, ann, monkeypatch):
    secret, _ = turn_on(app, make, ann)
    sign_in(client)
    with app.app_context(), transaction():
        credentials.end_sessions(session.get_one(Person, ann))
    assert client.submit("/login/code", {"code": pyotp.TOTP(secret).now()}).location == "/login/"
    sign_in(client)
    began = time.time()
    monkeypatch.setattr("app.views.sign_in.time.time", lambda: began + 5 * 60 - 30)
    assert client.get("/login/code").status_code == 200
    monkeypatch.setattr("app.views.sign_in.time.time", lambda: began + 5 * 60 + 1)
    assert client.get("/login/code").location == "/login/"


def test_without_a_first_step_there_is_no_second(client):
    assert client.get("/login/code?next=/orders/").location == "/login/?next=/orders/"


def test_new_recovery_codes_void_the_old_and_turning_off_ends_sessions(app, make, ann):
    _, old = turn_on(app, make, ann)
    browser, other = make.signed_in(ann), make.signed_in(ann)
    assert "Signing in asks for a code" in text(browser.get("/second-step"))
    new = re.findall(r"<li><code[^>]*>([a-z0-9-]+)</code>", text(browser.submit("/second-step/recovery-codes")))
    assert len(new) == 10
    assert not set(new) & set(old)
    assert browser.submit("/second-step", {"code": "000000"}).status_code == 404
    assert browser.submit("/second-step/off").status_code == 303
    assert is_in(browser)
    assert not is_in(other)
    assert person(app, ann).totp_secret is None
    assert browser.submit("/second-step/recovery-codes").status_code == 404
    assert events(app) == ["second_step.on", "recovery_codes.made", "second_step.off"]


def test_the_key_of_the_app_is_needed(app, client, make, ann):
    turn_on(app, make, ann)
    with app.app_context(), transaction():
        from app.actions.second_step import Vault

        session.get_one(Person, ann).totp_secret = Vault("another key altogether").close("JBSWY3DPEHPK3PXP")
    sign_in(client)
    assert client.submit("/login/code", {"code": "123456"}).status_code == 404


def test_too_many_codes_while_setting_up(make, ann):
    browser = make.signed_in(ann)
    statuses = [browser.submit("/second-step", {"code": "000000"}).status_code for _ in range(6)]
    assert statuses == [422] * 5 + [429]


@pytest.mark.only_db("sqlite")
def test_administrators_set_up_the_second_step_first_where_it_is_required(tmp_path, app, make):
    from app import create_app
    from tests.conftest import settings_for

    admin, spec = make.person("admin@example.org", "Admin"), make.person("spec@example.org")
    url = str(app.extensions["database"].engine.url)
    strict = create_app(settings_for(url, tmp_path, ADMIN_TOTP_REQUIRED="on"))
    make.app = strict
    try:
        browser = make.signed_in(admin)
        assert browser.get("/orders/").location == "/second-step"
        turn_on(strict, make, admin)
        browser = make.signed_in(admin)
        assert browser.get("/account/").status_code == 200
        assert browser.submit("/second-step/off").status_code == 409
        assert make.signed_in(spec).get("/account/").status_code == 200
    finally:
        strict.extensions["database"].engine.dispose()
