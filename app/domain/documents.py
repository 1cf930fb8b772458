"""How a document is handed out: under a name that no header can be broken with, as a type that no browser runs."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

NAME_MAX = 150
"""Longest file name given to a browser, in characters."""

SAFE_TYPES = {
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "application/msword": ".doc",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "text/csv": ".csv",
    "text/plain": ".txt",
}
"""Types handed out as they are; everything else (HTML, SVG, scripts) goes out as bytes."""

BYTES = "application/octet-stream"
DEFAULT_NAME = "document"

_UNSAFE = re.compile(r'[/\\:*?"<>|]')
# Categories: control, format (right-to-left overrides), surrogate, private, line and paragraph separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def safe_type(content_type: str) -> str:
    """The type to answer with: a known harmless one without its parameters, else plain bytes."""
    plain = content_type.partition(";")[0].strip().lower()
    return plain if plain in SAFE_TYPES else BYTES


def file_name(name: str, content_type: str) -> str:
    """A file name for a person's disk: no path, nothing invisible, an extension that fits the type."""
    found = "".join(" " if unicodedata.category(c) in _INVISIBLE else c for c in unicodedata.normalize("NFC", name))
    found = " ".join(_UNSAFE.sub("_", found).split()).strip(". ") or DEFAULT_NAME
    extension = SAFE_TYPES.get(safe_type(content_type), "")
    if extension and found.lower().endswith(extension):
        found, extension = found[: -len(extension)], found[-len(extension) :]
    return found[: NAME_MAX - len(extension)].rstrip(". ") + extension


def content_disposition(name: str) -> str:
    """An attachment of this name (RFC 6266): plain letters for old readers, UTF-8 (RFC 5987) for the others."""
    letters = (c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", "".join(letters))
    if plain == name:
        return f'attachment; filename="{name}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
