"""What a person decides about work that cannot decide itself: it happened, try again, or leave it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actions import audit, history
from app.actions.orders import hold_order
from app.actions.queue import hint
from app.domain import audit as events
from app.domain import history as lines
from app.domain.access import Actor
from app.domain.refusal import NotFound, Refusal, Refused
from app.domain.troubles import SETTLED
from app.models import Action, Mail, Order, WebhookDelivery
from app.models.base import db_now, utcnow
from app.models.work import uncalled

NOT_OPEN = Refusal("operations.not_open", "This has been decided already, or goes on by itself.")

TRIED_SINCE = Refusal("operations.tried_since", "It was tried again since you opened the page. Look at it once more.")


def it_happened(session: Session, actor: Actor, action_id: int, *, fence: int | None = None) -> None:
    """A person has seen that it happened: a worker writes down what follows, and calls nobody.

    ``fence``: the action's as the person saw it; what they found out is not about a later attempt. Raises NotFound, or
    Refused when the action does not need a person (any more), or was tried since.
    """
    action = _open(session, action_id, fence)
    _say(session, actor, action, "happened")
    _note(session, actor, action, events.ACTION_HAPPENED, lines.DECIDED_HAPPENED)


def leave_it(session: Session, actor: Actor, action_id: int, *, fence: int | None = None) -> None:
    """A person has seen that it did not happen, and it shall not: a worker ends it as refused, and calls nobody.

    That frees its subject, and a refund request's order (domain.md 7), as any refusal does. Raises as ``it_happened``.
    """
    _leave(session, actor, _open(session, action_id, fence))


def try_again(session: Session, actor: Actor, action_id: int, *, fence: int | None = None) -> None:
    """A person has seen that it did not happen: everything is asked and tried afresh. Raises as ``it_happened``."""
    action = _open(session, action_id, fence)
    action.resolved_by, action.finished_at, action.reason = actor.id, None, None
    mails = session.scalars(
        sa.select(Mail).where(Mail.action_id == action.id, Mail.state == "attention").with_for_update()
    ).all()
    if mails:
        for mail in mails:
            _send_again(session, mail)
        action.state, action.lease_until = "running", None  # parked: it ends with its mail
    else:
        action.state, action.doubt, action.attempt, action.verdict = "waiting", False, 0, None
        action.next_at, action.hinted_at = db_now(), None  # type: ignore[assignment]
        hint(session, "actions", action.id)
    session.flush()
    _note(session, actor, action, events.ACTION_AGAIN, lines.DECIDED_AGAIN)


def send_again(session: Session, actor: Actor, mail_id: int) -> None:
    """Try a mail again that the server did not take. Raises NotFound, or Refused when it needs nobody.

    The mail of an action takes that along; where a colleague has said that the action happened, it is not sent.
    """
    mail, action = _open_mail(session, mail_id)
    if action is not None and action.state == "attention":
        try_again(session, actor, action.id)
        return
    _send_again(session, mail)
    session.flush()
    _note_mail(session, actor, mail, events.MAIL_AGAIN)


def leave_mail(session: Session, actor: Actor, mail_id: int, *, fence: int | None = None) -> None:
    """Do not try a mail again that the server did not take. Raises as ``send_again``, and Refused when it was tried
    since (``fence``: the mail's as the person saw it).

    The action that waits for it did not happen either: a worker ends both.
    """
    mail, action = _open_mail(session, mail_id, fence)
    if action is not None and action.state in ("attention", "running") and action.lease_until is None:
        _leave(session, actor, action)
        return
    mail.state, mail.error, mail.finished_at = "refused", SETTLED.text, db_now()  # type: ignore[assignment]
    session.flush()
    _note_mail(session, actor, mail, events.MAIL_LEFT)


def apply_again(session: Session, actor: Actor, delivery_id: int) -> None:
    """Try a webhook again that could not be applied in many attempts. Raises NotFound or Refused."""
    row = session.scalars(
        sa.select(WebhookDelivery).where(WebhookDelivery.id == delivery_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound
    if row.state != "attention":
        raise Refused(NOT_OPEN)
    row.state, row.attempt, row.error, row.reason, row.finished_at = "waiting", 0, None, None, None
    row.next_at, row.hinted_at = db_now(), None  # type: ignore[assignment]
    session.flush()
    hint(session, "webhooks", row.id)
    audit.record(
        session, actor, events.WEBHOOK_AGAIN, order_id=row.order_id, store_id=row.store_id, subject=f"webhook:{row.id}"
    )


def doubt_what_waits(session: Session) -> int:
    """After a restore: what waited when the backup was taken may have happened since, so that it is looked up before
    anything is repeated (domain.md 9.2: there is no idempotency key). Gives how many actions. Their withdrawal is over.
    """
    waiting = sa.update(Action).where(uncalled())
    return len(session.scalars(waiting.values(doubt=True).returning(Action.id)).all())


def _held(session: Session, action_id: int) -> Action | None:
    """The action, held until the transaction ends, and its order before it: as whatever else ends an action does."""
    order_id = session.scalar(sa.select(Action.order_id).where(Action.id == action_id))
    if order_id is None:
        return None
    hold_order(session, order_id)
    return session.scalar(
        sa.select(Action).where(Action.id == action_id).with_for_update().execution_options(populate_existing=True)
    )


def _open(session: Session, action_id: int, fence: int | None) -> Action:
    action = _held(session, action_id)
    if action is None:
        raise NotFound
    if action.state != "attention":
        raise Refused(NOT_OPEN)
    if fence is not None and fence != action.fence:
        raise Refused(TRIED_SINCE)
    return action


def _open_mail(session: Session, mail_id: int, fence: int | None = None) -> tuple[Mail, Action | None]:
    """The mail and its action, held. One whose action a colleague has decided goes that way."""
    known = session.execute(sa.select(Mail.action_id).where(Mail.id == mail_id)).one_or_none()
    if known is None:
        raise NotFound
    action = _held(session, known.action_id) if known.action_id is not None else None
    mail = session.scalars(sa.select(Mail).where(Mail.id == mail_id).with_for_update()).one()
    if mail.state != "attention" or (action is not None and action.verdict is not None):
        raise Refused(NOT_OPEN)
    if fence is not None and fence != mail.fence:
        raise Refused(TRIED_SINCE)
    return mail, action


def _say(session: Session, actor: Actor, action: Action, verdict: str) -> None:
    """Leave what follows from a person's word to a worker (``app/jobs/actions.py``)."""
    action.state, action.verdict, action.next_at = "waiting", verdict, db_now()  # type: ignore[assignment]
    action.resolved_by, action.hinted_at = actor.id, None
    session.flush()
    hint(session, "actions", action.id)


def _leave(session: Session, actor: Actor, action: Action) -> None:
    _say(session, actor, action, "left")
    _note(session, actor, action, events.ACTION_LEFT, lines.DECIDED_LEFT)


def _send_again(session: Session, mail: Mail) -> None:
    order = session.get(Order, mail.order_id) if mail.order_id is not None and mail.recipient is not None else None
    if order is not None and order.email and order.erased_at is None:
        mail.recipient = order.email  # corrected since, perhaps: a license goes to the order's email (domain.md 6)
    mail.state, mail.attempt, mail.error, mail.finished_at = "waiting", 0, None, None
    mail.next_at, mail.hinted_at = db_now(), None  # type: ignore[assignment]
    hint(session, "mail", mail.id)


def _note_mail(session: Session, actor: Actor, mail: Mail, event: str) -> None:
    audit.record(session, actor, event, order_id=mail.order_id, store_id=mail.store_id, subject=f"mail:{mail.id}")


def _note(session: Session, actor: Actor, action: Action, event: str, code: str) -> None:
    audit.record(
        session, actor, event, order_id=action.order_id, store_id=action.store_id, subject=action.subject,
        details={"action": action.id, "kind": action.kind},
    )  # fmt: skip
    order = session.get(Order, action.order_id)
    if order is not None:
        history.add(session, order, code, actor=actor, at=utcnow(), who=actor.name, number=action.id)
