"""The audit: append-only, chained, and sealed without a lock in a page."""

import pytest
import sqlalchemy as sa

from app.actions import audit
from app.actions.audit_chain import START, seal, verify
from app.db import transaction
from app.domain.access import SYSTEM
from app.models import AuditEntry


def write(count: int = 3) -> None:
    with transaction() as session:
        for number in range(count):
            audit.record(session, SYSTEM, "order.viewed", order_id=number + 1, details={"found": number})


def sealed(limit: int = 1000) -> int:
    with transaction() as session:
        return seal(session, limit=limit)


def test_an_event_without_a_sentence_is_refused(session):
    with pytest.raises(KeyError):
        audit.record(session, SYSTEM, "order.eaten")


def test_a_detail_without_a_name_is_refused(session):
    with pytest.raises(KeyError):
        audit.record(session, SYSTEM, "order.viewed", details={"found": 1, "shoe_size": 42})
    assert not session.new


def test_an_empty_chain_holds(session):
    assert verify(session).checked == 0
    assert verify(session).head == START


def test_entries_are_sealed_in_batches_and_hold(session):
    write(5)
    assert verify(session).unsealed == 5
    assert sealed(limit=2) == 2
    assert sealed() == 3
    assert sealed() == 0
    found = verify(session)
    assert (found.checked, found.unsealed, found.broken) == (5, 0, None)
    write(1)
    sealed()
    assert verify(session, head=found.head).broken is None
    assert verify(session, head=START).broken is None, "noted on the first day, before anything was sealed"


def _without_guard(session: sa.orm.Session, statement: str) -> None:
    """Do as somebody with full rights on the database could."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text("SET session_replication_role = replica"))
        session.execute(sa.text(statement))
        session.execute(sa.text("SET session_replication_role = DEFAULT"))
    else:
        triggers = session.execute(
            sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_entry'")
        ).all()
        for name, _ in triggers:
            session.execute(sa.text(f"DROP TRIGGER {name}"))
        session.execute(sa.text(statement))
        for _, sql in triggers:
            session.execute(sa.text(sql))
    session.commit()
    session.expire_all()


def test_a_changed_entry_is_named(session):
    write(4)
    sealed()
    victim = session.scalar(sa.select(AuditEntry.id).where(AuditEntry.seq == 3))
    _without_guard(session, f"UPDATE audit_entry SET actor = 'somebody else' WHERE id = {victim}")
    found = verify(session)
    assert found.checked == 2
    assert found.broken == f"entry {victim} (number 3) was changed"


def test_a_removed_entry_is_noticed(session):
    write(4)
    sealed()
    _without_guard(session, "DELETE FROM audit_entry WHERE seq = 2")
    assert verify(session).broken == "entry number 2 of the chain is missing"


@pytest.mark.parametrize("place", [-1, 0])
def test_an_entry_put_before_the_first_is_noticed(session, place):
    write(2)
    sealed()
    columns = "at, event, result, actor, details, seq, hash"
    _without_guard(
        session,
        f"INSERT INTO audit_entry ({columns}) SELECT at, event, result, 'forged', details, {place}, hash"
        " FROM audit_entry WHERE seq = 1",
    )
    assert verify(session).broken == "entry number 1 of the chain is missing"


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_an_entry_whose_seal_was_taken_off_is_noticed_where_others_follow(session, seq):
    write(5)
    sealed()
    head = verify(session).head
    _without_guard(session, f"UPDATE audit_entry SET seq = NULL, hash = NULL WHERE seq = {seq}")
    found = verify(session, head=head)
    assert found.unsealed == 1
    assert found.checked == seq - 1
    assert found.broken == (
        "the given head is not part of the chain: its end was cut off or rewritten"
        if seq == 5
        else f"entry number {seq} of the chain is missing"
    )


@pytest.mark.only_db("sqlite")
@pytest.mark.parametrize("nonsense", ["details = '{'", "at = 'yesterday'", "order_id = x'00'", "seq = 'three'"])
def test_an_entry_that_cannot_be_read_is_named_and_those_before_it_hold(session, nonsense, monkeypatch):
    """SQLite takes anything in any column."""
    monkeypatch.setattr("app.actions.audit_chain.BATCH", 4)
    write(9)
    sealed()
    _without_guard(session, f"UPDATE audit_entry SET {nonsense} WHERE seq = 7")
    found = verify(session)
    assert found.checked == 6
    assert "number 7" in (found.broken or "")


@pytest.mark.only_db("postgresql")
def test_a_moment_that_python_cannot_hold_is_named(session):
    write(3)
    sealed()
    _without_guard(session, "UPDATE audit_entry SET at = 'infinity' WHERE seq = 2")
    found = verify(session)
    assert (found.checked, found.broken) == (1, "entry number 2 of the chain cannot be read: it was changed")


def test_a_long_chain_is_read_in_parts(session, monkeypatch):
    monkeypatch.setattr("app.actions.audit_chain.BATCH", 3)
    write(7)
    sealed()
    found = verify(session)
    assert (found.checked, found.broken) == (7, None)


def test_a_cut_off_end_is_noticed_by_a_noted_head(session):
    write(4)
    sealed()
    head = verify(session).head
    _without_guard(session, "DELETE FROM audit_entry WHERE seq = 4")
    assert verify(session).broken is None
    assert "cut off" in (verify(session, head=head).broken or "")


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_entry SET actor = 'x'", "UPDATE audit_entry SET seq = NULL", "DELETE FROM audit_entry"],
)
def test_the_database_refuses_changes(session, statement):
    write(1)
    sealed()
    with pytest.raises(sa.exc.DatabaseError, match="append-only"):
        session.execute(sa.text(statement))
    session.rollback()
    assert verify(session).checked == 1


def test_the_command_says_what_it_found(app):
    with app.app_context():
        write(2)
        sealed()
    result = app.test_cli_runner().invoke(args=["portal", "audit", "verify"])
    assert result.exit_code == 0
    assert "2 entries hold, 0 not sealed yet" in result.output
    with app.app_context():
        from app.db import session

        _without_guard(session, "UPDATE audit_entry SET ip = 'x' WHERE seq = 1")
    result = app.test_cli_runner().invoke(args=["portal", "audit", "verify"])
    assert result.exit_code == 1
    assert "was changed" in result.output


@pytest.mark.only_db("postgresql")
def test_only_one_sealer_works_at_a_time(app, session):
    write(2)
    engine = app.extensions["database"].engine
    with engine.begin() as other:
        other.execute(sa.text("SELECT pg_advisory_xact_lock(7031995)"))
        assert sealed() == 0
    assert sealed() == 2
