"""How fast the queue keeps its promises, on the processes that ``run.py`` starts.

    .venv/bin/python -m benchmarks.timings                        # all five, SQLite
    .venv/bin/python -m benchmarks.timings click recovery         # some of them
    .venv/bin/python -m benchmarks.timings --database postgresql  # its own server

``webhooks``   10,000 shuffled and doubled messages at 50 a second: answers' p99 (target 300 ms), every end right
``click``      from the click to the platform's being called, idle: p95 (target 1 s)
``outage``     pages while the queue server is down, and while it hangs: how much slower (target 0.5 s), and how soon
               what was clicked meanwhile happens afterwards (target 15 s)
``recovery``   a worker and its work-horse are killed in the middle of a call, with production's times: until the row
               is done (target 130 s)

Each prints its figures; the exit code says whether all targets were reached.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

from benchmarks import messages
from benchmarks.common import commit, quantile
from benchmarks.people import USERS, Tally, User, prepare
from benchmarks.processes import Database, Portal
from tests.servers import QueueServer, remove, short_folder, wait_for
from tests.standins.noventiq import Noventiq

FIRST_ORDER = 80_000_001


class Report:
    """Lines of figures, each with its target."""

    def __init__(self) -> None:
        self.good = True

    def __call__(self, name: str, value: float, target: float, unit: str = "s", *, note: str = "") -> None:
        reached = value <= target
        self.good = self.good and reached
        print(f"{name:<58} {value:8.3f} {unit:<3} target {target:g}  {'ok' if reached else 'NOT REACHED'}  {note}")


@contextlib.contextmanager
def running(args: argparse.Namespace, **environ: str) -> Iterator[SimpleNamespace]:
    """``run.py`` on an empty folder; ends without leaving a process."""
    folder = Path(tempfile.mkdtemp(prefix="timings-"))
    (folder / "data").mkdir()
    database = Database(args.database, folder, args.port + 1)
    portal = Portal(folder / "data", args.port, database, folder / "run.log", **environ)
    try:
        portal.start()
        yield SimpleNamespace(portal=portal, database=database, folder=folder)
        portal.end()
    finally:
        portal.kill_all()
        database.end()
        shutil.rmtree(folder, ignore_errors=True)


def somebody(portal: Portal, number: int = 0) -> User:
    """A specialist who has signed in."""
    user = User(portal, USERS[number], Tally(), number)
    user.sign_in()
    return user


def click(args: argparse.Namespace, report: Report) -> None:
    """From the moment a click is sent until the platform has taken it, one click at a time."""
    orders = range(FIRST_ORDER, FIRST_ORDER + args.clicks)
    with Noventiq(any_order=True) as platform, running(args, PLATFORM_URL=platform.url) as run:
        prepare(run.portal, orders)
        user = somebody(run.portal)
        waits = []
        for number, order_id in enumerate(orders, 1):
            address, form = user.form(order_id, "refund")
            assert address is not None, "no button to request a refund"
            began = time.time()
            assert user.ask("POST", address, data=form).status_code == 303
            wait_for(lambda: len(platform.effects("refund")) >= number, 30, every=0.005)  # noqa: B023
            waits.append(platform.effects("refund")[-1]["at"] - began)
            time.sleep(0.3)
    note = f"median {statistics.median(waits):.3f}, slowest {max(waits):.3f}, {len(waits)} clicks"
    report("click to platform call, idle, p95", quantile(waits, 0.95), 1.0, note=note)


def outage(args: argparse.Namespace, report: Report) -> None:
    """Pages and clicks with the queue server there, gone and hanging; then how soon the clicks happen."""
    folder = short_folder()
    server = QueueServer(folder)
    server.start()
    orders = iter(range(FIRST_ORDER, FIRST_ORDER + 60))
    try:
        with (
            Noventiq(any_order=True) as platform,
            running(args, PLATFORM_URL=platform.url, REDIS_URL=server.url()) as run,
        ):
            prepare(run.portal, range(FIRST_ORDER, FIRST_ORDER + 60))
            user = somebody(run.portal)
            usual = _pages(user, orders)
            for name, harm, mend in (("down", server.kill, server.start), ("hanging", server.freeze, server.thaw)):
                harm()
                for kind, times in _pages(user, orders).items():
                    before = statistics.median(usual[kind])
                    note = f"usual median {before:.3f}, slowest now {max(times):.3f}"
                    report(f"queue server {name}: {kind}, slowest, slower by", max(times) - before, 0.5, note=note)
                waiting = _alive(run.database)
                mend()
                began = time.monotonic()
                wait_for(lambda: _alive(run.database) == 0, 60, every=0.1)
                note = f"{waiting} actions had waited"
                report(f"queue server {name}: back until all is done", time.monotonic() - began, 15, note=note)
    finally:
        server.kill()
        remove(folder)


def _pages(user: User, orders: Iterator[int]) -> dict[str, list[float]]:
    """Seconds until each answer: the list, an order, a click on a button of it."""
    took: dict[str, list[float]] = {"list": [], "order": [], "click": []}
    for _ in range(15):
        order_id = next(orders)
        took["list"].append(_timed(lambda: user.ask("GET", "/orders/")))
        took["order"].append(_timed(lambda: user.ask("GET", f"/orders/{order_id}")))  # noqa: B023
        address, form = user.form(order_id, "cancel")
        assert address is not None, "no button to cancel"
        took["click"].append(_timed(lambda: user.ask("POST", address, data=form)))  # noqa: B023
    return took


def _timed(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


def _alive(database: Database) -> int:
    (number,) = database.rows("SELECT count(*) FROM action WHERE state IN ('waiting', 'running')")[0]
    return int(number)


def recovery(args: argparse.Namespace, report: Report) -> None:
    """The platform has done it and does not answer; then worker and work-horse die. Production's times."""
    with Noventiq(any_order=True, hang=60) as platform, running(args, PLATFORM_URL=platform.url) as run:
        prepare(run.portal, [FIRST_ORDER])
        user = somebody(run.portal)
        platform.faults.next("refund", "done_then_hang")
        user.press(FIRST_ORDER, "refund")
        wait_for(lambda: platform.effects("refund"), 30)
        horses = wait_for(lambda: run.portal.pids("horse"), 5)
        began = time.monotonic()
        for pid in [*run.portal.pids("worker"), *horses]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: _alive(run.database) == 0, 200, every=0.2)
        took = time.monotonic() - began
        assert len(platform.effects("refund")) == 1, "it was done twice"
        assert run.database.rows("SELECT state FROM action") == [("done",)]
    report("a worker's death until its row is done", took, 130, note="production's times; done once")


def webhooks(args: argparse.Namespace, report: Report) -> None:
    """Messages at a steady rate to the real address; then every order is compared with what it must have become."""
    with running(args, WEBHOOK_SECRETS=messages.SECRETS) as run:
        run.portal.portal("store", messages.STORE)
        sent = messages.plan(args.events)
        before = run.portal.cpu()
        latencies, odd = messages.send(run.portal.url, sent, args.rate)
        note = f"median {statistics.median(latencies) * 1000:.0f} ms, slowest {max(latencies) * 1000:.0f} ms"
        report(
            f"{len(sent):,} webhooks at {args.rate:g} a second, answers' p99", quantile(latencies, 0.99), 0.3, note=note
        )
        report("… answers other than 204", len(odd), 0, "", note=", ".join(map(str, odd[:3])))
        began = time.monotonic()
        waiting = "SELECT count(*) FROM webhook_delivery WHERE state IN ('waiting', 'running', 'attention')"
        wait_for(lambda: run.database.rows(waiting) == [(0,)], 600, every=0.5)
        took = time.monotonic() - began
        used = {kind: seconds - before.get(kind, 0.0) for kind, seconds in run.portal.cpu().items()}
        each = ", ".join(f"{kind} {seconds / len(sent) * 1000:.1f}" for kind, seconds in used.items() if seconds > 0)
        print(f"… milliseconds of CPU for each: {each}")
        wrong = messages.wrong(run.database, sent)
        note = f"last one applied {took:.1f} s after the last was sent"
        report(f"… of {messages.orders(sent):,} orders ended wrong", len(wrong), 0, "", note=note)
        for line in wrong[:10]:
            print(f"  {line}")


ALL = {"webhooks": webhooks, "click": click, "outage": outage, "recovery": recovery}


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("what", nargs="*", choices=[[], *ALL], default=[])
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--port", type=int, default=8181, help="this and the next one are used")
    parser.add_argument("--events", type=int, default=10_000, help="webhooks to send")
    parser.add_argument("--rate", type=float, default=50.0, help="webhooks a second")
    parser.add_argument("--clicks", type=int, default=60)
    args = parser.parse_args()
    print(f"commit {commit()}, {args.database}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    report = Report()
    for name in args.what or ALL:
        ALL[name](args, report)
    print("PASSED" if report.good else "FAILED")
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
