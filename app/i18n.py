"""Languages, time zones, and how refusals are said."""

from __future__ import annotations

from flask import Flask
from flask_babel import gettext

from app.domain.refusal import Refusal


def say(refusal: Refusal) -> str:
    """The refusal in the reader's language."""
    return gettext(refusal.text, **refusal.params)


def init_app(app: Flask) -> None:
    """Choose language and time zone per person."""
    app.add_template_filter(say, "say")
