"""Demo data for a try-out: three vendors, five stores, some hundred orders, three people to sign in as."""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
from pathlib import Path

import sqlalchemy as sa
from werkzeug.security import generate_password_hash

from app.actions.record import record_orders
from app.actions.snapshots import parse_snapshot
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES, SYSTEM
from app.models import DeliveryBan, Group, Person, Role, Store, StoreGrant, TeamStore
from app.models.base import utcnow
from app.tryout.generate import generate
from app.tryout.scenes import Scenes

STORES = {
    "glyph-eu": ("Glyph Foundry, Europe", "EUR"),
    "glyph-us": ("Glyph Foundry, Americas", "USD"),
    "tern-eu": ("Tern CAD, Europe", "EUR"),
    "tern-us": ("Tern CAD, Americas", "USD"),
    "kopia-ru": ("Куратор, Россия", "RUB"),
}
TEAMS = {"Glyph support": ("glyph-eu", "glyph-us"), "Tern support": ("tern-eu", "tern-us")}
PEOPLE = (
    ("Admin", "admin@esupport.example", "Olena", "Kravets", (), ()),
    ("Lead", "lead@esupport.example", "Anna", "Petrova", ("Glyph support",), ()),
    ("Specialist", "specialist@esupport.example", "Sam", "Okafor", ("Glyph support",), ("tern-eu", "tern-us")),
)
FILLER = 240


def load_demo(data: Path) -> None:
    """Fill an empty database, all of it or nothing: a start that is killed in the middle is simply made again.

    Passwords are made up on the spot and kept in the data folder before the accounts are there: never the other
    way round, or nobody could sign in.
    """
    with scope_as(ALL_STORES), transaction():
        accounts = _people()
        _orders()
        session.flush()
        _keep(data, accounts)


def demo_accounts(data: Path) -> list[tuple[str, str, str]]:
    """Role, email and password of each demo account; empty when there is no demo data."""
    file = data / "demo_accounts.json"
    return [tuple(line) for line in json.loads(file.read_text())] if file.exists() else []


def _keep(data: Path, accounts: list[tuple[str, str, str]]) -> None:
    with os.fdopen(os.open(data / "demo_accounts.json", os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        json.dump(accounts, file)


def _people() -> list[tuple[str, str, str]]:
    accounts = []
    stores = {}
    for name, (title, currency) in STORES.items():
        stores[name] = Store(name=name, title=title, currency=currency)
    session.add_all(stores.values())
    session.flush()
    teams = {name: Group(name=name, label=name) for name in TEAMS}
    session.add_all(teams.values())
    session.flush()
    for name, held in TEAMS.items():
        session.add_all(TeamStore(group_id=teams[name].id, store_id=stores[store].id) for store in held)
    for role, email, first, last, of_teams, held in PEOPLE:
        password = secrets.token_urlsafe(12)
        person = Person(
            username=email,
            email=email,
            first_name=first,
            last_name=last,
            active=True,
            password=generate_password_hash(password),
        )
        person.roles = list(session.scalars(sa.select(Role).where(Role.name == role)))
        person.groups = [teams[name] for name in of_teams]
        session.add(person)
        session.flush()
        session.add_all(StoreGrant(user_id=person.id, store_id=stores[store].id) for store in held)
        accounts.append((role, email, password))
    session.add(
        DeliveryBan(
            store_id=stores["tern-us"].id,
            reason="license keys are being replaced after a leak; ask Tern before promising a date",
            starts_at=utcnow() - dt.timedelta(days=3),
            ends_at=utcnow() + dt.timedelta(days=30),
        )
    )
    return accounts


def _orders() -> None:
    now = utcnow()
    filler = generate(FILLER, stores=list(STORES), seed=7, end=now - dt.timedelta(days=3), days=300)
    snapshots = [*Scenes(now).all(), *filler]
    results = record_orders(session, [parse_snapshot(s) for s in snapshots], source=SYSTEM, allowed=ALL_STORES, now=now)
    wrong = [(result.order_id, result.errors) for result in results if result.errors]
    if wrong:
        raise RuntimeError(f"demo orders were refused: {wrong[:3]}")
