"""``portal import``: a moving-in file that somebody else wrote (contract.md 1)."""

import io
import json

import pytest
import sqlalchemy as sa

from app.cli import import_
from app.cli.import_ import read_lines
from app.db import scope_as, session
from app.domain.access import ALL_STORES
from app.domain.snapshot import MAX_BODY
from app.models import AuditEntry, Order
from tests.factories import snapshot


@pytest.fixture
def run(app, make, tmp_path):
    make.store("acme-eu")

    def run(*lines, stdin=False):
        data = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
        runner = app.test_cli_runner()
        if stdin:
            return runner.invoke(args=["portal", "import", "-"], input=data)
        file = tmp_path / "orders.jsonl"
        file.write_bytes(data)
        return runner.invoke(args=["portal", "import", str(file)])

    return run


def ids(app):
    with app.app_context(), scope_as(ALL_STORES):
        return session.scalars(sa.select(Order.id).order_by(Order.id)).all()


def test_a_good_file(app, run):
    result = run(snapshot(order_id=1), snapshot(order_id=2))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "applied 2, unchanged 0, refused 0\n", "")
    assert ids(app) == [1, 2]
    again = run(snapshot(order_id=1), snapshot(order_id=2, version=2), stdin=True)
    assert (again.exit_code, again.stdout) == (0, "applied 1, unchanged 1, refused 0\n")


def test_a_hostile_file_refuses_what_is_wrong_and_applies_the_rest(app, run):
    names = {"first_name": "\u202eМария 👩\u200d🚀 王", "last_name": "O'Neil; DROP TABLE x;--", "company_name": '%_"\\'}
    good = snapshot(order_id=1, customer=names)
    result = run(
        b"\xef\xbb\xbf" + json.dumps(good).encode(),
        b"",
        b"   \r",
        b"not json",
        b'{"order_id":2',
        b"\xff\xfe\x00",
        b"[]",
        b"5",
        snapshot(order_id=3, items=[{"quantity": 0}]),
        snapshot(order_id=4, customer={"first_name": "a\x00b"}),
        json.dumps(snapshot(order_id=5, customer={"last_name": "\ud800"})).encode(),
        snapshot(order_id=6, store="nowhere"),
        snapshot(order_id=1),
        b"[" * 50_000,
        {"order_id": 7},
        snapshot(order_id=8, items=[{"name": "🎉" * 255}]),
        b'{"order_id": 9, "x": "' + b"y" * (MAX_BODY + 10) + b'"}',
        snapshot(order_id=10),
    )
    assert result.exit_code == 1
    assert result.stdout == "applied 3, unchanged 1, refused 12\n"
    lines = result.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"line {n}" for n in (4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 17)]
    assert lines[0] == "line 4: order: is no JSON"
    assert lines[2] == "line 6: order: is no UTF-8"
    assert lines[5] == "line 9: items[0].quantity: must be 1 or more"
    assert lines[6] == "line 10: customer.first_name: must not contain a NUL character"
    assert lines[7] == "line 11: customer.last_name: contains a lone surrogate, which is no text"
    assert lines[8] == "line 12: store: does not exist, or is not yours"
    assert lines[11] == "line 17: order: is longer than 8,388,608 bytes"
    assert ids(app) == [1, 8, 10]
    with app.app_context(), scope_as(ALL_STORES):
        order = session.get_one(Order, 1)
        assert (order.first_name, order.last_name) == (names["first_name"], names["last_name"])
        details = session.scalars(sa.select(AuditEntry.details)).all()[-1]
        assert details == {"applied": 3, "unchanged": 1, "refused": 12}


def test_an_empty_file_and_one_that_is_not_there(app, run):
    assert run().stdout == "applied 0, unchanged 0, refused 0\n"
    result = app.test_cli_runner().invoke(args=["portal", "import", "/nowhere/orders.jsonl"])
    assert result.exit_code != 0
    assert "Traceback" not in result.output


def test_more_than_one_batch_with_doubles_in_between(app, run, monkeypatch):
    monkeypatch.setattr(import_, "BATCH", 3)
    raws = [snapshot(order_id=i % 5 + 1, version=i) for i in range(11)]
    assert run(*raws).stdout == "applied 11, unchanged 0, refused 0\n"
    assert run(*reversed(raws)).stdout == "applied 0, unchanged 11, refused 0\n"
    assert ids(app) == [1, 2, 3, 4, 5]


def test_an_order_the_database_takes_offence_at_is_refused_alone(app, run, monkeypatch):
    def fail(session, snapshots, **kwargs):
        if any(s.order_id == 2 for s in snapshots):
            raise sa.exc.DataError("x", {}, Exception("no"))
        return real(session, snapshots, **kwargs)

    real = import_.record_orders
    monkeypatch.setattr(import_, "record_orders", fail)
    result = run(snapshot(order_id=1), snapshot(order_id=2), snapshot(order_id=3))
    assert (result.exit_code, result.stdout) == (1, "applied 2, unchanged 0, refused 1\n")
    assert result.stderr.splitlines()[-1] == "line 2: order: could not be stored"
    assert ids(app) == [1, 3]


def test_a_line_is_never_held_whole_when_it_is_too_long(monkeypatch):
    monkeypatch.setattr(import_, "MAX_BODY", 10)
    lines = list(read_lines(io.BytesIO(b"x" * 5_000_000 + b"\n" + b"5\n" + b"y" * 11)))
    assert [(line.number, line.end) for line in lines] == [(1, 5_000_001), (2, 5_000_003), (3, 5_000_014)]
    assert [line.errors[0].message for line in lines] == ["is longer than 10 bytes", "must be an object",
                                                          "is longer than 10 bytes"]  # fmt: skip


def test_a_token_is_made_and_printed_once(app, make):
    make.store("acme-eu")
    runner = app.test_cli_runner()
    result = runner.invoke(args=["portal", "token", "erp", "--store", "acme-eu"])
    assert (result.exit_code, result.stdout[:4]) == (0, "esp_")
    answer = app.test_client().get("/api/v1/orders/1", headers={"Authorization": f"Bearer {result.stdout.strip()}"})
    assert answer.status_code == 404
    for wrong in (["erp", "--store", "acme-eu"], ["other", "--store", "nowhere"], ["other"]):
        assert runner.invoke(args=["portal", "token", *wrong]).exit_code != 0
