"""Resending license information, and where delivery is forbidden (domain.md 6)."""

import datetime as dt

import pytest

from app.domain import delivery, licenses
from app.domain.delivery import Ban
from app.domain.licenses import LicenseFacts
from app.domain.work import STUCK

GOOD = LicenseFacts(
    has_code=True, deleted=False, order_status="paid", item_refunded=False, erased=False, has_email=True
)
NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, None),
        ({"has_code": False}, "license.none"),
        ({"deleted": True}, "license.deleted"),
        ({"item_refunded": True}, "license.refunded"),
        ({"order_status": "not_paid"}, "license.not_paid"),
        ({"order_status": "deleted"}, "license.not_paid"),
        ({"order_status": "terminated"}, "license.not_paid"),
        ({"erased": True}, "license.erased"),
        ({"has_email": False}, "license.no_email"),
        ({"ban": Ban(1, None, "moving house", NOW)}, "license.forbidden"),
        ({"ban": Ban(1, "p1", "moving house", NOW)}, "license.forbidden_product"),
        ({"live_state": "waiting"}, "license.busy"),
        ({"live_state": "running"}, "license.busy"),
        ({"live_state": "attention"}, "action.stuck"),
        ({"deleted": True, "ban": Ban(1, None, "x", NOW), "live_state": "attention"}, "license.deleted"),
    ],
)
def test_when_a_code_can_be_sent_again(change, code):
    refusal = licenses.why_not_resend(GOOD._replace(**change))
    assert (refusal.code if refusal else None) == code


@pytest.mark.parametrize(("product", "what"), [(None, "store"), ("p1", "product")])
def test_the_ban_is_explained_in_words(product, what):
    refusal = licenses.why_not_resend(GOOD._replace(ban=Ban(1, product, "100% recalled", NOW)))
    assert refusal.english() == f"Delivery is forbidden for this {what}: 100% recalled"
    assert licenses.says_ban(refusal)


def test_only_a_ban_is_said_for_the_whole_block():
    assert not licenses.says_ban(licenses.DELETED)
    assert not licenses.says_ban(licenses.BUSY)


@pytest.mark.parametrize(
    ("refusal", "sent"),
    [(None, True), (licenses.BUSY, True), (STUCK, True), (licenses.FORBIDDEN, False), (licenses.DELETED, False)],
)
def test_which_codes_are_sent_at_all(refusal, sent):
    assert licenses.may_be_sent(refusal) is sent


@pytest.mark.parametrize(
    ("ban", "product", "held"),
    [
        (Ban(1, None, "r", NOW - HOUR), "p1", True),
        (Ban(1, None, "r", NOW), None, True),
        (Ban(1, None, "r", NOW + HOUR), "p1", False),
        (Ban(1, None, "r", NOW - HOUR, ends_at=NOW), "p1", False),
        (Ban(1, None, "r", NOW - HOUR, ends_at=NOW + HOUR), "p1", True),
        (Ban(1, None, "r", NOW - HOUR, lifted_at=NOW), "p1", False),
        (Ban(1, "p1", "r", NOW - HOUR), "p1", True),
        (Ban(1, "p1", "r", NOW - HOUR), "p2", False),
        (Ban(1, "p1", "r", NOW - HOUR), None, False),
    ],
)
def test_which_ban_is_in_force(ban, product, held):
    assert (delivery.ban_in_force([ban], product, NOW) is ban) is held


def test_what_is_forbidden_now_is_the_store_or_its_products():
    store, past = Ban(1, None, "store", NOW), Ban(1, "p3", "past", NOW - HOUR, ends_at=NOW)
    first, again, second = Ban(1, "p1", "one", NOW - HOUR), Ban(1, "p1", "again", NOW), Ban(1, "p2", "two", NOW)
    assert delivery.bans_in_force([second, past, again, first], NOW) == [first, second]
    assert delivery.bans_in_force([second, store, first], NOW) == [store]
    assert delivery.bans_in_force([store, past], NOW - HOUR) == [past]
    assert delivery.bans_in_force([], NOW) == []


def test_the_stores_ban_is_named_before_the_products():
    own, store = Ban(1, "p1", "product", NOW - 2 * HOUR), Ban(1, None, "store", NOW - HOUR)
    assert delivery.ban_in_force([own, store], "p1", NOW) is store
