"""The parts of an order on the screen: plain slotted values, already formatted, erased and judged by the rules."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from markupsafe import Markup

from app.domain.delivery import Ban
from app.domain.licenses import forbidden, may_be_sent
from app.domain.orders import ERASED
from app.domain.refusal import Refusal
from app.formats import Formats
from app.models.work import LIVE
from app.queries.raw_rows import Row

ActionKey = tuple[int, str, str]
"""Order, kind (``subscription`` for cancel and resume) and subject of an action."""

RECENT = dt.timedelta(minutes=10)
"""How long a finished action still stands beside its button."""

_LINK = re.compile(r"https?://[^\s/?#@\\]+(?:[/?#][^\s\\]*)?", re.IGNORECASE)


def web_link(text: str | None) -> str | None:
    """The text, if it is nothing but an http or https address (no user name in it); never any other scheme."""
    return text if text is not None and _LINK.fullmatch(text) else None


class May(NamedTuple):
    """What the actor's FAB permissions allow on orders; the rules come on top."""

    refund: bool
    resend: bool
    cancel: bool
    resume: bool
    download: bool


_TOLD_WITH = {"done": "sent", "refused": "refused", "withdrawn": "withdrawn"}


@dataclass(slots=True)
class ActionState:
    """The newest action on a subject: a refund request, a license's resend, a subscription's cancel or resume."""

    id: int
    kind: str
    subject: str
    state: str
    reason: str | None
    at: Markup
    actor_id: int
    recent: bool

    @property
    def shown(self) -> bool:
        """Is it worth a line beside its button? What has worked is, for a while; then the history tells of it."""
        return self.state != "done" or self.recent

    @property
    def live(self) -> bool:
        """Waiting, running, or waiting for a person."""
        return self.state in LIVE

    def beside(self, request: RefundLine | None) -> ActionState | None:
        """The action of a refund request, as long as the order's newest request has not gone beyond it.

        That a request was handed over is news until somebody takes it up; a refusal is the answer of its own request.
        """
        told = self.live or (request is not None and request.status == _TOLD_WITH.get(self.state))
        return self if told else None


@dataclass(slots=True)
class RefundLine:
    """The newest refund request. ``withdrawable``: the one who looks may take it back."""

    id: int
    status: str
    result: str | None
    withdrawable: bool
    at: Markup


@dataclass(slots=True)
class DocumentLine:
    """A document to download. ``kept_reason``: the legal duty it outlives an erasure for."""

    id: str
    kind: str
    name: str
    kept_reason: str | None


class HistoryLine(NamedTuple):
    """A line of the history, as the rows have it: a page has hundreds. ``at`` is in seconds since 1970, UTC; ``code``
    and ``params`` say a line of the portal's own in the reader's language."""

    order_id: int
    at: float
    kind: str
    text: str
    code: str | None
    params: dict[str, Any] | None
    order_ids: list[int] | None
    document_id: str | None


@dataclass(slots=True)
class SubscriptionPart:
    """Auto-renewal of an item, with the two refusals: None means that the button is drawn."""

    id: str
    type: str
    status: str
    active: bool
    period: str | None
    next_charge: Markup | None
    parent_order_id: int
    is_parent: bool
    cancel_refusal: Refusal | None
    resume_refusal: Refusal | None
    resumes_unpaid: bool
    renewals: list[int]
    action: ActionState | None
    live_state: str | None


@dataclass(slots=True)
class CodeLine:
    """A numbered line of the license block; ``code`` None is the empty line of an item without one.

    ``ban``: the delivery ban that is the reason for ``refusal``; it is said once for the block.
    """

    number: str
    license_id: str | None
    code: str | None
    href: str | None
    deleted: bool
    refusal: Refusal | None
    ban: Ban | None
    action: ActionState | None


@dataclass(slots=True)
class BanLine:
    """A delivery ban that keeps codes of the order from being sent. ``items``: which, when it is for one product;
    ``until``: when it ends by itself."""

    refusal: Refusal
    items: list[str]
    until: Markup | None


@dataclass(slots=True)
class ItemPart:
    """A line of the order, its auto-renewal, its license owner and its codes."""

    number: int
    item_id: str
    product_id: str | None
    sku: str | None
    name: str
    quantity: int
    amount: str
    price: str | None
    discount: str | None
    vat: str | None
    delivered: bool
    refunded: bool
    fields: list[tuple[str, str]]
    owner: tuple[str | None, str | None] | None
    subscription: SubscriptionPart | None
    codes: list[CodeLine]


@dataclass(slots=True)
class Family:
    """Orders that belong together: where a renewal came from, the renewals, and other related orders."""

    parents: list[int]
    renewals: list[int]
    related: list[int]

    def __bool__(self) -> bool:
        return bool(self.parents or self.renewals or self.related)


@dataclass(slots=True)
class OrderCard:
    """An order as the screen shows it (domain.md 4).

    ``unseen``: orders it names that are not here or not for the reader. ``loose``: actions whose code or subscription
    the order shows no longer; how they ended is said all the same.
    """

    id: int
    store_id: int
    store: str
    order_name: str
    number: str
    external_id: str | None
    status: str
    delivery: str
    refund_status: str | None
    story: str | None
    created: Markup
    paid: Markup | None
    total: str
    locale: str | None
    detail_url: str | None
    page_generation: int
    erased: bool
    erased_at: dt.datetime | None
    name: str | None
    email: str | None
    company: str | None
    customer: list[tuple[str, str]]
    payment_method: str | None
    card_last_4: str | None
    items: list[ItemPart]
    items_text: str
    owner: tuple[str | None, str | None] | None
    owners_differ: bool
    history: list[HistoryLine]
    documents: list[DocumentLine]
    parameters: list[tuple[str, str]]
    family: Family
    refund: RefundLine | None
    refund_refusal: Refusal | None
    refund_action: ActionState | None
    may: May
    unseen: set[int] = field(default_factory=set)
    loose: list[ActionState] = field(default_factory=list)
    live: bool = False
    bans: list[BanLine] = field(default_factory=list)

    @property
    def sends(self) -> bool:
        """Is there a code that can be sent, or is being sent?"""
        return any(line.code and may_be_sent(line.refusal) for item in self.items for line in item.codes)

    def document(self, document_id: str | None) -> DocumentLine | None:
        """The document of a history line, if it is (still) there."""
        return next((d for d in self.documents if d.id == document_id), None) if document_id else None

    @property
    def renewal(self) -> bool | None:
        """Is auto-renewal on? None where the order shows none."""
        shown = [item.subscription.active for item in self.items if item.subscription]
        return any(shown) if shown else None

    @property
    def pills(self) -> list[tuple[str, str]]:
        """The statuses an order shows at once: main, delivery, refund (domain.md 2.4)."""
        found = [("main", self.status), ("delivery", self.delivery)]
        if self.refund_status:
            found.append(("refund", self.refund_status))
        return found


def ban_lines(items: list[ItemPart], time: Callable[[dt.datetime], Markup]) -> list[BanLine]:
    """The bans that keep codes of these items from being sent, each once; a product's with the names of its items."""
    found: dict[Ban, BanLine] = {}
    for item in items:
        ban = next((line.ban for line in item.codes if line.ban), None)
        if ban is None:
            continue
        line = found.setdefault(ban, BanLine(forbidden(ban), [], time(ban.ends_at) if ban.ends_at else None))
        if ban.product_id is not None and item.name not in line.items:
            line.items.append(item.name)
    return list(found.values())


def loose_actions(
    keys: Iterable[ActionKey], actions: Mapping[ActionKey, ActionState], items: list[ItemPart]
) -> list[ActionState]:
    """Of the actions of an order those that none of its items shows, the newest first."""
    drawn = {line.action.id for item in items for line in item.codes if line.action}
    drawn |= {item.subscription.action.id for item in items if item.subscription and item.subscription.action}
    found = (actions[key] for key in keys if key[1] != "request_refund")
    return sorted((a for a in found if a.shown and a.id not in drawn), key=lambda a: -a.id)


def document_lines(rows: Iterable[Row]) -> list[DocumentLine]:
    """The documents in the order's own order."""
    return [DocumentLine(r[2], r[3], r[4], r[5]) for r in sorted(rows, key=lambda r: (r[6], r[2]))]


def discount_text(formats: Formats, part: str | None, value: str | None, currency: str) -> str | None:
    """A discount as a share, as an amount, or both: ``−10% · −€13.11``; None where both are nothing."""
    said = []
    if part and (share := Decimal(part)):
        said.append(f"−{formats.percent(share)}")
    if value and (off := Decimal(value)):
        said.append(formats.money(-abs(off), currency).replace("-", "−"))
    return " · ".join(said) or None


PERSONAL_ROWS = ("name", "email", "phone", "country", "address")
"""Rows of the Customer block that an erasure empties."""


def named_values(fields: Any, erased: bool) -> list[tuple[str, str]]:
    """Additional product fields; their values are the customer's own words, so an erasure covers them."""
    return [(field["name"], ERASED if erased else field["value"]) for field in fields or ()]


def customer_rows(erased: bool, **known: str | None) -> list[tuple[str, str]]:
    """What the order holds about the customer, as (row, value). Erased: each personal row reads ``deleted``."""
    if erased:
        known |= dict.fromkeys(PERSONAL_ROWS, ERASED)
    return [(row, value) for row, value in known.items() if value]


def story_of(
    status: str,
    paid: Any,
    items: list[ItemPart],
    refund_status: str | None,
    requests: tuple[tuple[str, str | None], ...],
) -> str | None:
    """Why a deleted order is deleted, where that can be told from what is known (domain.md 2.2)."""
    if status != "deleted":
        return None
    if items and all(item.refunded for item in items):
        return "refunded" if refund_status or requests else "chargeback"
    return "unpaid" if paid is None else None
