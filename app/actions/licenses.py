"""Send license information again (domain.md 6). The portal mails it itself, with a platform as without one."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actions import audit, history
from app.actions.orders import known_action, lock_order
from app.actions.queue import put_mail, submit_action
from app.domain import audit as events
from app.domain import history as lines
from app.domain.access import Actor
from app.domain.licenses import why_not_resend
from app.domain.refusal import NotFound, Refusal, Refused
from app.models import Action, License, Order, OrderItem
from app.queries.facts import find_license, license_facts

RESEND = "resend_license"
TEMPLATE = "license"


def resend(session: Session, actor: Actor, order_id: int, license_id: str, *, token: str, now: dt.datetime) -> Action:
    """Accept a resend of one code. Raises NotFound, Refused or Invalid."""
    order = lock_order(session, actor, order_id)
    known = known_action(session, actor, order, kind=RESEND, subject=license_id, token=token)
    if known is not None:
        return known
    refusal = why_not(session, order, license_id, now)
    if refusal is not None:
        raise Refused(refusal)
    action, _ = submit_action(session, kind=RESEND, order=order, subject=license_id, actor=actor, token=token)
    audit.record(
        session, actor, events.LICENSE_RESEND_ASKED, order_id=order.id, store_id=order.store_id,
        subject=license_id, details={"action": action.id},
    )  # fmt: skip
    return action


def why_not(
    session: Session, order: Order, license_id: str, now: dt.datetime, *, live_action: bool = True
) -> Refusal | None:
    """The rule now. Raises NotFound for a code the order does not have."""
    code = find_license(session, order, license_id)
    if code is None:
        raise NotFound
    return why_not_resend(license_facts(session, order, code, now, live_action=live_action))


def post_mail(session: Session, actor: Actor, action: Action, *, now: dt.datetime, default_language: str) -> None:
    """Write the mail of an accepted resend. Raises Refused when the rule no longer allows it.

    The row names the code's row and not the code: the words are made when it is sent.
    """
    order = lock_order(session, actor, action.order_id)
    refusal = why_not(session, order, action.subject, now, live_action=False)
    if refusal is not None:
        raise Refused(refusal)
    code = find_license(session, order, action.subject)
    assert code is not None
    put_mail(
        session,
        f"license-{action.id}",
        TEMPLATE,
        recipient=order.email,
        params={"license": code.id},
        language=language_of(order, default_language),
        order_id=order.id,
        store_id=order.store_id,
        action_id=action.id,
    )


def sent(session: Session, actor: Actor, action: Action, *, now: dt.datetime) -> None:
    """The mail server has taken the mail: only now does the history say so (domain.md 10.14)."""
    order = session.get(Order, action.order_id)
    if order is None:
        return
    code = find_license(session, order, action.subject)
    product, number = words_of(session, order, code) if code else ("", "")
    history.add(session, order, lines.LICENSE_SENT, actor=actor, at=now, who=actor.name, product=product, number=number)
    audit.record(
        session, actor, events.LICENSE_SENT, order_id=order.id, store_id=order.store_id, subject=action.subject,
        details={"action": action.id},
    )  # fmt: skip


def words_of(session: Session, order: Order, code: License) -> tuple[str, str]:
    """The product's name and the code's number on the screen: 2, or 2.1 where the item has several."""
    item = session.get(OrderItem, (order.id, code.item_id))
    of_item = session.scalar(
        sa.select(sa.func.count())
        .select_from(License)
        .where(License.order_id == order.id, License.item_id == code.item_id)
    )
    place = item.position if item else 0
    return item.name if item else "", str(place) if of_item == 1 else f"{place}.{code.position}"


def language_of(order: Order, default: str) -> str:
    """The customer's language where there is one (``ru_RU``), as far as we have it; else the default."""
    first = (order.locale or "")[:2].lower()
    return first if first in ("en", "ru") else default if not first else "en"
