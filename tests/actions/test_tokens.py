"""API tokens: made with stores, revoked once."""

import pytest

from app.actions import tokens
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.domain.refusal import Invalid, NotFound
from app.models import ApiToken, AuditEntry
from tests.actions.support import NOW, actor, one, rows


@pytest.fixture
def boss(app, make):
    make.store("acme-eu")
    return actor(app, make.person("boss@example.org", role="Admin"))


def make_token(app, boss, name="platform", stores=("acme-eu",)):
    with app.app_context(), scope_as(ALL_STORES), transaction():
        return tokens.make_token(session, name, list(stores), actor=boss)


def revoke(app, boss, token_id):
    with app.app_context(), transaction():
        tokens.revoke_token(session, token_id, actor=boss, now=NOW)


@pytest.mark.parametrize(
    ("name", "stores", "field"),
    [("", ["acme-eu"], "name"), ("x" * 101, ["acme-eu"], "name"), ("a\nb", ["acme-eu"], "name"),
     ("platform", [], "stores"), ("platform", ["acme-eu", "nowhere"], "stores")],
)  # fmt: skip
def test_what_does_not_hold_makes_no_token(app, boss, name, stores, field):
    with pytest.raises(Invalid) as caught:
        make_token(app, boss, name, stores)
    assert list(caught.value.errors) == [field]
    assert rows(app, ApiToken) == []
    assert rows(app, AuditEntry) == []


def test_a_name_is_taken_once(app, boss):
    make_token(app, boss)
    with pytest.raises(Invalid) as caught:
        make_token(app, boss)
    assert list(caught.value.errors) == ["name"]
    assert len(rows(app, ApiToken)) == 1


def test_a_token_opens_its_stores_until_it_is_revoked(app, boss):
    text = make_token(app, boss)
    kept = one(app, ApiToken)
    assert text not in (kept.token_hash, kept.prefix)
    with app.app_context():
        holder, used = tokens.find_holder(session, text)
        assert (holder.id, holder.name, len(holder.stores), used) == (kept.id, "platform", 1, None)
        for other in (text[:-1], text + "x", kept.token_hash, "", "x" * 201, "ключ-который-длиннее"):
            assert tokens.find_holder(session, other) is None
    with app.app_context(), transaction():
        tokens.note_use(session, kept.id, NOW)
    with app.app_context():
        assert tokens.find_holder(session, text)[1] == NOW
    revoke(app, boss, kept.id)
    with app.app_context():
        assert tokens.find_holder(session, text) is None


def test_a_token_is_revoked_once(app, boss):
    make_token(app, boss)
    kept = one(app, ApiToken)
    for _ in range(2):
        revoke(app, boss, kept.id)
    assert one(app, ApiToken).revoked_at == NOW
    assert [e.event for e in rows(app, AuditEntry)] == ["token.made", "token.revoked"]
    with pytest.raises(NotFound):
        revoke(app, boss, 999)
