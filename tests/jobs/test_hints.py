"""Hints to a real queue server: sent, down, hung, full, wiped; and never a page that waits for them twice."""

from __future__ import annotations

import time

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from app.jobs.hints import Hints
from app.jobs.queues import SafeJob


def jobs(server, name="actions"):
    queue = Queue(name, connection=server.client(), serializer=JSONSerializer, job_class=SafeJob)
    return [(job.func_name, job.args) for job in queue.jobs]


def test_a_hint_is_a_name_and_an_integer(own_queue_server):
    hints = Hints(own_queue_server.url())
    assert hints("actions", 7)
    assert jobs(own_queue_server) == [("app.jobs.tasks.work_actions", [7])]
    assert own_queue_server.client().ttl(next(own_queue_server.client().scan_iter("rq:job:*"))) <= 120


def test_hints_that_nobody_has_taken_yet_are_enough(own_queue_server):
    hints = Hints(own_queue_server.url())
    assert all(hints("actions", n) for n in range(1, 60))
    assert hints("mail", 1)
    assert [len(jobs(own_queue_server, name)) for name in ("actions", "mail")] == [2, 1]
    assert (hints.sent, hints.spared, hints.failed) == (3, 57, 0)
    own_queue_server.client().lpop("rq:queue:actions")
    assert hints("actions", 60)
    assert len(jobs(own_queue_server)) == 2


def test_down_costs_little_once_and_then_nothing(own_queue_server):
    hints = Hints(own_queue_server.url(), pause=5)
    assert hints("actions", 1)
    own_queue_server.kill()
    began = time.monotonic()
    assert not hints("actions", 2)
    assert time.monotonic() - began < 0.5
    began = time.monotonic()
    assert not any(hints("actions", n) for n in range(100))
    assert time.monotonic() - began < 0.1
    assert (hints.failed, hints.skipped) == (1, 100)


@pytest.mark.parametrize("connected_before", [True, False])
def test_hung_costs_half_a_second_once_and_then_nothing(own_queue_server, connected_before):
    hints = Hints(own_queue_server.url(), pause=5)
    if connected_before:
        assert hints("actions", 1)
    own_queue_server.freeze()
    began = time.monotonic()
    assert not hints("actions", 2)
    assert time.monotonic() - began < 0.5
    began = time.monotonic()
    assert not any(hints("actions", n) for n in range(100))
    assert time.monotonic() - began < 0.1
    own_queue_server.thaw()


def test_it_is_used_again_when_it_is_back(own_queue_server):
    hints = Hints(own_queue_server.url(), pause=0.2)
    own_queue_server.kill()
    assert not hints("actions", 1)
    own_queue_server.start()
    time.sleep(0.25)
    assert hints("actions", 2)


def test_a_full_queue_server_is_only_a_hint_less(own_queue_server):
    own_queue_server.client().config_set("maxmemory-policy", "noeviction")
    own_queue_server.client().config_set("maxmemory", "1")
    hints = Hints(own_queue_server.url())
    assert not hints("actions", 1)


def test_without_a_queue_server_nothing_is_tried():
    hints = Hints(None)
    assert not hints("actions", 1)
    assert hints.failed == 0


def test_whether_it_answers(own_queue_server):
    hints = Hints(own_queue_server.url(), pause=0)
    assert hints.answers()
    own_queue_server.kill()
    assert not hints.answers()
    own_queue_server.start()
    assert hints.answers()
    assert not Hints(None).answers()
