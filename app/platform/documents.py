"""Fetch a document by its address, from hosts an operator has listed and from nowhere else.

The address came with an order, so it is not ours: https and port 443 only, a listed host, no redirects. The name
is resolved once, every address it has must be public, and the connection goes to exactly the one that was looked
at (a second look-up could answer differently). Size and time are limited as a whole, not per read.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import IO
from urllib.parse import SplitResult, urlsplit

Addresses = list[str]
Resolver = Callable[[str, int], Addresses]

MAX_BYTES = 20 * 1024 * 1024
CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 20.0
HTTPS_PORT = 443
IN_MEMORY = 512 * 1024
CHUNK = 64 * 1024

_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # NAT64: an IPv4 address in disguise


class DocumentUnavailable(Exception):
    """The document cannot be handed out. ``late``: it took too long (504), else something else is wrong (502)."""

    def __init__(self, why: str, *, late: bool = False) -> None:
        super().__init__(why)
        self.late = late


@dataclass(frozen=True, slots=True)
class Door:
    """How to get out: settings in the portal, a local server in tests."""

    hosts: Collection[str]
    resolve: Resolver | None = None
    public: Callable[[str], bool] | None = None
    context: ssl.SSLContext | None = None
    port: int = HTTPS_PORT
    total_seconds: float = TOTAL_SECONDS
    max_bytes: int = MAX_BYTES


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document in a file of its own, read from the start; close it when done."""

    file: IO[bytes]
    size: int


def is_public(address: str) -> bool:
    """May a connection go to this IP address? Nothing private, local, shared, reserved, or disguised as public."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip.sixtofour is not None or ip.teredo is not None or ip in _TRANSLATED:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def resolve(host: str, port: int) -> Addresses:
    """Every IP address of the host. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def check_address(url: str, hosts: Collection[str]) -> SplitResult:
    """The parts of an address that may be fetched. Raises DocumentUnavailable."""
    if not url.isascii() or any(c.isspace() or c in '\\"<>^`{|}' or ord(c) < 33 or ord(c) == 127 for c in url):
        raise DocumentUnavailable("the address holds characters that do not belong there")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise DocumentUnavailable("the address cannot be read") from error
    if parts.scheme != "https":
        raise DocumentUnavailable("the address is not https")
    if parts.username is not None or parts.password is not None:
        raise DocumentUnavailable("the address names a user")
    if port not in (None, HTTPS_PORT):
        raise DocumentUnavailable("the address names a port")
    if not parts.hostname or parts.hostname.rstrip(".") not in hosts:
        raise DocumentUnavailable("the host is not listed in DOCUMENT_HOSTS")
    return parts


def fetch_document(url: str, door: Door) -> Fetched:
    """Fetch the whole document. Raises DocumentUnavailable with a reason that holds no address."""
    parts = check_address(url, door.hosts)
    host = str(parts.hostname)
    try:
        addresses = (door.resolve or resolve)(host, door.port)
    except (OSError, UnicodeError) as error:
        raise DocumentUnavailable("the host has no address") from error
    public = door.public or is_public
    if not addresses or not all(public(address) for address in addresses):
        raise DocumentUnavailable("the host's address is not public")
    connection = _Pinned(host, addresses[0], door.port, door.context or _context())
    timer = threading.Timer(door.total_seconds, connection.abort)
    timer.daemon = True
    timer.start()
    try:
        return _read(connection, parts, door.max_bytes)
    except (OSError, http.client.HTTPException, ValueError) as error:
        late = connection.aborted or isinstance(error, TimeoutError)
        raise DocumentUnavailable(
            "the host did not answer in time" if late else "the host failed", late=late
        ) from error
    finally:
        timer.cancel()
        connection.close()


def _read(connection: _Pinned, parts: SplitResult, max_bytes: int) -> Fetched:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request("GET", path, headers={"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "ESupport"})
    with contextlib.closing(connection.getresponse()) as answer:
        return _taken(connection, answer, max_bytes)


def _taken(connection: _Pinned, answer: http.client.HTTPResponse, max_bytes: int) -> Fetched:
    if answer.status != http.client.OK:
        raise DocumentUnavailable(f"the host answered {answer.status}")
    if answer.getheader("Content-Encoding", "identity").lower() != "identity":
        raise DocumentUnavailable("the host answered in an encoding that was not asked for")
    file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - handed to the caller
    try:
        size = _copy(answer, file, max_bytes)
        if connection.aborted or answer.length:  # it ended before the promised end
            raise http.client.IncompleteRead(b"")  # noqa: TRY301 - closes the file like any other trouble
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return Fetched(file, size)


def _copy(answer: http.client.HTTPResponse, file: IO[bytes], max_bytes: int) -> int:
    """Copy the body, up to the limit; how many bytes there were. Raises DocumentUnavailable beyond it."""
    size = answer.length or 0
    if size <= max_bytes:
        size = 0
        while size <= max_bytes and (chunk := answer.read(CHUNK)):
            size += len(chunk)
            file.write(chunk)
    if size > max_bytes:
        raise DocumentUnavailable("the document is too large")
    return size


class _Pinned(http.client.HTTPSConnection):
    """A connection to one looked-at address, with the host's name for the certificate."""

    def __init__(self, host: str, address: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=CONNECT_SECONDS, context=context)
        self.address = address
        self.tls = context
        self.aborted = False
        self.line: socket.socket | None = None

    def connect(self) -> None:
        """Connect to the address, not to the name."""
        raw = socket.create_connection((self.address, self.port), timeout=CONNECT_SECONDS)
        try:
            self.sock = self.tls.wrap_socket(raw, server_hostname=self.host.rstrip("."), do_handshake_on_connect=False)
        except BaseException:
            raw.close()
            raise
        self.line = self.sock  # http.client lets go of its own while a body is still being read
        if self.aborted:
            raise TimeoutError
        self.sock.do_handshake()

    def abort(self) -> None:
        """End it from another thread: the time is over."""
        self.aborted = True
        if self.line is not None:
            with contextlib.suppress(OSError):
                self.line.shutdown(socket.SHUT_RDWR)


@lru_cache(maxsize=1)
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()
