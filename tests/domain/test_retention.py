"""How long additional parameters are kept, to the day (domain.md 4)."""

import datetime as dt

import pytest

from app.domain.retention import parameters_kept

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(("status", "days"), [("paid", 365), ("deleted", 120), ("terminated", 120)])
def test_they_go_on_the_last_day_and_not_before(status, days):
    assert parameters_kept(status, NOW, NOW)
    assert parameters_kept(status, NOW - dt.timedelta(days=days - 1), NOW)
    assert not parameters_kept(status, NOW - dt.timedelta(days=days), NOW)
    assert not parameters_kept(status, NOW - dt.timedelta(days=days + 1), NOW)


def test_those_of_an_unpaid_order_stay():
    assert parameters_kept("not_paid", NOW - dt.timedelta(days=10_000), NOW)
