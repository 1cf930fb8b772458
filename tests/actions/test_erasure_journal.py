"""The journal of erasures and the command that replays it: no erasure without its line."""

import datetime as dt
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.db import scope_as, transaction
from app.domain.access import ALL_STORES
from app.erasure_journal import order_hash, read_hashes
from app.models import AuditEntry, Order
from tests.actions.erasure_seeds import erase, seed
from tests.actions.support import one, rows


def test_the_command_offers_the_buyers_other_orders(app, make):
    order_id, other = seed(make), seed(make)
    runner = app.test_cli_runner()
    said = runner.invoke(args=["portal", "erase", str(order_id)]).output
    assert f"other orders of the same buyer, not erased: {other}" in said
    assert "other orders" not in runner.invoke(args=["portal", "erase", str(other)]).output


@pytest.fixture
def journal(monkeypatch, tmp_path):
    """A journal of this test's own."""
    path = tmp_path / "erasures.jsonl"
    monkeypatch.setattr("app.erasure_journal.journal_path", lambda: path)
    return path


def test_the_journal_is_replayed_after_a_restore(app, make, journal):
    order_id, untouched = seed(make), seed(make)
    runner = app.test_cli_runner()
    assert runner.invoke(args=["portal", "erase", str(order_id)]).exit_code == 0
    line = json.loads(journal.read_text().splitlines()[-1])
    assert str(order_id) not in json.dumps(line)
    # A backup from before the erasure is restored: the order is back as it was.
    with app.app_context(), scope_as(ALL_STORES), transaction() as session:
        session.execute(sa.delete(Order).where(Order.id == order_id))
    seed(make, order_id=order_id)
    result = runner.invoke(args=["portal", "erase", "--replay"])
    assert "1 in the journal, 1 erased again, 0 erased already, 0 not here" in result.output
    assert "replay once more" not in result.output
    with app.app_context(), scope_as(ALL_STORES):
        from app.db import session

        assert session.get(Order, order_id).email is None
        assert session.get(Order, untouched).email is not None


def test_a_replay_says_what_may_still_come_in(app, make, journal):
    """The backup is older than an order, which is not here until the platform sends it again, with its customer."""
    gone, erased = seed(make), seed(make)
    runner = app.test_cli_runner()
    for order_id in (gone, erased):
        assert runner.invoke(args=["portal", "erase", str(order_id)]).exit_code == 0
    with app.app_context(), scope_as(ALL_STORES), transaction() as session:
        session.execute(sa.delete(Order).where(Order.id == gone))
    said = runner.invoke(args=["portal", "erase", "--replay"]).output
    assert "0 erased again, 1 erased already, 1 not here" in said
    assert "replay once more when the platform has sent them" in said
    seed(make, order_id=gone)
    assert "1 erased again, 1 erased already, 0 not here" in runner.invoke(args=["portal", "erase", "--replay"]).output
    assert one(app, Order, Order.id == gone).email is None


def test_a_journal_under_another_key_is_told_from_one_without_orders(app, make, journal):
    runner = app.test_cli_runner()
    assert runner.invoke(args=["portal", "erase", "--replay"]).output == (
        "0 in the journal, 0 erased again, 0 erased already, 0 not here\n"
    )
    seed(make)
    journal.write_text('{"order": "of another key"}\n')
    assert "Is SECRET_KEY the one" in runner.invoke(args=["portal", "erase", "--replay"]).output


def test_an_erasure_that_cannot_be_journaled_does_not_happen(app, make, monkeypatch):
    order_id = seed(make)
    monkeypatch.setattr("app.erasure_journal.journal_path", lambda: Path("/proc/nowhere/erasures.jsonl"))
    result = app.test_cli_runner().invoke(args=["portal", "erase", str(order_id)])
    assert result.exit_code != 0
    with app.app_context(), scope_as(ALL_STORES):
        from app.db import session

        assert session.get(Order, order_id).erased_at is None


def test_an_erasure_whose_line_does_not_reach_the_disk_does_not_happen(app, make, monkeypatch):
    def full(_handle):
        raise OSError("no space left on device")

    order_id = seed(make)
    monkeypatch.setattr("app.erasure_journal.os.fsync", full)
    assert app.test_cli_runner().invoke(args=["portal", "erase", str(order_id)]).exit_code != 0
    assert one(app, Order).erased_at is None
    assert rows(app, AuditEntry) == []


def test_the_journal_makes_its_folder_and_is_for_its_owner_only(app, make, monkeypatch, tmp_path):
    journal = tmp_path / "not" / "there" / "erasures.jsonl"
    monkeypatch.setattr("app.erasure_journal.journal_path", lambda: journal)
    orders = [seed(make), seed(make)]
    for order_id in orders:
        erase(app, order_id)
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    with app.app_context():
        assert [line["order"] for line in lines] == [order_hash(order_id) for order_id in orders]
        assert read_hashes([journal]) == {order_hash(order_id) for order_id in orders}
    assert all(dt.datetime.fromisoformat(line["at"]).utcoffset() == dt.timedelta(0) for line in lines)
    assert journal.stat().st_mode & 0o777 == 0o600


def test_an_unknown_order_is_said_to_be_unknown(app):
    result = app.test_cli_runner().invoke(args=["portal", "erase", "123"])
    assert result.exit_code == 1
    assert "there is no order 123" in result.output


def test_a_full_disk_that_takes_half_a_line_stops_the_erasure(app, make, monkeypatch):
    order_id = seed(make)
    monkeypatch.setattr("app.erasure_journal.os.write", lambda _handle, data: len(data) - 1)
    assert app.test_cli_runner().invoke(args=["portal", "erase", str(order_id)]).exit_code != 0
    assert one(app, Order).erased_at is None
    assert rows(app, AuditEntry) == []


def test_a_line_cut_off_in_the_journal_takes_no_other_with_it(app, make, journal):
    journal.write_text('{"at": "2026-11-23T00:00:00+00:00", "ord')
    orders = [seed(make), seed(make)]
    for order_id in orders:
        erase(app, order_id)
    assert journal.read_text().count("\n") == 3, "one line end was missing, and none is added where there is one"
    with app.app_context():
        assert read_hashes([journal]) == {order_hash(order_id) for order_id in orders}


def test_a_line_cut_off_in_the_journal_is_left_out(app, tmp_path, caplog):
    journal = tmp_path / "erasures.jsonl"
    journal.write_text('{"order": "aa"}\n["order"]\n{"other": 1}\n{"order": "bb"}\n{"ord')
    with app.app_context():
        assert read_hashes([journal]) == {"aa", "bb"}
    assert caplog.text.count("erasure_journal.bad_line") == 3


@pytest.mark.parametrize("arguments", [[], ["123", "--replay"]])
def test_the_command_wants_one_of_two(app, arguments):
    result = app.test_cli_runner().invoke(args=["portal", "erase", *arguments])
    assert result.exit_code == 2
    assert "either an ORDER_ID or --replay" in result.output
