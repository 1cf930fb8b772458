"""The platform's words for things whose inner form is not published: read what is there, never fail (domain.md 9.2)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from app.domain.refunds import RequestStatus, Result
from app.platform.port import PlatformOrder, PlatformSubscription, RefundBlock

_REFUND = {
    "new": RequestStatus.SENT, "sent": RequestStatus.SENT, "created": RequestStatus.SENT,
    "processing": RequestStatus.UPDATING, "updating": RequestStatus.UPDATING, "in_progress": RequestStatus.UPDATING,
    "completed": RequestStatus.COMPLETED, "complete": RequestStatus.COMPLETED, "done": RequestStatus.COMPLETED,
    "success": RequestStatus.COMPLETED, "refunded": RequestStatus.COMPLETED,
    "refused": RequestStatus.REFUSED, "declined": RequestStatus.REFUSED, "failed": RequestStatus.REFUSED,
    "rejected": RequestStatus.REFUSED,
}  # fmt: skip
_SUBSCRIPTION = {
    "active": "active", "activated": "active", "not_paid": "not_paid", "unpaid": "not_paid",
    "cancelled": "cancelled", "canceled": "cancelled", "deactivated": "cancelled", "inactive": "cancelled",
}  # fmt: skip
_ACTIVITY = {"true": True, "1": True, "active": True, "false": False, "0": False, "inactive": False}
_MECHANISM = {"ar": "AR", "ar_trial": "AR Trial", "pmr": "PMR"}


def order(order_id: int, body: dict[str, Any]) -> PlatformOrder:
    """An order's answer: ``product`` or ``products``, with or without its optional blocks."""
    if "order_id" not in body and isinstance(body.get("order"), dict):
        body = body["order"]
    products = _products(body.get("products")) or _products(body.get("product"))
    # Nothing but whole items is refunded, and an order of which all are is deleted (domain.md 2.2 and 7).
    whole = len(products) < 2 or _word(body.get("status")) == "deleted"
    return PlatformOrder(
        order_id=order_id,
        fields={k: v for k, v in body.items() if k not in ("product", "products", "refund", "additional_data")},
        products=products,
        refund=refund(body.get("refund"), whole=whole),
        subscription=subscription(body.get("subscription")),
        additional=_pairs(body.get("additional_data")),
    )


def _products(value: Any) -> tuple[dict[str, Any], ...]:
    """One product, a list of them, or a list written as an object with numbers for names."""
    if isinstance(value, dict):
        numbered = value and all(isinstance(found, dict) for found in value.values())
        value = list(value.values()) if numbered else [value]
    return tuple(found for found in value if isinstance(found, dict) and found) if isinstance(value, list) else ()


def number(value: Any) -> int | None:
    """A whole number, also where it is written as a text; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def ids(body: Any) -> list[int] | None:
    """The ids of a search's answer; None where there are none to be read."""
    found = body.get("ids", []) if isinstance(body, dict) and "ids" in body else body
    if isinstance(found, dict) and found is not body:
        found = list(found.values())
    if found is None:
        return []
    if not isinstance(found, list):
        return None
    return [i for i in map(number, found) if i is not None]


def refund(block: Any, *, whole: bool = True) -> RefundBlock | None:
    """The refund block; None where there is none. A word like ``partial refund completed`` says both at once.

    ``whole``: what a completed refund is that does not say whether it is full or partial.
    """
    if isinstance(block, list):
        block = next((found for found in reversed(block) if isinstance(found, dict)), None)
    if isinstance(block, str):
        block = {"status": block}
    if not isinstance(block, dict) or not block.get("status"):
        return None
    word, said = _word(block["status"]), _word(block.get("result"))
    status = _REFUND.get(word)
    if status is None:
        status = _by_part(word)
    result = next((r for r in Result if r.value in said), None) or next((r for r in Result if r.value in word), None)
    if status == RequestStatus.COMPLETED and result is Result.FAILED:
        status = RequestStatus.REFUSED
    if status == RequestStatus.REFUSED:
        result = Result.FAILED
    if status == RequestStatus.COMPLETED and result is None:
        result = Result.FULL if whole else Result.PARTIAL
    if status in (RequestStatus.SENT, RequestStatus.UPDATING):
        result = None
    return RefundBlock(status, result, _moment(block.get("updated") or block.get("date")))


def subscription(block: Any) -> PlatformSubscription | None:
    """The subscription block or answer; None where there is none."""
    if not isinstance(block, dict) or not block.get("id"):
        return None
    status = _SUBSCRIPTION.get(_word(block.get("status")))
    by_status = None if status is None else status != "cancelled"
    active = _ACTIVITY.get(str(block.get("activity")).strip().lower(), by_status)
    return PlatformSubscription(str(block["id"]), _MECHANISM.get(_word(block.get("type"))), status, active)


def _by_part(word: str) -> RequestStatus | None:
    for part, status in (
        ("fail", RequestStatus.REFUSED), ("declin", RequestStatus.REFUSED), ("refus", RequestStatus.REFUSED),
        ("reject", RequestStatus.REFUSED), ("denied", RequestStatus.REFUSED), ("cancel", RequestStatus.REFUSED),
        ("uncomplet", RequestStatus.UPDATING), ("not_complet", RequestStatus.UPDATING),
        ("complet", RequestStatus.COMPLETED), ("done", RequestStatus.COMPLETED), ("refunded", RequestStatus.COMPLETED),
        ("process", RequestStatus.UPDATING), ("updat", RequestStatus.UPDATING), ("progress", RequestStatus.UPDATING),
        ("new", RequestStatus.SENT), ("sent", RequestStatus.SENT),
    ):  # fmt: skip
        if part in word:
            return status
    return None


def _word(value: Any) -> str:
    return str(value or "").strip().lower().replace(" ", "_").replace("-", "_")


def _pairs(value: Any) -> tuple[tuple[str, str], ...]:
    if isinstance(value, dict):
        return tuple((str(k), str(v)) for k, v in value.items())
    if not isinstance(value, list):
        return ()
    found = ((p.get("name") or p.get("key"), p.get("value")) for p in value if isinstance(p, dict))
    return tuple((str(k), str(v)) for k, v in found if k)


def _moment(value: Any) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else None
