"""What a storm must not have done: the judgement over what was accepted, what happened, and what is said about it.

Pure, so that a test can show it a storm that went wrong (tests/test_storm.py).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

CODE = "CODE-{}-STORM"
ADDRESS = "buyer{}@example.org"
"""Each order's own, so that what reaches a wrong person or names a wrong code is seen."""

ACTION = {
    "refund": "request_refund",
    "withdrawn": "request_refund",
    "cancel": "cancel_subscription",
    "resume": "resume_subscription",
    "resend": "resend_license",
}
"""What was pressed → the kind of its row. ``withdrawn``: a refund whose sender took it back in time."""
HISTORY = {
    "refund": {"refund.requested": 1},
    "withdrawn": {"refund.requested": 1, "refund.withdrawn": 1},
    "cancel": {"subscription.cancelled": 1},
    "resume": {"subscription.resumed": 1},
    "resend": {"license.sent": 1},
}
AUDIT = {
    "refund": {"refund.requested": 1},
    "withdrawn": {"refund.requested": 1, "refund.withdrawn": 1},
    "cancel": {"subscription.cancel_asked": 1, "subscription.cancelled": 1},
    "resume": {"subscription.resume_asked": 1, "subscription.resumed": 1},
    "resend": {"license.resend_asked": 1, "license.sent": 1},
}
"""What the order's history and the audit say once everything is over, and how often."""
STANDS = {"cancel": "cancelled", "resume": "active"}
"""What a subscription is in the end, here and at the platform."""


@dataclass(frozen=True)
class Mailed:
    """A mail that the mail server has taken, once or more often."""

    order_id: int
    message_id: str
    to: frozenset[str]
    """Everybody it went to, by the envelope and by the header."""
    codes: frozenset[str]
    """The activation codes in it."""


@dataclass
class Seen:
    """The tables and the other sides when all is calm."""

    actions: list[tuple[int, str, str]] = field(default_factory=list)
    """Order, kind, state."""
    requests: list[tuple[int, str]] = field(default_factory=list)
    """Order and status of the refund requests."""
    history: Counter[tuple[int, str]] = field(default_factory=Counter)
    audit: Counter[tuple[int, str]] = field(default_factory=Counter)
    subscriptions: dict[int, str] = field(default_factory=dict)
    mail_rows: list[tuple[int, str, str]] = field(default_factory=list)
    """Order, Message-ID, state."""
    refunds: Counter[int] = field(default_factory=Counter)
    changes: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Activity set at the platform: order and ``cancel`` or ``resume``."""
    mails: list[Mailed] = field(default_factory=list)


def judge(accepted: dict[int, str], seen: Seen) -> dict[str, list[tuple[object, ...]]]:
    """What is wrong, by what it is called; empty lists when nothing is."""
    found: dict[str, list[tuple[object, ...]]] = {
        name: []
        for name in ("lost", "doubled", "row and effect disagree", "not said once", "went astray", "nobody asked for")
    }
    rows: dict[int, list[tuple[str, str]]] = {}
    for order_id, kind, state in seen.actions:
        rows.setdefault(order_id, []).append((kind, state))
    mails: dict[int, list[Mailed]] = {}
    for mail in seen.mails:
        mails.setdefault(mail.order_id, []).append(mail)
    for order_id, kind in accepted.items():
        _judge_one(found, order_id, kind, rows.get(order_id, []), mails.get(order_id, []), seen)
    happened = set(seen.refunds) | {order_id for order_id, _ in seen.changes} | set(mails) | set(rows)
    found["nobody asked for"] += [(order_id,) for order_id in sorted(happened - set(accepted))]
    return found


def _judge_one(
    found: dict[str, list[tuple[object, ...]]], order_id: int, kind: str, rows: list[tuple[str, str]],
    mails: list[Mailed], seen: Seen,
) -> None:  # fmt: skip
    done = {
        "refund": seen.refunds[order_id], "withdrawn": seen.refunds[order_id],
        "cancel": seen.changes[order_id, "cancel"], "resume": seen.changes[order_id, "resume"],
        "resend": len({mail.message_id for mail in mails}),
    }  # fmt: skip
    attention = any(state == "attention" for _, state in rows)
    wanted = 0 if kind == "withdrawn" else 1
    if done[kind] < wanted and not attention:
        found["lost"].append((order_id, kind, rows))
    if done[kind] > wanted:
        found["doubled"].append((order_id, kind, rows))
    others = sum(number for name, number in done.items() if name != kind and {name, kind} != {"refund", "withdrawn"})
    if others:
        found["nobody asked for"].append((order_id, kind, done))
    if attention:
        return
    state = "withdrawn" if kind == "withdrawn" else "done"
    stands = seen.subscriptions.get(order_id)
    status = [request for number, request in seen.requests if number == order_id]
    if (
        rows != [(ACTION[kind], state)]
        or (kind in STANDS and stands != STANDS[kind])
        or status != {"refund": ["sent"], "withdrawn": ["withdrawn"]}.get(kind, [])
    ):
        found["row and effect disagree"].append((order_id, kind, rows, stands, status))
    for what, wanted_lines, said in (("history", HISTORY, seen.history), ("audit", AUDIT, seen.audit)):
        names = {name for lines in wanted_lines.values() for name in lines}
        lines = {name: said[order_id, name] for name in names if said[order_id, name]}
        if lines != wanted_lines[kind]:
            found["not said once"].append((order_id, kind, what, lines))
    own = [(message_id, state) for number, message_id, state in seen.mail_rows if number == order_id]
    if own != [(mail.message_id, "done") for mail in mails[:1]]:
        found["row and effect disagree"].append((order_id, kind, "mail", own))
    for mail in mails:
        if mail.to != {ADDRESS.format(order_id)} or mail.codes != {CODE.format(order_id)}:
            found["went astray"].append((order_id, kind, sorted(mail.to), sorted(mail.codes)))
