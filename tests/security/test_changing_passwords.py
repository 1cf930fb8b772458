"""Changing one's password, and the temporary one that has to be changed first."""

import datetime as dt

import pytest
import sqlalchemy as sa

from app.actions import access_links
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Mail, Person
from app.models.base import utcnow
from tests.security.support import OTHER, PASSWORD, is_in, person, sign_in, text


def test_a_temporary_password_that_expired_meanwhile_locks_nobody_in(app, client, ann):
    with app.app_context(), transaction():
        temporary = access_links.make_temporary_password(session, ann)
    sign_in(client, password=temporary)
    with app.app_context(), transaction():
        session.get_one(Person, ann).password_expires_at = utcnow() - dt.timedelta(seconds=1)
    answer = client.submit("/change-password", {"present": temporary, "password": OTHER, "repeated": OTHER})
    assert answer.status_code == 422
    assert 'href="/forgot-password"' in text(answer)
    assert client.get("/forgot-password").status_code == 200
    assert client.submit("/forgot-password", {"username": "ann@example.org"}).status_code == 200
    with app.app_context(), scope_as(ALL_STORES):
        assert session.scalars(sa.select(Mail.template)).all() == ["password_reset"]
    assert client.get("/orders/").location == "/change-password"


def test_a_temporary_password_must_be_changed_first(app, client, ann):
    with app.app_context(), transaction():
        temporary = access_links.make_temporary_password(session, ann)
    assert len(temporary) >= 16
    sign_in(client, password=temporary)
    assert client.get("/orders/").location == "/change-password"
    assert client.get("/account/").location == "/change-password"
    assert "Your password was temporary" in text(client.get("/change-password"))
    answer = client.submit("/change-password", {"present": temporary, "password": OTHER, "repeated": OTHER})
    assert answer.status_code == 303
    assert is_in(client)
    found = person(app, ann)
    assert (found.must_change_password, found.password_expires_at) == (False, None)
    assert client.get("/logout/").status_code == 200


@pytest.mark.parametrize(
    ("present", "new", "repeated", "field"),
    [
        ("wrong", OTHER, OTHER, "present"),
        (PASSWORD, "short", "short", "password"),
        (PASSWORD, PASSWORD, PASSWORD, "password"),
        (PASSWORD, "password1234567", "password1234567", "password"),
        (PASSWORD, OTHER, OTHER + "x", "repeated"),
    ],
)
def test_a_change_that_does_not_hold(app, make, ann, present, new, repeated, field):
    before = person(app, ann).password
    answer = make.signed_in(ann).submit("/change-password", {"present": present, "password": new, "repeated": repeated})
    assert answer.status_code == 422
    assert f'id="{field}-err"' in text(answer)
    assert person(app, ann).password == before
    assert PASSWORD not in text(answer)
