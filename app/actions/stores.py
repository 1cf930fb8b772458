"""Make, change, close and reopen stores; forbid and allow delivery. For administrators and commands (contract.md 3)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actions import audit
from app.actions.names import lock_name
from app.domain import audit as events
from app.domain import stores as rules
from app.domain.access import Actor
from app.domain.refusal import Invalid, NotFound, Refusal, Refused
from app.models import DeliveryBan, Store
from app.models.base import utcnow


@dataclass(frozen=True, slots=True)
class BanWish:
    """A ban as typed: days in the person's time zone, an empty product for the whole store."""

    reason: str
    starts: str = ""
    ends: str = ""
    product: str = ""
    zone: str = "UTC"


def make_store(session: Session, actor: Actor, name: str, *, title: str = "", currency: str = "") -> Store:
    """A new store. Raises Invalid at ``name``, ``title``, ``currency``."""
    clean, bad_name = rules.clean_store_name(name)
    lock_name(session, "store", clean)
    if bad_name is None and session.scalar(sa.select(Store.id).where(Store.name == clean)) is not None:
        bad_name = rules.NAME_TAKEN
    shown, bad_title = rules.clean_title(title)
    code, bad_currency = rules.clean_currency(currency)
    _raise({"name": bad_name, "title": bad_title, "currency": bad_currency})
    store = Store(name=clean, title=shown, currency=code)
    session.add(store)
    session.flush()
    audit.record(session, actor, events.STORE_MADE, store_id=store.id, subject=store.name)
    session.flush()
    return store


def change_store(
    session: Session, actor: Actor, store_id: int, *, title: str | None = None, currency: str | None = None
) -> Store:
    """Change title or currency; the name is the platform's and stays. Raises Invalid, NotFound."""
    store = find_store(session, store_id)
    shown, bad_title = (store.title, None) if title is None else rules.clean_title(title)
    code, bad_currency = (store.currency, None) if currency is None else rules.clean_currency(currency)
    _raise({"title": bad_title, "currency": bad_currency})
    if (shown, code) != (store.title, store.currency):
        store.title, store.currency = shown, code
        audit.record(
            session, actor, events.STORE_CHANGED, store_id=store.id, subject=store.name,
            details={"title": shown, "currency": code},
        )  # fmt: skip
    session.flush()
    return store


def close_store(session: Session, actor: Actor, store_id: int) -> None:
    """No new orders come in from now on. What is here stays readable and goes on: what is said of it is heard."""
    store = find_store(session, store_id)
    if store.closed_at is not None:
        raise Refused(rules.ALREADY_CLOSED)
    store.closed_at = utcnow()
    audit.record(session, actor, events.STORE_CLOSED, store_id=store.id, subject=store.name)
    session.flush()


def reopen_store(session: Session, actor: Actor, store_id: int) -> None:
    """New orders come in again."""
    store = find_store(session, store_id)
    if store.closed_at is None:
        raise Refused(rules.ALREADY_OPEN)
    store.closed_at = None
    audit.record(session, actor, events.STORE_REOPENED, store_id=store.id, subject=store.name)
    session.flush()


def plan_ban(wish: BanWish, now: dt.datetime) -> tuple[str, str | None, rules.BanTimes]:
    """Reason, product and times of a ban as typed; raises Invalid at ``reason``, ``product``, ``starts``, ``ends``."""
    reason, bad_reason = rules.clean_ban_reason(wish.reason)
    product, bad_product = rules.clean_product(wish.product)
    times, bad_days = rules.ban_times(wish.starts, wish.ends, now, wish.zone)
    _raise({"reason": bad_reason, "product": bad_product, **bad_days})
    assert times is not None
    return reason, product, times


def forbid_delivery(session: Session, actor: Actor, store_id: int, wish: BanWish, *, now: dt.datetime) -> DeliveryBan:
    """Forbid delivery for the store or one product of it. Raises Invalid as ``plan_ban`` does, NotFound."""
    store = find_store(session, store_id)
    reason, product, times = plan_ban(wish, now)
    ban = DeliveryBan(
        store_id=store.id, product_id=product, reason=reason, starts_at=times.starts_at, ends_at=times.ends_at,
        created_by=actor.id,
    )  # fmt: skip
    session.add(ban)
    session.flush()
    audit.record(
        session, actor, events.DELIVERY_FORBIDDEN, store_id=store.id, subject=f"ban:{ban.id}",
        details={
            "reason": reason, "product": product, "from": times.starts_at.isoformat(),
            "until": times.ends_at.isoformat() if times.ends_at else None,
        },
    )  # fmt: skip
    session.flush()
    return ban


def allow_delivery(session: Session, actor: Actor, store_id: int, ban_id: int, *, now: dt.datetime) -> None:
    """Lift a ban. Raises NotFound, and Refused for one that is over."""
    ban = session.scalar(sa.select(DeliveryBan).where(DeliveryBan.id == ban_id, DeliveryBan.store_id == store_id))
    if ban is None:
        raise NotFound
    if ban.lifted_at is not None or (ban.ends_at is not None and ban.ends_at <= now):
        raise Refused(rules.ALREADY_LIFTED)
    ban.lifted_at, ban.lifted_by = now, actor.id
    audit.record(
        session, actor, events.DELIVERY_ALLOWED, store_id=store_id, subject=f"ban:{ban.id}",
        details={"reason": ban.reason, "product": ban.product_id},
    )  # fmt: skip
    session.flush()


def find_store(session: Session, store_id: int) -> Store:
    """The store; raises NotFound."""
    store = session.get(Store, store_id)
    if store is None:
        raise NotFound
    return store


def _raise(problems: dict[str, Refusal | None]) -> None:
    found = {name: [refusal] for name, refusal in problems.items() if refusal is not None}
    if found:
        raise Invalid(found)
