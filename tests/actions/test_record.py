"""Recording orders: what a snapshot changes, and what it never may (contract.md 4)."""

import datetime as dt
import json
import re
import zlib

import pytest
import sqlalchemy as sa

from app import metrics
from app.actions.record import record_orders
from app.actions.snapshots import parse_snapshot
from app.db import transaction
from app.domain.access import ALL_STORES, PLATFORM
from app.models import (
    Document,
    DocumentContent,
    License,
    Mail,
    Order,
    OrderEvent,
    OrderItem,
    OrderParameter,
    OrderRelation,
    RawSnapshot,
    RefundRequest,
    Subscription,
)
from tests.factories import snapshot

NOW = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)


def record(session, *raws, allowed=ALL_STORES):
    with transaction():
        results = record_orders(
            session, [parse_snapshot(raw) for raw in raws], source=PLATFORM, allowed=allowed, now=NOW
        )
    return [(r.order_id, r.result.value, [e.field for e in r.errors]) for r in results]


def only(session, model, *where):
    return session.scalars(sa.select(model).where(*where)).one()


@pytest.fixture(autouse=True)
def _store(make):
    make.store("acme-eu")


def test_an_order_is_recorded_whole(make, session):
    order_id = make.order()
    order = session.get_one(Order, order_id)
    assert (order.status, order.delivery, str(order.total), order.version) == ("paid", "delivered", "118.00", 1)
    assert (order.email_key, order.phone_digits) == ("marcel.laporte@example.com", "33123456789")
    assert order.create_date_raw == "2026-08-13T09:16:35+03:00"
    assert session.scalars(sa.select(OrderItem.name)).all() == ["Demo"]
    assert session.scalars(sa.select(Order.codes_key)).all() == ["abcdŉ1234ŉefgh"]
    assert len(session.scalars(sa.select(OrderEvent)).all()) == 4


def test_the_same_or_an_older_version_is_unchanged(session):
    raw = snapshot(order_id=1, version=5)
    assert record(session, raw) == [(1, "applied", [])]
    for version in (5, 4, 0):
        assert record(session, {**raw, "version": version, "total": "1.00"}) == [(1, "unchanged", [])]
    assert str(session.get_one(Order, 1).total) == "118.00"
    assert record(session, {**raw, "version": 6, "total": "1.00"}) == [(1, "applied", [])]
    assert str(session.get_one(Order, 1).total) == "1.00"


def test_the_same_order_twice_in_one_call_is_two_versions(session):
    results = record(session, snapshot(order_id=1, version=2), snapshot(order_id=2), snapshot(order_id=1, version=1),
                     snapshot(order_id=1, version=3, total="3.00"))  # fmt: skip
    assert [r[1] for r in results] == ["applied", "applied", "unchanged", "applied"]
    assert session.get_one(Order, 1).version == 3


def test_a_refused_order_holds_nothing_up(session, make):
    foreign = make.order("other", order_id=2)
    results = record(session, snapshot(order_id=1), snapshot(order_id=foreign, version=9), snapshot(order_id=3))
    assert results == [(1, "applied", []), (2, "refused", ["store"]), (3, "applied", [])]
    assert session.get_one(Order, 2).version == 1


def test_a_store_outside_what_is_allowed_is_refused(session, make):
    other = make.store("other")
    assert record(session, snapshot(order_id=1), allowed=frozenset({other})) == [(1, "refused", ["store"])]
    assert session.scalars(sa.select(Order.id)).all() == []


def test_a_new_version_replaces_everything_the_platform_owns(session):
    record(session, snapshot(order_id=1, documents=[document("d1"), document("d2")], related_order_ids=[5, 6]))
    record(
        session,
        snapshot(
            order_id=1, version=2, items=[{"item_id": "i9", "licenses": [{"license_id": "l9", "code": "NEW"}]}],
            additional_data=[], related_order_ids=[6, 7], documents=[document("d2", name="renamed.pdf")],
            history=[{"event_id": "e9", "date": "2026-08-14T00:00:00Z", "kind": "other", "text": "Only line"}],
        ),
    )  # fmt: skip
    assert session.scalars(sa.select(OrderItem.item_id)).all() == ["i9"]
    assert session.scalars(sa.select(License.code)).all() == ["NEW"]
    assert session.scalars(sa.select(OrderEvent.text)).all() == ["Only line"]
    assert session.scalars(sa.select(OrderParameter.name)).all() == []
    assert session.scalars(sa.select(Document.name)).all() == ["renamed.pdf"]
    assert session.scalars(sa.select(DocumentContent.content)).all() == [b"%PDF-1.4"]
    assert session.scalars(sa.select(OrderRelation.related_id).order_by(OrderRelation.related_id)).all() == [6, 7]


def document(document_id, **values):
    return {
        "document_id": document_id, "kind": "invoice", "name": "invoice.pdf", "content_type": "application/pdf",
        "content_base64": "JVBERi0xLjQ=", **values,
    }  # fmt: skip


def test_a_document_by_address_keeps_no_bytes(session):
    record(session, snapshot(order_id=1, documents=[document("d1")]))
    by_address = document("d1", url="https://example.com/d1.pdf", content_base64=None)
    record(session, snapshot(order_id=1, version=2, documents=[by_address]))
    assert session.scalars(sa.select(DocumentContent.document_id)).all() == []
    assert only(session, Document).size is None


def test_the_portals_own_history_and_documents_are_never_lost(session):
    record(session, snapshot(order_id=1))
    store_id = session.get_one(Order, 1).store_id
    with transaction():
        session.add(OrderEvent(order_id=1, source="portal", event_id="e1", store_id=store_id, at=NOW, kind="other",
                               text="Ours"))  # fmt: skip
        session.add(Document(order_id=1, document_id="d1", store_id=store_id, source="portal", kind="refund",
                             name="refund.pdf", content_type="application/pdf"))  # fmt: skip
    record(session, snapshot(order_id=1, version=2, documents=[document("d1"), document("d2")]))
    assert "Ours" in session.scalars(sa.select(OrderEvent.text)).all()
    assert set(session.execute(sa.select(Document.document_id, Document.source)).all()) == {
        ("d1", "portal"), ("d2", "platform"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("before", "told", "after"),
    [
        ("not_paid", "paid", "paid"), ("paid", "not_paid", "paid"), ("not_paid", "deleted", "deleted"),
        ("deleted", "paid", "deleted"), ("deleted", "not_paid", "deleted"), ("paid", "deleted", "deleted"),
        ("paid", "terminated", "terminated"), ("terminated", "paid", "terminated"), ("paid", "not paid", "paid"),
    ],
)  # fmt: skip
def test_the_status_only_moves_forward(session, before, told, after):
    record(session, snapshot(order_id=1, status=before))
    record(session, snapshot(order_id=1, status=told, version=2))
    assert session.get_one(Order, 1).status == after


def test_a_refunded_item_and_a_deleted_code_stay_so(session):
    gone = {"refunded": True, "licenses": [{"license_id": "l1", "code": "X", "deleted": True}]}
    record(session, snapshot(order_id=1, items=[gone, {}]))
    record(session, snapshot(order_id=1, version=2, items=[{}, {}]))
    assert only(session, OrderItem, OrderItem.item_id == "i1").refunded is True
    assert only(session, OrderItem, OrderItem.item_id == "i2").refunded is False
    assert only(session, License, License.license_id == "l1").deleted is True
    assert session.get_one(Order, 1).status == "paid"


def test_a_refunded_item_and_a_deleted_code_stay_when_a_snapshot_leaves_them_out(session):
    gone = {"refunded": True, "licenses": [{"license_id": "l1", "code": "X", "deleted": True}]}
    record(session, snapshot(order_id=1, items=[gone, {}]))
    record(session, snapshot(order_id=1, version=2, items=[{"item_id": "i2", "licenses": []}]))
    assert set(session.execute(sa.select(OrderItem.item_id, OrderItem.refunded)).all()) == {("i1", True), ("i2", False)}
    assert session.execute(sa.select(License.license_id, License.deleted)).all() == [("l1", True)]


def test_all_items_refunded_with_what_the_portal_knows_is_deleted(session):
    record(session, snapshot(order_id=1, items=[{"refunded": True}, {}]))
    record(session, snapshot(order_id=1, version=2, items=[{}, {"refunded": True}]))
    assert session.get_one(Order, 1).status == "deleted"


@pytest.mark.parametrize(
    ("delivered", "word"),
    [
        ([True, True], "delivered"),
        ([True, False], "partly_delivered"),
        ([False], "not_delivered"),
        ([], "not_delivered"),
    ],
)
def test_delivery_of_the_order_follows_from_its_items(session, delivered, word):
    record(session, snapshot(order_id=1, items=[{"delivered": d} for d in delivered]))
    assert session.get_one(Order, 1).delivery == word


def test_the_raw_record_is_kept_with_unknown_fields_which_are_counted(app, session):
    def counted():
        text = metrics.render(app.extensions["database"].engine).decode()
        found = re.search(r"^portal_snapshot_unknown_fields_total (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0

    before = counted()
    raw = snapshot(order_id=1, novelty={"a": [1]}, items=[{"colour": "red"}], customer={"shoe_size": 43})
    record(session, raw)
    assert counted() == before + 3
    row = only(session, RawSnapshot)
    assert json.loads(zlib.decompress(row.body)) == raw
    record(session, {**raw, "version": 2})
    assert [r.version for r in session.scalars(sa.select(RawSnapshot))] == [2]


# --- erased customers ----------------------------------------------------------------------------------------------


def assert_nothing_personal(session, order_id=1):
    session.expire_all()
    order = session.get_one(Order, order_id)
    for name in ("email", "first_name", "last_name", "phone", "address", "card_last_4", "email_key", "first_name_key",
                 "last_name_key", "phone_digits", "company_name", "vat_number"):  # fmt: skip
        assert getattr(order, name) is None, name
    for item in session.scalars(sa.select(OrderItem)):
        assert (item.license_user_name, item.license_user_email, item.fields) == (None, None, None)
    texts = " ".join(session.scalars(sa.select(OrderEvent.text)))
    assert "Laporte" not in texts
    assert session.scalars(sa.select(RawSnapshot.order_id)).all() == []
    assert session.scalars(sa.select(OrderParameter.value)).all() == []


PERSONAL = {"fields": [{"name": "Nick", "value": "Laporte"}]}
TOLD = [{"event_id": "e1", "date": "2026-08-14T00:00:00Z", "kind": "mail", "text": "Mailed Marcel Laporte"}]


def test_a_snapshot_that_says_erased_erases_a_known_order(session):
    record(session, snapshot(order_id=1, items=[PERSONAL], history=TOLD))
    record(session, snapshot(order_id=1, version=2, erased=True, items=[PERSONAL], history=TOLD))
    assert_nothing_personal(session)
    assert "Personal data anonymize" in session.scalars(sa.select(OrderEvent.text)).all()
    assert session.get_one(Order, 1).erased_at is not None


def test_a_new_order_may_come_in_erased_and_without_an_email(session):
    raw = snapshot(order_id=1, erased=True, items=[PERSONAL], history=TOLD)
    raw["customer"] = {"email": None}
    assert record(session, raw) == [(1, "applied", [])]
    assert_nothing_personal(session)


@pytest.mark.parametrize("customer", [{}, {"email": "deleted", "first_name": None}, {"email": "back@example.com"}])
@pytest.mark.parametrize("erased", [None, False, True])
def test_erased_is_for_ever_whatever_a_later_snapshot_says(session, customer, erased):
    record(session, snapshot(order_id=1, erased=True))
    raw = snapshot(order_id=1, version=2, erased=erased, items=[PERSONAL], history=TOLD, total="7.00")
    if "email" in customer:
        raw["customer"] |= customer
    else:
        raw["customer"] = {}
    assert record(session, raw) == [(1, "applied", [])]
    assert_nothing_personal(session)
    assert str(session.get_one(Order, 1).total) == "7.00"


def test_company_and_vat_of_a_legal_person_stay(session):
    company = {"type": "legal", "company_name": "Acme GmbH", "vat_number": "DE 123"}
    record(session, snapshot(order_id=1, customer=company))
    record(session, snapshot(order_id=1, version=2, erased=True, customer=company))
    order = session.get_one(Order, 1)
    assert (order.company_name, order.vat_key, order.email) == ("Acme GmbH", "de123", None)


@pytest.mark.parametrize("email", [None, "", "deleted", "a b@c", "no-at", "a@b\n"])
def test_an_email_is_needed_where_the_customer_is_not_erased(session, email):
    assert record(session, snapshot(order_id=1, customer={"email": email})) == [(1, "refused", ["customer.email"])]
    assert session.scalars(sa.select(Order.id)).all() == []


# --- subscriptions and families ------------------------------------------------------------------------------------

PARENT = {"id": "1_22", "type": "AR", "status": "active", "period": "P1Y", "next_charge_date": "2027-08-13",
          "parent_order_id": 1}  # fmt: skip


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_parent_and_renewal_share_a_subscription_and_the_newest_word_wins(session, order):
    raws = {
        1: snapshot(order_id=1, items=[{"subscription": PARENT}]),
        2: snapshot(order_id=2, status="not_paid", items=[{"subscription": {**PARENT, "status": "not_paid"}}]),
    }
    for order_id in order:
        record(session, raws[order_id])
    found = only(session, Subscription)
    assert (found.code, found.parent_order_id) == ("1_22", 1)
    assert found.status == raws[order[-1]]["items"][0]["subscription"]["status"]
    relation = only(session, OrderRelation)
    assert (relation.order_id, relation.related_id, relation.kind, relation.subscription_code) == (
        1,
        2,
        "child",
        "1_22",
    )


def test_parent_and_renewal_in_one_batch(session):
    record(session, snapshot(order_id=2, items=[{"subscription": PARENT}]),
           snapshot(order_id=1, items=[{"subscription": {**PARENT, "child_order_ids": [2, 3]}}]))  # fmt: skip
    found = session.execute(sa.select(OrderRelation.order_id, OrderRelation.related_id)).all()
    assert sorted(found) == [(1, 2), (1, 3)]


def test_a_subscription_of_another_store_is_another_one(session, make):
    make.store("other")
    record(session, snapshot(order_id=1, items=[{"subscription": PARENT}]))
    record(session, snapshot(order_id=2, store="other", items=[{"subscription": {**PARENT, "status": "cancelled"}}]))
    rows = session.execute(sa.select(Subscription.status).order_by(Subscription.store_id)).scalars().all()
    assert rows == ["active", "cancelled"]
    assert session.scalars(sa.select(OrderRelation.related_id)).all() == []


@pytest.mark.parametrize(
    ("decided", "told", "after"),
    [("cancelled", "active", "cancelled"), ("cancelled", "not_paid", "cancelled"), ("active", "cancelled", "active"),
     ("active", "not_paid", "not_paid"), ("not_paid", "active", "active")],
)  # fmt: skip
def test_a_snapshot_does_not_undo_what_the_portal_decided(session, decided, told, after):
    record(session, snapshot(order_id=1, items=[{"subscription": PARENT}]))
    with transaction():
        session.execute(sa.update(Subscription).values(status=decided, decided_at=NOW))
    later = {**PARENT, "status": told, "next_charge_date": "2028-01-01"}
    record(session, snapshot(order_id=1, version=2, items=[{"subscription": later}]))
    found = only(session, Subscription)
    assert (found.status, found.next_charge_date, found.decided_at) == (after, dt.date(2028, 1, 1), NOW)


# --- refunds -------------------------------------------------------------------------------------------------------


def refund(status, result=None, updated="2026-08-20T00:00:00Z"):
    return {"status": status, "result": result, "updated": updated}


def test_a_refund_block_makes_a_request_of_the_platform_and_moves_it_forward(session):
    record(session, snapshot(order_id=1, refund=refund("sent")))
    request = only(session, RefundRequest)
    assert (request.origin, request.status, session.get_one(Order, 1).refund_status) == ("platform", "sent", "sent")
    record(session, snapshot(order_id=1, version=2, refund=refund("updating", updated="2026-08-21T00:00:00Z")))
    record(session, snapshot(order_id=1, version=3, refund=refund("sent", updated="2026-08-22T00:00:00Z")))
    assert session.get_one(Order, 1).refund_status == "updating"
    record(session, snapshot(order_id=1, version=4, refund=refund("completed", "partial", "2026-08-23T00:00:00Z")))
    order = session.get_one(Order, 1)
    assert (order.refund_status, order.refund_result) == ("completed", "partial")
    record(session, snapshot(order_id=1, version=5))
    assert session.get_one(Order, 1).refund_status == "completed"
    assert len(session.scalars(sa.select(RefundRequest)).all()) == 1
    assert session.scalars(sa.select(Mail.id)).all() == []


def test_after_a_refusal_a_younger_word_is_another_request(session):
    record(session, snapshot(order_id=1, refund=refund("refused")))
    record(session, snapshot(order_id=1, version=2, refund=refund("sent", updated="2026-08-19T00:00:00Z")))
    assert session.get_one(Order, 1).refund_status == "refused"
    record(session, snapshot(order_id=1, version=3, refund=refund("sent", updated="2026-08-21T00:00:00Z")))
    assert session.get_one(Order, 1).refund_status == "sent"
    assert len(session.scalars(sa.select(RefundRequest)).all()) == 2


def own_request(session, make, **values):
    person = make.person(stores=("acme-eu",))
    order = session.get_one(Order, 1)
    with transaction():
        session.add(
            RefundRequest(order_id=1, store_id=order.store_id, reason="broken", amount=order.total,
                          currency=order.currency, requested_by=person, **values)
        )  # fmt: skip
        session.execute(sa.update(Order).values(refund_status=values.get("status", "sent")))
    return person


def test_a_request_made_here_is_completed_by_a_snapshot_and_its_sender_is_told_once(session, make):
    record(session, snapshot(order_id=1))
    person = own_request(session, make)
    record(session, snapshot(order_id=1, version=2, refund=refund("completed", "full")))
    request = only(session, RefundRequest)
    assert (request.origin, request.status, request.result, request.reason) == ("portal", "completed", "full", "broken")
    mail = only(session, Mail)
    assert (mail.user_id, mail.params["result"]) == (person, "full refund completed")
    record(session, snapshot(order_id=1, version=3, refund=refund("completed", "full", "2026-08-25T00:00:00Z")))
    assert only(session, Mail).id == mail.id


def test_a_snapshot_does_not_undo_what_the_desk_decided(session, make):
    record(session, snapshot(order_id=1))
    admin = make.person(role="Admin")
    own_request(session, make, status="refused", result="failed", decided_by=admin, decided_at=NOW)
    for version, status in enumerate(("sent", "updating", "completed"), 2):
        record(session, snapshot(order_id=1, version=version, refund=refund(status, updated="2026-12-01T00:00:00Z")))
    assert only(session, RefundRequest).status == "refused"
    assert session.get_one(Order, 1).refund_status == "refused"


def test_an_order_that_changes_moves_its_open_request_to_updating(session, make):
    record(session, snapshot(order_id=1))
    own_request(session, make)
    record(session, snapshot(order_id=1, version=2))
    assert only(session, RefundRequest).status == "sent"  # the same order in a new version has not changed
    record(session, snapshot(order_id=1, version=3, total="117.00"))
    assert only(session, RefundRequest).status == "updating"
    assert session.get_one(Order, 1).refund_status == "updating"
    assert "Refund info is being updated" in session.scalars(sa.select(OrderEvent.text)).all()
