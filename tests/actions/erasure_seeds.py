"""Orders full of tokens, copies of them elsewhere, and everything that is kept, for tests of erasure."""

import datetime as dt
import sqlite3
import subprocess
from pathlib import Path

from app.actions.erasure import erase_order
from app.db import scope_as, transaction
from app.domain.access import ALL_STORES, SYSTEM
from app.models import Action, Mail, Order, RefundRequest, StoredSearch, WebhookDelivery
from app.models.base import utcnow

TOKENS = [
    "tok-email", "tok-first", "tok-last", "79998887766", "tok-street", "tok-owner", "tok-owner-mail", "tok-field",
    "tok-parameter", "tok-history", "tok-reason", "tok-webhook", "tok-document", "tok-unknown", "tok-vat",
    "tok-external", "tok-page", "tok-locale", "tok-said",
]  # fmt: skip


def seed(make, **more):
    """An order full of tokens; its id."""
    return make.order(
        customer={
            "type": "physical", "email": "tok-email@example.org", "first_name": "Tok-First", "last_name": "TOK-LAST",
            "phone": "+79998887766", "country": "FR", "address": "1 tok-street", "vat_number": "tok-vat",
        },
        payment={"payment_method": "CreditCard", "card_last_4": "4711"},
        items=[{
            "item_id": "1", "name": "Product", "quantity": 1, "amount": "10.00", "delivered": True,
            "fields": [{"name": "Nickname", "value": "tok-field"}],
            "license_user": {"name": "tok-owner", "email": "tok-owner-mail@example.org"},
            "licenses": [{"license_id": "1", "code": "CODE-STAYS-1234"}],
        }],
        additional_data=[{"name": "note", "value": "tok-parameter"}],
        history=[{"event_id": "h", "date": "2026-11-01T10:00:00+00:00", "kind": "mail", "text": "Told tok-history so"}],
        documents=[{
            "document_id": "d", "kind": "invoice", "name": "tok-document.pdf", "content_type": "application/pdf",
            "content_base64": "dG9rLWRvY3VtZW50",
        }],
        something_new={"who": "tok-unknown"},
        external_id="tok-external",
        order_detail_url="https://shop.example.com/tok-page",
        locale="en tok-locale",
        **more,
    )  # fmt: skip


def seed_around(app, order_id, person_id):
    """Copies elsewhere: a refund's reason, a webhook's body, a mail, a stored search."""
    with app.app_context(), scope_as(ALL_STORES), transaction() as session:
        store_id = session.get(Order, order_id).store_id
        session.add_all([
            RefundRequest(order_id=order_id, store_id=store_id, reason="tok-reason", comment="tok-reason too",
                          amount=10, currency="EUR", status="refused"),
            WebhookDelivery(store_id=store_id, digest="0" * 64, event="order.created", order_id=order_id,
                            body='{"email": "tok-webhook"}', state="done"),
            Mail(dedupe="m1", template="license", params={"to": "tok-email"}, recipient="tok-email@example.org",
                 order_id=order_id, store_id=store_id, message_id="<m1@portal>", state="waiting"),
            Action(kind="request_refund", order_id=order_id, store_id=store_id, subject=str(order_id), state="refused",
                   request_token="t" * 8, key="k", actor_id=person_id, next_at=utcnow(),
                   reason="The platform refused it: tok-said is unknown"),
            StoredSearch(key="k" * 20, user_id=person_id, criteria={"email": ["TOK-EMAIL@example.org "]},
                         expires_at=utcnow() + dt.timedelta(days=1)),
            StoredSearch(key="o" * 20, user_id=person_id, criteria={"email": ["Tok-Owner-Mail@example.org"]},
                         expires_at=utcnow() + dt.timedelta(days=1)),
            StoredSearch(key="p" * 20, user_id=person_id, criteria={"last_name": ["TOK-OWNER"], "status": ["paid"]},
                         expires_at=utcnow() + dt.timedelta(days=1)),
            StoredSearch(key="other", user_id=person_id, criteria={"email": ["somebody@example.org"]},
                         expires_at=utcnow() + dt.timedelta(days=1)),
        ])  # fmt: skip


def dump(app, tmp_path: Path) -> str:
    """Everything the database holds, as text: a logical dump; for SQLite also the vacuumed file."""
    engine = app.extensions["database"].engine
    if engine.dialect.name == "postgresql":
        url = engine.url.set(drivername="postgresql")
        done = subprocess.run(
            ["pg_dump", "--inserts", url.render_as_string(hide_password=False)], capture_output=True, check=True
        )
        return done.stdout.decode().lower()
    target = tmp_path / "vacuumed.sqlite3"
    target.unlink(missing_ok=True)
    raw = sqlite3.connect(engine.url.database, isolation_level=None)
    raw.execute("VACUUM INTO ?", (str(target),))
    text = "\n".join(raw.iterdump())
    raw.close()
    return (text + target.read_bytes().decode("latin-1")).lower()


def erase(app, order_id, **options):
    with app.app_context(), scope_as(ALL_STORES), transaction() as session:
        return erase_order(session, session.get(Order, order_id), actor=SYSTEM, now=utcnow(), **options)
