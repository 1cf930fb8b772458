"""The words of a mail: ``templates/mail/NAME/subject.txt``, ``body.txt`` and ``body.html`` in the reader's language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import current_app
from flask_babel import force_locale

from app.settings import settings


@dataclass(frozen=True, slots=True)
class Words:
    """A mail's subject, text and HTML."""

    subject: str
    text: str
    html: str


def render(template: str, language: str, context: dict[str, Any]) -> Words:
    """Render the three files of a mail template. ``context`` besides holds ``base_url`` and ``language``.

    Raises jinja2.TemplateNotFound for a name that is none.
    """
    known = {"base_url": settings().base_url, "language": language, **context}
    with force_locale(language):
        subject, text, html = (
            current_app.jinja_env.get_template(f"mail/{template}/{part}").render(known)
            for part in ("subject.txt", "body.txt", "body.html")
        )
    return Words(" ".join(subject.split()), text.strip() + "\n", html.strip() + "\n")
