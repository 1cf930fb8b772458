"""The platform over HTTP, as its documentation says (domain.md 9.2).

Every call has time-outs, verifies TLS, follows no redirect, reads a bounded body, and is sent once: repeating is
decided by the caller, who knows whether repeating can double. The one exception is a token that was not accepted:
such a call surely did nothing, so we log in anew and send it once more.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson
import requests
import urllib3.exceptions

from app.platform import words
from app.platform.port import PlatformOrder, PlatformRefused, PlatformSubscription, SurelyNot, Unknown
from app.platform.tokens import Tokens

CONNECT, READ = 3.0, 10.0
"""Seconds until a connection stands, and between two pieces of an answer."""
BUDGET = 45.0
"""Seconds for all calls of one piece of work, where nobody says otherwise: less than a job may last."""
MAX_BODY = 4 * 1024 * 1024
EMAIL_MAX = 80
BAD_TOKEN = frozenset({1007, 1008, 1009})

TAGS = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.I | re.S)


@dataclass(frozen=True, slots=True)
class Page:
    """A body that is no JSON: a proxy's page, a plain text. ``text``: its words, for people."""

    text: str


class Noventiq:
    """A client for one piece of work."""

    standalone = False

    def __init__(
        self,
        url: str,
        username: str,
        password: str,
        tokens: Tokens,
        *,
        read: float | None = None,
        budget: float = BUDGET,
        verify: bool | str = True,
    ) -> None:
        self._url, self._username, self._password, self._tokens = url.rstrip("/"), username, password, tokens
        self._read = READ if read is None else read
        self._until = time.monotonic() + budget
        self._http = requests.Session()
        # Proxies, .netrc and certificate bundles of the environment must not change where we send or whom we trust.
        self._http.trust_env = False
        self._http.verify = verify
        self._http.headers["User-Agent"] = "esupport-portal"

    # --- the port -------------------------------------------------------------------------------------------------

    def read_order(self, order_id: int) -> PlatformOrder | None:
        """``GET /v1/order/ID``."""
        body = self._get(f"/v1/order/{order_id:d}")
        if body is None:
            return None
        found = words.order(order_id, body)
        told = words.number(found.fields.get("order_id"))
        if told not in (None, order_id):
            raise Unknown("the answer tells of another order")
        return found

    def search(
        self, *, created_from: dt.date | None = None, paid_from: dt.date | None = None, status: str | None = None
    ) -> list[int]:
        """``POST /v1/order/search``; reads only, so that its failure is SurelyNot or Unknown alike."""
        given = {
            "create_date_from": created_from and created_from.isoformat(),
            "pay_date_from": paid_from and paid_from.isoformat(),
            "status": status,
        }
        try:
            body = self._call("POST", "/v1/order/search", {k: v for k, v in given.items() if v})
        except PlatformRefused as refused:
            raise Unknown(f"the search was refused: {refused.status}") from None
        ids = words.ids(body)
        if ids is None:
            raise Unknown("the search answered without ids")
        return ids

    def request_refund(self, order_id: int, description: str, email: str) -> None:
        """``POST /v1/order/ID/refund``."""
        self._call("POST", f"/v1/order/{order_id:d}/refund", {"description": description, "email": email})

    def read_subscription(self, code: str) -> PlatformSubscription | None:
        """``GET /v1/subscription/ID``."""
        body = self._get(f"/v1/subscription/{quote(code, safe='')}")
        return None if body is None else words.subscription({**body, "id": body.get("id") or code})

    def set_activity(self, code: str, *, active: bool) -> None:
        """``POST /v1/subscription/modify_activity``; the customer is told by the platform."""
        self._call(
            "POST",
            "/v1/subscription/modify_activity",
            {"id": code, "activity": active, "suppress_customer_notification": False},
        )

    def check(self) -> None:
        """Log in, for ``portal doctor``. Raises SurelyNot or Unknown with what is wrong."""
        self._log_in()

    # --- how it is sent -------------------------------------------------------------------------------------------

    def _get(self, path: str) -> dict[str, Any] | None:
        try:
            body = self._call("GET", path)
        except PlatformRefused as refused:
            if refused.status == 404:
                return None
            raise Unknown(f"reading was refused: {refused.status}") from None
        if not isinstance(body, dict) or not body:
            raise Unknown("the answer is no JSON object, or an empty one")
        return body

    def _call(self, method: str, path: str, json: dict[str, Any] | None = None) -> Any:
        token = self._tokens.get(self._username) or self._log_in()
        status, body, after = self._send(method, path, json, token)
        if _token_refused(status, body):
            token = self._another_token(token)
            status, body, after = self._send(method, path, json, token)
            if _token_refused(status, body):
                raise SurelyNot("the platform does not accept our token")
        return _judge(status, body, after)

    def _another_token(self, refused: str) -> str:
        """Another worker may have logged in meanwhile, and its token would end with one more login of ours."""
        shared = self._tokens.get(self._username)
        return shared if shared and shared != refused else self._log_in()

    def _log_in(self) -> str:
        try:
            status, body, after = self._send(
                "POST", "/v1/login_check", {"username": self._username, "password": self._password}, None
            )
        except Unknown as error:
            raise SurelyNot(f"could not log in: {error}") from None
        token = body.get("token") if 200 <= status < 300 and isinstance(body, dict) else None
        if (
            not isinstance(token, str)
            or not token
            or len(token) > 8192
            or not token.isascii()
            or not token.isprintable()
        ):
            raise SurelyNot(f"could not log in: the platform answered {status}", after)
        self._tokens.put(self._username, token)
        return token

    def _send(
        self, method: str, path: str, json: dict[str, Any] | None, token: str | None
    ) -> tuple[int, Any, float | None]:
        """Send once; status, body (or NOT_JSON) and Retry-After. Raises SurelyNot or Unknown."""
        left = self._until - time.monotonic()
        if left < 1:
            raise SurelyNot("no time left for another call")
        headers = {"Accept": "application/json"}
        if token is not None:
            headers["AuthorizationJWT"] = f"Bearer {token}"
        try:
            with self._http.request(
                method,
                self._url + path,
                json=json,
                headers=headers,
                timeout=(min(CONNECT, left), min(self._read, left)),
                allow_redirects=False,
                stream=True,
            ) as answer:
                return answer.status_code, self._body(answer), _retry_after(answer)
        except requests.exceptions.ConnectTimeout:
            raise SurelyNot("no connection in time") from None
        except requests.exceptions.SSLError:
            # The handshake comes before the request. A failure later on shows as a broken connection.
            raise SurelyNot("the platform's certificate was not accepted") from None
        except requests.exceptions.ConnectionError as error:
            if _never_connected(error):
                raise SurelyNot("no connection") from None
            raise Unknown("the connection broke") from None
        except requests.exceptions.Timeout:
            raise Unknown("no answer in time") from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Unknown(f"the answer broke off: {type(error).__name__}") from None

    def _body(self, answer: requests.Response) -> Any:
        """The JSON body, or a Page when it is none. A slow or endless body ends in Unknown."""
        until = min(self._until, time.monotonic() + 2 * self._read)
        data = bytearray()
        for piece in answer.iter_content(65536):
            data += piece
            if len(data) > MAX_BODY or time.monotonic() > until:
                raise Unknown("the answer is too long")
        data = data.removeprefix(b"\xef\xbb\xbf")  # a byte order mark
        if not data.strip():
            return {}
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            return Page(" ".join(TAGS.sub(" ", data[:20_000].decode("utf-8", "replace")).split())[:300])


def _token_refused(status: int, body: Any) -> bool:
    # The documentation names the codes beside 400 and 401 both; an error may also come in a 200.
    return status == 401 or (200 <= status < 500 and bool(BAD_TOKEN & _errors(status, body)[0]))


def _judge(status: int, body: Any, after: float | None) -> Any:
    """What an answer means."""
    codes, message = _errors(status, body)
    code = min(codes, default=None)
    if 200 <= status < 300:
        if isinstance(body, Page):
            raise Unknown("the answer is no JSON")
        if codes or (isinstance(body, dict) and (body.get("errors") or body.get("success") is False)):
            raise PlatformRefused(status, code, message)
        return body  # what a call that changes something answers is not published: its 200 is what counts
    if status == 429:
        raise SurelyNot("too many requests", after)
    if 400 <= status < 500 and status != 408:
        raise PlatformRefused(status, code, message)
    # 5xx, 503 included: a gateway may say it after the platform behind it has done the work. Redirects are not
    # followed, and who sends one instead of an answer says nothing about what was done.
    raise Unknown(f"the platform answered {status}")


SAID = ("message", "error", "errors", "error_message", "error_description", "description", "detail", "details", "title",
        "text", "reason")  # fmt: skip
"""Where an error's words may stand: the documented ``errors[].message`` first, and what other gateways write."""


def _errors(status: int, body: Any) -> tuple[frozenset[int], str]:
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


def _retry_after(answer: requests.Response) -> float | None:
    value = answer.headers.get("Retry-After", "")
    return min(float(value), 3600.0) if value.isascii() and value.isdigit() else None


def _never_connected(error: requests.exceptions.ConnectionError) -> bool:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.NameResolutionError)
