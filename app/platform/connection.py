"""The connection under a call: whether it ever stood, and an end to it when the time is over.

urllib3's time-outs are for one piece at a time. An answer that drips stays below them for ever, also within its
headers and within the handshake, and in a sweeper nobody else would end it. And only who sees the connection stand can
say whether a request may have gone out: an error of TLS may come before it, or after.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Line:
    """The one connection a client has at a time."""

    def __init__(self) -> None:
        self.stood = False
        """Did the last connection that was opened ever stand, its handshake done? From then on a request may have
        gone out on it."""
        self.late = False
        """Was the present call ended because its time was over?"""
        self._socket: socket.socket | None = None
        self._busy = self._gone = False
        self._lock = threading.Lock()

    def opening(self) -> None:
        """A connection is about to be opened: nothing has been sent on it."""
        self.stood = False

    def hold(self, opened: socket.socket) -> None:
        """It has a socket: keep a handle of our own, for TLS takes the socket's away."""
        with self._lock:
            self._let_go()
            self._socket = socket.socket(fileno=os.dup(opened.fileno()))
            self._gone = False
            if self.late:
                self._shut()

    def closed(self) -> None:
        """The connection was closed. Under a call that is no more than a word: its answer may still be read."""
        with self._lock:
            self._gone = True
            if not self._busy:
                self._let_go()

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """End the connection, whatever it is doing, when the block takes longer."""
        self.late, self._busy = False, True
        timer = threading.Timer(seconds, self._end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._lock:
                self._busy = False
                if self._gone:
                    self._let_go()

    def _end(self) -> None:
        with self._lock:
            if self._busy:
                self.late = True
                self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _let_go(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Adapter(HTTPAdapter):
    """An adapter whose connections tell ``line`` of themselves; nothing is sent twice by it."""

    def __init__(self, line: Line) -> None:
        self._line = line
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Give both kinds of pool our kinds of connection."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("Pool", (HTTPConnectionPool,), {"ConnectionCls": _told(HTTPConnection, self._line)}),
            "https": type("Pool", (HTTPSConnectionPool,), {"ConnectionCls": _told(HTTPSConnection, self._line)}),
        }


def _told(base: Any, line: Line) -> type:
    class Told(base):  # type: ignore[misc]
        """A connection that tells ``line`` when it is opened, stands, and is closed."""

        def _new_conn(self) -> socket.socket:
            line.opening()
            opened: socket.socket = super()._new_conn()
            line.hold(opened)
            return opened

        def connect(self) -> None:
            super().connect()
            line.stood = True

        def close(self) -> None:
            super().close()
            line.closed()

    return Told
