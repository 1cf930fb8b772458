"""Refund requests: the rule, the reason, the state machine (domain.md 7 and 10.7, 10.9)."""

import datetime as dt
import itertools
import sqlite3
from decimal import Decimal

import pytest

from app.domain import refunds
from app.domain.recording import RefundStep, RequestFacts, refund_step
from app.domain.refunds import Event, RefundFacts, RequestStatus, Result
from app.domain.refusal import Invalid
from app.models import RefundRequest

PAID = ("paid", Decimal("118.00"))


@pytest.mark.parametrize(
    ("status", "total", "requests", "again", "code"),
    [
        (*PAID, (), False, None),
        (*PAID, (("refused", "failed"),), False, None),
        (*PAID, (("withdrawn", None),), False, None),
        (*PAID, (("withdrawn", None), ("refused", "failed")), False, None),
        (*PAID, (("sent", None),), False, "refund.open"),
        (*PAID, (("updating", None),), False, "refund.open"),
        (*PAID, (("completed", "full"),), False, "refund.completed"),
        (*PAID, (("completed", "full"),), True, "refund.completed"),
        (*PAID, (("completed", "partial"),), False, "refund.partial"),
        (*PAID, (("completed", "partial"),), True, None),
        (*PAID, (("completed", "partial"), ("sent", None)), True, "refund.open"),
        (*PAID, (("refused", "failed"), ("updating", None)), False, "refund.open"),
        ("paid", Decimal("0.01"), (), False, None),
        ("paid", Decimal("0.00"), (), False, "refund.nothing_paid"),
        ("paid", Decimal("-1"), (), False, "refund.nothing_paid"),
        ("not_paid", Decimal("118"), (), False, "refund.not_paid"),
        ("deleted", Decimal("118"), (), False, "refund.not_paid"),
        ("deleted", Decimal("118"), (("completed", "full"),), False, "refund.completed"),
        ("terminated", Decimal("118"), (), False, "refund.not_paid"),
    ],
)
def test_when_a_refund_can_be_requested(status, total, requests, again, code):
    refusal = refunds.why_not_request(RefundFacts(status, total, requests, again))
    assert (refusal.code if refusal else None) == code


@pytest.mark.parametrize(
    ("state", "code"),
    [(None, "refund.open"), ("waiting", "refund.open"), ("running", "refund.open"), ("attention", "action.stuck")],
)
@pytest.mark.parametrize("status", ["sent", "updating"])
def test_an_open_request_is_being_processed_unless_it_is_stuck(status, state, code):
    assert refunds.why_not_request(RefundFacts(*PAID, ((status, None),), live_state=state)).code == code


def test_erasure_does_not_take_the_right_to_a_refund():
    assert refunds.why_not_request(RefundFacts(*PAID, (), erased=True)) is None


def test_the_index_and_the_rule_block_alike():
    index = next(i for i in RefundRequest.__table__.indexes if i.name == "uq_refund_request_blocking")
    predicate = str(index.dialect_options["sqlite"]["where"])
    assert predicate == str(index.dialect_options["postgresql"]["where"])
    database = sqlite3.connect(":memory:")
    for status, result in itertools.product(RequestStatus, [None, *Result]):
        found = database.execute(
            f"SELECT ({predicate}) FROM (SELECT ? AS status, ? AS result)", (status.value, result and result.value)
        ).fetchone()[0]
        assert bool(found) == ((status, result) in refunds.BLOCKING_STATES), (status, result)
        facts = RefundFacts(*PAID, ((status.value, result and result.value),), again_after_partial=True)
        if result is not None or status != RequestStatus.COMPLETED:
            assert bool(found) == (refunds.why_not_request(facts) is not None)
    database.close()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x", "x"),
        ("  x \r\n", "x"),
        ("a\r\nb", "a\nb"),
        ("a\rb", "a\nb"),
        ("a\x00b", "ab"),
        ("я" * 500, "я" * 500),
        ("😀" * 500, "😀" * 500),
        ("  " + "я" * 500 + "\t", "я" * 500),
        ("a\r\n" * 249 + "aa", "a\n" * 249 + "aa"),
        ("\u00a0x\u3000", "x"),
        ("\ufeff \x85" + "я" * 500 + "\ufeff", "я" * 500),
        ("a\u200db", "a\u200db"),
    ],
)
def test_a_reason_that_holds(text, kept):
    assert refunds.clean_reason(text) == kept


@pytest.mark.parametrize(
    "text", ["", " ", "\r\n\t", "я" * 501, "😀" * 501, "a\r\n" * 250 + "b", "\x00", "\u200b \u202e\ufeff"]
)
def test_a_reason_that_does_not_hold(text):
    with pytest.raises(Invalid) as caught:
        refunds.clean_reason(text)
    assert list(caught.value.errors) == ["reason"]


def test_a_long_reason_is_told_how_long_it_is():
    with pytest.raises(Invalid) as caught:
        refunds.clean_reason("я" * 501)
    assert caught.value.errors["reason"][0].english() == "The reason is too long: 501 characters, at most 500."


def test_a_refusal_of_the_desk_needs_a_comment():
    assert refunds.clean_comment(" no \r\n way") == "no \n way"
    for text in (" ", "x" * 1001):
        with pytest.raises(Invalid) as caught:
            refunds.clean_comment(text)
        assert list(caught.value.errors) == ["comment"]
    assert refunds.same_comment("no \n way", " no \r\n way")
    assert not refunds.same_comment("no", "")


def test_what_is_refunded_without_a_request_is_not_refunded_again():
    assert refunds.why_not_request(RefundFacts(*PAID, (), all_refunded=True)) is refunds.ALREADY_FULL


@pytest.mark.parametrize(
    ("status", "code"),
    [(None, "refund.none"), ("withdrawn", "refund.withdrawn"), ("completed", "refund.decided"),
     ("refused", "refund.decided")],
)  # fmt: skip
def test_why_the_desk_is_too_late(status, code):
    assert refunds.why_not_decide(status).code == code


def test_one_of_the_desk_looks_into_a_request():
    assert refunds.why_not_take(None) is None
    assert refunds.why_not_take("Bo Boss").english() == "Bo Boss has already taken this refund request up."


STEPS = {
    ("sent", "take"): "updating",
    ("sent", "change"): "updating",
    ("sent", "complete"): "completed",
    ("sent", "refuse"): "refused",
    ("sent", "withdraw"): "withdrawn",
    ("updating", "take"): "updating",
    ("updating", "change"): "updating",
    ("updating", "complete"): "completed",
    ("updating", "refuse"): "refused",
}


@pytest.mark.parametrize(("status", "event"), list(itertools.product(RequestStatus, Event)))
def test_the_whole_state_machine(status, event):
    assert refunds.advance(status.value, event) == STEPS.get((status.value, event.value))


@pytest.mark.parametrize(
    ("status", "own", "called", "code"),
    [
        ("sent", True, False, None),
        ("sent", False, False, "refund.not_own"),
        ("sent", True, True, "refund.taken"),
        ("updating", True, False, "refund.taken"),
        ("completed", True, False, "refund.decided"),
        ("withdrawn", True, False, "refund.decided"),
    ],
)
def test_when_a_request_can_be_withdrawn(status, own, called, code):
    refusal = refunds.why_not_withdraw(status, own=own, called=called)
    assert (refusal.code if refusal else None) == code


@pytest.mark.parametrize(
    ("status", "result", "words"),
    [
        ("completed", "full", "full refund completed"),
        ("completed", "partial", "partial refund completed"),
        ("completed", "failed", "refund failed"),
        ("completed", None, "refund failed"),
        ("refused", None, "refund failed"),
        ("refused", "failed", "refund failed"),
    ],
)
def test_the_words_of_the_result_mail(status, result, words):
    assert refunds.result_words(status, result) == words


def test_full_means_every_item():
    assert refunds.result_of([True, True]) == "full"
    assert refunds.result_of([True, False]) == "partial"


def test_an_older_word_about_an_open_request_is_no_step():
    said = dt.datetime(2026, 8, 14, tzinfo=dt.UTC)
    request = RequestFacts(7, "sent", None, said, None, owned=False)
    assert refund_step([request], "updating", None, said - dt.timedelta(seconds=1)) is None
    assert refund_step([request], "updating", None, said) == RefundStep(7, "updating", None)
    assert refund_step([request], "sent", None, said) is None
