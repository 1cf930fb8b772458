"""``flask --app app portal …``: the operators' commands (contract.md 1). One module per noun, gathered here."""

from __future__ import annotations

from flask import Flask
from flask.cli import AppGroup

portal = AppGroup("portal", help="Commands for operators of the portal.")


def init_app(app: Flask) -> None:
    """Add the commands."""
    from app.cli import schema as _schema  # noqa: F401

    app.cli.add_command(portal)
