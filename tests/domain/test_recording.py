"""What a word of the platform does to refund requests: only forward, never against a decision made here."""

import datetime as dt

import pytest

from app.domain.recording import RefundStep, RequestFacts, order_refund, refund_step

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
EARLIER, LATER = NOW - dt.timedelta(hours=1), NOW + dt.timedelta(hours=1)


def facts(status, result=None, said=NOW, ended=None, **more):
    return RequestFacts(7, status, result, said, ended, **more)


@pytest.mark.parametrize(
    ("status", "result", "kept"),
    [
        ("sent", None, None), ("sent", "full", None), ("updating", "partial", None), ("completed", None, "full"),
        ("completed", "partial", "partial"), ("refused", None, "failed"), ("refused", "full", "failed"),
    ],
)  # fmt: skip
def test_the_first_word_makes_a_request_with_the_result_that_fits_its_status(status, result, kept):
    assert refund_step([], status, result, NOW) == RefundStep(None, status, kept)


@pytest.mark.parametrize(
    ("known", "status", "moves"),
    [
        ("sent", "sent", False), ("sent", "updating", True), ("sent", "completed", True), ("sent", "refused", True),
        ("updating", "sent", False), ("updating", "updating", False), ("updating", "completed", True),
    ],
)  # fmt: skip
def test_an_open_request_moves_forward_only(known, status, moves):
    step = refund_step([facts("refused"), facts(known)], status, None, LATER)
    assert (step is not None) is moves
    assert step is None or step.request_id == 7
    assert (refund_step([facts(known)], status, None, NOW) is not None) is moves, "the same moment is not older"
    assert refund_step([facts(known)], status, None, EARLIER) is None
    assert (refund_step([facts(known, said=None)], status, None, EARLIER) is not None) is moves


@pytest.mark.parametrize("status", ["updating", "completed", "refused"])
def test_what_was_said_of_an_earlier_request_is_no_word_about_the_open_one(status):
    refused = facts("refused", "failed", said=EARLIER, ended=NOW)
    asked = facts("sent", said=None)
    assert refund_step([refused, asked], status, None, EARLIER) is None
    assert refund_step([refused, asked], status, None, NOW) is None
    assert refund_step([refused, asked], status, None, LATER) is not None


def test_after_an_end_only_a_younger_and_different_word_is_another_request():
    ended = facts("refused", "failed", said=EARLIER, ended=NOW)
    assert refund_step([ended], "sent", None, LATER) == RefundStep(None, "sent", None)
    assert refund_step([ended], "sent", None, NOW) is None
    assert refund_step([facts("refused", "failed", said=NOW)], "sent", None, NOW) is None
    assert refund_step([ended], "refused", None, LATER) is None, "the same end said again"
    assert refund_step([facts("refused", "failed", said=None)], "sent", None, EARLIER) is not None


def test_what_a_person_here_decided_stays():
    assert refund_step([facts("refused", "failed", owned=True)], "completed", "full", LATER) is None


def test_a_full_refund_is_the_last_word_and_a_partial_one_is_not():
    assert refund_step([facts("completed", "full"), facts("sent")], "updating", None, LATER) is None
    assert refund_step([facts("completed", "partial")], "completed", "full", LATER) == RefundStep(
        None, "completed", "full"
    )


@pytest.mark.parametrize(
    ("requests", "shown"),
    [
        ([], (None, None)), ([("sent", None)], ("sent", None)), ([("completed", "partial")], ("completed", "partial")),
        ([("refused", "failed")], ("refused", None)), ([("refused", "failed"), ("updating", None)], ("updating", None)),
        ([("completed", "partial"), ("withdrawn", None)], ("completed", "partial")),
        ([("withdrawn", None)], (None, None)),
    ],
)  # fmt: skip
def test_the_order_shows_its_last_request_unless_withdrawn(requests, shown):
    assert order_refund(requests) == shown
