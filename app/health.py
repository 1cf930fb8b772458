"""``/healthz``: the process answers."""

from __future__ import annotations

from flask import Blueprint, Flask

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> tuple[str, int]:
    """The process is up. Asks nothing of anybody."""
    return "ok\n", 200


def init_app(app: Flask) -> None:
    """Register the addresses."""
    app.register_blueprint(blueprint)
