"""The settings of the current app."""

from typing import cast

from flask import current_app

from config import Settings


def settings() -> Settings:
    """What the running app was started with."""
    return cast(Settings, current_app.extensions["settings"])
