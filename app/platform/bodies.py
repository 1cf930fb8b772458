"""What stands in an answer's body: JSON or a page, and the errors it tells of, in whatever form (domain.md 9.2)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.platform import words

TAGS = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.I | re.S)


@dataclass(frozen=True, slots=True)
class Page:
    """A body that is no JSON: a proxy's page, a plain text. ``text``: its words, for people."""

    text: str


def read_body(data: bytes, encoding: str | None) -> Any:
    """The JSON in the body, {} when it is empty, or a Page.

    Numbers with a fraction stay as they were written, because money may be written so. ``encoding``: what the headers
    say, for what is no UTF-8.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = _decoded(data, encoding)
    if not text.strip():
        return {}
    try:
        return json.loads(text, parse_float=str, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return Page(" ".join(TAGS.sub(" ", text[:20_000]).split())[:300])


def _decoded(data: bytes, encoding: str | None) -> str:
    try:
        return data.decode(encoding or "latin-1", "replace")
    except LookupError:
        return data.decode("latin-1")


def _no_constant(name: str) -> Any:
    raise ValueError(name)


SAID = ("message", "error", "errors", "error_message", "error_description", "description", "detail", "details", "title",
        "text", "reason")  # fmt: skip
"""Where an error's words may stand: the documented ``errors[].message`` first, and what other gateways write."""


def errors_in(status: int, body: Any) -> tuple[frozenset[int], str]:
    """Every code and every text of an answer that tells of errors, whatever its form; none where it does not."""
    if isinstance(body, Page):
        return frozenset(), body.text
    told = isinstance(body, dict) and bool(body.get("errors") or body.get("error"))
    if not told and status < 300 and not (isinstance(body, dict) and body.get("success") is False):
        return frozenset(), ""
    codes: set[int] = set()
    texts: list[str] = []
    for value in _leaves(body, 0):
        number = words.number(value)
        if number is not None:
            codes.add(number)
        elif isinstance(value, str) and value.strip() and value.strip() not in texts:
            texts.append(value.strip())
    return frozenset(codes), "; ".join(texts)[:300]


def _leaves(value: Any, depth: int) -> Iterator[Any]:
    """The texts and numbers of an error, in its order. Below the top only known names are followed in objects that
    use them; others (``{"email": ["is too long"]}``) are fields with their complaints."""
    if depth > 4:
        return
    if isinstance(value, dict):
        names = [name for name in (*SAID, "code") if name in value]
        for name in names or value:
            yield from _leaves(value[name], depth + 1)
    elif isinstance(value, list):
        for one in value[:20]:
            yield from _leaves(one, depth + 1)
    else:
        yield value
