"""What a web worker weighs: ``python -m benchmarks.memory``.

Starts the web server as ``run.py`` does (gunicorn with ``app/gunicorn.py``) on the benchmark's database, asks for some
hundred pages over HTTP as a signed-in person, and reads each worker's memory from /proc.
"""

from __future__ import annotations

import argparse
import http.client
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

from app import create_app
from app.db import scope_as
from app.domain.access import ALL_STORES
from app.models import Person
from benchmarks.common import database_url, describe
from benchmarks.dataset import PERSON
from config import load
from tests.factories import Make

ROOT = Path(__file__).resolve().parents[1]
PATHS = ("/orders/", "/orders/?status=paid", "/orders/?status=refund_sent", "/orders/?size=100", "/refunds/")


def main() -> None:
    """Print one line a worker."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=600)
    parser.add_argument("--port", type=int, default=9190)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environ = dict(os.environ, DATABASE_URL=database_url(), PORTAL_DATA=folder, SECRET_KEY=secrets.token_hex(32))
        cookie, about, orders = _signed_in(dict(environ, PORTAL_ENV="test"))
        print(about, flush=True)
        command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "app" / "gunicorn.py")]
        with (Path(folder) / "web.log").open("wb") as log:
            server = subprocess.Popen(
                [*command, "--bind", f"127.0.0.1:{options.port}"], env=environ, cwd=ROOT, stdout=log, stderr=log
            )
            try:
                _wait(options.port)
                before = _workers(server.pid)
                paths = [*PATHS, *(f"/orders/{number}" for number in orders)]
                for n in range(options.pages):
                    _get(options.port, paths[n % len(paths)], cookie)
                after = _workers(server.pid)
            finally:
                server.send_signal(signal.SIGTERM)
                server.wait(60)
    for worker, (rss, own) in after.items():
        at_first = before.get(worker, (0.0, 0.0))[0]
        print(
            f"worker {worker}: {rss:.0f} MB resident ({at_first:.0f} at the start), {own:.0f} MB of it its own,"
            f" after {options.pages} pages among {len(after)} workers"
        )


def _signed_in(environ: dict[str, str]) -> tuple[str, str, list[int]]:
    """A session's cookie, what the database is, and some orders of the person's."""
    app = create_app(load(environ))
    with app.app_context(), scope_as(ALL_STORES):
        session = app.extensions["database"].session()
        person = session.scalar(sa.select(Person.id).where(Person.email == PERSON))
        mine = "SELECT id FROM orders WHERE store_id IN (SELECT store_id FROM store_grant WHERE user_id = :me)"
        orders = list(session.scalars(sa.text(f"{mine} LIMIT 20"), {"me": person}))
        session.rollback()
    browser = Make(app).signed_in(person)
    name = app.session_interface.session_cookie  # type: ignore[attr-defined]
    cookie = browser.get_cookie(name)
    assert cookie is not None
    return f"{name}={cookie.value}", describe(app.extensions["database"].engine), orders


def _wait(port: int) -> None:
    for _ in range(300):
        try:
            return _get(port, "/healthz", "")
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the web server does not answer")


def _get(port: int, path: str, cookie: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers={"Cookie": cookie})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 200, (path, answer.status)


def _workers(master: int) -> dict[int, tuple[float, float]]:
    """Resident and own (shared with nobody) memory of each worker, MB."""
    found = {}
    for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split():
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        fields = {line.split(":")[0]: line.split()[1] for line in lines}
        own = int(fields["Private_Clean"]) + int(fields["Private_Dirty"])
        found[int(pid)] = (int(fields["Rss"]) / 1024, own / 1024)
    return found


if __name__ == "__main__":
    main()
