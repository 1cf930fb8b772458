"""The page of an order and its card in the list: one test per sentence of domain.md 2 and 4."""

from __future__ import annotations


def test_the_page_of_an_order(app, make):
    order_id = make.order()
    browser = make.specialist()
    for path in (f"/orders/{order_id}", "/orders/"):
        answer = browser.get(path)
        assert answer.status_code == 200
        assert f'data-order-id="{order_id}"' in answer.text
