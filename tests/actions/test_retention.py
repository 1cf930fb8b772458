"""Retention: what is over goes, what is not stays; one case on each side of every limit."""

import dataclasses
import datetime as dt
import json
import zlib

import pytest
import sqlalchemy as sa

from app import kept_mails
from app.actions import retention
from app.db import transaction
from app.models import (
    Mail,
    OneTimeToken,
    OrderParameter,
    RateHit,
    RawSnapshot,
    StoredSearch,
    UserSession,
    WebhookDelivery,
)

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def run(task):
    with transaction() as session:
        return task(session, NOW)


@pytest.mark.parametrize(
    ("status", "age", "kept"),
    [
        ("paid", 364, True),
        ("paid", 366, False),
        ("deleted", 119, True),
        ("deleted", 121, False),
        ("deleted", 200, False),
        ("terminated", 121, False),
        ("not_paid", 4000, True),
    ],
)
def test_parameters_are_kept_by_the_present_status(context, make, session, status, age, kept):
    created = NOW - dt.timedelta(days=age)
    make.order(
        status=status,
        create_date=created.isoformat(),
        pay_date=None,
        additional_data=[{"name": "a", "value": "b"}],
    )
    assert run(retention.expire_parameters) == (0 if kept else 1)
    assert session.scalar(sa.select(sa.func.count()).select_from(OrderParameter)) == (1 if kept else 0)


def test_the_raw_record_lets_go_of_the_parameters_and_of_nothing_else(context, make, session):
    dates = {"create_date": (NOW - dt.timedelta(days=121)).isoformat(), "pay_date": None}
    order_id = make.order(
        status="deleted", additional_data=[{"name": "a", "value": "PARAM"}], something_new="stays", **dates
    )
    assert run(retention.expire_parameters) == 1
    received = json.loads(zlib.decompress(session.get(RawSnapshot, order_id).body))
    assert "additional_data" not in received
    assert (received["something_new"], received["order_id"]) == ("stays", order_id)


def test_a_raw_record_that_cannot_be_read_goes_as_a_whole(context, make, session):
    dates = {"create_date": (NOW - dt.timedelta(days=121)).isoformat(), "pay_date": None}
    order_id = make.order(status="deleted", additional_data=[{"name": "a", "value": "PARAM"}], **dates)
    with transaction() as writing:
        writing.get(RawSnapshot, order_id).body = zlib.compress(b'{"additional_data": [{"name": "a", "value": "PAR')
    assert run(retention.expire_parameters) == 1
    assert session.get(RawSnapshot, order_id) is None


def test_webhook_bodies_go_after_30_days_and_doubles_are_still_known(context, make, session):
    store = make.store()
    with transaction() as session:
        for number, (age, state) in enumerate([(31, "done"), (29, "done"), (31, "waiting"), (31, "attention")]):
            session.add(
                WebhookDelivery(
                    store_id=store, digest=str(number), event="order.created", body="{}", state=state,
                    created_at=NOW - dt.timedelta(days=age),
                )
            )  # fmt: skip
    assert run(retention.drop_webhook_bodies) == 2
    rows = session.execute(sa.select(WebhookDelivery.digest, WebhookDelivery.body).order_by(WebhookDelivery.digest))
    assert [tuple(row) for row in rows] == [("0", None), ("1", "{}"), ("2", "{}"), ("3", None)]


def test_mails_lose_address_and_content(context, session):
    with transaction() as session:
        for number, (age, state) in enumerate([(31, "done"), (29, "done"), (31, "waiting"), (31, "attention")]):
            session.add(
                Mail(
                    dedupe=str(number), template="license", params={"a": 1}, recipient="a@example.org", state=state,
                    message_id=f"<{number}>", created_at=NOW - dt.timedelta(days=age),
                )
            )  # fmt: skip
    assert run(retention.drop_mail_bodies) == 2
    kept = session.execute(sa.select(Mail.recipient, Mail.params).order_by(Mail.dedupe)).all()
    assert [tuple(row) for row in kept] == [(None, {}), *[("a@example.org", {"a": 1})] * 2, (None, {})]


def test_mails_that_the_tryout_keeps_as_files_go_after_30_days(app, monkeypatch, tmp_path):
    settings = dataclasses.replace(app.extensions["settings"], inbox_local=True, portal_data=tmp_path)
    monkeypatch.setitem(app.extensions, "settings", settings)
    with app.app_context():
        assert kept_mails.drop_old(NOW) == 0, "no mail was kept yet"
        (tmp_path / "inbox").mkdir()
        names = [f"{int((NOW - dt.timedelta(days=days)).timestamp() * 1e9):020d}-7-1.eml" for days in (31, 29)]
        for name in (*names, "port"):
            (tmp_path / "inbox" / name).write_text("x")
        assert kept_mails.drop_old(NOW) == 1
    assert sorted(path.name for path in (tmp_path / "inbox").iterdir()) == sorted([names[1], "port"])
    monkeypatch.setitem(app.extensions, "settings", dataclasses.replace(settings, inbox_local=False))
    with app.app_context():
        assert kept_mails.drop_old(NOW + dt.timedelta(days=99)) == 0, "another's folder"


def test_searches_sessions_and_counted_tries_go(context, make, session):
    person = make.person()
    with transaction() as session:
        for number, days in enumerate((-1, 1)):
            moment = NOW + dt.timedelta(days=days)
            session.add(StoredSearch(key=str(number), user_id=person, criteria={}, expires_at=moment))
            session.add(RateHit(bucket="b", at=moment - dt.timedelta(hours=12)))
            session.add(OneTimeToken(user_id=person, purpose="access", token_hash=str(number),
                                     expires_at=moment - dt.timedelta(days=30)))  # fmt: skip
            expires = moment - dt.timedelta(hours=12)
            session.add(UserSession(token_hash=str(number), user_id=person, expires_at=expires))
    assert run(retention.drop_searches) == 1
    assert run(retention.drop_sign_in_traces) == 2
    assert run(retention.drop_sessions) == 1
    assert session.scalars(sa.select(StoredSearch.key)).all() == ["1"]
    assert session.scalars(sa.select(OneTimeToken.token_hash)).all() == ["1"]
    assert session.scalar(sa.select(sa.func.count()).select_from(RateHit)) == 1


def test_every_task_is_quiet_on_an_empty_database(context):
    assert [run(task) for task in retention.TASKS] == [0] * len(retention.TASKS)
