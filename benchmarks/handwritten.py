"""The page by hand, to compare with: driver rows, pipelined statements, f-strings, nothing else.

It shows what the portal's list shows (two lines and all blocks of 50 orders, the capped count, the stores to choose
from, the menu's count of refund requests) for the same person and behind the same sign-in; it has no other fields, no
buttons, no translation and no time zones. PostgreSQL only.
"""

from __future__ import annotations

from collections import defaultdict
from html import escape
from typing import Any

from flask import Blueprint, abort, request

from app.db import scope_ids, session
from app.security import current_actor

blueprint = Blueprint("handwritten", __name__)

ORDERS = """
SELECT o.id, o.order_name, o.number_1c, o.status, o.refund_status, o.created_at, o.paid_at, o.total, o.currency,
       o.first_name, o.last_name, o.email, o.phone, o.country, o.vat_number, o.company_name, o.address,
       o.payment_method, o.card_last_4, o.delivery, s.name
FROM orders o JOIN store s ON s.id = o.store_id
WHERE o.store_id = ANY(%(stores)s) {where} ORDER BY o.created_at DESC, o.id DESC LIMIT 51
"""
COUNT = """
SELECT count(*) FROM (SELECT 1 FROM orders o WHERE o.store_id = ANY(%(stores)s) {where} LIMIT 1001) c
"""
STORES = "SELECT name FROM store WHERE id = ANY(%(stores)s) ORDER BY name"
WAITING = """
SELECT count(*) FROM (
    SELECT 1 FROM refund_request
    WHERE status IN ('sent', 'updating') AND store_id = ANY(%(stores)s) AND requested_by = %(me)s LIMIT 100
) w
"""
ITEMS = """
SELECT i.order_id, i.item_id, i.position, i.name, i.quantity, i.amount, i.discount_percent, i.discount_amount,
       i.delivered, i.fields, i.license_user_name, i.license_user_email, u.code, u.type, u.status, u.period,
       u.next_charge_date, u.parent_order_id
FROM order_item i LEFT JOIN subscription u ON u.store_id = i.store_id AND u.code = i.subscription_code
WHERE i.order_id = ANY(%s) ORDER BY i.order_id, i.position
"""
LICENSES = """
SELECT order_id, item_id, license_id, code, deleted FROM license WHERE order_id = ANY(%s) ORDER BY item_id, position
"""
HISTORY = "SELECT order_id, at, kind, text FROM order_event WHERE order_id = ANY(%s) ORDER BY at DESC"
REST = """
SELECT order_id, 'p', name, value FROM order_parameter WHERE order_id = ANY(%(ids)s)
UNION ALL SELECT order_id, 'd', document_id, name FROM document WHERE order_id = ANY(%(ids)s)
UNION ALL SELECT order_id, 'r', kind, related_id::text FROM order_relation WHERE order_id = ANY(%(ids)s)
UNION ALL SELECT order_id, 'a', kind, state FROM action WHERE order_id = ANY(%(ids)s)
"""
WHERE = {
    "": "",
    "status": "AND o.status = %(value)s",
    "email": "AND o.email_key = %(value)s",
    "last_name": "AND o.last_name_key = %(value)s",
}


def _by_order(rows: list[tuple[Any, ...]]) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for line in rows:
        found[line[0]].append(line)
    return found


def _text(value: object) -> str:
    return escape(str(value)) if value is not None else "—"


@blueprint.get("/bench/handwritten")
def page() -> str:
    """The list, by hand."""
    actor = current_actor()
    if not actor.may("can_list", "OrderView"):
        abort(403)
    where = WHERE[request.args.get("by", "")]
    values = {"stores": scope_ids(actor.stores), "value": request.args.get("value"), "me": actor.id}
    connection = session.connection().connection.driver_connection
    assert connection is not None
    first, second, third, fourth = (connection.cursor() for _ in range(4))
    with connection.pipeline():
        first.execute(ORDERS.format(where=where), values)
        second.execute(COUNT.format(where=where), values)
        third.execute(STORES, values)
        fourth.execute(WAITING, values)
        orders = first.fetchall()[:50]
        (count,) = second.fetchone()
        stores = "".join(f"<option>{_text(name)}" for (name,) in third.fetchall())
        (waiting,) = fourth.fetchone()
    ids = [order[0] for order in orders]
    cursors = [connection.cursor() for _ in range(4)]
    with connection.pipeline():
        for cursor, statement in zip(cursors, (ITEMS, LICENSES, HISTORY), strict=False):
            cursor.execute(statement, (ids,))
        cursors[3].execute(REST, {"ids": ids})
        items, licenses, history, rest = (_by_order(cursor.fetchall()) for cursor in cursors)
    menu = f"<nav><a href='/orders/'>Orders</a><a href='/refunds/'>Refund requests <b>{waiting}</b></a></nav>"
    form = f"<form><select name=store><option>Any{stores}</select></form>"
    parts = [f"<!doctype html><title>Orders</title>{menu}<h1>Orders</h1>{form}<h2>{count}</h2>"]
    parts += [_card(o, items[o[0]], licenses[o[0]], history[o[0]], rest[o[0]]) for o in orders]
    return "".join(parts)


def _card(o: tuple[Any, ...], items: list[Any], licenses: list[Any], history: list[Any], rest: list[Any]) -> str:
    t = _text
    lines = "".join(
        f"<div class=item><b>{t(i[3])}</b> ×{i[4]} <span>{i[5]}</span><dl><dt>License<dd>"
        f"{'Delivered' if i[8] else 'Not delivered'}<dt>Discount<dd>{t(i[6])} {t(i[7])}"
        + "".join(f"<dt>{t(f['name'])}<dd>{t(f['value'])}" for f in i[9] or ())
        + "</dl>"
        + (f"<div class=sub>{t(i[12])} {t(i[13])} {t(i[14])} {t(i[15])} {t(i[16])} {t(i[17])}</div>" if i[12] else "")
        + "</div>"
        for i in items
    )
    owner = items[0] if items else (None,) * 18
    codes = "".join(
        f"<li data-license-id='{t(c[2])}'>{'<del>' if c[4] else ''}<code>{t(c[3])}</code>{'</del>' if c[4] else ''}"
        f"<a class=btn href='/orders/{o[0]}?ask=resend'>Resend</a></li>"
        for c in licenses
    )
    events = "".join(
        f"<li class={e[2]}><span>{t(e[3])}</span><time datetime='{e[1].isoformat()}'>{e[1]:%d %b %Y, %H:%M}</time></li>"
        for e in history
    )
    others = "".join(f"<li>{r[1]} {t(r[2])}: {t(r[3])}</li>" for r in rest)
    paid = f"<p>Paid <time datetime='{o[6].isoformat()}'>{o[6]:%d %b %Y, %H:%M}</time>" if o[6] else ""
    return (
        f"<article data-order-id='{o[0]}'><div class=l1><h3><a href='/orders/{o[0]}'>{t(o[2] or o[0])}</a></h3>"
        f"<p>{t(o[1])}</p><p>Created <time datetime='{o[5].isoformat()}'>{o[5]:%d %b %Y, %H:%M}</time></p>{paid}"
        f"<b>{o[7]} {o[8]}</b><ul class=pills><li>{o[3]}</li><li>{o[19]}</li><li>{t(o[4])}</li></ul>"
        f"<p>{t(o[9])} {t(o[10])}</p><p>{t(o[11])}</p><p>{t(o[15])}</p><p>{t(o[20])}</p></div>"
        f"<details><summary>{t(items[0][3]) if items else ''} {o[19]} {t(o[18])}</summary><div class=blocks>"
        f"<section><h4>Order items</h4>{lines}</section><section><h4>Customer</h4><dl><dt>Name<dd>{t(o[9])} {t(o[10])}"
        f"<dt>Email<dd>{t(o[11])}<dt>Phone<dd>{t(o[12])}<dt>Country<dd>{t(o[13])}<dt>VAT<dd>{t(o[14])}<dt>Company<dd>"
        f"{t(o[15])}<dt>Address<dd>{t(o[16])}</dl></section><section><h4>License information</h4><dl><dt>Owner<dd>"
        f"{t(owner[10])}<dt>Email<dd>{t(owner[11])}</dl><ol>{codes}</ol></section><section><h4>Payment Method</h4>"
        f"<p>{t(o[17])} {t(o[18])}</p></section><section><h4>Order History</h4><ol>{events}</ol></section>"
        f"<ul>{others}</ul></div></details></article>"
    )
