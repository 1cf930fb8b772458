"""One-time links that set a password."""

import pytest
import sqlalchemy as sa

from app.actions import access_links
from app.db import session, transaction
from app.models import OneTimeToken, Person
from app.models.base import utcnow
from tests.security.support import OTHER, PASSWORD, is_in, link, person, sign_in, text


def test_a_link_sets_the_password_once(app, client, ann, make):
    other = make.signed_in(ann)
    path = link(app, ann)
    for _ in range(3):
        assert client.get(path).status_code == 200  # mail scanners use nothing up
        assert client.head(path, data={"password": PASSWORD, "repeated": PASSWORD}).status_code == 200
    assert client.submit(path, {"password": OTHER, "repeated": OTHER}).status_code == 303
    assert not is_in(client)
    assert not is_in(other)
    assert sign_in(client, password=OTHER).status_code == 303
    for answer in (client.get(path), client.submit(path, {"password": PASSWORD, "repeated": PASSWORD})):
        assert answer.status_code == 404
    with app.app_context():
        row = session.scalars(sa.select(OneTimeToken)).one()
    assert row.used_at is not None
    assert row.token_hash not in path
    assert path.rpartition("/")[2] != row.token_hash
    assert len(path.rpartition("/")[2]) >= 43


def test_a_new_link_voids_the_old(app, client, ann):
    old, new = link(app, ann), link(app, ann, access_links.RESET)
    assert client.get(old).status_code == 404
    assert client.get(new).status_code == 200


@pytest.mark.parametrize("why", ["old", "closed", "unknown"])
def test_a_link_that_no_longer_works(app, client, ann, why):
    path = link(app, ann) if why != "unknown" else "/set-password/" + "x" * 43
    before = person(app, ann).password
    with app.app_context(), transaction():
        if why == "old":
            session.execute(sa.update(OneTimeToken).values(expires_at=utcnow()))
        if why == "closed":
            session.get_one(Person, ann).active = False
    assert client.get(path).status_code == 404
    assert client.submit(path, {"password": OTHER, "repeated": OTHER}).status_code == 404
    assert person(app, ann).password == before


def test_a_password_that_does_not_hold_leaves_the_link(app, client, ann):
    path = link(app, ann)
    answer = client.submit(path, {"password": "ann example 123", "repeated": "ann example 123"})
    assert answer.status_code == 422
    assert "Leave your name" in text(answer)
    assert client.submit(path, {"password": OTHER, "repeated": OTHER}).status_code == 303


def test_links_are_not_to_be_guessed(app, client):
    answers = [client.get(f"/set-password/guess-{n}") for n in range(31)]
    assert [answer.status_code for answer in answers] == [404] * 30 + [429]
    assert "Please wait 15 minutes" in text(answers[-1])
    assert "Please wait" not in text(answers[0])
    assert client.get("/set-password/" + "x" * 101).status_code == 404


def test_a_team_behind_one_address_opens_its_links_as_often_as_it_likes(app, client, ann):
    path = link(app, ann)
    assert {client.get(path).status_code for _ in range(40)} == {200}
    assert client.submit(path, {"password": OTHER, "repeated": OTHER}).status_code == 303


def test_links_and_temporary_passwords_are_only_for_open_accounts(app, ann, make):
    from app.domain.refusal import NotFound

    with app.app_context(), transaction():
        session.get_one(Person, ann).active = False
    for make_one in (access_links.make_link, access_links.make_temporary_password):
        for person_id in (ann, 999999):
            with app.app_context(), pytest.raises(NotFound), transaction():
                make_one(session, person_id)
