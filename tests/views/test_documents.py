"""Downloading an order's documents: scope, names, types, stored ones and ones kept elsewhere."""

from __future__ import annotations

import base64

import pytest
import sqlalchemy as sa

from app.db import session
from app.models import AuditEntry
from app.platform.documents import Door
from tests.pages import order_of
from tests.platform.tls import HOST, TlsServer


def document(document_id="d1", name="Invoice 7.pdf", content=b"%PDF-1.7 body", **values):
    return {
        "document_id": document_id, "kind": "invoice", "name": name, "content_type": "application/pdf",
        "content_base64": base64.b64encode(content).decode(), **values,
    }  # fmt: skip


def elsewhere(url=f"https://{HOST}/7.pdf"):
    return document(content_base64=None, url=url)


def audited(app, order_id):
    """Downloads of the order in the audit: result and document."""
    app.extensions["read_notes"].flush()
    with app.app_context():
        found = sa.select(AuditEntry.result, AuditEntry.subject).where(
            AuditEntry.event == "document.downloaded", AuditEntry.order_id == order_id
        )
        return [tuple(row) for row in session.execute(found)]


def test_a_stored_document_comes_whole_as_an_attachment(app, make):
    content = bytes(range(256)) * 1000
    order_id = make.order(documents=[document(content=content)])
    answer = make.specialist().get(f"/orders/{order_id}/documents/d1")
    assert answer.status_code == 200
    assert answer.data == content
    assert answer.headers["Content-Disposition"] == 'attachment; filename="Invoice 7.pdf"'
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Length"] == str(len(content))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Cache-Control"] == "no-store"
    assert audited(app, order_id) == [("ok", "d1")]


@pytest.mark.parametrize("content_type", ["text/html", "image/svg+xml", "application/javascript"])
def test_a_type_a_browser_would_run_goes_out_as_bytes(make, content_type):
    order_id = make.order(documents=[document(name="x.html", content_type=content_type)])
    answer = make.specialist().get(f"/orders/{order_id}/documents/d1")
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_a_name_in_any_script_breaks_no_header(make):
    order_id = make.order(documents=[document(name='Счёт "发票"; filename=x.exe.pdf')])
    header = make.specialist().get(f"/orders/{order_id}/documents/d1").headers["Content-Disposition"]
    assert header.isascii()
    assert "filename*=UTF-8''%D0%A1%D1%87%D1%91%D1%82" in header


def test_foreign_and_missing_documents_are_not_found(app, make):
    own = make.order(documents=[document()])
    foreign = make.order(store="other", documents=[document(content=b"CANARY")])
    browser = make.specialist()
    for path in (f"{foreign}/documents/d1", f"{own}/documents/d2", "999/documents/d1", f"{own}/documents/a%2fb"):
        answer = browser.get(f"/orders/{path}")
        assert answer.status_code == 404, path
        assert b"CANARY" not in answer.data
    assert audited(app, own) == audited(app, foreign) == []


def test_a_single_document_downloads_directly(make):
    block = order_of(make.specialist().get(f"/orders/{make.order(documents=[document()])}")).block("Payment Method")
    assert block.buttons() == ["Order Documents"]
    assert block.one("form").attrs["action"].endswith("/documents/d1")


def test_several_documents_open_a_list(make):
    order_id = make.order(documents=[document(), document("d2", "Receipt.pdf")])
    block = order_of(make.specialist().get(f"/orders/{order_id}")).block("Payment Method")
    assert block.buttons() == ["Order Documents"]
    listed = block.one("ul", popover=None)
    assert block.one("button").attrs["popovertarget"] == listed.attrs["id"]
    assert [(a.text, a.attrs["href"]) for a in listed.all("a")] == [
        ("Invoice 7.pdf", f"/orders/{order_id}/documents/d1"),
        ("Receipt.pdf", f"/orders/{order_id}/documents/d2"),
    ]


def test_without_documents_there_is_no_button(make):
    assert order_of(make.specialist().get(f"/orders/{make.order()}")).block("Payment Method").buttons() == []


# --- kept elsewhere ------------------------------------------------------------------------------------------------


@pytest.fixture
def server(app, tmp_path):
    found = TlsServer(tmp_path)
    app.extensions["document_door"] = Door(
        hosts=(HOST,), resolve=lambda _h, _p: ["127.0.0.1"], public=lambda _ip: True, context=found.trusting(),
        port=found.server_port, total_seconds=0.5, max_bytes=1000,
    )  # fmt: skip
    yield found
    del app.extensions["document_door"]
    found.stop()


def test_a_document_elsewhere_is_fetched_and_handed_out_under_our_name_and_type(make, server):
    server.answer = lambda _path: (200, {"Content-Type": "text/html", "Set-Cookie": "a=b"}, [b"<script>"])
    answer = make.specialist().get(f"/orders/{make.order(documents=[elsewhere()])}/documents/d1")
    assert (answer.status_code, answer.data) == (200, b"<script>")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="Invoice 7.pdf"'
    assert "a=b" not in str(answer.headers)


def test_a_failure_elsewhere_is_said_in_words(app, make, server):
    server.answer = lambda _path: (500, {"Content-Length": "0"}, [])
    order_id = make.order(documents=[elsewhere()])
    answer = make.specialist().get(f"/orders/{order_id}/documents/d1")
    assert answer.status_code == 502
    assert "cannot be fetched now" in answer.text
    assert HOST not in answer.text
    assert audited(app, order_id) == [("failed", "d1")]


def test_taking_too_long_is_said_in_words(make, server):
    import time

    server.answer = lambda _path: (200, {}, [b"x", lambda: time.sleep(2), b"y"])
    answer = make.specialist().get(f"/orders/{make.order(documents=[elsewhere()])}/documents/d1")
    assert answer.status_code == 504


def test_a_host_that_no_setting_lists_is_never_asked(make):
    answer = make.specialist().get(f"/orders/{make.order(documents=[elsewhere()])}/documents/d1")
    assert answer.status_code == 502
