"""Our static files, served under an address that holds the hash of their contents: cached for ever, never stale.

The hash stands in the folder's name (``/assets/<hash>/css/base.css``), so that the relative addresses inside style
sheets and modules carry it too. No page of ours loads a file from anywhere else.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Blueprint, Flask, Response, send_from_directory
from markupsafe import Markup

FOLDER = Path(__file__).parent / "static"
ICONS = Path(__file__).parent / "templates" / "layout" / "icons.svg"
STYLES = ("tokens", "base", "shell", "orders", "order", "pages", "print")
blueprint = Blueprint("assets", __name__)


@cache
def version() -> str:
    """Twelve hex digits of the hash over all our static files' names and contents."""
    digest = hashlib.sha256()
    for path in sorted(p for p in FOLDER.rglob("*") if p.is_file()):
        digest.update(path.relative_to(FOLDER).as_posix().encode() + b"\0")
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def asset(name: str) -> str:
    """The address of a file in ``app/static``."""
    return f"/assets/{version()}/{name}"


@cache
def icon(name: str) -> Markup:
    """A 16-pixel icon of ``layout/icons.svg``; says nothing to a screen reader, so put words beside it."""
    return Markup('<svg class="ico" aria-hidden="true"><use href="#i-{}"/></svg>').format(name)


@cache
def head_links() -> Markup:
    """The links every page's head holds."""
    lines = [Markup('<link rel="icon" href="{}" type="image/svg+xml">').format(asset("icon.svg"))]
    lines += [Markup('<link rel="stylesheet" href="{}">').format(asset(f"css/{name}.css")) for name in STYLES]
    return Markup("\n").join(lines)


@cache
def icon_sprite() -> Markup:
    """The drawings ``icon`` refers to; once in each page."""
    return Markup(ICONS.read_text("utf-8").replace("\n", ""))  # noqa: S704 - our own file


@blueprint.get("/assets/<found>/<path:name>")
def file(found: str, name: str) -> Response:
    """A static file. Under an older hash (a deploy is under way) it is served too, but not to be kept."""
    response = send_from_directory(FOLDER, name, max_age=None)
    if found == version():
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    else:
        response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@blueprint.get("/favicon.ico")
def favicon() -> Response:
    """For whoever asks without reading the page."""
    return send_from_directory(FOLDER, "icon.svg", max_age=86400)


def init_app(app: Flask) -> None:
    """Register the addresses and what templates need."""
    app.register_blueprint(blueprint)
    app.jinja_env.globals.update(asset=asset, icon=icon, head_links=head_links, icon_sprite=icon_sprite)
