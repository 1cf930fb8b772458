"""Two vendors side by side: what the first one's people may see, and a second store full of canaries."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import STORE_SCOPED, DeliveryBan, Mail, RefundRequest, Store, StoredSearch, WebhookDelivery
from app.models.base import utcnow
from tests.factories import Browser, Make, snapshot

CANARY = "canary"
OWN, FOREIGN = "own-store", f"{CANARY}-store"


@dataclass(frozen=True)
class Side:
    """Ids of one vendor's things."""

    store: str
    store_id: int
    order_id: int
    team_id: int
    person_id: int
    ban_id: int
    search: str


@dataclass(frozen=True)
class World:
    """Both sides, and browsers of four kinds of people of the first."""

    app: Flask
    own: Side
    foreign: Side
    people: dict[str, FlaskClient]
    make: Make
    ids: dict[str, int]

    def sign_in_again(self, who: str) -> None:
        """A new session, where the walk has just ended this person's."""
        if who in self.ids:
            self.people[who] = self.make.signed_in(self.ids[who])

    def is_signed_in(self, who: str) -> bool:
        """Is this still the person the walk takes it for?"""
        return self.people[who].get("/account/").status_code == 200

    def foreign_hash(self) -> str:
        """A hash over every row that belongs to the foreign side."""
        digest = hashlib.sha256()
        with self.app.app_context(), scope_as(ALL_STORES):
            connection = session.connection()
            for model in STORE_SCOPED:
                table = model.__table__
                rows = connection.execute(sa.select(table).where(table.c.store_id == self.foreign.store_id))
                digest.update(f"{table.name}{sorted(map(str, rows))}".encode())
            for sql in (
                "SELECT * FROM store WHERE id = :store",
                "SELECT * FROM store_grant WHERE store_id = :store",
                "SELECT * FROM ab_user_group WHERE group_id = :team",
                "SELECT * FROM ab_group WHERE id = :team",
                "SELECT id, username, email, password, active, auth_version FROM ab_user WHERE id = :person",
                "SELECT * FROM ab_user_role WHERE user_id = :person",
            ):
                values = {
                    "store": self.foreign.store_id, "team": self.foreign.team_id, "person": self.foreign.person_id,
                }  # fmt: skip
                given = {name: value for name, value in values.items() if f":{name}" in sql}
                digest.update(str(sorted(map(str, connection.execute(sa.text(sql), given)))).encode())
        return digest.hexdigest()


def build(app: Flask, make: Make) -> World:
    """Make it."""
    own = _side(app, make, OWN, "own")
    foreign = _side(app, make, FOREIGN, CANARY)
    ids = {
        "specialist": make.person("specialist@own.example", stores=(OWN,)),
        "lead": make.person("lead@own.example", "Lead", teams=(own.team_id,)),
        "nobody": make.person("nobody@own.example"),
        "admin": make.person("admin@own.example", "Admin"),
    }
    people = {"anonymous": Browser(app), **{who: make.signed_in(person_id) for who, person_id in ids.items()}}
    return World(app, own, foreign, people, make, ids)


def _side(app: Flask, make: Make, store: str, mark: str) -> Side:
    store_id = make.store(store, title=f"{mark} title")
    team_id = make.team(f"{mark} team", store)
    person_id = make.person(f"{mark}@example.org", first_name=f"{mark}-first", teams=(team_id,), stores=(store,))
    order_id = make.record(_snapshot(make, store, mark))
    with app.app_context(), scope_as(ALL_STORES), transaction():
        ban = DeliveryBan(store_id=store_id, product_id=f"{mark}-p", reason=f"{mark} ban", starts_at=utcnow())
        session.add(ban)
        session.add_all([
            RefundRequest(order_id=order_id, store_id=store_id, status="sent", reason=f"{mark} reason", amount=10,
                          currency="EUR", requested_by=person_id),
            Mail(dedupe=f"{mark}-mail", template="license", params={"product": f"{mark} mail"},
                 recipient=f"{mark}@mail.example", order_id=order_id, store_id=store_id, message_id=f"<{mark}@x>",
                 state="done"),
            WebhookDelivery(store_id=store_id, digest=mark.ljust(64, "0"), event=f"{mark}.event", order_id=order_id,
                            body=f'{{"email": "{mark}"}}', state="done"),
            StoredSearch(key=f"{mark}-search-key", user_id=person_id, criteria={"last_name": [f"{mark} searched"]},
                         expires_at=utcnow() + dt.timedelta(days=1)),
        ])  # fmt: skip
        session.flush()
        ban_id = ban.id
        title = session.scalar(sa.select(Store.title).where(Store.id == store_id))
        assert title
    return Side(store, store_id, order_id, team_id, person_id, ban_id, f"{mark}-search-key")


def _snapshot(make: Make, store: str, mark: str) -> dict[str, Any]:
    found = snapshot(store=store)
    order_id = found["order_id"]
    found.update({
        "order_name": f"A{order_id:010d}", "number_1c": f"{mark}-1c", "external_id": f"{mark}-external",
        "customer": {
            "type": "legal", "email": f"{mark}@buyer.example", "first_name": f"{mark}-f", "last_name": f"{mark}-l",
            "phone": "+1 555 0100", "company_name": f"{mark} company", "vat_number": f"{mark}vat",
            "address": f"{mark} street",
        },
        "payment": {"payment_method": f"{mark}-method", "card_last_4": "4242"},
        "items": [{
            "item_id": "1", "product_id": f"{mark}-p", "name": f"{mark} product", "quantity": 1, "amount": "10.00",
            "delivered": True, "fields": [{"name": f"{mark}-n", "value": f"{mark}-v"}],
            "license_user": {"name": f"{mark} owner", "email": f"{mark}@owner.example"},
            "licenses": [{"license_id": "1", "code": f"{mark}-code-1234"}],
            "subscription": {"id": f"{order_id}_12345", "type": "AR", "status": "active", "parent_order_id": order_id},
        }],
        "additional_data": [{"name": f"{mark}-key", "value": f"{mark}-value"}],
        "history": [{"event_id": "1", "date": "2026-11-01T10:00:00+00:00", "kind": "mail", "text": f"{mark} history"}],
        "documents": [{
            "document_id": "doc", "kind": "invoice", "name": f"{mark}.pdf", "content_type": "application/pdf",
            "content_base64": "Y2FuYXJ5",
        }],
        "total": "10.00",
    })  # fmt: skip
    return found
