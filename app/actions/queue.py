"""Put work where the workers find it: a row in the transaction of the fact, and a hint after its commit.

Nothing here talks to Redis. The app gives its session a ``hint`` function (``app/jobs/hints.py``) which is called
once the transaction is committed; when it fails, the sweeper finds the row by itself.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.db import after_commit
from app.domain.access import Actor
from app.domain.refusal import Invalid, Refusal, Refused
from app.domain.troubles import SETTLED
from app.models import Action, Mail, Order
from app.models.base import db_now
from app.models.work import uncalled

TOKEN = re.compile(r"[A-Za-z0-9._~-]{8,64}")
BAD_TOKEN = Refusal("request_token.bad", "This form is out of date. Open the page again.")
IN_PROGRESS = {
    "cancel_subscription": Refusal("subscription.live", "A change of this subscription is already in progress."),
    "resume_subscription": Refusal("subscription.live", "A change of this subscription is already in progress."),
    "resend_license": Refusal("license.live", "This license information is already being sent."),
    "request_refund": Refusal("refund.live", "A refund request for this order is already in progress."),
}
"""Why a second live action of the kind on the same subject is refused."""


def submit_action(
    session: Session,
    *,
    kind: str,
    order: Order,
    subject: str,
    actor: Actor,
    token: str,
    payload: dict[str, Any] | None = None,
    refund_request_id: int | None = None,
) -> tuple[Action, bool]:
    """Accept an action: one row, in the caller's transaction, and a hint after its commit.

    The same ``token`` (of the form) gives the action it made before, and False. Raises Refused when another action
    on the same subject is still alive, and Invalid (field ``request_token``) for a token that is none or that
    belongs to something else. The database's unique indexes decide, so it holds for any number of clicks at once.
    """
    if not TOKEN.fullmatch(token or "") or actor.id is None:
        raise Invalid({"request_token": [BAD_TOKEN]})
    statement = (
        _insert(session)(Action)
        .values(
            kind=kind,
            order_id=order.id,
            store_id=order.store_id,
            subject=subject,
            request_token=token,
            key=str(uuid.uuid4()),
            actor_id=actor.id,
            payload=payload or {},
            refund_request_id=refund_request_id,
            next_at=db_now(),
            created_at=db_now(),
        )
        .on_conflict_do_nothing()
        .returning(Action.id)
    )
    new_id = session.scalar(statement)
    if new_id is not None:
        hint(session, "actions", new_id)
        return session.get_one(Action, new_id), True
    before = session.scalar(sa.select(Action).where(Action.request_token == token))
    if before is None:
        raise Refused(IN_PROGRESS[kind])
    if (before.kind, before.order_id, before.subject, before.actor_id) != (kind, order.id, subject, actor.id):
        raise Invalid({"request_token": [BAD_TOKEN]})
    return before, False


def withdraw_action(session: Session, action_id: int, *, local: bool = False) -> bool:
    """Take back an action of which no call ever went out; False when it is too late. Compare-and-swap.

    One that somebody has said to have happened only waits for a worker to write that down. ``local``: no call ever
    goes out (standalone), so that one which is stuck or was interrupted is taken back as well.
    """
    free = Action.state.in_(("waiting", "attention")) if local else uncalled()
    taken = session.execute(
        sa.update(Action)
        .where(Action.id == action_id, free)
        .values(state="withdrawn", finished_at=db_now(), lease_until=None)
        .returning(Action.id)
        .execution_options(synchronize_session=False)
    ).all()
    return bool(taken)


def put_mail(
    session: Session,
    dedupe: str,
    template: str,
    *,
    recipient: str | None = None,
    user_id: int | None = None,
    params: dict[str, Any] | None = None,
    language: str = "en",
    order_id: int | None = None,
    store_id: int | None = None,
    action_id: int | None = None,
) -> tuple[int, bool]:
    """Write a mail to send; the id of its row and whether it is new. ``dedupe`` names the fact: one mail for each.

    Give either ``recipient`` (an address) or ``user_id`` (somebody who works here: the address is read when it is
    sent). ``params`` hold what the template needs and never a secret; secrets are made when the mail is sent.
    """
    if (recipient is None) == (user_id is None):
        raise ValueError("a mail has either a recipient or a user_id")
    statement = (
        _insert(session)(Mail)
        .values(
            dedupe=dedupe,
            template=template,
            params=params or {},
            language=language,
            recipient=recipient,
            user_id=user_id,
            order_id=order_id,
            store_id=store_id,
            action_id=action_id,
            message_id=f"<{uuid.uuid4()}@{session.info.get('mail_domain', 'portal.invalid')}>",
            next_at=db_now(),
            created_at=db_now(),
        )
        .on_conflict_do_nothing()
        .returning(Mail.id)
    )
    new_id = session.scalar(statement)
    if new_id is not None:
        hint(session, "mail", new_id)
        return new_id, True
    return session.scalars(sa.select(Mail.id).where(Mail.dedupe == dedupe)).one(), False


def hint(session: Session, queue: str, row_id: int) -> None:
    """After the commit, tell the workers of ``actions``, ``mail`` or ``webhooks`` that the row is due."""
    tell = session.info.get("hint")
    if tell is not None:
        after_commit(lambda: tell(queue, row_id))


def _insert(session: Session) -> Any:
    return postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert


def settle_mails_of(session: Session, action_id: int) -> None:
    """A person has said whether the action happened: mails of it that still wait must not go out any more."""
    session.execute(
        sa.update(Mail)
        .where(Mail.action_id == action_id, Mail.state.in_(("waiting", "attention")))
        .values(state="refused", error=SETTLED.text, finished_at=db_now())
        .execution_options(synchronize_session=False)
    )
