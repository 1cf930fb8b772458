"""The client's connection against servers that drip, break off and corrupt (domain.md 9.2): time as a whole is bounded,
and what may have been sent is never called unsent."""

import contextlib
import socket
import ssl
import threading

import pytest

from app.platform.noventiq import Noventiq
from app.platform.port import SurelyNot, Unknown
from app.platform.tokens import MemoryTokens
from tests.platform.tls import certificate

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Server:
    """Hands every connection, in a thread of its own, to ``serve(connection, stop)``."""

    def __init__(self, serve, host="127.0.0.1"):
        self.listener = socket.create_server((host, 0))
        self.stop = threading.Event()
        self.accepted = 0
        self.serve = serve
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    @property
    def address(self):
        host, port = self.listener.getsockname()
        return f"{host}:{port}"

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            if self.stop.is_set():
                connection.close()
                return
            self.accepted += 1
            self.threads.append(threading.Thread(target=self._one, args=(connection,)))
            self.threads[-1].start()

    def _one(self, connection):
        with connection, contextlib.suppress(OSError):
            self.serve(connection, self.stop)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop.set()
        with contextlib.suppress(OSError):
            socket.create_connection(self.listener.getsockname(), timeout=5).close()
        for thread in self.threads:
            thread.join(10)
        self.listener.close()
        assert not any(thread.is_alive() for thread in self.threads)


def client(url, read=0.3, budget=30.0, **options):
    found = Noventiq(url, "portal", "a password", MemoryTokens(), read=read, budget=budget, **options)
    found._tokens.put("portal", "t")
    return found


def dripping(start, piece):
    def serve(connection, stop):
        connection.recv(65536)
        connection.sendall(start)
        while not stop.wait(0.05):
            connection.sendall(piece)

    return serve


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (HEAD + b"Content-Length: 60000\r\n\r\n", b" "),
        (HEAD + b"\r\n", b" "),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (HEAD + b"X-Slow: ", b"a"),
        (b"", b"H"),
    ],
    ids=["body", "endless", "chunks", "header", "status line"],
)
def test_an_answer_that_drips_ends_with_the_time_for_one_call(start, piece):
    """Each piece comes in time, the whole never does; nobody else would end it in a sweeper."""
    with Server(dripping(start, piece)) as server:
        with pytest.raises(Unknown):
            client(f"http://{server.address}").request_refund(1, "x", "ann@example.org")
        assert server.accepted == 1


def test_a_handshake_that_drips_surely_did_nothing():
    def serve(connection, stop):
        connection.recv(65536)
        connection.sendall(b"\x16\x03\x03\x3f\xff")  # a long handshake record begins
        while not stop.wait(0.05):
            connection.sendall(b"\x02")

    with Server(serve) as server, pytest.raises(SurelyNot):
        client(f"https://{server.address}").request_refund(1, "x", "ann@example.org")


def test_a_server_that_leaves_during_the_handshake_surely_did_nothing():
    def serve(connection, _stop):
        connection.recv(65536)

    with Server(serve) as server, pytest.raises(SurelyNot):
        client(f"https://{server.address}").request_refund(1, "x", "ann@example.org")


def test_a_certificate_of_another_host_is_refused_and_the_token_stays_here(tmp_path):
    file = certificate(tmp_path, "platform.example")  # and 127.0.0.9, but not 127.0.0.1
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    heard = []

    def serve(connection, _stop):
        with context.wrap_socket(connection, server_side=True) as tls:
            heard.append(tls.recv(65536))

    with Server(serve) as server, pytest.raises(SurelyNot, match="certificate"):
        client(f"https://{server.address}", verify=str(file)).request_refund(1, "x", "ann@example.org")
    assert heard in ([], [b""])


def test_a_broken_answer_over_tls_may_have_happened(tmp_path):
    """An error of TLS after the request went out says nothing about the certificate, nor that nothing was done."""
    file = certificate(tmp_path, "platform.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    heard = []

    def serve(connection, _stop):
        raw = connection.dup()
        with context.wrap_socket(connection, server_side=True) as tls, raw:
            heard.append(tls.recv(65536))
            raw.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)  # a record that nobody can read

    with Server(serve, "127.0.0.9") as server, pytest.raises(Unknown):
        client(f"https://{server.address}", verify=str(file)).request_refund(1, "x", "ann@example.org")
    assert heard[0].startswith(b"POST /v1/order/1/refund")
