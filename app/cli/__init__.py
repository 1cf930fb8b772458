"""``flask --app app portal …``: the operators' commands (contract.md 1). One module per noun, gathered here."""

from __future__ import annotations

from flask import Flask
from flask.cli import AppGroup

portal = AppGroup("portal", help="Commands for operators of the portal.")


def init_app(app: Flask) -> None:
    """Add the commands."""
    # Imported here because each module adds its commands to the group above.
    from app.cli import (  # noqa: F401
        audit,
        doctor,
        erase,
        generate,
        import_,
        people,
        restored,
        schema,
        stores,
        token,
        translations,
        work,
    )

    app.cli.add_command(portal)
