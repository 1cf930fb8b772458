"""The platform's words for things whose inner form is not published: read what is there, never fail (domain.md 9.2)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from app.domain.orders import read_status
from app.domain.refunds import OPEN, RequestStatus, Result
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
_NO_REFUND = frozenset({"", "none", "no", "null", "not_requested", "no_request", "no_refund", "absent", "false", "0"})
_ACTIVITY = {
    "true": True, "1": True, "yes": True, "on": True, "active": True,
    "false": False, "0": False, "no": False, "off": False, "inactive": False,
}  # fmt: skip
_MECHANISM = {"ar": "AR", "ar_trial": "AR Trial", "pmr": "PMR"}


ENVELOPES = ("data", "result", "response", "order", "subscription")
"""Names under which gateways put the object itself."""


def unwrapped(body: dict[str, Any], name: str, depth: int = 3) -> dict[str, Any]:
    """The object that has the name, where it came in an envelope (``{"data": {…}}``); else the body as it is."""
    if name in body or depth == 0:
        return body
    for held in map(body.get, ENVELOPES):
        inner = held[0] if isinstance(held, list) and len(held) == 1 else held
        if isinstance(inner, dict):
            found = unwrapped(inner, name, depth - 1)
            if name in found:
                return found
    return body


def order(order_id: int, body: dict[str, Any]) -> PlatformOrder:
    """An order's answer: ``product`` or ``products``, with or without its optional blocks."""
    body = unwrapped(body, "order_id")
    products = _products(body.get("products")) or _products(body.get("product"))
    # Nothing but whole items is refunded, and an order of which all are is deleted (domain.md 2.2 and 7).
    whole = len(products) < 2 or _word(body.get("status")) == "deleted"
    return PlatformOrder(
        order_id=order_id,
        fields={
            k: v for k, v in body.items() if k not in ("product", "products", "refund", "refunds", "additional_data")
        },
        products=products,
        refund=refund(body.get("refund") or body.get("refunds"), whole=whole),
        subscription=subscription(body.get("subscription") or body.get("subscriptions")),
        additional=_pairs(body.get("additional_data")),
    )


def is_order(found: PlatformOrder) -> bool:
    """Can an answer that names no order id be one? It has the status of an order, or two of an order's fields."""
    status = found.fields.get("status")
    if isinstance(status, str) and read_status(status) is not None:
        return True
    return sum(name in found.fields for name in ("create_date", "currency", "customer", "order_name", "payment")) >= 2


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
    if isinstance(body, dict):
        body = unwrapped(body, "ids")
        found = body["ids"] if "ids" in body else body.get("data")
        found = list(found.values()) if isinstance(found, dict) else found
        if found is None and "ids" in body:
            return []
    else:
        found = body
    if not isinstance(found, list):
        return None
    return [i for i in map(number, found) if i is not None]


_STATUS = ("status", "state", "refund_status", "request_status")
_RESULT = ("result", "refund_result")
_INNER = ("refund", "refunds", "request", "requests", "data")


def refund(block: Any, *, whole: bool = True) -> RefundBlock | None:
    """The refund block; None where there is none. A word like ``partial refund completed`` says both at once.

    ``whole``: what a completed refund is that does not say whether it is full or partial.
    """
    block = _one_refund(block)
    word = _said(block, _STATUS) if block else ""
    if block is None or word in _NO_REFUND:
        return None
    status = _refund_status(word)
    result = _result(_said(block, _RESULT)) or _result(word)
    if status == RequestStatus.COMPLETED and result is Result.FAILED:
        status = RequestStatus.REFUSED
    if status == RequestStatus.REFUSED:
        result = Result.FAILED
    if status == RequestStatus.COMPLETED and result is None:
        result = Result.FULL if whole else Result.PARTIAL
    if status in OPEN:
        result = None
    return RefundBlock(status, result, _moment(block.get("updated") or block.get("date")))


def _one_refund(block: Any, depth: int = 3) -> dict[str, Any] | None:
    """The refund that a block is about. Of several: the unfinished one, for there is at most one, else the last."""
    if isinstance(block, list):
        found = [one for one in (_one_refund(each, depth - 1) for each in block[-50:]) if one] if depth else []
        unfinished = [one for one in found if _refund_status(_said(one, _STATUS)) in OPEN]
        return next(iter(unfinished or found[::-1]), None)
    if isinstance(block, str):
        return {"status": block}
    if not isinstance(block, dict):
        return None
    if depth and not any(name in block for name in _STATUS):
        return next((one for name in _INNER if (one := _one_refund(block.get(name), depth - 1))), None)
    return block


def _said(block: dict[str, Any], names: tuple[str, ...]) -> str:
    """The word under the first of the names that has one; it may be an object with a code and a title."""
    for held in map(block.get, names):
        value = held
        if isinstance(held, dict):
            value = next((held[name] for name in ("code", "status", "value", "name", "title") if held.get(name)), None)
        if value:
            return _word(value)
    return ""


def _result(word: str) -> Result | None:
    word = word.replace("successfully", "")  # a "full" that says nothing
    return next((result for result in (Result.FAILED, Result.PARTIAL, Result.FULL) if result.value in word), None)


def subscription(block: Any, code: str | None = None) -> PlatformSubscription | None:
    """The subscription block or answer; None where there is none. ``code``: which one was asked for."""
    if isinstance(block, list):
        block = next((one for one in block if isinstance(one, dict) and one.get("id")), None)
    if not isinstance(block, dict) or not (block.get("id") or code):
        return None
    status = _subscription_status(_said(block, ("status", "state")))
    by_status = None if status is None else status != "cancelled"
    active = _ACTIVITY.get(_word(block.get("activity", block.get("active"))), by_status)
    return PlatformSubscription(str(block.get("id") or code), _MECHANISM.get(_said(block, ("type",))), status, active)


def _subscription_status(word: str) -> str | None:
    if word in _SUBSCRIPTION:
        return _SUBSCRIPTION[word]
    for part, status in (
        ("cancel", "cancelled"), ("deactiv", "cancelled"), ("inactiv", "cancelled"), ("not_activ", "cancelled"),
        ("disabl", "cancelled"), ("not_paid", "not_paid"), ("unpaid", "not_paid"), ("activ", "active"),
    ):  # fmt: skip
        if part in word:
            return status
    return None


def _refund_status(word: str) -> RequestStatus | None:
    return _REFUND.get(word) or _by_part(word)


def _by_part(word: str) -> RequestStatus | None:
    for part, status in (
        ("unsuccess", RequestStatus.REFUSED), ("not_refunded", RequestStatus.REFUSED),
        ("fail", RequestStatus.REFUSED), ("declin", RequestStatus.REFUSED), ("refus", RequestStatus.REFUSED),
        ("reject", RequestStatus.REFUSED), ("denied", RequestStatus.REFUSED), ("cancel", RequestStatus.REFUSED),
        ("uncomplet", RequestStatus.UPDATING), ("not_complet", RequestStatus.UPDATING),
        ("complet", RequestStatus.COMPLETED), ("done", RequestStatus.COMPLETED), ("refunded", RequestStatus.COMPLETED),
        ("process", RequestStatus.UPDATING), ("updat", RequestStatus.UPDATING), ("progress", RequestStatus.UPDATING),
        ("approv", RequestStatus.UPDATING), ("accept", RequestStatus.UPDATING),
        ("new", RequestStatus.SENT), ("sent", RequestStatus.SENT), ("request", RequestStatus.SENT),
        ("creat", RequestStatus.SENT), ("pending", RequestStatus.SENT), ("wait", RequestStatus.SENT),
    ):  # fmt: skip
        if part in word:
            return status
    return None


def _word(value: Any) -> str:
    """A word in the form of this module's tables; an activity may be false or 0, which are words too."""
    text = "" if value is None else str(value)
    return text.strip().lower().replace(" ", "_").replace("-", "_")


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
