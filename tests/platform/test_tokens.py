"""The platform's token in the database: shared, encrypted, for a day."""

import datetime as dt

import pytest
import sqlalchemy as sa

from app.db import transaction
from app.models import PlatformToken
from app.models.base import utcnow
from app.platform.tokens import DatabaseTokens
from app.safe import Safe


@pytest.fixture
def tokens(session):
    return DatabaseTokens()


def test_a_token_is_shared_and_nobody_reads_it_in_the_table(tokens, session):
    tokens.put("portal", "eyJ.secret.token")
    assert DatabaseTokens().get("portal") == "eyJ.secret.token"
    assert DatabaseTokens().get("somebody else") is None
    kept = session.scalar(sa.select(PlatformToken.token))
    assert "secret" not in kept
    tokens.put("portal", "a newer one")
    assert tokens.get("portal") == "a newer one"


def test_a_token_that_is_about_to_end_is_not_given(tokens):
    tokens.put("portal", "old")
    with transaction() as writing:
        writing.execute(sa.update(PlatformToken).values(fetched_at=utcnow() - dt.timedelta(hours=22, minutes=59)))
    assert tokens.get("portal") == "old"
    with transaction() as writing:
        writing.execute(sa.update(PlatformToken).values(fetched_at=utcnow() - dt.timedelta(hours=23, minutes=1)))
    assert tokens.get("portal") is None


def test_one_kept_in_another_way_is_fetched_anew(tokens):
    for kept in ("as an older version kept it", Safe("another key", "platform token").close("token")):
        with transaction() as writing:
            writing.merge(PlatformToken(username="portal", token=kept, fetched_at=utcnow()))
        assert tokens.get("portal") is None
    tokens.put("portal", "fresh")
    assert tokens.get("portal") == "fresh"


def test_a_safe_of_one_purpose_does_not_open_what_another_closed():
    from app.domain.refusal import NotFound

    closed = Safe("key", "second step").close("secret")
    assert Safe("key", "second step").open(closed) == "secret"
    with pytest.raises(NotFound):
        Safe("key", "platform token").open(closed)
