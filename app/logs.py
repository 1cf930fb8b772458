"""Logs: one JSON object a line on stderr, with the request's and the person's id, and without personal data.

Everything goes through one redaction, other packages' messages included. What is sensitive by nature (names, codes,
search words) is never given to a logger in the first place; the redaction is the second net.
"""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
import uuid
from collections.abc import MutableMapping
from typing import Any

import structlog
from flask import Flask, Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars

from app import metrics
from config import ROOT, Settings

access_log = structlog.stdlib.get_logger("portal.access")
SLOW = 1.0  # seconds
QUIET_BLUEPRINTS = ("assets", "health")
LONGEST = 500  # characters of one text
QUIET = ("alembic", "urllib3", "werkzeug", "flask_appbuilder", "mail.log")  # only their warnings

SECRET_KEYS = re.compile(
    r"pass(word|wd)|secret|token|cookie|authorization|signature|card|code$|csrf|totp", re.IGNORECASE
)
NEVER_REDACTED = ("timestamp", "level", "logger", "request_id", "_record", "_from_structlog", "exception", "head")
"""``head``: of the audit's chain. Every fifth hash has ten digits in a row, as a phone number has."""
_PATTERNS = (
    (re.compile(r"[\w.+%\-]+@[\w\-]+(\.[\w\-]+)+", re.UNICODE), "[email]"),
    (re.compile(r"/o/[^/\s?#]+/[^\s?#\"']+"), "/o/[token]"),
    (re.compile(r"/set-password/[^\s?#\"']+"), "/set-password/[token]"),
    (re.compile(r"(?<=://)[^/\s@\"']+@"), "[credentials]@"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=\-]+", re.IGNORECASE), r"\1 [secret]"),
    (re.compile(r"\b(password|secret|token|signature)=[^\s&;,]+", re.IGNORECASE), r"\1=[secret]"),
    (re.compile(r"(?<=\?)[^\s\"']*=[^\s\"']*"), "[query]"),
    (re.compile(r"=\(.*?\)(?= (already|is|conflicts))"), "=(…)"),  # PostgreSQL: Key (email)=(…) already exists
    (re.compile(r"(?!\d{4}-\d\d-\d\d)\+?\d[\d ()\-]{8,}\d"), "[number]"),
)
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")


def redact(text: str) -> str:
    """The text without addresses, tokens, credentials, query strings and long numbers; cut to a sane length."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def _redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if key in NEVER_REDACTED:
            continue
        if SECRET_KEYS.search(key):
            event[key] = "[secret]"
        elif isinstance(value, str):
            event[key] = redact(value)
        elif not isinstance(value, int | float | bool | type(None)):
            event[key] = redact(str(value))
    return event


def _exception(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception as its type, its redacted message without quoted values, and where it came through."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info if isinstance(info, BaseException) else info[1] if isinstance(info, tuple) else None
    if error is None:
        return event
    chain = []
    while error is not None and len(chain) < 4:
        frames = [
            f"{frame.filename.removeprefix(str(ROOT) + '/')}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ]
        first_line = str(error).split("\n", 1)[0]  # the lines after it are values (DETAIL, [parameters: …])
        kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
        chain.append({"type": kind, "message": redact(_QUOTED.sub("'…'", first_line)), "frames": frames[-25:]})
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    event["exception"] = chain
    return event


def configure(level: str) -> logging.StreamHandler[Any]:
    """Send every logger of this process to stderr as JSON. Repeatable."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                _exception,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _redact_event,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    # Instead of any plain handler that a package set up on import; pytest's are of other classes.
    for other in list(root.handlers):
        if type(other) is logging.StreamHandler:
            root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    return handler


def init_app(app: Flask, settings: Settings) -> None:
    """Log the app's requests. Call it first: its hooks then stand around everybody else's."""
    if settings.portal_env != "test":
        configure(settings.log_level)

    @app.before_request
    def begin() -> None:
        clear_contextvars()
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if re.fullmatch(r"[A-Za-z0-9._-]{8,64}", given) else uuid.uuid4().hex
        g.request_began = time.perf_counter()
        bind_contextvars(request_id=g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        began = g.get("request_began")
        if began is None:  # refused before our hook ran
            return response
        seconds = time.perf_counter() - began
        response.headers["X-Request-ID"] = g.request_id
        metrics.note_request(response.status_code, seconds)
        if request.blueprint not in QUIET_BLUEPRINTS and request.endpoint != "appbuilder.static":
            actor = g.get("actor")
            access_log.info(
                "request",
                method=request.method,
                path=safe_path(),
                status=response.status_code,
                ms=round(seconds * 1000, 1),
                actor_id=actor.id if actor is not None else None,
                bytes=response.calculate_content_length(),
            )
        return response

    @app.teardown_request
    def forget(_error: BaseException | None) -> None:
        clear_contextvars()


def safe_path() -> str:
    """The request's path without tokens, and never its query string."""
    path = request.path
    for name, value in (request.view_args or {}).items():
        if SECRET_KEYS.search(name) or name in ("key", "link"):
            path = path.replace(str(value), "[token]")
    return path[:200] if request.url_rule is not None else redact(path)[:200]
