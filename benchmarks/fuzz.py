"""No answer of 500 or above for any input: ``python -m benchmarks.fuzz --calls 20000``.

Half of the calls are made from the API description (schemathesis, with and without a token); half go to every route
and every form found on the pages, as anonymous, specialist, lead and administrator, with values that break things
(``benchmarks/fuzz_values.py``). In this process through WSGI, on SQLite, two stores of ``tests/isolation/world.py``.
The database goes back to its first state every thousand calls, as people sign themselves out and close stores.
Exits 1 when any call was answered with 500 or above, and prints each with what was raised.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import hypothesis
import schemathesis
from flask import Flask, got_request_exception, request, request_started
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from werkzeug.test import run_wsgi_app

from app import create_app, logs, schema
from app.actions.tokens import make_token
from app.db import Database, scope_as, session, transaction
from app.domain.access import ALL_STORES, PLATFORM
from app.domain.webhooks import NotAnObject, read_body, signature_of
from app.security.sync import sync_roles
from benchmarks import fuzz_values as values
from benchmarks.fuzz_values import Call, Form
from config import load
from tests.factories import Browser, Make, snapshot
from tests.isolation.world import OWN, World, build

PEOPLE = ("anonymous", "specialist", "lead", "admin")
LEFT_OUT = ("health.readyz",)
"""503 is this one's right answer while no worker runs."""
RESTORE_EVERY = 1000
SECRET = "a secret of the fuzzer's webhooks"
WEBHOOK = {
    "event": "order.created", "order_id": 5555555, "create_date": "2026-11-01T10:00:00+03:00", "currency": "EUR",
    "status": "Paid", "payment": {"payment_method": "Card"}, "customer": {"email": "a@b.example", "type": "physical"},
    "products": [{"product_id": "1", "sku": "s", "name": "n", "quantity": 1, "price": "1.00", "licenses": ["c"]}],
}  # fmt: skip


class Target:
    """The app with a world in it, ready to be called."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "fuzz.sqlite3"
        secrets = json.dumps({OWN: {"*": [SECRET]}})
        self.app: Flask = create_app(load({
            "PORTAL_ENV": "test", "PORTAL_DATA": str(folder), "DATABASE_URL": f"sqlite:///{self.file}",
            "SECRET_KEY": "a key of the fuzzer that is long enough", "BASE_URL": "http://localhost",
            "WEBHOOK_SECRETS": secrets, "METRICS_TOKEN": "the fuzzer's metrics token",
        }))  # fmt: skip
        self.app.testing = False  # exceptions become answers, as in production
        self.database: Database = self.app.extensions["database"]
        schema.upgrade(self.database.engine)
        self.make = Make(self.app)
        with self.app.app_context():
            sync_roles()
        self.world: World = build(self.app, self.make)
        with self.app.app_context(), scope_as(ALL_STORES), transaction():
            self.token = make_token(session, "fuzz", [OWN], actor=PLATFORM)
        self.database.engine.dispose()
        self._first = sqlite3.connect(":memory:")
        self._copy(sqlite3.connect(self.file), self._first)
        self.orders: list[int] = []
        self.restore()

    @staticmethod
    def _copy(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
        source.backup(target)

    def restore(self) -> None:
        """The first state again, and everybody signed in anew."""
        self.database.engine.dispose()
        live = sqlite3.connect(self.file)
        self._copy(self._first, live)
        live.close()
        self.orders.clear()
        self.browsers: dict[str, Browser] = {}
        self.csrf: dict[str, str] = {}
        self.cookies: dict[str, str] = {}
        for who in PEOPLE:
            self.sign_in(who)

    def sign_in(self, who: str) -> None:
        """A new session: at the beginning, and where a call has just signed somebody out."""
        ids = self.world.ids
        browser = self.browsers[who] = self.make.signed_in(ids[who]) if who in ids else Browser(self.app)
        self.csrf[who] = browser.csrf()
        self.cookies[who] = "; ".join(f"{c.key}={c.value}" for c in (browser._cookies or {}).values())

    def rules(self) -> list[Any]:
        """Every route but the files' and those left out."""
        return [r for r in self.app.url_map.iter_rules() if r.endpoint not in LEFT_OUT and r.endpoint != "static"]

    def forms(self) -> dict[str, list[Form]]:
        """The forms on every page, by who is shown them."""
        found: dict[str, list[Form]] = {}
        for who, browser in self.browsers.items():
            seen: dict[tuple[str, str, tuple[str, ...]], Form] = {}
            for rule in self.rules():
                if "GET" not in rule.methods or "logout" in rule.rule:
                    continue
                page = re.sub(r"<(?:[^:>]+:)?([^>]+)>", lambda m: str(self.own(m.group(1))), rule.rule)
                answer = browser.get(page, follow_redirects=True)
                if "html" in answer.content_type:
                    for form in values.forms_of(answer.text, page):
                        seen[form.endpoint_path, form.method, tuple(n for n, _ in form.fields)] = form
            found[who] = list(seen.values())
        self.restore()
        return found

    def own(self, name: str) -> object:
        """A value of an address's argument that exists."""
        own = self.world.own
        return {
            "order_id": own.order_id, "person_id": own.person_id, "team_id": own.team_id, "store_id": own.store_id,
            "ban_id": own.ban_id, "document_id": "doc", "license_id": "1", "code": f"{own.order_id}_12345",
            "store": own.store, "token": "x" * 43, "found": "css", "key": own.search,
        }.get(name, "1")  # fmt: skip

    def environ(self, call: Call, number: int) -> dict[str, Any]:
        """The call as a WSGI server would give it."""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": call.method, "SCRIPT_NAME": "", "PATH_INFO": call.path.decode("latin-1"),
            "QUERY_STRING": call.query.decode("latin-1"), "SERVER_NAME": "localhost", "SERVER_PORT": "80",
            "HTTP_HOST": "localhost", "SERVER_PROTOCOL": "HTTP/1.1", "REQUEST_URI": "/",
            "REMOTE_ADDR": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
            "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(call.body),
            "wsgi.errors": sys.stderr, "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False,
            "CONTENT_LENGTH": str(len(call.body)) if call.length is None else call.length,
        }  # fmt: skip
        if call.content_type:
            environ["CONTENT_TYPE"] = call.content_type
        if cookies := self.cookies[call.who]:
            environ["HTTP_COOKIE"] = cookies
        if call.sign:
            with contextlib.suppress(NotAnObject):
                environ["HTTP_SIGNATURE"] = signature_of(read_body(call.body), SECRET)
        environ.update(call.headers)
        return environ


@st.composite
def page_calls(draw: st.DrawFn, target: Target, forms: dict[str, list[Form]]) -> Call:
    """A call to a form or to any address."""
    who = draw(st.sampled_from(PEOPLE))
    headers = draw(values.odd_headers())
    kind = draw(st.integers(0, 19))
    if kind == 0:
        body = draw(st.one_of(values.json_bodies(), values.mutated(WEBHOOK).map(_json)))
        return Call("anonymous", "POST", f"/webhooks/noventiq/{OWN}".encode(), b"", headers, "application/json", body,
                    sign=True)  # fmt: skip
    if kind == 1:
        raw = snapshot(store=OWN)
        body = draw(st.one_of(values.json_bodies(), values.mutated(raw).map(_json)))
        bearer = {"HTTP_AUTHORIZATION": f"Bearer {target.token}"}
        return Call("anonymous", "POST", b"/api/v1/orders", b"", headers | bearer, "application/json", body)
    if kind < 11 and forms[who]:
        form = draw(st.sampled_from(forms[who]))
        pairs = draw(values.pairs_from(form.fields, target.csrf[who]))
        parts = urlsplit(form.endpoint_path)
        path, query = unquote_to_bytes(parts.path), parts.query.encode()
        if form.method == "GET":
            return Call(who, "GET", path, values.encoded(pairs), headers)
        content_type, body = draw(values.bodies(pairs))
        return Call(who, "POST", path, query, headers, content_type, body, draw(_lengths))
    rule = draw(st.sampled_from(target.rules()))
    odd = draw(st.booleans())

    def argument(found: re.Match[str]) -> str:
        name = found.group(1)
        if odd and draw(st.integers(0, 2)):
            return draw(values.texts)[:3000]
        if name == "order_id" and target.orders and draw(st.booleans()):
            return str(target.orders[draw(st.integers(0, 10**6)) % len(target.orders)])
        return str(target.own(name))

    path = values.wire(re.sub(r"<(?:[^:>]+:)?([^>]+)>", argument, rule.rule))
    if draw(st.integers(0, 19)) == 0:
        path += draw(st.sampled_from(values.BROKEN_BYTES))
    names = st.sampled_from(values.NAMES)
    pairs = draw(st.lists(st.tuples(names, values.texts), max_size=4))
    query = values.encoded(pairs) if draw(st.integers(0, 2)) else draw(st.sampled_from(values.BROKEN_BYTES))
    verbs = st.sampled_from(sorted(rule.methods))
    method = draw(st.one_of(verbs, verbs, verbs, st.sampled_from(("PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"))))
    if method in ("GET", "HEAD", "OPTIONS"):
        return Call(who, method, path, query, headers)
    content_type, body = draw(values.bodies([*pairs, ("csrf_token", target.csrf[who])]))
    return Call(who, method, path, query if draw(st.booleans()) else b"", headers, content_type, body, draw(_lengths))


_lengths = st.sampled_from((None,) * 12 + ("", "-1", "x", "0", "99999999999", "1"))


def _json(value: object) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


class Fuzzer:
    """Sends calls, counts answers, keeps what failed."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.number = 0
        self.statuses: Counter[int] = Counter()
        self.covered: Counter[str] = Counter()
        self.failed: list[str] = []
        self._raised: BaseException | None = None

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Note which routes are reached and what is raised inside."""

        def started(_sender: Flask, **_: object) -> None:
            self.covered[request.endpoint or "none"] += 1

        def raised(_sender: Flask, exception: BaseException, **_: object) -> None:
            self._raised = exception

        with (
            request_started.connected_to(started, self.target.app),
            got_request_exception.connected_to(raised, self.target.app),
        ):
            yield

    def note(self, status: int, what: object) -> None:
        """Count an answer; one of 500 or above is kept."""
        self.statuses[status] += 1
        if status >= 500:
            trace = "".join(traceback.format_exception(self._raised)) if self._raised else "(nothing raised)"
            self.failed.append(f"{status} {what}\n{trace}")
        self._raised = None
        self.number += 1
        if self.number % RESTORE_EVERY == 0:
            self.target.restore()

    def send(self, call: Call) -> None:
        """One call to a page or form."""
        try:
            _, status, _ = run_wsgi_app(self.target.app, self.target.environ(call, self.number), buffered=True)
            code = int(status.split()[0])
        except Exception as error:  # what no handler caught would be a server's 500
            self._raised, code = error, 599
        self.note(code, call)
        if call.method == "POST" and call.path.startswith(b"/logout/") and code < 400:
            self.target.sign_in(call.who)  # else all that follows would be a visitor's

    def send_case(self, case: Any, *, token: bool) -> None:
        """One call made by schemathesis; with the token, what it records is for our store."""
        headers = {}
        if token:
            headers["Authorization"] = f"Bearer {self.target.token}"
            for one in case.body if isinstance(case.body, list) else [case.body]:
                if isinstance(one, dict) and "store" in one:
                    one["store"] = OWN
        text = "no answer"
        try:
            answer = case.call(headers=headers)
            code, text = answer.status_code, answer.text
        except Exception as error:
            self._raised, code = error, 599
        if token and case.operation.method.upper() == "POST" and code == 200:
            found = json.loads(text)["results"]
            self.target.orders += [r["order_id"] for r in found if r["result"] == "applied"]
        self.note(code, f"{case.operation.label} token={token} {case.path_parameters} {str(case.body)[:1500]}")


def _run(strategy: st.SearchStrategy[Any], calls: int, seed: int, send: Callable[[Any], None]) -> None:
    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=calls, deadline=None, database=None, phases=[Phase.generate], print_blob=False,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @hypothesis.given(strategy)
    def each(value: Any) -> None:
        send(value)

    each()


def fuzz(calls: int, seed: int, folder: Path, say: Callable[[str], None] = lambda _: None) -> Fuzzer:
    """Send at least this many calls; what came of them."""
    target = Target(folder)
    forms = target.forms()
    fuzzer = Fuzzer(target)
    say(f"{len(target.rules())} routes, forms: " + ", ".join(f"{who} {len(f)}" for who, f in forms.items()))
    described = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", target.app)
    operations = [found.ok() for found in described.get_all_operations()]
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    api = [(op, mode, token) for op in operations for mode in modes for token in (True, True, True, False)]
    rounds = max(1, calls // 4000)
    with fuzzer.watching():
        for n in range(rounds):
            for op, mode, token in api:
                share = -(-calls // 2 // rounds // len(api))
                _run(op.as_strategy(generation_mode=mode), share, seed + n,
                     lambda case, token=token: fuzzer.send_case(case, token=token))  # fmt: skip
            left = max(0, (calls * (n + 1)) // rounds - fuzzer.number)
            _run(page_calls(target, forms), left, seed + n, fuzzer.send)
            say(f"{fuzzer.number} calls, {len(fuzzer.failed)} failed")
    return fuzzer


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    logs.configure("critical")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        fuzzer = fuzz(given.calls, given.seed, Path(folder), lambda text: print(text, flush=True))
    classes = Counter(f"{code // 100}xx" for code in fuzzer.statuses.elements())
    routes = {rule.endpoint for rule in fuzzer.target.rules()}
    for text in fuzzer.failed[:50]:
        print(text)
    print(f"{fuzzer.number} calls in {time.perf_counter() - began:.0f} s, seed {given.seed}")
    print("answers: " + ", ".join(f"{name} {count}" for name, count in sorted(classes.items())))
    print("by code: " + ", ".join(f"{code} {count}" for code, count in sorted(fuzzer.statuses.items())))
    print(f"routes reached: {len(routes & set(fuzzer.covered))} of {len(routes)}; not: {routes - set(fuzzer.covered)}")
    print(f"answers of 500 or above: {len(fuzzer.failed)}")
    return 1 if fuzzer.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
