"""Exceptions become answers here, and only here."""

from __future__ import annotations

from flask import Flask, Response, make_response, render_template

from app.domain.refusal import NotFound


def init_app(app: Flask) -> None:
    """Answer every error with a page of ours."""

    @app.errorhandler(NotFound)
    def not_found(_error: NotFound) -> Response:
        return make_response(render_template("errors/404.html"), 404)
