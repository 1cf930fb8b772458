"""``portal doctor`` names what is wrong, and exits with 1 only then."""

import datetime as dt

import pytest

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.jobs import checkup
from app.models import Heartbeat, Mail
from app.models.base import db_now, utcnow


def run(app):
    return app.test_cli_runner().invoke(args=["portal", "doctor"])


@pytest.fixture
def well(app, monkeypatch):
    """Processes alive, servers answering."""
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.add(Heartbeat(name="sweeper-1", kind="sweeper", seen_at=db_now()))
        session.add_all(
            Heartbeat(name=f"worker-{queue}", kind="worker", info={"queue": queue}, seen_at=db_now())
            for queue in ("actions", "mail", "webhooks")
        )
    for question in ("queue_answers", "mail_answers"):
        monkeypatch.setattr(checkup, question, lambda _app: "ok")
    return app


def test_all_is_well(well):
    result = run(well)
    assert result.exit_code == 0, result.output
    assert "wrong" not in result.output


def test_silent_processes_and_unset_servers_are_named(app):
    result = run(app)
    assert result.exit_code == 1
    for words in ("worker: none has reported yet", "REDIS_URL is not set", "MAIL_URL is not set"):
        assert words in result.output


def test_a_queue_without_a_worker_is_named(well):
    with well.app_context(), scope_as(ALL_STORES), transaction():
        session.delete(session.get_one(Heartbeat, "worker-mail"))
        session.get_one(Heartbeat, "worker-webhooks").seen_at = utcnow() - dt.timedelta(minutes=3)
    result = run(well)
    assert result.exit_code == 1
    lines = [line for line in result.output.splitlines() if line.startswith("wrong")]
    assert [line.partition(":")[0] for line in lines] == ["wrong  worker of mail", "wrong  worker of webhooks"]
    assert "ok     worker of actions: ok, 1" in result.output
    assert "ok     worker: ok, but none for mail, webhooks" in result.output


def test_stuck_rows_are_counted(well):
    with well.app_context(), transaction():
        for number, (state, next_at) in enumerate(
            [("attention", utcnow()), ("waiting", utcnow() - dt.timedelta(minutes=5)), ("done", utcnow())]
        ):
            session.add(
                Mail(dedupe=str(number), template="license", message_id=f"<{number}>", state=state, next_at=next_at)
            )
    result = run(well)
    assert result.exit_code == 1
    assert "mails: 1 need attention, 1 overdue" in result.output


def test_a_real_queue_and_mail_server_are_asked(app, redis_url, smtp_server, monkeypatch):
    import dataclasses

    found = dataclasses.replace(
        app.extensions["settings"], redis_url=redis_url, mail_url=f"smtp://127.0.0.1:{smtp_server.port}"
    )
    monkeypatch.setitem(app.extensions, "settings", found)
    for name in ("mail", "mail_server"):
        monkeypatch.setitem(app.extensions, name, app.extensions[name])
    output = run(app).output
    assert "ok     queue server" in output
    assert "ok     mail server" in output
