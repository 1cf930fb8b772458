"""A stand-in of the commerce platform: a real HTTP server that answers as domain.md 9.2 says, with faults on demand.

In a test::

    with Noventiq() as platform:
        platform.add_order(12345678)
        platform.faults.next("refund", "done_then_502")
        ...
        assert platform.effects("refund") == [...]

As a command, for storms: ``python -m tests.standins.noventiq --port 8180 --log effects.jsonl --fault-rate 0.2``.
Every effect (a refund request taken, an activity changed, a customer mailed) is one line of the log, appended
before the answer is sent. ``/_standin/…`` is the harness's own door and no part of the platform.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import secrets
import socket
import struct
import threading
import time
from collections import defaultdict, deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

USERNAME, PASSWORD = "portal", "a platform password"

FAULTS = {
    "429": "too many requests, nothing done",
    "500": "an error before anything was done",
    "502": "a gateway's error before anything was done",
    "503": "out of service, nothing done",
    "reset": "the connection is reset before anything was done",
    "hang": "nothing is done and no answer comes",
    "done_then_502": "done, but the gateway answers with an error",
    "done_then_reset": "done, then the connection is reset",
    "done_then_hang": "done, but no answer comes in time",
    "late": "no answer comes, and it is done only after the client has given up",
    "truncated": "done, and the answer breaks off",
    "expired": "the token has just expired (1009)",
    "invalid": "the token is called invalid (1007)",
    "redirect": "answers with a redirect",
    "html": "a proxy's page instead of an answer",
    "huge": "an answer without end",
    "error_in_200": "200 with an error inside",
}
STORM_FAULTS = ("429", "503", "500", "reset", "hang", "done_then_502", "done_then_reset", "done_then_hang", "late",
                "truncated", "expired")  # fmt: skip


class Faults:
    """Which fault comes next: planned ones first, then by chance."""

    def __init__(self, rate: float = 0.0, seed: int = 1) -> None:
        self.rate = rate
        self.allowed: tuple[str, ...] = STORM_FAULTS
        self._random = random.Random(seed)
        self._planned: dict[str, deque[str]] = defaultdict(deque)
        self._lock = threading.Lock()

    def next(self, call: str, *faults: str) -> None:
        """Plan faults for the next calls of a kind: login, order, search, refund, subscription, activity."""
        unknown = set(faults) - set(FAULTS) - {"ok"}
        if unknown:
            raise ValueError(f"no such fault: {unknown}")
        with self._lock:
            self._planned[call].extend(faults)

    def take(self, call: str) -> str | None:
        with self._lock:
            if self._planned[call]:
                fault = self._planned[call].popleft()
                return None if fault == "ok" else fault
            if call != "login" and self._random.random() < self.rate:
                return self._random.choice(self.allowed)
            return None


class Noventiq:
    """The platform's state and its server on a loopback port."""

    def __init__(
        self,
        port: int = 0,
        *,
        log: Path | None = None,
        fault_rate: float = 0.0,
        seed: int = 1,
        hang: float = 30.0,
        late: float = 0.5,
        any_order: bool = False,
        already_text: tuple[int, str] = (2044, "An uncompleted refund request exists."),
        tls: Any = None,
    ) -> None:
        self.orders: dict[int, dict[str, Any]] = {}
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, float] = {}
        self.faults = Faults(fault_rate, seed)
        self.hang, self.late, self.any_order, self.already = hang, late, any_order, already_text
        self.token_life = 24 * 3600.0
        self.hide_refund = False  # the order's refund block is optional
        self.calls: list[tuple[str, Any]] = []
        self._effects: list[dict[str, Any]] = []
        self._log = log
        self.lock = threading.RLock()
        self.stopping = threading.Event()
        handler = type("Handler", (_Handler,), {"platform": self})
        self.server = _Server(("127.0.0.1", port), handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.scheme = "https" if tls is not None else "http"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Noventiq:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    # --- what a test sets up and looks at ---------------------------------------------------------------------

    def add_order(self, order_id: int, **fields: Any) -> dict[str, Any]:
        """An order, paid, with one product; ``fields`` replace the webhook's fields."""
        order = {
            "order_id": order_id,
            "order_name": f"A{order_id:010d}",
            "status": "paid",
            "external_id": "",
            "create_date": "2026-08-13T09:16:35+03:00",
            "pay_date": "2026-08-13T09:20:00+03:00",
            "currency": "EUR",
            "locale": "en_EN",
            "order_detail_url": f"https://shop.example/order/{order_id}",
            "customer": {
                "country": "FR", "type": "physical", "email": "customer@example.org", "first_name": "Marcel",
                "last_name": "Laporte", "phone": "", "vat_number": "", "company_name": "",
            },
            "product": {
                "id": "111111", "sku": "0001", "name": "Demo", "price": "100.00", "quantity": 1,
                "discount_percent": "", "discount_amount": "", "vat_amount": "0.00", "amount": "100.00",
            },
            "payment": {"payment_method": "CreditCard", "payment_system_name": "Bank Card", "card_last_4": None},
        }  # fmt: skip
        order.update(fields)
        with self.lock:
            self.orders[order_id] = order
        return order

    def add_subscription(self, code: str, kind: str = "AR", status: str = "active") -> dict[str, Any]:
        found = {
            "id": code,
            "type": kind,
            "status": status,
            "initial_order": int(code.partition("_")[0]),
            "url": f"https://shop.example/subscription/{code}",
        }
        with self.lock:
            self.subscriptions[code] = found
        return found

    def effects(self, kind: str | None = None) -> list[dict[str, Any]]:
        with self.lock:
            return [e for e in self._effects if kind is None or e["effect"] == kind]

    def expire_tokens(self) -> None:
        with self.lock:
            self.tokens = dict.fromkeys(self.tokens, 0.0)

    def decide_refund(self, order_id: int, status: str, result: str | None = None) -> None:
        """People at the platform decide: what a later reading of the order shows."""
        with self.lock:
            self.orders[order_id]["refund"] = {"status": status, "result": result}

    # --- what the platform does -----------------------------------------------------------------------------------

    def effect(self, kind: str, **facts: Any) -> None:
        line = {"effect": kind, "at": time.time(), **facts}
        with self.lock:
            self._effects.append(line)
            if self._log is not None:
                with self._log.open("a") as file:
                    file.write(json.dumps(line) + "\n")

    def find_order(self, order_id: int) -> dict[str, Any] | None:
        with self.lock:
            if order_id not in self.orders and self.any_order and order_id > 0:
                self.add_order(order_id)
            return self.orders.get(order_id)

    def find_subscription(self, code: str) -> dict[str, Any] | None:
        with self.lock:
            if code not in self.subscriptions and self.any_order and "_" in code:
                self.add_subscription(code)
            return self.subscriptions.get(code)

    def take_refund(self, order_id: int, body: dict[str, Any]) -> tuple[int, Any]:
        with self.lock:
            order = self.find_order(order_id)
            if order is None:
                return 404, _error(2001, "Order not found.")
            email, description = body.get("email"), body.get("description", "")
            if not isinstance(email, str) or not email or len(email) > 80:
                return 400, _error(2002, "The email is required and holds at most 80 characters.")
            if not isinstance(description, str) or len(description) > 500:
                return 400, _error(2003, "The description holds at most 500 characters.")
            if (order.get("refund") or {}).get("status") in ("New", "Processing"):
                return 400, _error(*self.already)
            if order["status"] != "paid":
                return 400, _error(2005, "The order cannot be refunded.")
            order["refund"] = {"status": "New", "result": None}
            self.effect("refund", order_id=order_id, email=email, description=description)
            return 200, {}

    def set_activity(self, body: dict[str, Any]) -> tuple[int, Any]:
        with self.lock:
            code, activity = body.get("id"), body.get("activity")
            found = self.find_subscription(code) if isinstance(code, str) else None
            if found is None:
                return 404, _error(3001, "Subscription not found.")
            if not isinstance(activity, bool):
                return 400, _error(3002, "The activity is true or false.")
            if activity and found["type"] == "PMR":
                return 400, _error(3003, "The subscription cannot be resumed.")
            found["status"] = "active" if activity else "cancelled"
            self.effect("activity", subscription=code, activity=activity)
            if not body.get("suppress_customer_notification"):
                self.effect("mail", subscription=code, activity=activity)
            return 200, {}

    def search(self, body: dict[str, Any]) -> tuple[int, Any]:
        known = {"status", "external_id", "create_date_from", "create_date_to", "pay_date_from", "pay_date_to",
                 "currency", "email"}  # fmt: skip
        if set(body) - known:
            return 400, _error(2010, f"Unknown fields: {sorted(set(body) - known)}")
        with self.lock:
            found = []
            for order_id, order in self.orders.items():
                created, paid = order["create_date"][:10], (order.get("pay_date") or "")[:10]
                if (
                    (not body.get("status") or body["status"] == order["status"])
                    and created >= (body.get("create_date_from") or "")[:10]
                    and created <= (body.get("create_date_to") or "9999")[:10]
                    and (not body.get("pay_date_from") or paid >= body["pay_date_from"][:10])
                    and (not body.get("pay_date_to") or (paid and paid <= body["pay_date_to"][:10]))
                ):
                    found.append(order_id)
            return 200, {"ids": sorted(found)}


def _error(code: int, message: str) -> dict[str, Any]:
    return {"errors": [{"error": code, "message": message}]}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is nothing to write home about."""


class _Handler(BaseHTTPRequestHandler):
    platform: Noventiq
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = urlsplit(self.path).path
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        if path.startswith("/_standin/"):
            self._harness(path, raw)
            return
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            self._send(400, _error(1000, "Bad JSON."))
            return
        call, run = self._route(path, body)
        with self.platform.lock:
            self.platform.calls.append((call, {"path": path, "body": body, "headers": dict(self.headers)}))
        fault = self.platform.faults.take(call)
        if fault in ("expired", "invalid"):
            header = self.headers.get("AuthorizationJWT", "")
            with self.platform.lock:
                self.platform.tokens.pop(header.removeprefix("Bearer "), None)
            known = {"expired": (1009, "Your token has expired."), "invalid": (1007, "Your token is invalid.")}
            self._send(401, _error(*known[fault]))
            return
        if call not in ("login", "unknown") and not self._authorised():
            return
        self._with_fault(fault, run)

    def _route(self, path: str, body: Any) -> tuple[str, Any]:
        platform, parts = self.platform, path.strip("/").split("/")
        method = self.command
        if method == "POST" and path == "/v1/login_check":
            return "login", lambda: self._login(body)
        if method == "POST" and path == "/v1/order/search":
            return "search", lambda: platform.search(body)
        if parts[:2] == ["v1", "order"] and len(parts) == 3 and method == "GET" and parts[2].isdigit():
            return "order", lambda: self._found(self._shown(platform.find_order(int(parts[2]))), "Order")
        if parts[:2] == ["v1", "order"] and len(parts) == 4 and parts[3] == "refund" and method == "POST":
            return "refund", lambda: platform.take_refund(int(parts[2]), body)
        if path == "/v1/subscription/modify_activity" and method == "POST":
            return "activity", lambda: platform.set_activity(body)
        if parts[:2] == ["v1", "subscription"] and len(parts) == 3 and method == "GET":
            return "subscription", lambda: self._found(platform.find_subscription(parts[2]), "Subscription")
        return "unknown", lambda: (404, _error(1404, "No such address."))

    def _found(self, row: dict[str, Any] | None, what: str) -> tuple[int, Any]:
        return (404, _error(2001, f"{what} not found.")) if row is None else (200, row)

    def _shown(self, order: dict[str, Any] | None) -> dict[str, Any] | None:
        if order is None or not self.platform.hide_refund:
            return order
        return {name: value for name, value in order.items() if name != "refund"}

    def _login(self, body: Any) -> tuple[int, Any]:
        if (body.get("username"), body.get("password")) != (USERNAME, PASSWORD):
            return 401, _error(1001, "Bad credentials.")
        token = secrets.token_urlsafe(24)
        with self.platform.lock:
            self.platform.tokens[token] = time.time() + self.platform.token_life
        return 200, {"token": token, "refresh_token": secrets.token_urlsafe(24)}

    def _authorised(self) -> bool:
        header = self.headers.get("AuthorizationJWT")
        if not header or not header.startswith("Bearer "):
            self._send(401, _error(1008, "Your token is missing."))
            return False
        with self.platform.lock:
            until = self.platform.tokens.get(header.removeprefix("Bearer "))
        if until is None:
            self._send(401, _error(1007, "Your token is invalid."))
        elif until <= time.time():
            self._send(401, _error(1009, "Your token has expired."))
        else:
            return True
        return False

    def _with_fault(self, fault: str | None, run: Any) -> None:
        if fault is None:
            self._send(*run())
        elif fault in ("429", "500", "502", "503"):
            headers = {"Retry-After": "1"} if fault in ("429", "503") else {}
            self._send(int(fault), _error(9000, FAULTS[fault]), headers)
        elif fault == "reset":
            self._reset()
        elif fault == "hang":
            self.platform.stopping.wait(self.platform.hang)
            self._reset()
        elif fault == "late":
            self.platform.stopping.wait(self.platform.hang)
            self._reset()
            self.platform.stopping.wait(self.platform.late)
            run()
        elif fault == "redirect":
            self._send(302, {}, {"Location": f"{self.platform.url}/v1/elsewhere"})
        elif fault == "html":
            self._raw(200, b"<html>maintenance</html>", "text/html")
        elif fault == "huge":
            self._huge()
        elif fault == "error_in_200":
            self._send(200, _error(2099, "Something is wrong."))
        else:
            self._after_doing(fault, run)

    def _after_doing(self, fault: str, run: Any) -> None:
        status, body = run()
        if fault == "done_then_502":
            self._send(502, _error(9000, "Bad gateway."))
        elif fault == "done_then_reset":
            self._reset()
        elif fault == "done_then_hang":
            self.platform.stopping.wait(self.platform.hang)
            self._reset()
        else:  # truncated
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data) + 20))
            self.end_headers()
            self.wfile.write(data[:-1])
            self._reset()

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self._raw(status, json.dumps(body).encode(), "application/json", headers)

    def _raw(self, status: int, data: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _huge(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        block = b'"' + b"x" * 65536
        for _ in range(2000):
            self.wfile.write(block)

    def _reset(self) -> None:
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        try:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.shutdown(socket.SHUT_RD)
        except OSError:
            pass
        self.connection.close()

    def _harness(self, path: str, raw: bytes) -> None:
        """``GET effects``, ``POST faults {"rate": 0.2}``, ``POST orders [{…}]``, ``POST refund {…}``."""
        platform, what = self.platform, path.removeprefix("/_standin/")
        body = json.loads(raw) if raw else None
        if what == "effects":
            self._send(200, platform.effects())
        elif what == "faults" and body is not None:
            platform.faults.rate = float(body["rate"])
            self._send(200, {})
        elif what == "orders" and body is not None:
            for order in body:
                platform.add_order(order.pop("order_id"), **order)
            self._send(200, {})
        elif what == "refund" and body is not None:
            platform.decide_refund(body["order_id"], body["status"], body.get("result"))
            self._send(200, {})
        else:
            self._send(404, {})


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--port", type=int, default=8180)
    parser.add_argument("--log", type=Path, help="append every effect to this file, one JSON object a line")
    parser.add_argument("--fault-rate", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hang", type=float, default=30.0, help="seconds a hanging call lasts")
    parser.add_argument("--late", type=float, default=1.5, help="seconds after that in which a late effect comes")
    args = parser.parse_args()
    with Noventiq(
        args.port, log=args.log, fault_rate=args.fault_rate, seed=args.seed, hang=args.hang, late=args.late,
        any_order=True,
    ) as platform:  # fmt: skip
        print(f"{platform.url} user {USERNAME} password {PASSWORD!r}", flush=True)  # noqa: T201
        with contextlib.suppress(KeyboardInterrupt):
            platform.stopping.wait()


if __name__ == "__main__":
    main()
