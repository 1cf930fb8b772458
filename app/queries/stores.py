"""Stores for administrators: orders, teams, delivery; and how much a ban would touch before it is made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.domain.delivery import Ban, bans_in_force
from app.models import Action, ApiToken, ApiTokenStore, DeliveryBan, Group, License, Order, OrderItem, Store, TeamStore

PAGE = 50
COUNT_MOST = 1000
"""Orders are counted up to here; more reads ``1000+``."""

NEWEST = 500
"""Orders whose products are offered to choose from."""


@dataclass(frozen=True, slots=True)
class StoreRow:
    """A store in the list. ``orders`` is capped at ``COUNT_MOST`` + 1; ``bans`` are those in force now."""

    store: Store
    orders: int
    teams: list[Group] = field(default_factory=list)
    bans: list[Ban] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Touched:
    """What a ban touches, each capped at ``COUNT_MOST`` + 1: paid orders with codes to send, resends waiting."""

    orders: int
    resends: int


def list_stores(session: Session, now: dt.datetime, *, find: str = "", page: int = 1) -> tuple[list[StoreRow], bool]:
    """One page of stores by name, and whether more follow; three statements."""
    statement = sa.select(Store, _orders_of_store()).order_by(Store.name)
    if find:
        wanted = find.lower()
        statement = statement.where(
            sa.or_(*(sa.func.lower(c).contains(wanted, autoescape=True) for c in (Store.name, Store.title)))
        )
    rows = session.execute(statement.limit(PAGE + 1).offset((page - 1) * PAGE)).all()
    ids = [row[0].id for row in rows[:PAGE]]
    teams, bans = teams_by_store(session, ids), bans_by_store(session, ids)
    found = [
        StoreRow(
            store, count, teams.get(store.id, []), bans_in_force([as_ban(b) for b in bans.get(store.id, ())], now),
        )
        for store, count in rows[:PAGE]
    ]  # fmt: skip
    return found, len(rows) > PAGE


def _orders_of_store() -> sa.ScalarSelect[int]:
    # Counting two million orders takes a second; counting 1,001 of them takes none.
    some = sa.select(sa.literal(1).label("one")).select_from(Order).where(Order.store_id == Store.id)
    capped = some.limit(COUNT_MOST + 1).correlate(Store).subquery()
    return sa.select(sa.func.count()).select_from(capped).correlate(Store).scalar_subquery()


def orders_of(session: Session, store_id: int) -> int:
    """Number of the store's orders, capped."""
    some = sa.select(sa.literal(1)).select_from(Order).where(Order.store_id == store_id).limit(COUNT_MOST + 1)
    return session.scalar(sa.select(sa.func.count()).select_from(some.subquery())) or 0


def products_of(session: Session, store_id: int) -> list[tuple[str, str]]:
    """Ids and names of the products in the store's newest orders, by name: to choose from, not all there ever were."""
    newest = (
        sa.select(Order.id)
        .where(Order.store_id == store_id)
        .order_by(Order.created_at.desc(), Order.id.desc())
        .limit(NEWEST)
        .subquery()
    )
    found = session.execute(
        sa.select(OrderItem.product_id, sa.func.max(OrderItem.name))
        .join(newest, newest.c.id == OrderItem.order_id)
        .where(OrderItem.product_id.is_not(None))
        .group_by(OrderItem.product_id)
    )
    return sorted(((str(product), name) for product, name in found), key=lambda pair: (pair[1].casefold(), pair[0]))


def teams_by_store(session: Session, store_ids: Sequence[int]) -> dict[int, list[Group]]:
    """Teams that work with each store, by name."""
    found: dict[int, list[Group]] = {}
    for store_id, team in session.execute(
        sa.select(TeamStore.store_id, Group)
        .join(Group, Group.id == TeamStore.group_id)
        .where(TeamStore.store_id.in_(store_ids))
        .order_by(Group.name)
    ):
        found.setdefault(store_id, []).append(team)
    return found


def bans_by_store(session: Session, store_ids: Sequence[int]) -> dict[int, list[DeliveryBan]]:
    """Every ban of each store, the newest first."""
    found: dict[int, list[DeliveryBan]] = {}
    for ban in session.scalars(
        sa.select(DeliveryBan).where(DeliveryBan.store_id.in_(store_ids)).order_by(DeliveryBan.id.desc())
    ):
        found.setdefault(ban.store_id, []).append(ban)
    return found


def as_ban(row: DeliveryBan) -> Ban:
    """The row as the rules know it."""
    return Ban(row.store_id, row.product_id, row.reason, row.starts_at, row.ends_at, row.lifted_at)


def touched_by_ban(session: Session, store_id: int, product_id: str | None) -> Touched:
    """How many orders could be sent license information now, and how many resends wait, for the store or product."""
    code, item = aliased(License), aliased(OrderItem)
    codes = (
        sa.select(code.order_id)
        .join(item, sa.and_(item.order_id == code.order_id, item.item_id == code.item_id))
        .join(Order, Order.id == code.order_id)
        .where(code.store_id == store_id, code.deleted.is_(False), Order.status == "paid", item.refunded.is_(False))
    )
    waiting = sa.select(Action.id).where(
        Action.store_id == store_id, Action.kind == "resend_license", Action.state == "waiting"
    )
    if product_id is not None:
        codes = codes.where(item.product_id == product_id)
        waiting = (
            waiting.join(code, sa.and_(code.order_id == Action.order_id, code.license_id == Action.subject))
            .join(item, sa.and_(item.order_id == code.order_id, item.item_id == code.item_id))
            .where(item.product_id == product_id)
        )
    return Touched(_count(session, codes.distinct()), _count(session, waiting))


def _count(session: Session, statement: sa.Select[Any]) -> int:
    capped = statement.limit(COUNT_MOST + 1).subquery()
    return session.scalar(sa.select(sa.func.count()).select_from(capped)) or 0


def list_tokens(session: Session) -> list[tuple[ApiToken, list[str]]]:
    """API tokens, live ones first, each with the names of its stores."""
    tokens = session.scalars(
        sa.select(ApiToken).order_by(ApiToken.revoked_at.is_not(None), ApiToken.name).limit(1000)
    ).all()
    names: dict[int, list[str]] = {}
    for token_id, name in session.execute(
        sa.select(ApiTokenStore.token_id, Store.name)
        .join(Store, Store.id == ApiTokenStore.store_id)
        .where(ApiTokenStore.token_id.in_([token.id for token in tokens]))
        .order_by(Store.name)
    ):
        names.setdefault(token_id, []).append(name)
    return [(token, names.get(token.id, [])) for token in tokens]
