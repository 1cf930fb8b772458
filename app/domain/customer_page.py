"""The link to the customer's page of an order: unguessable, and revocable by raising the order's generation.

The token is not stored: it is an HMAC over order and generation, so it exists for every order and can be checked
without a table. Raising ``orders.page_generation`` makes every earlier link of that order worthless.
"""

from __future__ import annotations

import base64
import hmac
from functools import lru_cache
from hashlib import sha256


@lru_cache(maxsize=8)
def _key(secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"portal customer page v1", sha256)


def page_token(secret: str, order_id: int, generation: int) -> str:
    """The token of an order's page: 256 bits, base64url, 43 characters."""
    digest = hmac.digest(_key(secret), b"%d.%d" % (order_id, generation), sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def token_holds(secret: str, order_id: int, generation: int, token: str) -> bool:
    """Is this the token of the order's page now? Compared in constant time."""
    expected = page_token(secret, order_id, generation)
    return hmac.compare_digest(expected.encode(), token.encode("utf-8", "surrogatepass"))
