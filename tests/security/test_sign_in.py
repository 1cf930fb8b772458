"""Signing in: names and answers, being seen, and safe ways onwards."""

import datetime as dt

import pytest
import sqlalchemy as sa

from app.actions import credentials
from app.db import session, transaction
from app.models import Person
from app.models.base import utcnow
from tests.security.support import OTHER, PASSWORD, events, give_password, is_in, person, sign_in, text


@pytest.mark.parametrize("typed", ["ann@example.org", " ANN@Example.ORG ", "ann", "ＡＮＮ"])
def test_by_username_or_email_whatever_the_letter_case(app, client, ann, typed):
    with app.app_context(), transaction():
        session.get_one(Person, ann).username = "Ann"
    assert sign_in(client, typed).status_code == 303
    assert is_in(client)


def test_a_username_that_is_somebodys_email_means_the_username(app, client, ann, make):
    other = make.person("bo@example.org")
    give_password(app, other, OTHER)
    with app.app_context(), transaction():
        session.get_one(Person, other).username = "ann@example.org.uk"
        session.get_one(Person, ann).email = "ann@example.org.uk"
    assert sign_in(client, "ann@example.org.uk", PASSWORD).status_code == 401
    assert sign_in(client, "ann@example.org.uk", OTHER).status_code == 303


@pytest.mark.parametrize(
    "who", ["unknown@example.org", "", "ann@example.org", "closed@example.org", "unset@example.org", "old@example.org"]
)
def test_every_wrong_answer_is_the_same(app, client, ann, make, who):
    give_password(app, make.person("closed@example.org"))
    give_password(app, make.person("old@example.org"), expires_at=utcnow() - dt.timedelta(seconds=1))
    make.person("unset@example.org")
    with app.app_context(), transaction():
        session.execute(sa.update(Person).where(Person.email == "closed@example.org").values(active=False))
    password = "wrong" if who.startswith("ann") else PASSWORD
    answer = sign_in(client, who, password)
    assert answer.status_code == 401
    assert "The name or the password is not right" in text(answer)
    assert not is_in(client)
    assert events(app) == ["sign_in.failed"]


def test_unknown_names_cost_the_same_hash(app, client, ann, monkeypatch):
    seen = []
    real = credentials.check_password_hash
    monkeypatch.setattr(credentials, "check_password_hash", lambda h, p: seen.append(h[:20]) or real(h, p))
    for who in ("ann@example.org", "nobody@example.org"):
        sign_in(client, who, "wrong wrong wrong")
    assert len(seen) == 2
    assert set(seen) == {"scrypt:32768:8:1$" + seen[0][17:20], "scrypt:32768:8:1$" + seen[1][17:20]}
    assert credentials.DUMMY_HASH.startswith(credentials.HASH_METHOD + "$")


def test_an_old_hash_is_made_anew_at_sign_in_and_sessions_live_on(app, client, ann, make):
    from werkzeug.security import generate_password_hash

    other = make.signed_in(ann)
    with app.app_context(), transaction():
        session.get_one(Person, ann).password = generate_password_hash(PASSWORD, "pbkdf2:sha256:1000")
    assert sign_in(client).status_code == 303
    assert person(app, ann).password.startswith("scrypt:32768:8:1$")
    assert is_in(other)


def test_signing_in_is_being_seen(app, client, ann):
    sign_in(client)
    with app.app_context():
        seen = session.get_one(Person, ann).last_seen_at
    assert seen is not None
    assert utcnow() - seen < dt.timedelta(minutes=1)


def test_visitors_are_led_to_sign_in(client):
    assert client.get("/prove").location == "/login/"
    assert client.get("/change-password").location == "/login/?next=/change-password"
    assert client.get("/second-step").status_code == 303
    assert client.get("/logout/").location == "/login/"
    assert client.submit("/logout/").location == "/login/"
    assert client.submit("/logout/everywhere").location == "/login/"


def test_signing_oneself_out_everywhere(make, ann):
    one, two = make.signed_in(ann), make.signed_in(ann)
    assert one.submit("/logout/everywhere").status_code == 303
    assert not is_in(one)
    assert not is_in(two)


TRICKS = [
    "//evil.example", "https://evil.example/", "http:evil.example", "///evil.example", "/\\evil.example", "\\\\evil",
    "javascript:alert(1)", "https://localhost@evil.example/", "http://localhost.evil.example/", "/\t/evil.example",
    "data:text/html,x", " //evil.example", "/%0d%0aSet-Cookie:x", "http://[::1", "//localhost:1/x", "/" + "a" * 3000,
]  # fmt: skip


@pytest.mark.parametrize("target", TRICKS)
def test_nobody_is_sent_elsewhere(client, ann, target):
    for answer in (sign_in(client, next=target), client.get("/login/", query_string={"next": target})):
        assert answer.status_code == 303
        assert answer.location.startswith("/")
        assert not answer.location.startswith(("//", "/\\"))
        assert "evil" not in answer.location or answer.location == "/%0d%0aSet-Cookie:x"


def test_a_page_of_ours_is_kept(client, ann):
    page = client.get("/orders/?status=paid")
    assert page.location == "/login/?next=/orders/?status%3Dpaid"
    form = text(client.get(page.location))
    assert 'role="alert"' not in form  # nothing was denied yet
    assert client.submit("/account/theme").location == "/login/"
    assert 'name="next" value="/orders/?status=paid"' in form
    assert sign_in(client, next="/orders/?status=paid").location == "/orders/?status=paid"


def test_who_has_just_signed_in_was_seen_just_now(app, client, ann):
    assert person(app, ann).last_seen_at is None
    sign_in(client, password="not this one")
    assert person(app, ann).last_seen_at is None
    sign_in(client)
    assert utcnow() - person(app, ann).last_seen_at < dt.timedelta(minutes=1)
