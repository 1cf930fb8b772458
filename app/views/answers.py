"""Answers that many views give: a page with a status, and where to go afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import make_response, render_template, request
from werkzeug.wrappers import Response

from app.domain.redirects import safe_path


def page(template: str, status: int = 200, headers: Mapping[str, str] | None = None, /, **values: Any) -> Response:
    """The rendered template as an answer."""
    answer = make_response(render_template(template, **values), status)
    answer.headers.update(headers or {})
    return answer


def next_page() -> str:
    """Where to go afterwards, as the address or the form says: only ever a page of ours, or nothing."""
    return safe_path(request.values.get("next"), request.host, "")
