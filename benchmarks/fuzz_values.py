"""What the fuzzer sends: values that break things, and calls made of them (``benchmarks/fuzz.py`` sends them)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote_from_bytes

from hypothesis import strategies as st

DEEP = "[" * 5000 + "]" * 5000
NASTY = (
    "", " ", "\x00", "a\x00b", "\ud800", "\udfff x", "\u202eevil\u2066", "שלום مرحبا", "👩‍👩‍👧‍👦" * 20, "ﬃ\u0301\u200b\ufeff",
    "x" * 5000, "ß" * 70000, "-1", "0", "1e309", "NaN", "-Infinity", "1.5", "٣٤", "²", str(2**31), str(2**63 - 1),
    str(2**63), str(-(2**63)), str(10**400), "1_000", "0x10", "true", "null", "[]", "{}", DEEP, "' OR 1=1 --", "%", "%%%s",
    "_", "\\", "*", "<script>alert(1)</script>", "{{7*7}}", "${jndi:x}", "../../etc/passwd", "..\\..", "\r\nX-Evil: 1",
    "a@b", "a@b.c\r\nBcc: x@y.z", "@", "javascript:alert(1)", "//evil.example", "http://[", "https://evil.example\\@x",
    "2026-02-30", "0000-00-00", "99999-01-01", "2026-01-01T00:00", "2026-01-01..2025-01-01", "9999-12-31", "0001-01-01",
    "en_XX", "ru", "Europe/Nowhere", "Etc/GMT-14", "=cmd|' /C calc'!A0", "\t", "\n\n", "\x7f\x1b[31m", "A0000000001",
    "1 " * 3000, "1," * 3000, ",", ";", "a b c", "+1 (555)", "١٢٣", "\U0010ffff", "\ufffe", "é", "e\u0301",
)  # fmt: skip
"""Text: NUL, lone surrogates, right to left, emoji, huge, negative, 2^63, other digits, dates that are none."""

NAMES = (
    "ids", "email", "phone", "first_name", "last_name", "company", "store", "stores", "status", "date_from", "date_to",
    "created_from", "created_to", "page", "per_page", "after", "before", "tag", "q", "next", "lang", "key", "reason",
    "comment", "request_token", "csrf_token", "password", "username", "code", "token", "role", "team", "teams", "limit",
    "sort", "order", "format", "from", "to", "event", "person", "_method", "theme", "timezone", "product_id", "confirm",
)  # fmt: skip
CONTENT_TYPES = (
    "application/x-www-form-urlencoded", "application/json", "multipart/form-data", "multipart/form-data; boundary=",
    "multipart/form-data; boundary=x", "text/plain", "", "application/x-www-form-urlencoded; charset=utf-7",
    "application/json; charset=latin-9", "\xff\xfe", "a/b/c; =;", "application/octet-stream", "text/html; charset=nonsense",
)  # fmt: skip
HEADERS = (
    "HTTP_COOKIE", "HTTP_ACCEPT_LANGUAGE", "HTTP_ACCEPT", "HTTP_HOST", "HTTP_REFERER", "HTTP_ORIGIN", "HTTP_RANGE",
    "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_X_FORWARDED_FOR", "HTTP_X_REQUEST_ID", "HTTP_AUTHORIZATION",
    "HTTP_USER_AGENT", "HTTP_X_CSRFTOKEN", "HTTP_SIGNATURE", "HTTP_ACCEPT_ENCODING", "HTTP_X_HTTP_METHOD_OVERRIDE",
    "HTTP_IF_RANGE", "HTTP_DATE", "HTTP_EXPECT", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO",
)  # fmt: skip
HEADER_VALUES = (
    "", "x" * 9000, "\xff\xfe\xfd", "bytes=0-,1-,2-", "bytes=-1", "bytes=9999999999999-", "evil.example", "localhost:99999",
    "[::1", "en;q=nan, ru;q=-1", "zz-ZZ-ZZ;q=1e9", "*", ",,,;;;===", "session=\xff", "portal=%ff%00", "Bearer \xe9", "Bearer",
    "Basic !!!", "Basic " + "QQ==", "Thu, 99 Foo 9999", "W/\"", "application/json", "text/html", "\x01\x02", "a=b; a=c; =; ;",
    "null", "http://evil.example", "Digest username=\"\\", "1.2.3.4, \xff", "gzip;q=abc",
)  # fmt: skip
BROKEN_BYTES = (
    b"%",
    b"%zz",
    b"\xff\xfe",
    b"%ff%fe=%00",
    b"%ed%a0%80",
    b"=&=&&",
    b"a=1;b=2",
    b"\x00",
    b"%c0%af",
    b"[]=1",
)


@dataclass(frozen=True)
class Form:
    """A form of a page: where it goes and what it sends when nothing is changed."""

    endpoint_path: str
    method: str
    fields: tuple[tuple[str, str], ...]


@dataclass
class Call:
    """One request. ``path`` and ``query`` are bytes as on the wire, without escapes in ``path``."""

    who: str
    method: str
    path: bytes
    query: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = ""
    body: bytes = b""
    length: str | None = None
    sign: bool = False

    def __str__(self) -> str:
        return (
            f"{self.who}: {self.method} {self.path!r} ?{self.query[:300]!r} type={self.content_type!r}"
            f" headers={ {k: v[:80] for k, v in self.headers.items()} } length={self.length}"
            f" body[{len(self.body)}]={self.body[:1500]!r}"
        )


class _Forms(HTMLParser):
    """Collects the forms of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.page, self.found, self._open = page, [], None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = (given.get("action") or self.page, (given.get("method") or "get").upper(), [])
        elif self._open is None:
            return
        elif tag == "select":
            self._select = given.get("name", "")
        elif tag == "option" and self._select:
            self._open[2].append((self._select, given.get("value", "")))
        elif tag in ("input", "textarea", "button") and given.get("name"):
            self._open[2].append((given["name"], given.get("value", "1" if tag == "input" else "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._open is not None:
            action, method, fields = self._open
            self.found.append(Form(action.split("#")[0], method, tuple(fields)))
            self._open = None
        elif tag == "select":
            self._select = ""


def forms_of(html: str, page: str) -> list[Form]:
    """The forms of a page. Several options of one list become several fields; the caller drops some."""
    parser = _Forms(page)
    parser.feed(html)
    return [form for form in parser.found if form.endpoint_path.startswith("/")]


# --- strategies ----------------------------------------------------------------------------------------------------

texts = st.one_of(st.sampled_from(NASTY), st.sampled_from(NASTY), st.text(max_size=40), st.integers().map(str))
json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def wire(text: str) -> bytes:
    """Text as UTF-8, lone surrogates as the bytes they would be."""
    return text.encode("utf-8", "surrogatepass")


def encoded(pairs: Sequence[tuple[str, str]]) -> bytes:
    """As a browser would send a form."""
    return b"&".join(
        quote_from_bytes(wire(name)).encode() + b"=" + quote_from_bytes(wire(value)).encode() for name, value in pairs
    )


def multipart(pairs: Sequence[tuple[str, str]], *, broken: bool) -> bytes:
    """The pairs as parts, one of them a file; ``broken`` leaves out the end and a blank line."""
    parts = []
    for n, (name, value) in enumerate(pairs):
        file = b'; filename="\xff\x00..\\x.svg"' if n % 3 == 2 else b""
        head = b'--x\r\nContent-Disposition: form-data; name="' + wire(name)[:200].replace(b'"', b"'") + b'"' + file
        parts.append(head + (b"\r\n" if broken and n % 2 else b"\r\n\r\n") + wire(value) + b"\r\n")
    return b"".join(parts) + (b"" if broken else b"--x--\r\n")


@st.composite
def pairs_from(draw: st.DrawFn, fields: Sequence[tuple[str, str]], csrf: str) -> list[tuple[str, str]]:
    """Fields of a form, most as they are, some nasty, dropped or doubled, and some that are not the form's."""
    found: list[tuple[str, str]] = []
    for name, value in fields:
        if name == "csrf_token":
            continue
        fate = draw(st.integers(0, 9))
        if fate < 4:
            found.append((name, value))
        elif fate < 8:
            found.append((name, draw(texts)))
        elif fate == 8:
            found += [(name, draw(texts)), (name, value)]
    for _ in range(draw(st.integers(0, 2))):
        found.append((draw(st.sampled_from(NAMES)), draw(texts)))
    if draw(st.integers(0, 11)):
        found.append(("csrf_token", csrf))
    else:
        found.append(("csrf_token", draw(texts)))
    return found


@st.composite
def bodies(draw: st.DrawFn, pairs: list[tuple[str, str]]) -> tuple[str, bytes]:
    """Content type and body: mostly a form as it should be."""
    kind = draw(st.integers(0, 15))
    if kind < 9:
        return "application/x-www-form-urlencoded", encoded(pairs)
    if kind == 9:
        return "application/x-www-form-urlencoded", encoded(pairs) + b"&" + draw(st.sampled_from(BROKEN_BYTES))
    if kind in (10, 11):
        return "multipart/form-data; boundary=x", multipart(pairs, broken=kind == 11)
    if kind == 12:
        return "application/json", draw(json_bodies())
    if kind == 13:
        return draw(st.sampled_from(CONTENT_TYPES)), encoded(pairs)
    if kind == 14:
        return draw(st.sampled_from(CONTENT_TYPES)), draw(st.binary(max_size=200))
    return "application/x-www-form-urlencoded", b""


@st.composite
def json_bodies(draw: st.DrawFn) -> bytes:
    """JSON of any shape; deep, with doubled names or broken at times."""
    kind = draw(st.integers(0, 7))
    if kind == 0:
        return DEEP.encode()
    if kind == 1:
        return draw(
            st.sampled_from((b"", b"{", b'{"a":1,"a":2}', b"\xff", b"NaN", b'"\\ud800"', b"1e999", b"[1,]", b"null"))
        )
    return json.dumps(draw(json_values)).encode("utf-8", "surrogatepass")


@st.composite
def mutated(draw: st.DrawFn, value: dict[str, Any]) -> dict[str, Any]:
    """A JSON object with up to three of its values, at any depth, replaced by others."""
    found = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(0, 3))):
        at: Any = found
        while isinstance(at, dict | list) and at:
            key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
            if not isinstance(at[key], dict | list) or not at[key] or draw(st.integers(0, 4)) == 0:
                at[key] = draw(json_values)
                break
            at = at[key]
    return found


@st.composite
def odd_headers(draw: st.DrawFn) -> dict[str, str]:
    """Mostly none; else one to three headers with odd values (latin-1, as WSGI gives them)."""
    if draw(st.integers(0, 3)):
        return {}
    names = st.lists(st.sampled_from(HEADERS), min_size=1, max_size=3)
    return {name: draw(st.sampled_from(HEADER_VALUES)) for name in draw(names)}
