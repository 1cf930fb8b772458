"""Limits on every path that takes a password, and a way around them for whoever is not guessing."""

import datetime as dt

import pytest
import sqlalchemy as sa

from app.db import session, transaction
from app.models import Person, RateHit
from app.models.base import utcnow
from tests.factories import Browser
from tests.security.support import OTHER, PASSWORD, events, give_password, link, sign_in, text, turn_on


@pytest.mark.parametrize("who", ["ann@example.org", "nobody@example.org"])
def test_five_tries_for_an_account_then_a_pause_then_again(app, client, ann, who):
    for _ in range(5):
        assert sign_in(client, who, "wrong").status_code == 401
    answer = sign_in(client, who, PASSWORD)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "900"
    assert "Too many tries" in text(answer)
    assert events(app)[-1] == "sign_in.limited"
    with app.app_context(), transaction():
        session.execute(sa.update(RateHit).values(at=utcnow() - dt.timedelta(minutes=16)))
    assert sign_in(client, who).status_code == (303 if who.startswith("ann") else 401)


def test_a_good_sign_in_forgets_the_accounts_tries(client, ann):
    for _ in range(3):
        for _ in range(4):
            sign_in(client, password="wrong")
        assert sign_in(client).status_code == 303
        client.submit("/logout/")


def test_username_and_email_share_one_count(app, client, ann):
    with app.app_context(), transaction():
        session.get_one(Person, ann).username = "ann"
    for who in ("ann", "ann@example.org") * 3:
        last = sign_in(client, who, "wrong")
    assert last.status_code == 429


def test_who_goes_on_guessing_locks_nobody_out_of_their_own_browser(app, client, ann):
    assert sign_in(client).status_code == 303
    client.submit("/logout/")
    guesser = Browser(app)
    for _ in range(6):
        last = sign_in(guesser, password="wrong")
    assert last.status_code == 429
    assert sign_in(Browser(app)).status_code == 429
    assert sign_in(client).status_code == 303
    client.submit("/logout/")
    statuses = [sign_in(client, password="wrong").status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]  # a browser that was taken away gets no more than that


def test_a_link_by_mail_is_a_way_around_whoever_goes_on_guessing(app, client, ann):
    guesser = Browser(app)
    for _ in range(6):
        sign_in(guesser, password="wrong")
    assert client.submit(link(app, ann), {"password": OTHER, "repeated": OTHER}).status_code == 303
    assert sign_in(guesser, password=OTHER).status_code == 429
    assert sign_in(client, password=OTHER).status_code == 303


@pytest.mark.parametrize("forged", ["", "WzEsImEiXQ.AAAA", "another's"])
def test_a_browser_is_nobodys_own_without_a_cookie_of_ours(app, client, ann, make, forged):
    other = make.person("bo@example.org")
    give_password(app, other)
    bo = Browser(app)
    sign_in(bo, "bo@example.org")
    client.set_cookie("portal_device", bo.get_cookie("portal_device").value if forged == "another's" else forged)
    guesser = Browser(app)
    for _ in range(5):
        sign_in(guesser, password="wrong")
    assert sign_in(client).status_code == 429


def test_the_cookie_of_an_own_browser_is_guarded_like_the_others(app, client, ann):
    (header,) = (h for h in sign_in(client).headers.getlist("Set-Cookie") if h.startswith("portal_device="))
    for part in ("HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=15552000"):
        assert part in header
    assert "ann" not in header
    first = client.get_cookie("portal_device").value
    client.submit("/logout/")
    sign_in(client)
    assert client.get_cookie("portal_device").value == first


def test_thirty_tries_from_an_address(app, client, ann):
    from app.domain.sign_in import TRIES_PER_ADDRESS
    from app.security import limits

    with app.test_request_context():
        for _ in range(TRIES_PER_ADDRESS):
            assert limits.hit("try-address", "127.0.0.1", TRIES_PER_ADDRESS, 900)
    assert sign_in(client).status_code == 429


def _change(browser):
    return browser.submit("/change-password", {"present": "wrong", "password": OTHER, "repeated": OTHER})


def _prove(browser):
    return browser.submit("/prove", {"proof_password": "wrong"})


def _second(browser):
    return browser.submit("/login/code", {"code": "000000"})


@pytest.mark.parametrize("path", [_change, _prove])
def test_other_paths_that_take_a_password_share_the_limit(make, client, ann, path):
    browser = make.signed_in(ann)
    for _ in range(5):
        assert path(browser).status_code in (401, 422)
    assert path(browser).status_code == 429
    assert sign_in(client).status_code == 429


def test_the_second_step_shares_the_limit(app, client, make, ann):
    turn_on(app, make, ann)
    sign_in(client)
    statuses = [_second(client).status_code for _ in range(5)]
    assert statuses == [401] * 4 + [429]  # the password was the first try
