"""What FAB's generic lists need besides templates."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Flask, redirect, request
from werkzeug.wrappers import Response


def init_app(app: Flask) -> None:
    """Watch over the addresses of filtered lists."""
    app.before_request(_drop_empty_filters)


def _drop_empty_filters() -> Response | None:
    """A filter left empty in a list's form is no filter; FAB would look for rows that relate to nothing."""
    if request.method != "GET" or b"_flt_" not in request.query_string:
        return None
    given = list(request.args.items(multi=True))
    kept = [(name, value) for name, value in given if value or not name.startswith("_flt_")]
    if len(kept) == len(given):
        return None
    return redirect(request.path + (f"?{urlencode(kept)}" if kept else ""))
