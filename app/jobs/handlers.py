"""Which handler does which kind of action. Made once per process, from the settings."""

from __future__ import annotations

from flask import Flask

from app.jobs.protocol import Handler


def make_handlers() -> dict[str, Handler]:
    """Handlers by ``Action.kind``."""
    return {}


def init_app(app: Flask) -> None:
    """Keep the handlers with the app: ``app.extensions["handlers"]``."""
    app.extensions["handlers"] = make_handlers()
