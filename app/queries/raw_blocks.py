"""Everything a page of orders shows, in four statements of driver rows. A listed raw module.

Nothing here passes through the ORM (12 ms of objects a page against 1 ms of tuples), so the session's own
narrowing does not reach it: the scope is an argument of every function and stands in every statement,
on every table that belongs to a store. ``tests/queries/test_raw_blocks.py`` holds that.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from app.db import confined
from app.domain.access import ALL_STORES, Scope
from app.queries.raw_rows import Row, fetch

_ORDERS = """
SELECT o.id, o.store_id, t.name, o.order_name, o.number_1c, o.external_id, o.status, o.delivery,
       o.refund_status, o.refund_result, o.created_at, o.paid_at, o.currency, CAST(o.total AS text), o.locale,
       o.order_detail_url, o.page_generation, o.erased_at, o.customer_type, o.email, o.first_name, o.last_name,
       o.phone, o.country, o.vat_number, o.company_name, o.address, o.payment_method, o.card_last_4
  FROM orders o JOIN store t ON t.id = o.store_id
 WHERE o.id {ids} AND o.store_id {scope}
"""

# A subscription belongs to the parent and is unique in the store; a renewal may stand on another page of ours. Whether
# one waits for its payment (facts.has_unpaid_renewal asks the same) matters only to who resumes.
_ITEMS = """
SELECT i.order_id, i.item_id, i.position, i.product_id, i.sku, i.name, i.quantity, CAST(i.price AS text),
       CAST(i.discount_percent AS text), CAST(i.discount_amount AS text), CAST(i.vat_amount AS text),
       CAST(i.amount AS text), i.delivered, i.refunded, i.fields, i.license_user_name,
       i.license_user_email, s.code, s.type, s.status, s.period, s.next_charge_date, s.parent_order_id, p.status,
       CASE WHEN s.status = 'cancelled' THEN COALESCE((
           SELECT 1 FROM order_relation r JOIN orders c ON c.id = r.related_id AND c.store_id = r.store_id
            WHERE r.order_id = s.parent_order_id AND r.store_id = s.store_id AND r.kind = 'child'
              AND r.subscription_code IN (s.code, '') AND c.status = 'not_paid' LIMIT 1), (
           SELECT 1 FROM order_item n JOIN orders c ON c.id = n.order_id AND c.store_id = n.store_id
            WHERE n.store_id = s.store_id AND n.subscription_code = s.code AND n.order_id <> s.parent_order_id
              AND c.status = 'not_paid' LIMIT 1)) END,
       CASE WHEN s.id IS NULL THEN NULL ELSE (
           SELECT a.state FROM action a
            WHERE a.store_id = s.store_id AND a.subject = s.code
              AND a.kind IN ('cancel_subscription','resume_subscription')
              AND a.state IN ('waiting','running','attention') LIMIT 1) END
  FROM order_item i
  LEFT JOIN subscription s ON s.store_id = i.store_id AND s.code = i.subscription_code
  LEFT JOIN orders p ON p.id = s.parent_order_id AND p.store_id = s.store_id
 WHERE i.order_id {ids} AND i.store_id {scope}
 ORDER BY i.order_id, i.position, i.item_id
"""

_HISTORY = """
SELECT e.order_id, {seconds}, e.kind, e.text, e.code, e.params, e.order_ids, e.document_id
  FROM order_event e
 WHERE e.order_id {ids} AND e.store_id {scope}
 ORDER BY e.order_id, e.at DESC, length(e.event_id) DESC, e.event_id DESC, e.source
"""

# One row shape for seven small tables: what, order, four texts, three numbers, two moments.
_REST = """
SELECT 'license' AS what, l.order_id, l.item_id AS a, l.license_id AS b, l.code AS c, CAST(NULL AS text) AS d,
       l.position AS n, CASE WHEN l.deleted THEN 1 ELSE 0 END AS m, l.store_id AS s,
       CAST(NULL AS {moment}) AS t, CAST(NULL AS {moment}) AS u
  FROM license l WHERE l.order_id {ids} AND l.store_id {scope}
UNION ALL
SELECT 'document', d.order_id, d.document_id, d.kind, d.name, d.kept_reason, d.position, d.size, d.store_id,
       d.created_at, NULL
  FROM document d WHERE d.order_id {ids} AND d.store_id {scope}
UNION ALL
SELECT 'parameter', q.order_id, q.name, q.value, NULL, NULL, q.position, NULL, q.store_id, NULL, NULL
  FROM order_parameter q WHERE q.order_id {ids} AND q.store_id {scope}
UNION ALL
SELECT 'relation', r.order_id, r.kind, r.subscription_code, NULL, NULL, r.related_id,
       (SELECT 1 FROM orders x WHERE x.id = r.related_id AND x.store_id {scope}), r.store_id, NULL, NULL
  FROM order_relation r WHERE r.order_id {ids} AND r.store_id {scope}
UNION ALL
SELECT 'related_by', v.related_id, v.kind, v.subscription_code, NULL, NULL, v.order_id,
       (SELECT 1 FROM orders y WHERE y.id = v.order_id AND y.store_id {scope}), v.store_id, NULL, NULL
  FROM order_relation v WHERE v.related_id {ids} AND v.store_id {scope}
UNION ALL
SELECT 'action', a.order_id, a.kind, a.subject, a.state, a.reason, a.id, a.actor_id, a.store_id,
       a.created_at, a.finished_at
  FROM action a WHERE a.order_id {ids} AND a.store_id {scope}
UNION ALL
SELECT 'refund', f.order_id, f.status, f.result, f.origin,
       (SELECT w.state FROM action w WHERE w.order_id = f.order_id AND w.refund_request_id = f.id
           AND w.state = 'waiting' AND NOT w.doubt AND w.verdict IS NULL),
       f.id, f.requested_by, f.store_id, f.requested_at, f.decided_at
  FROM refund_request f WHERE f.order_id {ids} AND f.store_id {scope}
UNION ALL
SELECT 'ban', 0, b.product_id, b.reason, NULL, NULL, b.id, NULL, b.store_id, b.starts_at, b.ends_at
  FROM delivery_ban b
 WHERE b.lifted_at IS NULL AND b.store_id {scope}
   AND b.store_id IN (SELECT o.store_id FROM orders o WHERE o.id {ids})
"""


KEPT = 16
"""PostgreSQL keeps a plan when it costs no more than plans made anew, and makes its guess for ten ids: with fewer it
would plan every time, at several times the cost of running. So a few are named over and over, which costs nothing."""


class Blocks(NamedTuple):
    """Driver rows of a page, in no promised order of orders. Those of the history are alike for both drivers."""

    orders: Sequence[Row]
    items: Sequence[Row]
    history: Sequence[Row]
    rest: Sequence[Row]


@lru_cache(maxsize=16)
def _statements(dialect: str, everything: bool) -> tuple[str, str, str, str]:
    """The four statements as the driver wants them."""
    if dialect == "postgresql":
        ids, scope, moment = "= ANY(:ids)", "= ANY(:stores)", "timestamptz"
        seconds = "date_part('epoch', e.at)"  # a page has hundreds: a number is read in a fifth of a moment's time
    else:
        ids, scope, moment = (
            "IN (SELECT value FROM json_each(:ids))",
            "IN (SELECT value FROM json_each(:stores))",
            "text",
        )
        seconds = "CAST(strftime('%s', e.at) AS integer)"
    if everything:
        scope = "IS NOT NULL"
    found = [s.format(ids=ids, scope=scope, moment=moment, seconds=seconds) for s in (_ORDERS, _ITEMS, _HISTORY, _REST)]
    return found[0], found[1], found[2], found[3]


def load_blocks(connection: sa.Connection, order_ids: Iterable[int], scope: Scope) -> Blocks:
    """The rows of these orders, as far as they are in the scope. Always four statements."""
    scope = confined(scope)
    dialect = connection.dialect.name
    ids: Any = list(order_ids)
    stores: Any = [] if scope is ALL_STORES else sorted(scope)  # type: ignore[arg-type]
    if dialect == "postgresql":
        ids += ids[:1] * (KEPT - len(ids))
    else:
        ids, stores = orjson.dumps(ids).decode(), orjson.dumps(stores).decode()
    given = {"ids": ids} if scope is ALL_STORES else {"ids": ids, "stores": stores}
    found = fetch(connection, [(statement, given) for statement in _statements(dialect, scope is ALL_STORES)])
    if dialect != "postgresql":
        found[2] = [(*r[:5], json(r[5]), json(r[6]), r[7]) for r in found[2]]
    return Blocks(*found)


# --- what the two drivers give, made one ---------------------------------------------------------------------------


def moment(value: Any) -> dt.datetime | None:
    """An aware moment in UTC: PostgreSQL gives one, SQLite gives the text that was stored."""
    if value is None or value.__class__ is dt.datetime:
        return value
    return dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC)


def day(value: Any) -> dt.date | None:
    """A calendar day."""
    return dt.date.fromisoformat(value) if isinstance(value, str) else value


def json(value: Any) -> Any:
    """A JSON column: PostgreSQL gives it read, SQLite as text."""
    return orjson.loads(value) if value.__class__ is str else value
