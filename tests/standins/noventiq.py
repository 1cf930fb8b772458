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
import threading
import time
from pathlib import Path
from typing import Any

from tests.standins.noventiq_faults import Faults
from tests.standins.noventiq_http import PASSWORD, USERNAME, Handler, Server, error


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
        handler = type("Handler", (Handler,), {"platform": self})
        self.server = Server(("127.0.0.1", port), handler)
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
        with self.lock:
            self._effects.append(self.log(kind, **facts))

    def log(self, kind: str, **facts: Any) -> dict[str, Any]:
        line = {"effect": kind, "at": time.time(), **facts}
        with self.lock:
            if self._log is not None:
                with self._log.open("a") as file:
                    file.write(json.dumps(line) + "\n")
        return line

    def find_order(self, order_id: int) -> dict[str, Any] | None:
        with self.lock:
            if order_id not in self.orders and self.any_order and order_id > 0:
                self.add_order(order_id)
            return self.orders.get(order_id)

    def find_subscription(self, code: str) -> dict[str, Any] | None:
        with self.lock:
            if code not in self.subscriptions and self.any_order and "_" in code:
                self.add_subscription(code, status="cancelled" if code.endswith("_2") else "active")
            return self.subscriptions.get(code)

    def take_refund(self, order_id: int, body: dict[str, Any]) -> tuple[int, Any]:
        with self.lock:
            order = self.find_order(order_id)
            if order is None:
                return 404, error(2001, "Order not found.")
            email, description = body.get("email"), body.get("description", "")
            if not isinstance(email, str) or not email or len(email) > 80:
                return 400, error(2002, "The email is required and holds at most 80 characters.")
            if not isinstance(description, str) or len(description) > 500:
                return 400, error(2003, "The description holds at most 500 characters.")
            if (order.get("refund") or {}).get("status") in ("New", "Processing"):
                self.log("refund again", order_id=order_id)  # no effect, but somebody has asked twice
                return 400, error(*self.already)
            if order["status"] != "paid":
                return 400, error(2005, "The order cannot be refunded.")
            order["refund"] = {"status": "New", "result": None}
            self.effect("refund", order_id=order_id, email=email, description=description)
            return 200, {}

    def set_activity(self, body: dict[str, Any]) -> tuple[int, Any]:
        with self.lock:
            code, activity = body.get("id"), body.get("activity")
            found = self.find_subscription(code) if isinstance(code, str) else None
            if found is None:
                return 404, error(3001, "Subscription not found.")
            if not isinstance(activity, bool):
                return 400, error(3002, "The activity is true or false.")
            if activity and found["type"] == "PMR":
                return 400, error(3003, "The subscription cannot be resumed.")
            found["status"] = "active" if activity else "cancelled"
            self.effect("activity", subscription=code, activity=activity)
            if not body.get("suppress_customer_notification"):
                self.effect("mail", subscription=code, activity=activity)
            return 200, {}

    def search(self, body: dict[str, Any]) -> tuple[int, Any]:
        known = {"status", "external_id", "create_date_from", "create_date_to", "pay_date_from", "pay_date_to",
                 "currency", "email"}  # fmt: skip
        if set(body) - known:
            return 400, error(2010, f"Unknown fields: {sorted(set(body) - known)}")
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
