"""Sentences that rows keep, found again in what was kept."""

import pytest

from app.domain import licenses
from app.domain.kept_words import WITH_PLACES, taken_apart
from app.domain.refusal import Refusal
from app.jobs import calls, mail, refunds


def test_every_refusal_that_is_kept_with_something_filled_in_is_known() -> None:
    kept = (licenses.FORBIDDEN, calls.REFUSED, mail.NOT_TAKEN, mail.TOO_MANY, refunds.UNCLEAR)
    assert sorted(refusal.text for refusal in kept) == sorted(WITH_PLACES)


@pytest.mark.parametrize("msgid", WITH_PLACES)
@pytest.mark.parametrize("filled", ["keys leaked", "two\nlines: 100% (sure)", "", "Нет"])
def test_what_was_kept_is_taken_apart_again(msgid: str, filled: str) -> None:
    name = msgid.partition("%(")[2].partition(")")[0]
    assert taken_apart(Refusal("x", msgid, {name: filled}).english()) == (msgid, {name: filled})


@pytest.mark.parametrize("text", ["The item has been refunded.", "Delivery is forbidden", "", "%(message)s"])
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert taken_apart(text) == (text, {})
