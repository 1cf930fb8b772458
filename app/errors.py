"""Exceptions become answers here, and only here.

People get a page of ours in their language, ``/api`` gets JSON, machines' other addresses get a line of text.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, jsonify, make_response, render_template, request
from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError, ServiceUnavailable

from app.actions import audit
from app.db import TRANSIENT, session
from app.domain.audit import ACCESS_REFUSED
from app.domain.redirects import safe_path
from app.domain.refusal import Invalid, NotFound, Refused
from app.i18n import say
from app.security import current_actor

log = logging.getLogger(__name__)
MACHINES = ("/webhooks/", "/healthz", "/readyz", "/metrics", "/assets/", "/favicon.ico")


RETRY_AFTER = 10
"""Seconds after which a database that did not answer may be asked again."""


@dataclass(frozen=True, slots=True)
class Words:
    """What an error page says: what happened, and what to do."""

    title: str | LazyString
    text: str | LazyString


WORDS = {
    400: Words(_("This request could not be read"), _("Something in the address or the form was not as expected.")),
    401: Words(_("Please sign in"), _("This page is for people who are signed in.")),
    403: Words(
        _("Not allowed"), _("Your role does not open this page. Ask your team lead or an administrator if you need it.")
    ),
    404: Words(_("Nothing here"), _("The page does not exist, or it is not for your stores.")),
    405: Words(
        _("This does not open like that"),
        _("This address cannot be opened like this. Go back and use the button there.")
    ),
    409: Words(_("Not possible now"), _("Things have changed since you opened the page.")),
    413: Words(_("Too large"), _("What was sent is larger than the portal accepts.")),
    415: Words(_("Not this kind of file"), _("The portal cannot read what was sent.")),
    422: Words(_("Please check what you entered"), ""),
    429: Words(_("Too many tries"), _("Please wait a while before the next one.")),
    500: Words(_("Something went wrong on our side"), _("It has been written down. Please try again in a minute.")),
    502: Words(_("Not available just now"), _("Another service did not answer as it should. Try again in a minute.")),
    503: Words(_("Back in a moment"), _("The portal cannot reach one of its services. Try again in a minute.")),
    504: Words(_("Not available just now"), _("Another service took too long to answer. Try again in a minute.")),
}  # fmt: skip
EXPIRED = _("The form was open for too long or was sent twice. Nothing was done: open the page again and repeat.")


def init_app(app: Flask) -> None:
    """Answer every error with a page of ours."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(NotFound, lambda _error: answer(404))
    app.register_error_handler(Refused, lambda error: answer(409, say(error.refusal)))
    app.register_error_handler(Invalid, _invalid)
    app.register_error_handler(CSRFError, _expired)


def answer(
    status: int, reason: str = "", errors: list[dict[str, str]] | None = None, onwards: str | None = None
) -> Response:
    """The answer for an error, in the form the asker reads. ``reason`` is a translated sentence; ``onwards`` is where
    somebody who has to sign in first goes on."""
    words = WORDS.get(status) or WORDS[500 if status >= 500 else 400]
    text = reason or str(words.text)
    if request.path.startswith("/api/"):
        body: dict[str, object] = {"error": {"code": status, "message": text or str(words.title)}}
        if errors:
            body["errors"] = errors
        return make_response(jsonify(body), status)
    if request.path.startswith(MACHINES):
        return Response("" if status == 401 else f"{status}\n", status, mimetype="text/plain")
    values = {"status": status, "words": words, "text": text, "errors": errors or [], "home": "/", "onwards": onwards}
    if status >= 500:
        # No session, no person, no query: whatever broke may be the database.
        page = current_app.jinja_env.get_template("errors/failure.html").render(**values)
        return Response(page, status, mimetype="text/html")
    template = "errors/page.html" if _somebody() else "errors/anonymous.html"
    return make_response(render_template(template, **values), status)


def _somebody() -> bool:
    """Is a person signed in? Where the database does not answer, nobody is."""
    try:
        return current_actor().id is not None
    except Exception:
        log.exception("errors.person_unknown")
        return False


def _expired(_error: CSRFError) -> Response:
    """A form of an earlier session. Who was signed out meanwhile comes back to the page it was on."""
    page = safe_path(request.referrer, request.host, "")
    return answer(400, gettext(str(EXPIRED)), onwards=page if page and urlsplit(page).path != request.path else None)


def _http(error: HTTPException) -> Response:
    """Any HTTP error: the headers it carries (Allow, Retry-After) stay."""
    if error.code is None or error.code < 400:  # a redirect raised as an exception
        return current_app.make_response(error.get_response())
    if isinstance(error, InternalServerError) and error.original_exception is not None:
        log.error("request.failed", exc_info=error.original_exception)
        if isinstance(error.original_exception, TRANSIENT):
            return _http(ServiceUnavailable(retry_after=RETRY_AFTER))
    if error.code == 403:
        _note_denied()
    retry = getattr(error, "retry_after", None)
    response = answer(error.code, _how_long(retry) if error.code == 429 else "")
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    if retry is not None and "Retry-After" not in response.headers:
        response.headers["Retry-After"] = str(retry)
    return response


def _how_long(retry: object) -> str:
    """How long to wait before the next try, in words; empty where nobody knows."""
    if not isinstance(retry, int) or retry <= 0:
        return ""
    return ngettext(
        "Please wait %(num)s minute before the next try.",
        "Please wait %(num)s minutes before the next try.",
        -(-retry // 60),
    )


def _note_denied() -> None:
    """The audit knows who asked for what their role does not open."""
    denied = g.pop("denied", None)
    if denied is not None and _somebody():
        audit.note_read(session, current_actor(), ACCESS_REFUSED, result="refused", subject=denied)


def _invalid(error: Invalid) -> Response:
    found = [
        {"field": name, "message": say(refusal)} for name, refusals in error.errors.items() for refusal in refusals
    ]
    return answer(422, "; ".join(f["message"] for f in found), found)
