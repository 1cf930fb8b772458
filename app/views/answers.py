"""Answers that many views give: a page with a status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import make_response, render_template
from werkzeug.wrappers import Response


def page(template: str, status: int = 200, headers: Mapping[str, str] | None = None, /, **values: Any) -> Response:
    """The rendered template as an answer."""
    answer = make_response(render_template(template, **values), status)
    answer.headers.update(headers or {})
    return answer
