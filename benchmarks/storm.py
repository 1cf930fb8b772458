"""The kill storm: real clicks on the real processes, ``kill -9`` on all of them, then everything is counted.

    .venv/bin/python -m benchmarks.storm                            # 2,000 actions, SQLite
    .venv/bin/python -m benchmarks.storm --database postgresql      # its own server, restarted in the middle
    .venv/bin/python -m benchmarks.storm --actions 100 --kills 12 --wipes 2

Starts ``run.py`` on an empty data folder and a stand-in of the platform (``tests/standins/noventiq.py``) that fails
20 % of its calls: refused, reset, hanging, done and then 502, done but too late. Users sign in and press the forms
of the order pages, some twice, some rivals at once. Meanwhile workers, work-horses, sweeper, queue server, inbox
and web processes are killed, and the queue server's data is wiped. When all is calm: nothing lost, nothing doubled,
nothing left alive. The exit code says so.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from typing import ClassVar

import redis
import requests

from benchmarks.common import commit
from benchmarks.judge import CODE, Mailed, Seen, judge
from benchmarks.people import USERS, Tally, User, prepare
from benchmarks.processes import ROOT, Database, Portal, parent
from launch import queue_server

FIRST_ORDER = 70_000_001
KINDS = ("refund", "refund", "refund", "withdrawn", "cancel", "cancel", "resume", "resend", "resend", "resend")
"""Ten actions; whoever has ``withdrawn`` asks for a refund and takes it back at once, where it is not too late."""
TIMING = "call=2 job=6 lease=8 quarantine=8 backoff=0.3 cap=4 attempts=200 tick=0.5 rehint=3"
HANG, LATE = 2.3, 1.0
"""Seconds a call hangs (longer than the client waits), and until a late effect: both well within the quarantine."""


class Chaos(threading.Thread):
    """Kills something now and then until told to stop, and wipes the queue server."""

    WEIGHTS: ClassVar = {
        "horse": 6,
        "worker": 4,
        "worker and horse": 4,
        "sweeper": 2,
        "queue server": 2,
        "web": 3,
        "web worker": 2,
        "inbox": 1,
    }
    MUST_DIE: ClassVar = {"horse", "worker", "sweeper", "queue server", "web"}
    """Kinds of processes that every storm kills, and kills first."""

    def __init__(self, portal: Portal, database: Database, tally: Tally, args: argparse.Namespace) -> None:
        super().__init__(daemon=True)
        self.portal, self.database, self.tally, self.every = portal, database, tally, args.every
        self.kills, self.wipes = args.kills, args.wipes
        self.random, self.stop = random.Random(args.seed), threading.Event()
        self.restart_due = 3 if database.kind == "postgresql" else 0

    @property
    def unfinished(self) -> bool:
        """Is something still to be killed, wiped or restarted?"""
        kills = self.tally.kills
        return (
            kills.total() - kills["wipe"] < self.kills
            or kills["wipe"] < self.wipes
            or (self.database.kind == "postgresql" and not self.database.restarts)
        )

    @property
    def spared(self) -> list[str]:
        """Kinds that must die and have not yet."""
        return sorted(self.MUST_DIE - set(self.tally.kills))

    def run(self) -> None:
        turns = 0
        while not self.stop.wait(self.every * (0.5 + self.random.random())):
            turns += 1
            try:
                if turns % 6 == 0:
                    self.wipe()
                elif self.restart_due and turns % 25 == 10:
                    self.restart_due -= 1
                    self.database.restart()
                elif self._web_is_there():
                    weights = dict.fromkeys(self.spared, 1) or self.WEIGHTS
                    self.kill(self.random.choices(list(weights), list(weights.values()))[0])
            except (OSError, redis.RedisError, subprocess.SubprocessError) as error:
                self.tally.odd.append(f"chaos: {error}")

    def _web_is_there(self) -> bool:
        """Nobody clicks while the web is down: a storm over a portal that is starting would show little."""
        try:
            return requests.get(f"{self.portal.url}/healthz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def kill(self, what: str) -> None:
        """Kill one of the kind; for a work-horse wait until one is at work."""
        end = time.monotonic() + (5 if "horse" in what else 0)
        while True:
            found = list(self.portal.processes())
            victims = self._victims(what, found)
            if victims or time.monotonic() >= end or self.stop.is_set():
                break
            time.sleep(0.01)
        for pid, name in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.tally.kills[name] += 1

    def _victims(self, what: str, found: list[tuple[int, str]]) -> list[tuple[int, str]]:
        if what != "worker and horse":
            of_kind = [one for one in found if one[1] == what]
            return [self.random.choice(of_kind)] if of_kind else []
        horses = [(pid, parent(pid)) for pid, name in found if name == "horse"]
        pairs = [(horse, worker) for horse, worker in horses if (worker, "worker") in found]
        if not pairs:
            return []
        horse, worker = self.random.choice(pairs)
        return [(horse, "horse"), (worker, "worker")]

    def wipe(self) -> None:
        """Everything the queue server held is gone, by command or with its files."""
        folder = self.portal.folder / "queue"
        if self.random.random() < 0.5:
            redis.Redis.from_url(queue_server.url(folder), socket_timeout=2).flushall()
        else:
            shutil.rmtree(folder / "appendonlydir", ignore_errors=True)
            self.kill("queue server")
            shutil.rmtree(folder / "appendonlydir", ignore_errors=True)
        self.tally.kills["wipe"] += 1


def click_all(portal: Portal, plan: dict[int, str], tally: Tally, seed: int) -> None:
    """Every planned action is clicked until it is accepted; some refunds by a rival as well."""
    left = list(plan.items())
    random.Random(seed).shuffle(left)
    lock = threading.Lock()

    def work(number: int) -> None:
        user = User(portal, USERS[number], tally, seed + number)
        rival = User(portal, USERS[(number + 1) % len(USERS)], tally, seed + 100 + number)
        user.sign_in()
        rival.sign_in()
        while True:
            with lock:
                if not left:
                    return
                order_id, kind = left.pop()
            other = kind == "refund" and user.random.random() < 0.3
            results: list[bool] = []
            second = threading.Thread(target=lambda: results.append(rival.press(order_id, kind, rival=True)))  # noqa: B023
            if other:
                second.start()
            results.append(user.press(order_id, "refund" if kind == "withdrawn" else kind))
            if other:
                second.join()
            if kind == "withdrawn" and not user.press(order_id, "withdraw", rival=True):
                kind = "refund"  # too late: then it has to happen
            with tally.lock:
                if any(results):
                    tally.accepted[order_id] = kind
                    if len(tally.accepted) % 100 == 0:
                        print(f"  {len(tally.accepted)} accepted, {sum(tally.kills.values())} kills", flush=True)
                else:
                    tally.odd.append(f"{kind} of {order_id} was never accepted")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(USERS))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


ALIVE = "SELECT {what} FROM {table} WHERE state IN ('waiting', 'running')"


def wait_until_calm(database: Database, seconds: float) -> tuple[float, int, list[str]]:
    """Wait until no row is alive: (how long it took, rows still alive at the end, what they are doing)."""
    began = told = time.monotonic()
    count = " + ".join(f"({ALIVE.format(what='count(*)', table=table)})" for table in ("action", "mail"))
    while True:
        (alive,) = database.rows(f"SELECT {count}")[0]
        if alive == 0 or time.monotonic() - began >= seconds:
            break
        if time.monotonic() - told >= 15 or told == began:
            told = time.monotonic()
            print(f"  {alive} rows alive after {told - began:.0f} s", flush=True)
        time.sleep(1)
    took = time.monotonic() - began
    what = "state, attempt, next_at, lease_until, hinted_at, error"
    rows = [
        f"{t} {row}" for t in ("action", "mail") for row in database.rows(ALIVE.format(what=f"id, {what}", table=t))
    ]
    return took, alive, rows


def look(database: Database, effects: list[dict], inbox: Path) -> Seen:
    """Read what the tables, the platform and the mail server hold."""
    seen = Seen(
        actions=database.rows("SELECT order_id, kind, state FROM action ORDER BY id"),
        requests=database.rows("SELECT order_id, status FROM refund_request ORDER BY id"),
        subscriptions=dict(database.rows("SELECT parent_order_id, status FROM subscription")),
        mail_rows=database.rows("SELECT order_id, message_id, state FROM mail ORDER BY id"),
    )
    said = "SELECT order_id, {name}, count(*) FROM {table} WHERE {where} GROUP BY order_id, {name}"
    for found, name, table, where in (
        (seen.history, "code", "order_event", "source = 'portal'"),
        (seen.audit, "event", "audit_entry", "result = 'ok' AND order_id IS NOT NULL"),
    ):
        for order_id, what, number in database.rows(said.format(name=name, table=table, where=where)):
            found[order_id, what] = number
    for effect in effects:
        if effect["effect"] == "refund":
            seen.refunds[effect["order_id"]] += 1
        elif effect["effect"] == "activity":
            order_id = int(effect["subscription"].partition("_")[0])
            seen.changes[order_id, "resume" if effect["activity"] else "cancel"] += 1
    seen.mails = list(dict.fromkeys(delivered(inbox)))
    return seen


def delivered(inbox: Path) -> Iterator[Mailed]:
    """The mails about orders that the mail server has taken, redeliveries included."""
    for file in inbox.glob("*.eml"):
        message = message_from_bytes(file.read_bytes())
        number = re.search(r"A0*(\d+)", str(message["Subject"]))
        if number:
            text = "".join(part.get_payload(decode=True).decode() for part in message.walk() if not part.is_multipart())  # type: ignore[union-attr]
            to = frozenset(filter(None, re.split(r"[\s,]+", f"{message['X-Envelope-To']}, {message['To']}")))
            codes = frozenset(re.findall(CODE.format(r"\d+"), text))
            yield Mailed(int(number[1]), str(message["Message-ID"]), to, codes)


def main() -> int:
    """Run the storm and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--actions", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=100, help="at least so many; the storm goes on until then")
    parser.add_argument("--wipes", type=int, default=5, help="at least so many wipes of the queue server")
    parser.add_argument("--every", type=float, default=2.5, help="seconds between two kills, on average")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--port", type=int, default=8171, help="this and the next two are used")
    parser.add_argument("--faults", type=float, default=0.2)
    parser.add_argument("--calm", type=float, default=300, help="seconds after which no row may be alive")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    args = parser.parse_args()

    folder = Path(tempfile.mkdtemp(prefix="storm-"))
    (folder / "data").mkdir()
    tally = Tally()
    database = Database(args.database, folder, args.port + 2)
    effects_file = folder / "effects.jsonl"
    effects_file.touch()
    platform = subprocess.Popen(
        [sys.executable, "-m", "tests.standins.noventiq", "--port", str(args.port + 1), "--log", str(effects_file),
         "--fault-rate", str(args.faults), "--hang", str(HANG), "--late", str(LATE), "--seed", str(args.seed)],
        cwd=ROOT, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    where = f"http://127.0.0.1:{args.port + 1}"
    portal = Portal(folder / "data", args.port, database, folder / "run.log", PLATFORM_URL=where, QUEUE_TIMING=TIMING)
    good = False
    began = time.monotonic()
    try:
        print(f"Starting run.py on {database.kind} in {folder} …", flush=True)
        portal.start()
        plan = {FIRST_ORDER + number: KINDS[number % len(KINDS)] for number in range(args.actions)}
        prepare(portal, plan, cancelled={order_id for order_id, kind in plan.items() if kind == "resume"})
        print(f"{len(plan)} orders are there. The storm begins.", flush=True)
        chaos = Chaos(portal, database, tally, args)
        chaos.start()
        stormed = time.monotonic()
        click_all(portal, plan, tally, args.seed)
        while chaos.unfinished:
            time.sleep(0.5)
        chaos.stop.set()
        chaos.join(60)
        stormed = time.monotonic() - stormed
        print("All clicked. Waiting for calm …", flush=True)
        took, alive, still = wait_until_calm(database, args.calm)
        time.sleep(HANG + LATE + 1)  # whatever is still on its way at the platform
        effects = [json.loads(line) for line in effects_file.read_text().splitlines()]
        inbox = folder / "data" / "inbox"
        seen = look(database, effects, inbox)
        found = judge(tally.accepted, seen)
        tries = [number for (number,) in database.rows("SELECT attempt FROM action")]
        ended = portal.end()
        good = not any(found.values()) and not alive and not chaos.spared and len(tally.accepted) == len(plan)
        kills = tally.kills.total() - tally.kills["wipe"]
        report = {
            "commit": commit(),
            "database": database.kind + (f", {database.restarts} immediate restarts" if database.restarts else ""),
            "actions accepted": f"{len(tally.accepted)} of {len(plan)}",
            "clicks": tally.clicks, "rivals refused": tally.rivals_refused, "page errors retried": tally.page_errors,
            "kill -9": f"{kills} ({', '.join(f'{v} {k}' for k, v in tally.kills.most_common() if k != 'wipe')})",
            "wipes of the queue server": tally.kills["wipe"], "platform faults": f"{args.faults:.0%}",
            "of these": ", ".join(f"{v} {k}" for k, v in Counter(tally.accepted.values()).most_common()),
            **{name: len(lines) for name, lines in found.items()},
            "states": ", ".join(f"{v} {k}" for k, v in Counter(row[2] for row in seen.actions).most_common()),
            "tried again / most attempts": f"{sum(number > 1 for number in tries)} / {max(tries, default=0)}",
            "mails distinct / delivered": f"{len(seen.mails)} / {sum(1 for _ in delivered(inbox))}",
            "repeats the platform refused": sum(effect["effect"] == "refund again" for effect in effects),
            "rows alive after calm": f"{alive} (calm after {took:.0f} s)",
            "storm / whole run": f"{stormed:.0f} s / {time.monotonic() - began:.0f} s",
            "orderly end": f"{ended:.1f} s",
        }  # fmt: skip
        print()
        for name, value in report.items():
            print(f"{name:<28} {value}")
        for name, lines in found.items():
            for line in lines[:20]:
                print(f"  {name}: {line}")
        for line in still[:20]:
            print(f"  alive: {line}")
        for line in tally.odd[:20]:
            print(f"  odd: {line}")
        print("PASSED" if good else "FAILED")
    finally:
        portal.kill_all()
        platform.terminate()
        platform.wait(10)
        database.end()
        if not args.keep and good:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"kept: {folder}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
