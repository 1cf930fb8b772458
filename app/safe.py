"""Secrets at rest: what the database keeps of them is encrypted with a key derived from the app's secret key."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken

from app.domain.refusal import NotFound


class Safe:
    """Keeps secrets of one purpose; what was closed for one cannot be opened for another. Making one costs 3 ms."""

    def __init__(self, secret_key: str, purpose: str) -> None:
        self._key = hashlib.scrypt(secret_key.encode(), salt=f"portal {purpose}".encode(), n=2**10, r=8, p=1, dklen=64)
        self._fernet = Fernet(base64.urlsafe_b64encode(self._key[:32]))

    def close(self, secret: str) -> str:
        """Encrypt."""
        return self._fernet.encrypt(secret.encode()).decode()

    def open(self, closed: str) -> str:
        """Decrypt. Raises NotFound where the app's key has changed: the secret is lost, as it should be."""
        try:
            return self._fernet.decrypt(closed.encode()).decode()
        except InvalidToken:
            raise NotFound("this secret was kept with another SECRET_KEY") from None
