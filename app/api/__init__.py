"""Entry point: the order API for other systems (contract.md 4). JSON in and out, a token in every call."""

from __future__ import annotations

from flask import Blueprint, Flask, Response

from app.extensions import csrf

api = Blueprint("api_v1", __name__, url_prefix="/api/v1")


def init_app(app: Flask) -> None:
    """Register the addresses."""
    from app.api import description as _description  # noqa: F401
    from app.api import orders as _orders  # noqa: F401

    csrf.exempt(api)  # a token has to be sent on purpose; a browser never adds it by itself
    app.register_blueprint(api)


@api.after_request
def _never_kept(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
