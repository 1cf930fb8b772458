"""Orders as the screen shows them, for a page of them or for one: always four statements.

Rows come from ``raw_blocks``; here they become ``OrderCard``s: what is personal and erased reads ``deleted``,
moments and amounts are text, and the domain's rules have said which buttons there are and why others are not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from markupsafe import Markup
from sqlalchemy.orm import Session

from app.domain.access import Actor
from app.domain.delivery import ban_in_force
from app.domain.licenses import LicenseFacts, says_ban, why_not_resend
from app.domain.orders import ERASED
from app.domain.refunds import RefundFacts, why_not_request, why_not_withdraw
from app.domain.retention import parameters_kept
from app.domain.subscriptions import SubscriptionFacts, is_active, shows_block, why_not_cancel, why_not_resume
from app.formats import formats_for
from app.queries.card_parts import (
    CodeLine,
    Family,
    HistoryLine,
    ItemPart,
    May,
    OrderCard,
    RefundLine,
    SubscriptionPart,
    ban_lines,
    customer_rows,
    discount_text,
    document_lines,
    loose_actions,
    named_values,
    story_of,
    web_link,
)
from app.queries.card_rows import PageRows
from app.queries.raw_blocks import Row, day, json, load_blocks, moment

VIEW = "OrderView"


def load_cards(
    session: Session,
    actor: Actor,
    order_ids: Sequence[int],
    now: dt.datetime,
    *,
    again_after_partial: bool = False,
    standalone: bool = True,
) -> list[OrderCard]:
    """The orders in the given order, as far as they exist for the actor. Four statements, for 1 as for 100.

    ``again_after_partial`` is the setting REFUND_AGAIN_AFTER_PARTIAL; ``standalone``: no platform is called.
    """
    if not order_ids:
        return []
    blocks = load_blocks(session.connection(), order_ids, actor.stores)
    page = _Page(actor, now, again_after_partial, standalone)
    page.take(blocks)
    cards = {row[0]: page.card(row) for row in blocks.orders}
    return [cards[order_id] for order_id in order_ids if order_id in cards]


def may_of(actor: Actor) -> May:
    """The actor's permissions on orders (FAB's, as the database has them)."""
    return May(
        refund=actor.may("can_request_refund", VIEW),
        resend=actor.may("can_resend", VIEW),
        cancel=actor.may("can_cancel_subscription", VIEW),
        resume=actor.may("can_resume_subscription", VIEW),
        download=actor.may("can_download", VIEW),
    )


class _Shared(NamedTuple):
    """What the items of an order need to know of it."""

    store_id: int
    status: str
    currency: str
    erased: bool
    has_email: bool


class _Page(PageRows):
    """The rows of a page, and the cards they become for the one who looks."""

    def __init__(self, actor: Actor, now: dt.datetime, again_after_partial: bool, standalone: bool) -> None:
        super().__init__(formats_for(actor.language, actor.timezone), now)
        self.actor, self.may = actor, may_of(actor)
        self.again_after_partial, self.standalone = again_after_partial, standalone

    def card(self, row: Row) -> OrderCard:
        """One order of the page."""
        (
            order_id, store_id, store, order_name, number_1c, external_id, status, delivery, refund_status, _result,
            created, paid, currency, total, locale, detail_url, generation, erased_at, customer_type, email, first,
            last, phone, country, vat, company, address, method, card_last_4,
        ) = row  # fmt: skip
        erased = erased_at is not None
        created_at, paid_at = moment(created), moment(paid)
        assert created_at is not None
        shared = _Shared(store_id, status, currency, erased, bool(email))
        items = [self._item(item, number, shared) for number, item in enumerate(self.items[order_id], 1)]
        name = " ".join(part for part in (first, last) if part) or None
        if erased:
            name = email = ERASED
            if customer_type == "physical":  # what is left of them on a legal person stays (domain.md 4)
                company = vat = None
        requests = sorted(self.refunds.get(order_id, ()), key=_by_position)
        facts = tuple((request[2], request[3]) for request in requests)
        newest, asked = self._request(requests), self.actions.get((order_id, "request_refund", str(order_id)))
        return OrderCard(
            id=order_id,
            store_id=store_id,
            store=store,
            order_name=order_name,
            number=number_1c or str(order_id),
            external_id=external_id,
            status=status,
            delivery=delivery,
            refund_status=refund_status,
            story=story_of(status, paid, items, refund_status, facts),
            created=self.time(created_at),
            paid=self.time(paid_at) if paid_at else None,
            total=self.formats.money_text(total, currency),
            locale=locale,
            detail_url=web_link(detail_url),
            page_generation=generation,
            erased=erased,
            erased_at=moment(erased_at),
            name=name,
            email=email,
            company=company,
            customer=customer_rows(
                erased,
                type=customer_type,
                name=name,
                email=email,
                phone=phone,
                company=company,
                vat=vat,
                country=country and self.formats.country(country),
                address=address,
            ),
            payment_method=method,
            card_last_4=None if erased else card_last_4,
            items=items,
            items_text=" · ".join(f"{i.name} ×{i.quantity}" if i.quantity != 1 else i.name for i in items),
            owner=items[0].owner if items else None,
            owners_differ=any(item.owner != items[0].owner for item in items),
            history=[HistoryLine._make(line) for line in self.history[order_id]],
            documents=document_lines(self.documents.get(order_id, ())),
            parameters=self._parameters(order_id, status, created_at, erased),
            family=self._family(order_id, items),
            unseen=self.unseen,
            loose=loose_actions(self.acted[order_id], self.actions, items) if order_id in self.acted else [],
            refund=newest,
            refund_refusal=why_not_request(
                RefundFacts(
                    status=status,
                    total=Decimal(total),
                    requests=facts,
                    again_after_partial=self.again_after_partial,
                    erased=erased,
                    all_refunded=bool(items) and items[0].refunded and all(item.refunded for item in items),
                    live_state=asked.state if asked is not None and asked.live else None,
                )
            ),
            refund_action=asked.beside(newest) if asked else None,
            may=self.may,
            live=order_id in self.live or any(i.subscription and i.subscription.live_state for i in items),
            bans=ban_lines(items, self.time) if store_id in self.bans else [],
        )

    def _item(self, row: Row, number: int, order: _Shared) -> ItemPart:
        (
            order_id, item_id, _position, product_id, sku, name, quantity, price, discount_percent, discount_amount,
            vat, line_amount, delivered, refunded, fields, owner_name, owner_email, code, *subscription,
        ) = row  # fmt: skip
        owner = (owner_name, owner_email) if owner_name or owner_email else None
        return ItemPart(
            number=number,
            item_id=item_id,
            product_id=product_id,
            sku=sku,
            name=name,
            quantity=quantity,
            amount=self.formats.money_text(line_amount, order.currency),
            price=self.formats.money_text(price, order.currency) if price and quantity != 1 else None,
            discount=discount_text(self.formats, discount_percent, discount_amount, order.currency)
            if discount_percent or discount_amount
            else None,
            vat=self.formats.money_text(vat, order.currency) if vat and Decimal(vat) else None,
            delivered=bool(delivered),
            refunded=bool(refunded),
            fields=named_values(json(fields), order.erased),
            owner=(ERASED, ERASED) if order.erased else owner,
            subscription=self._subscription(order_id, code, subscription) if code else None,
            codes=self._codes(row, number, order),
        )

    def _codes(self, item: Row, number: int, order: _Shared) -> list[CodeLine]:
        """The item's numbered lines: 2, or 2.1 and 2.2, or an empty 2 (domain.md 4)."""
        order_id, item_id, product_id, refunded = item[0], item[1], item[3], bool(item[13])
        rows = self.licenses.get((order_id, item_id))
        if not rows:
            return [CodeLine(str(number), None, None, None, False, None, None, None)]
        ban = ban_in_force(self.bans[order.store_id], product_id, self.now) if order.store_id in self.bans else None
        if len(rows) > 1:
            rows.sort(key=_by_position)
        lines = []
        for place, row in enumerate(rows, 1):
            license_id, code, deleted = row[3], row[4], bool(row[7])
            action = self.actions.get((order_id, "resend_license", license_id))
            refusal = why_not_resend(
                LicenseFacts(
                    has_code=bool(code),
                    deleted=deleted,
                    order_status=order.status,
                    item_refunded=refunded,
                    erased=order.erased,
                    has_email=order.has_email,
                    ban=ban,
                    live_state=action.state if action is not None and action.live else None,
                )
            )
            lines.append(
                CodeLine(
                    number=str(number) if len(rows) == 1 else f"{number}.{place}",
                    license_id=license_id,
                    code=code,
                    href=web_link(code),
                    deleted=deleted,
                    refusal=refusal,
                    ban=ban if refusal is not None and says_ban(refusal) else None,
                    action=action,
                )
            )
        return lines

    def _subscription(self, order_id: int, code: str, rest: list[Any]) -> SubscriptionPart | None:
        kind, status, iso_period, next_charge, parent_id, parent_status, unpaid, live_state = rest
        facts = SubscriptionFacts(
            type=kind,
            status=status,
            order_id=order_id,
            parent_order_id=parent_id,
            parent_status=parent_status,
            has_unpaid_renewal=bool(unpaid),
            live_state=live_state,
        )
        if not shows_block(facts):
            return None
        charge = day(next_charge)
        if parent_status is None:
            self.unseen.add(parent_id)
        return SubscriptionPart(
            id=code,
            type=kind,
            status=status,
            active=is_active(status),
            renewals=self._renewals(order_id, code) if order_id in self.children else [],
            period=self.formats.period(iso_period) if iso_period else None,
            next_charge=self.formats.day_element(charge) if charge else None,
            parent_order_id=parent_id,
            is_parent=parent_id == order_id,
            cancel_refusal=why_not_cancel(facts),
            resume_refusal=why_not_resume(facts),
            resumes_unpaid=facts.has_unpaid_renewal,
            action=self.actions.get((order_id, "subscription", code)),
            live_state=live_state,
        )

    def _renewals(self, order_id: int, code: str) -> list[int]:
        """The renewal orders of one subscription, and those of which no subscription is told."""
        renewals = self.renewals
        return sorted(renewals.get((order_id, code), _NONE) | renewals.get((order_id, ""), _NONE) - {order_id})

    def _parameters(self, order_id: int, status: str, created: dt.datetime, erased: bool) -> list[tuple[str, str]]:
        rows = self.parameters.get(order_id)
        if not rows or erased or not parameters_kept(status, created, self.now):
            return []
        return [(row[2], row[3]) for row in sorted(rows, key=_by_position)]

    def _family(self, order_id: int, items: list[ItemPart]) -> Family:
        parents = self.parents.get(order_id, _NONE) | {
            i.subscription.parent_order_id for i in items if i.subscription and not i.subscription.is_parent
        }
        renewals = self.children.get(order_id, _NONE)
        related = self.related.get(order_id, _NONE) - parents - renewals
        if not (parents or renewals or related):
            return Family([], [], [])
        return Family(*(sorted(found - {order_id}) for found in (parents, renewals, related)))

    def _request(self, requests: list[Row]) -> RefundLine | None:
        if not requests:
            return None
        row = requests[-1]
        at = moment(row[10] or row[9])
        assert at is not None
        own = row[7] is not None and row[7] == self.actor.id
        called = not self.standalone and row[5] is None  # no action that surely has not gone out yet
        free = why_not_withdraw(row[2], own=own, called=called) is None
        return RefundLine(id=row[6], status=row[2], result=row[3], withdrawable=free, at=self.time(at))

    def _time(self, at: dt.datetime) -> Markup:
        return self.formats.element(at, self.this_year)


_NONE: frozenset[int] = frozenset()


def _by_position(row: Row) -> int:
    """The order of the small rows of a kind."""
    return row[6]
