"""The history of an order on the screen."""

from __future__ import annotations

from tests.views.order_parts import history, shown


def test_history_is_newest_first_with_a_mark_for_its_kind(make):
    assert history(shown(make, make.order())) == [
        ("k-mail", "License information sent to customer"),
        ("k-status", "Product delivered: Demo"),
        ("k-status", "Payment received"),
        ("k-status", "Order created"),
    ]


def test_every_kind_of_history_line_is_shown(make):
    kinds = ("mail", "error", "status", "subscription", "related", "anonymize", "document", "other")
    lines = [
        {"event_id": f"e{n}", "date": f"2026-08-13T09:00:{n:02}Z", "kind": kind, "text": f"What {kind} says"}
        for n, kind in enumerate(kinds)
    ]
    assert history(shown(make, make.order(history=lines))) == [(f"k-{k}", f"What {k} says") for k in reversed(kinds)]


def test_history_links_orders_and_refund_documents(make):
    order_id = make.order(
        history=[
            {"event_id": "e1", "date": "2026-08-13T09:00:00Z", "kind": "related", "text": "R", "order_ids": [77, 78]},
            {"event_id": "e2", "date": "2026-08-13T09:00:01Z", "kind": "document", "text": "D", "document_id": "d1"},
        ],
        documents=[
            {"document_id": "d1", "kind": "refund", "name": "Note.pdf", "content_type": "application/pdf",
             "content_base64": "JVBERg=="},
        ],
    )  # fmt: skip
    links = [a.attrs["href"] for a in shown(make, order_id).block("Order History").all("a")]
    assert links == [f"/orders/{order_id}/documents/d1", "/orders/77", "/orders/78"]
