"""The HTTP side of the stand-in of the platform: addresses, tokens, and answers that go wrong on demand."""

from __future__ import annotations

import json
import secrets
import socket
import struct
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.standins.noventiq_faults import FAULTS

if TYPE_CHECKING:
    from tests.standins.noventiq import Noventiq

USERNAME, PASSWORD = "portal", "a platform password"


def error(code: int, message: str) -> dict[str, Any]:
    return {"errors": [{"error": code, "message": message}]}


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is nothing to write home about."""


class Handler(BaseHTTPRequestHandler):
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
            self._send(400, error(1000, "Bad JSON."))
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
            self._send(401, error(*known[fault]))
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
        return "unknown", lambda: (404, error(1404, "No such address."))

    def _found(self, row: dict[str, Any] | None, what: str) -> tuple[int, Any]:
        return (404, error(2001, f"{what} not found.")) if row is None else (200, row)

    def _shown(self, order: dict[str, Any] | None) -> dict[str, Any] | None:
        if order is None or not self.platform.hide_refund:
            return order
        return {name: value for name, value in order.items() if name != "refund"}

    def _login(self, body: Any) -> tuple[int, Any]:
        if (body.get("username"), body.get("password")) != (USERNAME, PASSWORD):
            return 401, error(1001, "Bad credentials.")
        token = secrets.token_urlsafe(24)
        with self.platform.lock:
            self.platform.tokens[token] = time.time() + self.platform.token_life
        return 200, {"token": token, "refresh_token": secrets.token_urlsafe(24)}

    def _authorised(self) -> bool:
        header = self.headers.get("AuthorizationJWT")
        if not header or not header.startswith("Bearer "):
            self._send(401, error(1008, "Your token is missing."))
            return False
        with self.platform.lock:
            until = self.platform.tokens.get(header.removeprefix("Bearer "))
        if until is None:
            self._send(401, error(1007, "Your token is invalid."))
        elif until <= time.time():
            self._send(401, error(1009, "Your token has expired."))
        else:
            return True
        return False

    def _with_fault(self, fault: str | None, run: Any) -> None:
        if fault is None:
            self._send(*run())
        elif fault in ("429", "500", "502", "503"):
            headers = {"Retry-After": "1"} if fault in ("429", "503") else {}
            self._send(int(fault), error(9000, FAULTS[fault]), headers)
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
            self._send(200, error(2099, "Something is wrong."))
        else:
            self._after_doing(fault, run)

    def _after_doing(self, fault: str, run: Any) -> None:
        status, body = run()
        if fault == "done_then_502":
            self._send(502, error(9000, "Bad gateway."))
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
