"""Where a person may be sent after a form: to a page of this portal, and nowhere else."""

from __future__ import annotations

from urllib.parse import urlsplit


def safe_path(target: str | None, own_host: str, fallback: str = "/") -> str:
    """The path (with query) of ``target`` when it is a page of ``own_host``, else ``fallback``.

    Only the path ever goes into the answer, so no host of anybody else can.
    """
    if (
        not target
        or len(target) > 2000
        or target.startswith("//")
        or "\\" in target
        or any(ord(c) < 33 or ord(c) == 127 for c in target)
    ):
        return fallback
    try:
        parts = urlsplit(target)
    except ValueError:
        return fallback
    if parts.netloc and (parts.scheme not in ("http", "https") or parts.netloc != own_host):
        return fallback
    if (parts.scheme and not parts.netloc) or not parts.path.startswith("/") or parts.path.startswith("//"):
        return fallback
    return parts.path + (f"?{parts.query}" if parts.query else "")
