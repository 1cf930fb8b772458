"""Plain makers of test data. Orders are made from snapshots, the way they really come in."""

from __future__ import annotations

import copy
import datetime as dt
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer

from app.actions.record import record_orders
from app.actions.snapshots import parse_snapshot
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES, PLATFORM
from app.models import Group, Person, Role, Store, StoreGrant, TeamStore, UserSession
from app.models.base import utcnow
from app.security.sessions import DatabaseSessions, hash_token, new_token

_ids = itertools.count(1)
_order_ids = itertools.count(10_000_001)


def snapshot(**overrides: Any) -> dict[str, Any]:
    """A raw snapshot that holds: a paid order of one item with one code and four history lines.

    ``overrides`` go deep: a dict is merged into the default's, a list replaces it; the dicts of ``items`` are
    merged into the default item (its ids made different), so ``items=[{}, {"refunded": True}]`` are two items.
    The key ``order_id`` is a new one unless given.
    """
    order_id = overrides.get("order_id") or next(_order_ids)
    value: dict[str, Any] = {
        "order_id": order_id,
        "store": "acme-eu",
        "version": 1,
        "status": "paid",
        "create_date": "2026-08-13T09:16:35+03:00",
        "pay_date": "2026-08-13T09:20:01+03:00",
        "order_name": f"A{order_id:010d}",
        "number_1c": f"1C-{order_id}",
        "external_id": None,
        "currency": "EUR",
        "total": "118.00",
        "locale": "en_EN",
        "order_detail_url": f"https://shop.example.com/order/status/{order_id}/1a97507",
        "customer": {
            "type": "physical",
            "email": "marcel.laporte@example.com",
            "first_name": "Marcel",
            "last_name": "Laporte",
            "phone": "+33 1 23 45 67 89",
            "country": "FR",
            "vat_number": None,
            "company_name": None,
            "address": "1 rue Exemple, Paris",
        },
        "payment": {"payment_method": "CreditCard", "payment_system_name": "Bank Card", "card_last_4": "4242"},
        "items": [_ITEM],
        "additional_data": [{"name": "utm_source", "value": "newsletter"}],
        "related_order_ids": [],
        "history": [
            _line("e1", "2026-08-13T09:16:35+03:00", "status", "Order created"),
            _line("e2", "2026-08-13T09:20:01+03:00", "status", "Payment received"),
            _line("e3", "2026-08-13T09:20:30+03:00", "status", "Product delivered: Demo"),
            _line("e4", "2026-08-13T09:20:31+03:00", "mail", "License information sent to customer"),
        ],
        "documents": [],
        "refund": None,
    }
    value = _merged(value, {name: found for name, found in overrides.items() if name != "items"})
    items = overrides.get("items", [{}])
    value["items"] = [_item(i, found) for i, found in enumerate(items, 1)]
    return value


_ITEM: dict[str, Any] = {
    "item_id": "i1",
    "product_id": "111111",
    "sku": "0001",
    "name": "Demo",
    "quantity": 1,
    "price": "100.00",
    "discount_percent": None,
    "discount_amount": None,
    "vat_amount": "18.00",
    "amount": "118.00",
    "delivered": True,
    "refunded": False,
    "fields": [],
    "license_user": {"name": "Marcel Laporte", "email": "marcel.laporte@example.com"},
    "licenses": [{"license_id": "l1", "code": "ABCD-1234-EFGH", "deleted": False}],
    "subscription": None,
}


def _item(position: int, overrides: dict[str, Any]) -> dict[str, Any]:
    item = copy.deepcopy(_ITEM)
    item["item_id"] = f"i{position}"
    item["licenses"][0]["license_id"] = f"l{position}"
    if position > 1:
        item["product_id"] = str(111110 + position)
        item["licenses"][0]["code"] = f"ABCD-{1233 + position}-EFGH"
    return _merged(item, overrides)


def _line(event_id: str, date: str, kind: str, text: str) -> dict[str, Any]:
    return {"event_id": event_id, "date": date, "kind": kind, "text": text}


def _merged(value: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(value)
    for name, found in overrides.items():
        known = result.get(name)
        result[name] = _merged(known, found) if isinstance(known, dict) and isinstance(found, dict) else found
    return result


class Browser(FlaskClient):
    """A test client that reads every answer to its end, as a browser does, and can send forms."""

    def __init__(self, application: Flask, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("response_wrapper", application.response_class)
        super().__init__(application, *args, **kwargs)

    def open(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request; what waits for the end of the answer has been done afterwards."""
        kwargs.setdefault("buffered", True)
        return super().open(*args, **kwargs)

    @contextmanager
    def session_transaction(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """The session of this browser, to look at or to change; it is read from the database on first use."""
        with super().session_transaction(*args, **kwargs) as found, self.application.app_context():
            yield found

    def csrf(self) -> str:
        """The CSRF token of this browser's session, as a form would carry it."""
        with self.session_transaction() as found:
            raw = found.setdefault("csrf_token", "0" * 40)
        with self.application.app_context():
            return str(URLSafeTimedSerializer(str(self.application.secret_key), salt="wtf-csrf-token").dumps(raw))

    def submit(self, path: str, data: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        """Send a form by POST with the CSRF token."""
        return self.post(path, data={"csrf_token": self.csrf(), **(data or {})}, **kwargs)


class Make:
    """Makes rows in the app's database and commits them."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def store(self, name: str = "acme-eu", **values: Any) -> int:
        """A store; its id. Asking again for the same name gives the same one."""
        with self.app.app_context(), scope_as(ALL_STORES):
            found = session.scalar(sa.select(Store.id).where(Store.name == name))
            if found is not None:
                return found
            with transaction():
                store = Store(name=name, **values)
                session.add(store)
                session.flush()
                return store.id

    def team(self, name: str, *stores: str) -> int:
        """A team with stores; its id."""
        ids = [self.store(store) for store in stores]
        with self.app.app_context(), scope_as(ALL_STORES), transaction():
            group = Group(name=name, label=name)
            session.add(group)
            session.flush()
            session.add_all(TeamStore(group_id=group.id, store_id=store) for store in ids)
            return group.id

    def person(
        self,
        email: str = "",
        role: str = "Specialist",
        *,
        stores: tuple[str, ...] = (),
        teams: tuple[int, ...] = (),
        **values: Any,
    ) -> int:
        """A person with a role, direct stores and teams; the id. Has no password: sign in with ``signed_in``."""
        email = email or f"person{next(_ids)}@example.org"
        ids = [self.store(store) for store in stores]
        with self.app.app_context(), scope_as(ALL_STORES), transaction():
            person = Person(
                username=values.pop("username", email),
                email=email,
                first_name=values.pop("first_name", "Ann"),
                last_name=values.pop("last_name", "Example"),
                active=True,
                **values,
            )
            session.add(person)
            person.roles = list(session.scalars(sa.select(Role).where(Role.name == role)))
            person.groups = list(session.scalars(sa.select(Group).where(Group.id.in_(teams))))
            session.flush()
            session.add_all(StoreGrant(user_id=person.id, store_id=store) for store in ids)
            return person.id

    def signed_in(self, person_id: int, *, proved: bool = True) -> Browser:
        """A browser in which the person is signed in (scrypt is slow; the sign-in form has its own tests).

        ``proved=False``: the last proof of identity is too old to change people, tokens or security.
        """
        browser = Browser(self.app)
        token, now = new_token(), utcnow()
        with self.app.app_context(), transaction():
            person = session.get_one(Person, person_id)
            session.add(
                UserSession(
                    token_hash=hash_token(token), user_id=person_id, auth_version=person.auth_version,
                    data={"csrf_token": "0" * 40}, created_at=now, seen_at=now,
                    expires_at=now + dt.timedelta(hours=12), proved_at=now if proved else now - dt.timedelta(hours=1),
                )
            )  # fmt: skip
        interface = self.app.session_interface
        assert isinstance(interface, DatabaseSessions)
        browser.set_cookie(interface.session_cookie, token)
        return browser

    def specialist(self, *stores: str, **values: Any) -> Browser:
        """A signed-in specialist of these stores."""
        return self.signed_in(self.person(stores=stores or ("acme-eu",), **values))

    def order(self, store: str = "acme-eu", **overrides: Any) -> int:
        """An order, recorded from a valid snapshot; its id. ``overrides`` as of ``snapshot``; the store is made."""
        self.store(store)
        return self.record(snapshot(store=store, **overrides))

    def record(self, raw: dict[str, Any]) -> int:
        """Record a raw snapshot as it is; its order id. Raises AssertionError when it is refused."""
        with self.app.app_context(), scope_as(ALL_STORES), transaction():
            (result,) = record_orders(
                session, [parse_snapshot(raw)], source=PLATFORM, allowed=ALL_STORES, now=dt.datetime.now(dt.UTC)
            )
        assert result.result != "refused", result.errors
        assert result.order_id
        return result.order_id

    def admin(self, **values: Any) -> Browser:
        """A signed-in administrator."""
        return self.signed_in(self.person(role="Admin", **values))
