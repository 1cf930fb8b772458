"""The fresh proof that the dangerous screens ask for."""

import datetime as dt

import pyotp
import pytest
import sqlalchemy as sa

from app.actions import credentials
from app.db import session, transaction
from app.models import UserSession
from app.models.base import utcnow
from tests.security.support import PASSWORD, text, turn_on


def test_a_code_is_a_fresh_proof_too(app, make, ann):
    secret, _ = turn_on(app, make, ann)
    browser = make.signed_in(ann, proved=False)
    assert browser.get("/second-step").location == "/prove?next=/second-step"
    assert 'name="proof_code"' in text(browser.get("/prove"))
    answer = browser.submit("/prove", {"proof_code": pyotp.TOTP(secret).now(), "next": "/second-step"})
    assert answer.location == "/second-step"
    assert browser.get("/second-step").status_code == 200


@pytest.mark.parametrize(
    ("password", "code", "status", "hashes"),
    [
        (PASSWORD, "", 303, 1),
        (PASSWORD, "000000", 303, 1),
        ("wrong", "right", 303, 1),
        ("", "right", 303, 0),  # no password was given, so none is computed
        ("", "000000", 401, 0),
        ("wrong", "", 401, 1),
        ("", "", 401, 1),
    ],
)
def test_a_proof_is_the_password_or_the_code(app, make, ann, monkeypatch, password, code, status, hashes):
    from app.security import identity

    secret, _ = turn_on(app, make, ann)
    asked = []
    monkeypatch.setattr(identity, "matches", lambda *given: asked.append(given) or credentials.matches(*given))
    browser = make.signed_in(ann, proved=False)
    typed = {"proof_password": password, "proof_code": pyotp.TOTP(secret).now() if code == "right" else code}
    assert browser.submit("/prove", typed).status_code == status
    assert len(asked) == hashes
    assert browser.get("/second-step").status_code == (200 if status == 303 else 303)


def test_a_proof_opens_what_asks_for_it_and_grows_old(app, make, ann):
    browser = make.signed_in(ann, proved=False)
    assert browser.submit("/prove", {"proof_password": "wrong"}).status_code == 401
    assert browser.submit("/prove", {}).status_code == 401
    assert browser.get("/second-step").status_code == 303
    assert browser.submit("/prove", {"proof_password": PASSWORD, "next": "//evil.example"}).location == "/"
    assert browser.get("/second-step").status_code == 200
    with app.app_context(), transaction():
        session.execute(sa.update(UserSession).values(proved_at=utcnow() - dt.timedelta(minutes=11)))
    assert browser.get("/second-step").location == "/prove?next=/second-step"
    answer = browser.submit("/second-step/off")
    assert answer.status_code == 401
    assert 'action="/second-step/off"' in text(answer)
