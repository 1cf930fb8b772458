"""What goes wrong between the portal and the servers it talks to, in words: a mail server, the platform, ourselves.

Rows keep the English words (``error``) of an attempt that went wrong; *Jobs and mail* says them in the reader's
language. ``app/mail/sending.py``, ``app/platform/noventiq.py`` and ``app/jobs/`` write them; a test holds them to
what stands here.
"""

from __future__ import annotations

from app.domain.refusal import Refusal

MAIL = (
    Refusal("trouble.recipient_refused", "recipient refused: %(code)s"),
    Refusal("trouble.mail_refused", "mail refused: %(code)s"),
    Refusal("trouble.sign_in_refused", "sign-in refused: %(code)s"),
    Refusal("trouble.server_busy", "server busy: %(code)s"),
    Refusal("trouble.address", "the server cannot take this address"),
    Refusal("trouble.header", "a header or address that cannot be sent"),
    Refusal("trouble.no_mail_server", "no mail server is set (MAIL_URL)"),
    Refusal("trouble.no_tls", "the server offers no TLS"),
    Refusal("trouble.mail_certificate", "the server's certificate is not trusted"),
    Refusal("trouble.no_answer", "no answer: %(name)s"),
)
"""Of the mail server."""

PLATFORM = (
    Refusal("trouble.no_connection_in_time", "no connection in time"),
    Refusal("trouble.no_connection", "no connection"),
    Refusal("trouble.certificate", "the platform's certificate was not accepted"),
    Refusal("trouble.broke", "the connection broke"),
    Refusal("trouble.no_answer_in_time", "no answer in time"),
    Refusal("trouble.broke_off", "the answer broke off: %(name)s"),
    Refusal("trouble.too_long", "the answer is too long"),
    Refusal("trouble.no_json", "the answer is no JSON"),
    Refusal("trouble.no_object", "the answer is no JSON object, or an empty one"),
    Refusal("trouble.other_order", "the answer tells of another order"),
    Refusal("trouble.no_order", "the answer tells of no order"),
    Refusal("trouble.too_many_requests", "too many requests"),
    Refusal("trouble.answered", "the platform answered %(code)s"),
    Refusal("trouble.log_in_answered", "could not log in: the platform answered %(code)s"),
    Refusal("trouble.log_in", "could not log in: %(error)s"),
    Refusal("trouble.token", "the platform does not accept our token"),
    Refusal("trouble.search_refused", "the search was refused: %(code)s"),
    Refusal("trouble.search_without_ids", "the search answered without ids"),
    Refusal("trouble.reading_refused", "reading was refused: %(code)s"),
    Refusal("trouble.no_time", "no time left for another call"),
)
"""Of the platform (domain.md 9.2)."""

LEASE_OVER = Refusal("trouble.lease_over", "lease over")
NO_HANDLER = Refusal("trouble.no_handler", "no handler for %(name)s")
NOT_MADE = Refusal("trouble.not_made", "not made: %(name)s")
NO_END = Refusal("trouble.no_end", "no attempt came to its end")
"""Of a row whose last attempt left no word: it may have killed its worker, and must not go on doing so for ever."""
SETTLED = Refusal("trouble.settled", "settled by a person")
"""Of a mail that is not tried any more: somebody has said what became of it."""
UNFORESEEN = Refusal("trouble.unforeseen", "%(name)s (the log says more)")
"""An error nobody foresaw: the row keeps its bare name."""

ALL = (*MAIL, *PLATFORM, LEASE_OVER, NO_HANDLER, NOT_MADE, NO_END, SETTLED)
