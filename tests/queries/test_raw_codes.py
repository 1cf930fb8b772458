"""How common a part of codes is: read from what PostgreSQL has sampled, kept for a while, and wrong without harm."""

import datetime as dt
import random

import pytest

from app.db import session
from app.domain.access import ALL_STORES
from app.domain.normal import code_letters, normalise_code
from app.domain.search import Criteria
from app.queries import raw_codes, raw_ways
from app.queries.raw_codes import CodeSample
from app.queries.raw_search import list_and_count, stores_and_search
from tests.statements import counted

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
ORDERS = 60


@pytest.fixture
def orders(make, context):
    """Every second order has a code that begins with ACME-, every third one none."""
    chance = random.Random(1)
    for number in range(1, ORDERS + 1):
        code = ("ACME-" if number % 2 else "") + f"{chance.randrange(16**8):08x}"
        codes = [{"license_id": "1", "code": code, "deleted": False}] if number % 3 else []
        make.order(order_id=number, items=[{"licenses": codes}])


def ask(**criteria):
    return list_and_count(session, Criteria(**criteria), ALL_STORES, limit=500)


def read_sample():
    sample = raw_codes.sample_of(session.get_bind())
    sample.read_at = None
    stores_and_search(session, ALL_STORES, None, NOW)
    return sample


def test_the_sample_says_what_is_common(orders):
    sample = read_sample()
    assert sample.orders == ORDERS
    assert sample.is_common(code_letters("acme-"))
    assert not sample.is_common(code_letters("acme_"))


def test_it_is_read_along_with_another_statement_and_not_every_time(orders):
    sample = read_sample()
    known = sample.codes
    with counted(session.get_bind()) as statements:
        found = stores_and_search(session, ALL_STORES, None, NOW)
    assert {kind for kind, _, _ in found} == {"store", "open"}
    assert [("codes_key" in statement) for statement in statements] == [False]
    sample.codes, sample.read_at = "", sample.read_at - raw_codes.FRESH
    with counted(session.get_bind()) as statements:
        found = stores_and_search(session, ALL_STORES, None, NOW)
    assert {kind for kind, _, _ in found} == {"store", "open"}
    assert [("codes_key" in statement) for statement in statements] == [True]
    assert sample.codes == known


@pytest.mark.parametrize("window", [2600, 3])
@pytest.mark.parametrize("common", [True, False])
def test_whatever_it_says_the_same_is_found(orders, monkeypatch, common, window):
    monkeypatch.setattr(raw_ways, "WINDOW", window)
    monkeypatch.setattr(CodeSample, "is_common", lambda _sample, _part: common)
    expected = [number for number in range(ORDERS, 0, -1) if number % 2 and number % 3]
    rows, count = ask(code="acme-")
    assert ([row[0] for row in rows], count) == (expected, len(expected))
    rows, count = ask(code="acme-", ids=(1, 2, 3))
    assert ([row[0] for row in rows], count) == ([1], 1)
    assert ask(code="acme-", statuses=("not_paid",)) == ([], None)
    place = next(row for row in ask(code="acme-")[0] if row[0] == expected[4])
    older = list_and_count(session, Criteria(code="acme-"), ALL_STORES, limit=3, after=place[::-1])
    assert ([row[0] for row in older[0]], older[1]) == (expected[5:8], len(expected))
    newer = list_and_count(session, Criteria(code="acme-"), ALL_STORES, limit=3, before=place[::-1])
    assert ([row[0] for row in newer[0]], newer[1]) == (expected[1:4][::-1], len(expected))


def test_a_share_is_one_of_all_orders_that_with_none_included():
    sample = CodeSample()
    assert not sample.is_common("aaa")
    sample.take(["aaaa", *[""] * 99])
    assert not sample.is_common("aaa")
    sample.take(["aaaa", "baaa", *[""] * 98])
    assert sample.is_common("aaa")
    sample.take([])
    assert not sample.is_common("aaa")
    assert sample.is_fresh()


@pytest.mark.parametrize("code", ["50%-a_b\\c", "a  b", "ŀþ-x", "ÄÖÜ-ß", "日本語-1", "x\x1fy-z"])
def test_marks_letters_and_everything_else_find_themselves(make, context, code):
    make.order(order_id=1, items=[{"licenses": [{"license_id": "1", "code": code, "deleted": False}]}])
    make.order(
        order_id=2,
        items=[{"licenses": [{"license_id": str(n), "code": part, "deleted": True} for n, part in enumerate("ab-cd")]}],
    )
    key = normalise_code(code)
    assert [row[0] for row in ask(code=key)[0]] == [1]
    assert [row[0] for row in ask(code=key[-3:])[0]] == [1]
    assert ask(code="ab-")[0] == []  # not across two codes
