"""Languages, time zones, and how refusals are said.

The language is the person's own, else what the browser prefers, else the setting; the time zone is the person's
own, else the setting. Nothing in an address or a cookie changes either.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytz
from flask import Flask, g, has_request_context, request
from flask_babel import get_locale, get_translations, gettext
from flask_babel import refresh as forget_locale
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from app.domain.refusal import Refusal
from app.formats import Formats, formats_for
from app.settings import settings
from config import LANGUAGES


def say(refusal: Refusal) -> str:
    """The refusal in the reader's language."""
    return gettext(refusal.text, **refusal.params)


def language() -> str:
    """The language of this request: ``en`` or ``ru``."""
    locale = get_locale()
    return locale.language if locale else settings().default_language


def formats() -> Formats:
    """How the person who asks reads dates, money and numbers."""
    return formats_for(language(), timezone())


def timezone() -> str:
    """IANA name of the time zone of this request."""
    actor = g.get("actor")
    return (actor.timezone if actor and actor.id else "") or settings().default_timezone


def preferred(person: Any) -> dict[str, str]:
    """Language and time zone of a person, for ``actor_of``: their own, else the browser's or the default's."""
    return {
        "language": person.language if person.language in LANGUAGES else _asked_for(),
        "timezone": person.timezone or settings().default_timezone,
    }


def _asked_for() -> str:
    default = settings().default_language
    if not has_request_context():
        return default
    return request.accept_languages.best_match(LANGUAGES, default) or default


def _chosen_language() -> str:
    actor = g.get("actor")
    if actor and actor.id and actor.language in LANGUAGES:
        return actor.language
    return _asked_for()


def _chosen_timezone() -> str:
    # Flask-Babel knows pytz only; where pytz lacks a zone, our own formats (zoneinfo) still have it.
    name = timezone()
    return name if name in pytz.all_timezones_set else "UTC"


def _time(at: dt.datetime | None) -> Markup:
    return formats().time(at)


def _money(amount: Decimal | None, currency: str) -> str:
    return formats().money(amount, currency)


def _number(value: float | Decimal) -> str:
    return formats().number(value)


def _day(day: dt.date | None) -> str:
    return formats().day(day) if day else ""


def _duration(seconds: float) -> str:
    return formats().duration(seconds)


def _default_timezone() -> str:
    return settings().default_timezone


@pass_context
def _gettext(context: Context, msgid: str, /, **places: Any) -> str:
    """``_()`` of templates. Flask-Babel's asks for language and catalogue at each of a page's 250 labels; this one
    asks once for each template that is drawn."""
    drawn: Any = context.eval_ctx
    found = getattr(drawn, "ugettext", None)
    if found is None:
        found = drawn.ugettext = get_translations().ugettext
    text: str = found(msgid)
    if drawn.autoescape:
        text = Markup(text)  # noqa: S704 - our catalogues; places are escaped as they are filled in
    return text % places if places or "%" in text else text


def _initials(name: str) -> str:
    """First letters of the first and the last word, for the round badge."""
    words = name.split()
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()


def init_app(app: Flask) -> None:
    """Choose language and time zone per person; the filters of values and sentences."""
    babel = app.extensions["babel"]
    babel.locale_selector = _chosen_language
    babel.timezone_selector = _chosen_timezone
    app.jinja_env.filters.update(
        say=say, time=_time, day=_day, money=_money, number=_number, initials=_initials,
        duration=_duration,
    )  # fmt: skip
    app.jinja_env.globals.update(
        language=language, timezone=timezone, formats=formats, default_timezone=_default_timezone,
        gettext=_gettext, _=_gettext,
    )  # fmt: skip
    app.jinja_env.tests["moment"] = lambda value: isinstance(value, dt.datetime)
    # Flask-Babel keeps its choice in g; an app context that outlives a request must not lend it on.
    app.before_request(forget_locale)


__all__ = [
    "forget_locale",
    "formats",
    "init_app",
    "language",
    "preferred",
    "say",
    "timezone",
]
