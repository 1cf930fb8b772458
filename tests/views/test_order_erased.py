"""What an erased order shows."""

from __future__ import annotations

import datetime as dt

from tests.views.order_parts import change, shown


def test_an_erased_order_reads_deleted(make):
    order_id = make.order(erased=True)
    order = shown(make, order_id)
    who = order.one(cls="c-who").all("p")
    assert [p.text for p in who] == ["Name deleted", "Email deleted"]
    assert order.block("Customer").rows() == {
        "Type": "Natural person", "Name": "deleted", "Email": "deleted", "Phone": "deleted", "Country": "deleted",
        "Address": "deleted",
    }  # fmt: skip
    assert order.block("License information").rows() == {"Owner": "deleted", "Owner’s email": "deleted"}
    for text in ("Marcel", "Laporte", "example.com", "4242", "Paris", "+33"):
        assert text not in order.text, text


def test_company_and_vat_of_a_legal_person_stay(make):
    legal = {"type": "legal", "company_name": "Lindqvist Form AB", "vat_number": "SE556712349101"}
    order = shown(make, make.order(erased=True, customer=legal))
    rows = order.block("Customer").rows()
    assert (rows["Company"], rows["VAT number"], rows["Name"]) == ("Lindqvist Form AB", "SE556712349101", "deleted")
    assert "Lindqvist Form AB" in order.one(cls="c-store").text


def test_what_an_erasure_left_behind_is_hidden_all_the_same(app, make):
    """The second layer: the row says erased, so nothing personal is shown, whatever stands in it."""
    order_id = make.order(order_detail_url=None)
    change(app, order_id, erased_at=dt.datetime.now(dt.UTC))
    order = shown(make, order_id)
    for text in ("Marcel", "Laporte", "marcel.laporte", "4242", "Paris", "+33"):
        assert text not in order.text, text
    assert order.one("h3").all("a") == []  # the customer's page is gone, too
