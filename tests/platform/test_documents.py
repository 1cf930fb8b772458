"""Documents by address: from listed public hosts only, to the address that was looked at, within limits."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from app.platform.documents import DocumentUnavailable, Door, check_address, fetch_document, is_public
from tests.platform.tls import HOST, TlsServer

URL = f"https://{HOST}/invoice.pdf?k=1"


@pytest.fixture
def server(tmp_path):
    found = TlsServer(tmp_path)
    yield found
    found.stop()


@pytest.fixture
def door(server):
    return Door(
        hosts=(HOST,), resolve=lambda _host, _port: ["127.0.0.1"], public=lambda _ip: True, context=server.trusting(),
        port=server.server_port, total_seconds=5, max_bytes=100_000,
    )  # fmt: skip


def why(url, door):
    with pytest.raises(DocumentUnavailable) as error:
        fetch_document(url, door)
    return error.value


def test_a_document_is_fetched(server, door):
    found = fetch_document(URL, door)
    with found.file as file:
        assert (file.read(), found.size) == (b"%PDF-", 5)
    path, headers = server.asked[0]
    assert path == "/invoice.pdf?k=1"
    assert headers["Host"].split(":")[0] == HOST
    assert "Cookie" not in headers
    assert "Authorization" not in headers


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}/x", f"ftp://{HOST}/x", "file:///etc/passwd", "gopher://x/", "//docs.example/x",
        "https://other.example/x", f"https://{HOST}.evil.example/x", f"https://evil.example/{HOST}",
        f"https://evil.example#@{HOST}/", f"https://{HOST}@evil.example/x", f"https://u:p@{HOST}/x",
        f"https://{HOST}:8443/x", f"https://{HOST}:80/x", f"https://{HOST}:99999/x", f"https://{HOST}:x/",
        "https://127.0.0.1/x", "https://[::1]/x", "https://2130706433/x", "https://0x7f.1/x", "https:///x", "https://",
        f"https://{HOST}\\@evil.example/", f"https://{HOST}/a b", f"https://{HOST}/a\r\nX: y", f"https://{HOST}/\x00",
        "https://dоcs.example/x", "https://docs。example/x", "https://[/x", "", "javascript:alert(1)", "docs.example/x",
    ],
)  # fmt: skip
def test_an_address_that_may_not_be_fetched(server, door, url):
    why(url, door)
    assert server.asked == []


def test_the_usual_port_may_be_named():
    assert check_address(f"https://{HOST.upper()}:443/x", (HOST,)).hostname == HOST


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::1", "2001:0:1::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public(server, door, address):
    assert not is_public(address)
    error = why(URL, replace(door, resolve=lambda _h, _p: [address], public=None))
    assert "public" in str(error)
    assert server.asked == []


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8"])
def test_a_public_address(address):
    assert is_public(address)


def test_one_private_address_among_public_ones_is_enough_to_refuse(server, door):
    why(URL, replace(door, resolve=lambda _h, _p: ["93.184.216.34", "127.0.0.1"], public=None))
    assert server.asked == []


def test_the_name_is_resolved_once_and_the_connection_goes_there(server, door):
    """A name server that answers differently the second time (rebinding) is not asked a second time."""
    answers = iter([["127.0.0.1"]])
    fetch_document(URL, replace(door, resolve=lambda _h, _p: next(answers))).file.close()
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server, door, status):
    server.answer = lambda _path: (status, {"Location": "https://127.0.0.1/secret", "Content-Length": "0"}, [])
    assert str(status) in str(why(URL, door))
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [204, 206, 400, 401, 403, 404, 500, 503])
def test_anything_but_200_is_a_failure(server, door, status):
    server.answer = lambda _path: (status, {"Content-Length": "0"}, [])
    assert not why(URL, door).late


def test_a_document_that_says_it_is_too_large(server, door):
    server.answer = lambda _path: (200, {"Content-Length": "100001"}, [b"x" * 10])
    assert "large" in str(why(URL, door))


def test_a_document_that_turns_out_too_large(server, door):
    server.answer = lambda _path: (200, {}, [b"x" * 60_000, b"x" * 60_000])
    assert "large" in str(why(URL, door))


def test_a_document_of_just_the_size(server, door):
    server.answer = lambda _path: (200, {}, [b"x" * 100_000])
    found = fetch_document(URL, door)
    found.file.close()
    assert found.size == 100_000


def test_a_document_that_ends_too_early(server, door):
    server.answer = lambda _path: (200, {"Content-Length": "50"}, [b"x" * 10])
    why(URL, door)


def test_an_encoding_nobody_asked_for(server, door):
    server.answer = lambda _path: (200, {"Content-Encoding": "gzip", "Content-Length": "5"}, [b"%PDF-"])
    why(URL, door)


@pytest.mark.parametrize("drip", ["headers", "body"])
def test_a_host_that_drips_is_left_in_time(server, door, drip):
    done = threading.Event()

    def wait():
        done.wait(0.1)

    def answer(_path):
        if drip == "headers":
            done.wait(3)
        return 200, {}, [b"x", wait] * 100

    server.answer = answer
    begin = time.monotonic()
    error = why(URL, replace(door, total_seconds=0.5))
    done.set()
    assert error.late
    assert time.monotonic() - begin < 2.5


def test_a_certificate_for_another_name_is_refused(tmp_path, door):
    other = TlsServer(tmp_path, "another.example")
    try:
        why(URL, replace(door, port=other.server_port, context=other.trusting()))
        assert other.asked == []
    finally:
        other.stop()


def test_a_certificate_nobody_vouches_for_is_refused(server, door):
    why(URL, replace(door, context=None))
    assert server.asked == []


def test_a_host_without_an_address_or_without_a_server(door):
    def nothing(_host, _port):
        raise OSError

    why(URL, replace(door, resolve=nothing))
    why(URL, replace(door, resolve=lambda _h, _p: []))
    why(URL, replace(door, port=1))
