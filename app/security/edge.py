"""What every request must be like and every answer must carry: hosts, input bounds, headers."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

from flask import Flask, Response, g, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.middleware.proxy_fix import ProxyFix

from config import Settings

MACHINES = ("/api/", "/webhooks/")
LOOPBACK = ["localhost", "127.0.0.1"]
STATIC_ENDPOINTS = {"assets.file", "assets.favicon", "appbuilder.static"}
SILENT_ENDPOINTS = {"health.healthz", *STATIC_ENDPOINTS}
"""Addresses that ask nobody and nothing."""
PERMISSIONS = ", ".join(
    f"{name}=()"
    for name in (
        "accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "microphone", "midi", "payment",
        "publickey-credentials-get", "screen-wake-lock", "usb", "xr-spatial-tracking",
    )
)  # fmt: skip


def csp_nonce() -> str:
    """The nonce of this answer's scripts; templates write it on every ``<script>``."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def content_security_policy(nonce: str | None, *, frames: bool = False) -> str:
    """What the browser may load: our own files, and scripts that carry this answer's nonce. ``frames``: the page may
    show another of our own addresses within itself."""
    scripts = f"'nonce-{nonce}' 'strict-dynamic'" if nonce else "'none'"
    framed = "frame-src 'self'; " if frames else ""
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"connect-src 'self'; manifest-src 'self'; {framed}form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def check_input() -> None:
    """Refuse what no database column can hold, before any view looks at it. Raises BadRequest.

    Bodies that are no form (the order API, webhooks) are judged by whoever reads them; so is the search form, which
    says at its field what is wrong and keeps what was typed.
    """
    try:
        given = [request.path, *_flat(request.args)]
    except UnicodeDecodeError:  # raw bytes that are no UTF-8; percent-encoded ones are replaced on the way
        raise BadRequest("The address is not UTF-8.") from None
    own_words = request.endpoint == "OrderView.search"
    if not own_words and not request.path.startswith(MACHINES):  # machines' bodies must stay unread
        given += _flat(request.form)
    if any("\x00" in text for text in given):
        raise BadRequest("A NUL character was sent.")


def read_bytes(most: int) -> bytes:
    """The body of this request, of at most ``most`` bytes. Raises RequestEntityTooLarge.

    One byte more is read than is allowed: a body that comes in chunks announces no length, and Werkzeug cuts such a
    body off at the limit without a word, so that it would be judged by its beginning.
    """
    request.max_content_length = most + 1
    body = request.get_data(cache=False)
    if len(body) > most:
        raise RequestEntityTooLarge
    return body


def _flat(values: MultiDict[str, str]) -> Iterator[str]:
    for pair in values.items(multi=True):
        yield from pair


def _add_headers(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", PERMISSIONS)
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Content-Security-Policy", content_security_policy(g.pop("csp_nonce", None)))
    if request.endpoint not in STATIC_ENDPOINTS:
        headers.setdefault("Cache-Control", "no-store")
    return response


def _add_hsts(response: Response) -> Response:
    response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response


def init_app(app: Flask, settings: Settings) -> None:
    """Trust the proxies and hosts of the settings and nobody else; put the headers on every answer."""
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=count, x_proto=count, x_host=count
        )
    own = urlsplit(settings.base_url).hostname or "localhost"
    # Loopback names stay: health checks use them, and no link is ever built from a Host header.
    app.config["TRUSTED_HOSTS"] = [own, *LOOPBACK]
    app.jinja_env.globals["csp_nonce"] = csp_nonce
    app.after_request(_add_headers)
    if settings.https:
        app.after_request(_add_hsts)
