"""Entry point: api."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Register the addresses."""
