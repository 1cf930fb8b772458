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
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import ClassVar

import redis
import requests
import sqlalchemy as sa

from launch import queue_server
from tests.factories import snapshot
from tests.standins.noventiq import PASSWORD, USERNAME

ROOT = Path(__file__).resolve().parents[1]
STORE = "storm-eu"
USERS = [f"storm{number}@example.org" for number in range(8)]
USER_PASSWORD = "a quiet sea in november 77"
FIRST_ORDER = 70_000_001
KINDS = ("refund", "refund", "refund", "refund", "cancel", "cancel", "cancel", "resend", "resend", "resend")
TIMING = "call=2 job=6 lease=8 quarantine=8 backoff=0.3 cap=4 attempts=200 tick=0.5 rehint=3"
HANG, LATE = 2.3, 1.0
"""Seconds a call hangs (longer than the client waits), and until a late effect: both well within the quarantine."""
PG_BIN = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


@dataclass
class Tally:
    """What the storm did and saw."""

    accepted: dict[int, str] = field(default_factory=dict)
    clicks: int = 0
    rivals_refused: int = 0
    page_errors: int = 0
    odd: list[str] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Database:
    """Where the portal keeps its rows: a file, or a PostgreSQL server of our own that can be restarted."""

    def __init__(self, kind: str, folder: Path, port: int) -> None:
        self.kind, self.folder, self.port = kind, folder, port
        self.restarts = 0
        if kind == "sqlite":
            self.url = f"sqlite:///{folder / 'data' / 'portal.sqlite3'}"
            return
        if PG_BIN is None:
            raise SystemExit("no PostgreSQL server programs in /usr/lib/postgresql")
        self.data = Path(tempfile.mkdtemp(prefix="storm-pg-"))
        shutil.chown(self.data, "postgres")
        self._pg("initdb", "-D", str(self.data), "-A", "trust", "-U", "postgres", "--no-sync")
        self.start()
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"

    def _pg(self, program: str, *words: str) -> None:
        command = [str(PG_BIN / program), *words]  # type: ignore[operator]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/tmp")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='{self.data}'"
        self._pg("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.data / "log"), "-o", options, "start")

    def restart(self) -> None:
        """Ends as after a power cut, and comes back."""
        self._pg("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")
        self.start()
        self.restarts += 1

    def rows(self, text: str) -> list[tuple]:
        """Ask, outside of the portal."""
        engine = sa.create_engine(self.url, poolclass=sa.pool.NullPool)
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(text))]

    def end(self) -> None:
        if self.kind == "postgresql":
            self._pg("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")
            shutil.rmtree(self.data, ignore_errors=True)


class Portal:
    """``run.py`` on its own data folder, and a view of the processes under it."""

    def __init__(self, folder: Path, port: int, database: Database, platform_url: str, log: Path) -> None:
        self.folder, self.port = folder, port
        self.url = f"http://127.0.0.1:{port}"
        self.environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("REDIS_", "MAIL_", "PLATFORM_"))},
            "PORTAL_ENV": "tryout", "PORTAL_DATA": str(folder), "DATABASE_URL": database.url, "BASE_URL": self.url,
            "PLATFORM_URL": platform_url, "PLATFORM_USERNAME": USERNAME, "PLATFORM_PASSWORD": PASSWORD,
            "QUEUE_TIMING": TIMING, "SESSION_IDLE_MINUTES": "600",
        }  # fmt: skip
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "run.py", "--no-demo", "--port", str(self.port), "--data", str(self.folder)]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environ, stdout=output, stderr=output)
        end = time.monotonic() + 180
        while time.monotonic() < end:
            try:
                if requests.get(f"{self.url}/readyz", timeout=3).status_code == 200:
                    return
            except requests.RequestException:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.3)
        raise SystemExit(f"run.py did not get ready:\n{self.log.read_text()}")

    def portal(self, *words: str, given: str = "") -> None:
        command = [sys.executable, "-m", "flask", "--app", "app", "portal", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environ, input=given, text=True, capture_output=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"portal {' '.join(words)}: {done.stdout}{done.stderr}")

    def processes(self) -> Iterator[tuple[int, str]]:
        """(pid, what it is) of everything run.py started, of their children, and of work-horses they left behind."""
        try:
            started = json.loads((self.folder / "logs" / "processes.json").read_text())
        except (OSError, ValueError):
            started = {}
        for name, pid in started.items():
            kind = "worker" if name.startswith("worker-") else name.replace("-", " ")
            if Path(f"/proc/{pid}").exists():
                yield pid, kind
            for child in _children(pid):
                yield child, {"worker": "horse", "web": "web worker"}.get(kind, kind)
        yield from self.left_behind(orphans_only=True)

    def left_behind(self, *, orphans_only: bool) -> Iterator[tuple[int, str]]:
        """Processes that carry our data folder's mark and have lost their parent (or all of them)."""
        mark = f"PORTAL_DATA={self.folder}".encode()
        ours = {os.getpid(), self.process.pid if self.process else 0}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) in ours:
                continue
            try:
                marked = mark in (entry / "environ").read_bytes()
            except OSError:
                continue
            if marked and (not orphans_only or _parent(int(entry.name)) == 1):
                yield int(entry.name), "horse"

    def end(self) -> float:
        """SIGTERM; how long the end took."""
        began = time.monotonic()
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(150)
        return time.monotonic() - began


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return 0


class Chaos(threading.Thread):
    """Kills something now and then until told to stop, and wipes the queue server."""

    WEIGHTS: ClassVar = {
        "horse": 6,
        "worker": 4,
        "worker and horse": 4,
        "sweeper": 2,
        "queue server": 2,
        "web": 4,
        "inbox": 1,
    }

    def __init__(self, portal: Portal, database: Database, tally: Tally, every: float, wipes: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.portal, self.database, self.tally, self.every = portal, database, tally, every
        self.wipes_left, self.random, self.stop = wipes, random.Random(seed), threading.Event()
        self.restart_due = 3 if database.kind == "postgresql" else 0

    def run(self) -> None:
        turns = 0
        while not self.stop.wait(self.every * (0.5 + self.random.random())):
            turns += 1
            try:
                if turns % 6 == 0:
                    self.wipe()
                elif self.restart_due and turns % 25 == 0:
                    self.restart_due -= 1
                    self.database.restart()
                elif self._web_is_there():
                    self.kill(self.random.choices(list(self.WEIGHTS), list(self.WEIGHTS.values()))[0])
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
        horses = [(pid, _parent(pid)) for pid, name in found if name == "horse"]
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


class User:
    """Somebody who clicks, and clicks again when the page does not come."""

    def __init__(self, portal: Portal, email: str, tally: Tally, seed: int) -> None:
        self.portal, self.email, self.tally, self.random = portal, email, tally, random.Random(seed)
        self.browser = requests.Session()

    def ask(self, method: str, path: str, **values: object) -> requests.Response:
        """A request, repeated while the portal is being killed."""
        for tried in range(400):
            try:
                answer = self.browser.request(
                    method, self.portal.url + path, timeout=20, allow_redirects=False, **values
                )  # type: ignore[arg-type]
                if answer.status_code < 500:
                    return answer
            except requests.RequestException:
                pass
            with self.tally.lock:
                self.tally.page_errors += 1
            time.sleep(min(0.2 * 1.3**tried, 2))
        raise SystemExit("the portal did not come back")

    def sign_in(self) -> None:
        self.browser.cookies.clear()
        page = self.ask("GET", "/login/").text
        form = {"csrf_token": _csrf(page), "username": self.email, "password": USER_PASSWORD}
        answer = self.ask("POST", "/login/", data=form)
        if answer.status_code != 303:
            raise SystemExit(f"signing in was answered with {answer.status_code}")

    def press(self, order_id: int, kind: str, *, rival: bool = False) -> bool:
        """Press the form of the action on the order's page, one to three times at once; accepted?"""
        address, form = self._form(order_id, kind)
        if address is None:
            return False
        times = 1 if rival else self.random.choice((1, 1, 2, 3))
        answers: list[int] = []
        cookies = dict(self.browser.cookies)

        def send() -> None:
            other = User(self.portal, self.email, self.tally, 0)
            other.browser.cookies.update(cookies)
            answers.append(other.ask("POST", address, data=form).status_code)

        threads = [threading.Thread(target=send) for _ in range(times)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with self.tally.lock:
            self.tally.clicks += times
            self.tally.rivals_refused += answers.count(409)
            for status in set(answers) - {303, 409}:
                self.tally.odd.append(f"{kind} of {order_id}: {status}")
        return 303 in answers

    def _form(self, order_id: int, kind: str) -> tuple[str | None, dict[str, str]]:
        for _ in range(3):
            answer = self.ask("GET", f"/orders/{order_id}")
            if answer.status_code == 200:
                break
            self.sign_in()
        addresses = {
            "refund": f"/orders/{order_id}/refund",
            "cancel": f"/orders/{order_id}/subscriptions/{order_id}_1/cancel",
            "resend": f"/orders/{order_id}/licenses/l1/resend",
        }
        address = addresses[kind]
        found = re.search(rf'<form[^>]*action="{re.escape(address)}".*?</form>', answer.text, re.S)
        if found is None:
            return None, {}
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', found[0]))
        return address, {**fields, "reason": "The customer wants it back."}


def _csrf(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    if found is None:
        raise SystemExit("no csrf_token in the page")
    return found[1]


def prepare(portal: Portal, actions: int, folder: Path) -> dict[int, str]:
    """A store, people, and an order for each action; which order gets which."""
    portal.portal("store", STORE)
    for email in USERS:
        words = ("--first-name", "Sam", "--last-name", "Storm", "--role", "Specialist", "--store", STORE)
        portal.portal("user", email, *words, "--password-stdin", given=USER_PASSWORD + "\n")
    plan = {FIRST_ORDER + number: KINDS[number % len(KINDS)] for number in range(actions)}
    lines = []
    for order_id in plan:
        subscription = {
            "id": f"{order_id}_1", "type": "AR", "status": "active", "period": "P1Y",
            "parent_order_id": order_id,
        }  # fmt: skip
        lines.append(json.dumps(snapshot(order_id=order_id, store=STORE, items=[{"subscription": subscription}])))
    file = folder / "orders.jsonl"
    file.write_text("\n".join(lines) + "\n")
    portal.portal("import", str(file))
    return plan


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
            results.append(user.press(order_id, kind))
            if other:
                second.join()
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


def count(database: Database, tally: Tally, effects: list[dict], inbox: Path) -> dict[str, object]:
    """Compare what was accepted with what happened."""
    rows = database.rows("SELECT id, kind, order_id, state, reason, attempt FROM action")
    states: dict[int, list[str]] = {}
    for _, _, order_id, state, _, _ in rows:
        states.setdefault(order_id, []).append(state)
    happened: Counter[int] = Counter()
    for effect in effects:
        if effect["effect"] == "refund":
            happened[effect["order_id"]] += 1
        elif effect["effect"] == "activity":
            happened[int(effect["subscription"].partition("_")[0])] += 1
    ids: dict[int, Counter[str]] = {}
    for file in inbox.glob("*.eml"):
        message = message_from_bytes(file.read_bytes())
        number = re.search(r"A0*(\d+)", str(message["Subject"]))
        if number:
            ids.setdefault(int(number[1]), Counter())[str(message["Message-ID"])] += 1
    said = dict(database.rows("SELECT order_id, count(*) FROM order_event WHERE code='license.sent' GROUP BY order_id"))
    lost, doubled, wrong = [], [], []
    for order_id, kind in tally.accepted.items():
        done = len(ids.get(order_id, ())) if kind == "resend" else happened[order_id]
        mine = states.get(order_id, [])
        if done == 0 and "attention" not in mine:
            lost.append((order_id, kind, mine))
        if done > 1:
            doubled.append((order_id, kind, mine))
        if len(mine) != 1 or (done and mine != ["done"]) or (kind == "resend" and said.get(order_id, 0) != 1):
            wrong.append((order_id, kind, mine, done, said.get(order_id)))
    strangers = (set(happened) | set(ids)) - set(tally.accepted)
    delivered = sum(sum(found.values()) for found in ids.values())
    return {
        "lost": lost, "doubled": doubled, "row and effect disagree": wrong, "effects nobody asked for": strangers,
        "states": Counter(state for _, _, _, state, _, _ in rows),
        "tried again": sum(1 for row in rows if row[5] > 1), "most attempts": max((row[5] for row in rows), default=0),
        "mails distinct / delivered": f"{sum(len(found) for found in ids.values())} / {delivered}",
    }  # fmt: skip


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
    portal = Portal(folder / "data", args.port, database, f"http://127.0.0.1:{args.port + 1}", folder / "run.log")
    good = False
    began = time.monotonic()
    try:
        print(f"Starting run.py on {database.kind} in {folder} …", flush=True)
        portal.start()
        plan = prepare(portal, args.actions, folder)
        print(f"{len(plan)} orders are there. The storm begins.", flush=True)
        chaos = Chaos(portal, database, tally, args.every, args.wipes, args.seed)
        chaos.start()
        stormed = time.monotonic()
        click_all(portal, plan, tally, args.seed)
        while sum(tally.kills.values()) - tally.kills["wipe"] < args.kills or tally.kills["wipe"] < args.wipes:
            time.sleep(0.5)
        chaos.stop.set()
        chaos.join(60)
        stormed = time.monotonic() - stormed
        print("All clicked. Waiting for calm …", flush=True)
        took, alive, still = wait_until_calm(database, args.calm)
        time.sleep(HANG + LATE + 1)  # whatever is still on its way at the platform
        effects = [json.loads(line) for line in effects_file.read_text().splitlines()]
        found = count(database, tally, effects, folder / "data" / "inbox")
        ended = portal.end()
        good = not (found["lost"] or found["doubled"] or found["row and effect disagree"] or alive)
        good = good and not found["effects nobody asked for"] and len(tally.accepted) == len(plan)
        kills = sum(tally.kills.values()) - tally.kills["wipe"]
        report = {
            "database": database.kind + (f", {database.restarts} immediate restarts" if database.restarts else ""),
            "actions accepted": f"{len(tally.accepted)} of {len(plan)}",
            "clicks": tally.clicks, "rivals refused": tally.rivals_refused, "page errors retried": tally.page_errors,
            "kill -9": f"{kills} ({', '.join(f'{v} {k}' for k, v in tally.kills.most_common() if k != 'wipe')})",
            "wipes of the queue server": tally.kills["wipe"], "platform faults": f"{args.faults:.0%}",
            **{name: len(value) if isinstance(value, list | set) else value for name, value in found.items()},
            "rows alive after calm": f"{alive} (calm after {took:.0f} s)",
            "storm / whole run": f"{stormed:.0f} s / {time.monotonic() - began:.0f} s",
            "orderly end": f"{ended:.1f} s",
        }  # fmt: skip
        print()
        for name, value in report.items():
            print(f"{name:<28} {dict(value) if isinstance(value, Counter) else value}")
        for name in ("lost", "doubled", "row and effect disagree", "effects nobody asked for"):
            for line in list(found[name])[:20]:  # type: ignore[call-overload]
                print(f"  {name}: {line}")
        for line in still[:20]:
            print(f"  alive: {line}")
        for line in tally.odd[:20]:
            print(f"  odd: {line}")
        print("PASSED" if good else "FAILED")
    finally:
        if portal.process and portal.process.poll() is None:
            portal.process.kill()
        for pid, _ in [*portal.processes(), *portal.left_behind(orphans_only=False)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
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
