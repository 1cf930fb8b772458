"""The platform over HTTP, as its documentation says (domain.md 9.2).

Every call has time-outs, verifies TLS, follows no redirect, reads a bounded body, and is sent once: repeating is
decided by the caller, who knows whether repeating can double. The one exception is a token that was not accepted:
such a call surely did nothing, so we log in anew and send it once more.
"""

from __future__ import annotations

import datetime as dt
import time
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import requests
import urllib3.exceptions

from app.platform import words
from app.platform.bodies import Page, errors_in, read_body
from app.platform.connection import Adapter, Line
from app.platform.port import PlatformOrder, PlatformRefused, PlatformSubscription, SurelyNot, Unknown
from app.platform.tokens import Tokens

CONNECT, READ = 3.0, 10.0
"""Seconds until a connection stands, and between two pieces of an answer."""
BUDGET = 45.0
"""Seconds for all calls of one piece of work, where nobody says otherwise: less than a job may last."""
MAX_BODY = 4 * 1024 * 1024
LONGEST_WAIT = 3600.0
"""Seconds of a Retry-After that we believe."""
BAD_TOKEN = frozenset({1007, 1008, 1009})


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
        self._line = Line()
        self._http = requests.Session()
        for scheme in ("http://", "https://"):
            self._http.mount(scheme, Adapter(self._line))
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
        if told is None and not words.is_order(found):  # or a look-up would believe that it has no refund
            raise Unknown("the answer tells of no order")
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
        return None if body is None else words.subscription(words.unwrapped(body, "id"), code)

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
        if isinstance(body, list) and len(body) == 1:
            body = body[0]
        if not isinstance(body, dict) or not body:
            raise Unknown("the answer is no JSON object, or an empty one")
        return body

    def _call(self, method: str, path: str, json: dict[str, Any] | None = None) -> Any:
        token = self._tokens.get(self._username) or self._log_in()
        status, body, after = self._send(method, path, json, token)
        if status == 403 or _token_refused(status, body):  # gateways say 403 of a token too, and did nothing either
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
        token = words.unwrapped(body, "token").get("token") if 200 <= status < 300 and isinstance(body, dict) else None
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
        most = min(left, CONNECT + 2 * self._read)
        with self._line.within(most):
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
            except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                raise self._broken(error) from None

    def _broken(self, error: Exception) -> SurelyNot | Unknown:
        """What trouble with the connection means: before it stood, nothing can have been sent."""
        late = self._line.late or isinstance(error, requests.exceptions.Timeout)
        if not self._line.stood:
            if late:
                return SurelyNot("no connection in time")
            if isinstance(error, requests.exceptions.SSLError):
                return SurelyNot("the platform's certificate was not accepted")
            return SurelyNot("no connection")
        if late:
            return Unknown("no answer in time")
        if isinstance(error, requests.exceptions.ConnectionError):
            return Unknown("the connection broke")
        return Unknown(f"the answer broke off: {type(error).__name__}")

    def _body(self, answer: requests.Response) -> Any:
        """The body as JSON, or a Page when it is none. One that does not come in time, or without end, is Unknown."""
        data = bytearray()
        for piece in answer.iter_content(65536):
            data += piece
            if len(data) > MAX_BODY:
                raise Unknown("the answer is too long")
        if self._line.late:  # ended by us, which an answer of no stated length shows like its own end
            raise Unknown("no answer in time")
        return read_body(bytes(data), answer.encoding)


def _token_refused(status: int, body: Any) -> bool:
    # The documentation names the codes beside 400 and 401 both; an error may also come in a 200.
    return status == 401 or (200 <= status < 500 and bool(BAD_TOKEN & errors_in(status, body)[0]))


def _judge(status: int, body: Any, after: float | None) -> Any:
    """What an answer means."""
    codes, message = errors_in(status, body)
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


def _retry_after(answer: requests.Response) -> float | None:
    """Seconds to wait at least; the header holds them, or a moment (RFC 9110). None: it says nothing of use."""
    value = answer.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    left = (at if at.tzinfo else at.replace(tzinfo=dt.UTC)) - dt.datetime.now(dt.UTC)
    return min(max(left.total_seconds(), 0.0), LONGEST_WAIT)
