"""Send one mail row: claim, make its words and secrets, hand it to the server, end it in one transaction.

At least once, always with the row's Message-ID. Whatever says "sent" is written only after the server took it.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.domain.mails import ACCOUNT_CLOSED, ERASED, GONE, NO_ADDRESS, NOT_TAKEN, TOO_MANY, TOO_OLD
from app.domain.refusal import NotFound, Refusal, Refused
from app.domain.troubles import NO_END, NOT_MADE
from app.jobs import protocol
from app.jobs.actions import handler_of, who_asked
from app.jobs.lease import claim, finish, insist
from app.jobs.mail_words import WORDS
from app.jobs.protocol import Outcome
from app.jobs.timing import Timing, timing
from app.mail.connection import PortalMessage, make_message
from app.mail.render import render
from app.mail.sending import Answer, Result, hand_over
from app.models import Action, Mail, Order, Person
from app.models.base import db_now
from app.settings import settings
from config import LANGUAGES

log = logging.getLogger(__name__)

ADDRESS = re.compile(r"[^@\s<>,;:\"\x00-\x1f\x7f]{1,64}@[^@\s<>,;:\"\x00-\x1f\x7f]{1,255}")


class NotSentError(Exception):
    """The mail will not be sent, for this reason."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.english())
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom the mail goes to, in which language, and the words found (or secrets made) for this attempt."""

    address: str
    language: str
    words: dict[str, Any]


def work_mail(row_id: int) -> str:
    """Send the mail if it is due: the state it is in now, ``nothing`` or ``fenced``."""
    times = timing()
    with scope_as(ALL_STORES):
        with transaction():
            row = claim(session, Mail, row_id, times)
        if row is None:
            return "nothing"
        reason: Refusal | None = None
        try:
            answer = hand_over(_message(row)) if row.attempt <= times.attempts else Answer(Result.LATER, NO_END.text)
        except NotSentError as no:
            answer, reason = Answer(Result.NEVER), no.reason
        except Exception as error:
            log.warning("mail.not_made", extra={"mail": row.id, "template": row.template}, exc_info=True)
            answer = Answer(Result.LATER, NOT_MADE.text % {"name": type(error).__name__})
        session.rollback()
        state = insist(lambda: _write(row, answer, reason, times))
    log.info("mail.worked", extra={"mail": row.id, "template": row.template, "attempt": row.attempt, "state": state})
    return state


def _message(row: Mail) -> PortalMessage:
    with transaction():
        to = _recipient(row)
    language = to.language if to.language in LANGUAGES else settings().default_language
    words = render(row.template, language, {**row.params, **to.words})
    return make_message(
        sender=settings().mail_from,
        recipient=to.address,
        subject=words.subject,
        text=words.text,
        html=words.html,
        message_id=row.message_id,
    )


def _recipient(row: Mail) -> Recipient:
    """Read fresh; raises NotSentError when nobody may get this mail any more. May write the hash of a new secret."""
    if row.user_id is not None:
        person = session.get(Person, row.user_id)
        if person is None or not person.active:
            raise NotSentError(ACCOUNT_CLOSED)
        address, language = person.email, person.language or settings().default_language
    else:
        if _erased(row):
            raise NotSentError(ERASED)
        if row.recipient is None:
            raise NotSentError(TOO_OLD)
        address, language = row.recipient, row.language
    if not ADDRESS.fullmatch(address or ""):
        raise NotSentError(NO_ADDRESS)
    find = WORDS.get(row.template)
    try:
        return Recipient(address, language, find(session, row) if find else {})
    except Refused as refused:
        raise NotSentError(refused.refusal) from None
    except NotFound:
        raise NotSentError(GONE) from None


def _erased(row: Mail) -> bool:
    if row.order_id is None:
        return False
    return session.scalar(sa.select(Order.erased_at).where(Order.id == row.order_id)) is not None


def _write(row: Mail, answer: Answer, reason: Refusal | None, times: Timing) -> str:
    if answer.result is Result.LATER and row.attempt < times.attempts:
        finish(session, row, "waiting", next_at=db_now(times.wait(row.attempt)), error=answer.error[:300])
        return "waiting"
    if answer.result is Result.TAKEN:
        finish(session, row, "done", error=None)
        _end_action(row, protocol.done())
        return "done"
    if reason is not None:
        finish(session, row, "refused", error=reason.english()[:300])
        _end_action(row, protocol.refused(reason))
        return "refused"
    text = NOT_TAKEN if answer.result is Result.NEVER else TOO_MANY
    finish(session, row, "attention", error=answer.error[:300])
    _end_action(row, protocol.attention(Refusal(text.code, text.text, {"error": answer.error})))
    return "attention"


def _end_action(row: Mail, outcome: Outcome) -> None:
    """The action that is parked on this mail ends with it, in the same transaction."""
    if row.action_id is None:
        return
    action = session.scalars(
        sa.select(Action)
        .where(Action.id == row.action_id, Action.state == "running", Action.lease_until.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if action is None:
        return
    session.expunge(action)
    actor, _ = who_asked(action, end_read=False)
    handler = handler_of(action.kind)
    finish(session, action, outcome.verdict.value, reason=outcome.reason.english()[:500] if outcome.reason else None)
    if handler is None:
        return
    if outcome.verdict is protocol.Verdict.DONE:
        handler.mail_taken(session, action, actor)
    else:
        handler.settle(session, action, outcome, actor)
