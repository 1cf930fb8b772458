"""Writers on SQLite take turns: none waits for ever, none fails while another is busy."""

import threading
import time

import pytest
import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import Mail

pytestmark = pytest.mark.only_db("sqlite")


def write(app, name, busy=0.0):
    with app.app_context(), scope_as(ALL_STORES), transaction():
        session.add(Mail(dedupe=name, template="license", message_id=f"<{name}>"))
        session.flush()
        time.sleep(busy)


def test_a_writer_gets_its_turn_beside_one_that_hardly_pauses(app):
    ended = threading.Event()
    begun = threading.Event()

    def busy():
        number = 0
        while not ended.is_set():
            write(app, f"busy-{number}", 0.03)
            number += 1
            begun.set()
            time.sleep(0.005)

    hog = threading.Thread(target=busy)
    hog.start()
    begun.wait(10)
    waits = []
    for number in range(20):
        began = time.monotonic()
        write(app, f"quick-{number}")
        waits.append(time.monotonic() - began)
        time.sleep(0.01)
    ended.set()
    hog.join()
    assert sorted(waits)[-3] < 1, waits


def test_a_writer_says_so_when_it_waited_too_long_and_the_next_one_is_patient_again(app, monkeypatch):
    monkeypatch.setattr("app.db.PATIENCE", 0.3)
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with app.app_context(), scope_as(ALL_STORES), transaction():
            session.add(Mail(dedupe="held", template="license", message_id="<held>"))
            session.flush()
            inside.set()
            leave.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait(10)
    began = time.monotonic()
    with pytest.raises(sa.exc.OperationalError, match="locked"):
        write(app, "late")
    assert 0.25 < time.monotonic() - began < 2
    with app.app_context():
        assert session.scalar(sa.text("PRAGMA busy_timeout")) == 15000
    leave.set()
    holder.join()
    write(app, "late")
    with app.app_context(), scope_as(ALL_STORES):
        assert session.scalar(sa.select(sa.func.count()).select_from(Mail)) == 2
