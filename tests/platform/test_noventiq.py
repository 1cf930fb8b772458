"""The HTTP client against a real server with faults (domain.md 9.2): what each fault means, and what it did."""

import datetime as dt
import socket
import ssl
import subprocess
import threading

import pytest

from app.platform.noventiq import Noventiq as Client
from app.platform.port import PlatformRefused, SurelyNot, Unknown
from app.platform.tokens import MemoryTokens
from tests.standins.noventiq import PASSWORD, USERNAME, Noventiq

ORDER = 12345678


@pytest.fixture
def platform():
    with Noventiq(hang=1.2, late=0.1) as server:
        server.add_order(ORDER)
        server.add_subscription("12345678_1")
        yield server


def client(platform, **options):
    options.setdefault("read", 0.5)
    return Client(platform.url, USERNAME, options.pop("password", PASSWORD), MemoryTokens(), **options)


def logins(platform):
    return [c for c, _ in platform.calls].count("login")


def test_the_token_travels_in_its_own_header(platform):
    client(platform).request_refund(ORDER, "twice paid", "ann@example.org")
    call = next(facts for name, facts in platform.calls if name == "refund")
    assert call["headers"]["AuthorizationJWT"].startswith("Bearer ")
    assert "Authorization" not in call["headers"]
    assert call["body"] == {"description": "twice paid", "email": "ann@example.org"}
    assert [e["order_id"] for e in platform.effects("refund")] == [ORDER]


def test_one_login_serves_many_calls(platform):
    found = client(platform)
    for _ in range(3):
        assert found.read_order(ORDER).status_word == "paid"
    assert logins(platform) == 1


@pytest.mark.parametrize("fault", ["expired", "invalid"])
def test_a_token_that_ends_mid_way_is_renewed_once_and_nothing_doubles(platform, fault):
    found = client(platform)
    found.read_order(ORDER)
    platform.faults.next("refund", fault)
    found.request_refund(ORDER, "x", "ann@example.org")
    assert len(platform.effects("refund")) == 1
    assert logins(platform) == 2


def test_a_token_that_is_never_accepted_gives_up(platform):
    platform.faults.next("refund", "expired", "invalid")
    with pytest.raises(SurelyNot):
        client(platform).request_refund(ORDER, "x", "ann@example.org")
    assert platform.effects() == []


def test_a_token_another_worker_fetched_is_taken(platform):
    shared = MemoryTokens()
    first = Client(platform.url, USERNAME, PASSWORD, shared)
    first.read_order(ORDER)
    platform.expire_tokens()
    second = Client(platform.url, USERNAME, PASSWORD, shared)
    old = shared.get(USERNAME)
    assert second._another_token(old) != old
    assert second._another_token(old) == shared.get(USERNAME)
    assert logins(platform) == 2


def test_bad_credentials_surely_do_nothing(platform):
    with pytest.raises(SurelyNot, match="could not log in"):
        client(platform, password="wrong").request_refund(ORDER, "x", "ann@example.org")
    assert platform.effects() == []


@pytest.mark.parametrize(
    ("fault", "error", "effects"),
    [
        ("429", SurelyNot, 0),
        ("500", Unknown, 0),
        ("502", Unknown, 0),
        ("503", Unknown, 0),
        ("reset", Unknown, 0),
        ("hang", Unknown, 0),
        ("done_then_502", Unknown, 1),
        ("done_then_reset", Unknown, 1),
        ("done_then_hang", Unknown, 1),
        ("late", Unknown, 0),
        ("truncated", Unknown, 1),
        ("redirect", Unknown, 0),
        ("html", Unknown, 0),
        ("huge", Unknown, 0),
        ("error_in_200", PlatformRefused, 0),
    ],
)
def test_what_each_fault_means(platform, fault, error, effects):
    platform.faults.next("refund", fault)
    with pytest.raises(error):
        client(platform).request_refund(ORDER, "x", "ann@example.org")
    assert len(platform.effects("refund")) == effects
    assert [c for c, _ in platform.calls].count("refund") == 1, "nothing is sent twice by itself"


def test_too_many_requests_says_how_long_to_wait(platform):
    platform.faults.next("refund", "429")
    with pytest.raises(SurelyNot) as caught:
        client(platform).request_refund(ORDER, "x", "ann@example.org")
    assert caught.value.after == 1.0


def test_a_second_refund_request_is_refused_with_the_platforms_words(platform):
    found = client(platform)
    found.request_refund(ORDER, "x", "ann@example.org")
    with pytest.raises(PlatformRefused) as caught:
        found.request_refund(ORDER, "x", "ann@example.org")
    assert (caught.value.status, caught.value.code) == (400, 2044)
    assert len(platform.effects("refund")) == 1


def test_nobody_there_surely_did_nothing():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SurelyNot):
        Client(f"http://127.0.0.1:{port}", USERNAME, PASSWORD, MemoryTokens()).read_order(1)


def test_a_host_without_a_name_surely_did_nothing():
    with pytest.raises(SurelyNot):
        Client("http://nobody.invalid", USERNAME, PASSWORD, MemoryTokens()).read_order(1)


def test_a_slow_answer_ends_with_the_budget():
    """A server that sends one byte at a time stays below the time between two pieces, not below the whole time."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def dribble():
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
            while not stop.wait(0.1):
                try:
                    connection.sendall(b" " * 70000)
                except OSError:
                    return

    thread = threading.Thread(target=dribble)
    thread.start()
    found = Client(f"http://127.0.0.1:{listener.getsockname()[1]}", USERNAME, PASSWORD, MemoryTokens(), read=0.3)
    try:
        with pytest.raises(SurelyNot, match="no answer in time"):
            found.check()
    finally:
        stop.set()
        thread.join()
        listener.close()


def test_a_spent_budget_starts_no_call(platform):
    with pytest.raises(SurelyNot, match="no time left"):
        client(platform, budget=0.5).request_refund(ORDER, "x", "ann@example.org")
    assert platform.calls == []


def test_a_certificate_nobody_vouches_for_is_refused(tmp_path):
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    with Noventiq(tls=tls) as server:
        server.add_order(ORDER)
        with pytest.raises(SurelyNot, match="certificate"):
            client(server).read_order(ORDER)
        assert server.calls == []
        assert client(server, verify=str(cert)).read_order(ORDER).order_id == ORDER


def test_orders_are_read_whatever_blocks_they_have(platform):
    found = client(platform)
    order = found.read_order(ORDER)
    assert (order.fields["order_name"], order.refund, order.subscription, len(order.products)) == (
        "A0012345678", None, None, 1,
    )  # fmt: skip
    platform.add_order(
        2, product=None, products=[{"id": 1}, {"id": "2"}], refund={"status": "New"},
        subscription={"id": "2_1", "type": "AR Trial", "status": "not paid"},
        additional_data=[{"name": "a", "value": 1}, "odd"],
    )  # fmt: skip
    order = found.read_order(2)
    assert len(order.products) == 2
    assert (order.refund.status, order.refund.result) == ("sent", None)
    assert (order.subscription.type, order.subscription.status, order.subscription.active) == (
        "AR Trial", "not_paid", True,
    )  # fmt: skip
    assert order.additional == (("a", "1"),)
    platform.add_order(3, product="odd", refund=7, subscription=[], additional_data=7)
    order = found.read_order(3)
    assert (order.products, order.refund, order.subscription, order.additional) == ((), None, None, ())
    assert found.read_order(404) is None


@pytest.mark.parametrize(
    ("block", "status", "result"),
    [
        ({"status": "New"}, "sent", None),
        ({"status": "Processing", "result": None}, "updating", None),
        ({"status": "completed", "result": "full"}, "completed", "full"),
        ({"status": "Full refund completed"}, "completed", "full"),
        ({"status": "partial refund completed"}, "completed", "partial"),
        ({"status": "completed", "result": "partial refund completed"}, "completed", "partial"),
        ({"status": "completed"}, "completed", "full"),
        ({"status": "refund failed"}, "refused", "failed"),
        ({"status": "declined"}, "refused", "failed"),
        ({"status": "completed", "result": "refund failed"}, "refused", "failed"),
        ({"status": "refused"}, "refused", "failed"),
        ({"status": "who knows"}, None, None),
        ({"status": "NEW"}, "sent", None),
        ({"status": "Refund request has been sent"}, "sent", None),
        ({"status": "InProgress"}, "updating", None),
        ({"status": "uncompleted"}, "updating", None),
        ({"status": "partially-refunded"}, "completed", "partial"),
        ({"status": "Refusal to refund"}, "refused", "failed"),
        ({"status": "Rejected by bank"}, "refused", "failed"),
        ([{"status": "declined"}, {"status": "New"}], "sent", None),
        ("processing", "updating", None),
        ([{"status": "New"}, {"status": "declined"}], "sent", None),
        ([{"status": "declined"}, {"status": "completed", "result": "full"}], "completed", "full"),
        ({"refund": {"status": "New"}}, "sent", None),
        ({"requests": [{"state": "PROCESSING"}]}, "updating", None),
        ({"status": {"code": "New", "title": "New request"}}, "sent", None),
        ({"refund_status": "Requested"}, "sent", None),
        ({"status": "pending"}, "sent", None),
        ({"status": "Approved"}, "updating", None),
        ({"status": "Completed", "result": "partial refund successfully completed"}, "completed", "partial"),
        ({"status": "Successfully completed"}, "completed", "full"),
        ({"status": "Unsuccessfully completed"}, "refused", "failed"),
        ({"status": "not refunded"}, "refused", "failed"),
    ],
)
def test_the_platforms_words_for_a_refund(platform, block, status, result):
    platform.add_order(ORDER, refund=block)
    found = client(platform).read_order(ORDER).refund
    assert (found.status, found.result) == (status, result)


@pytest.mark.parametrize(
    "block",
    [None, "", [], {}, 7, [7], {"status": None}, {"status": "", "result": ""}, {"status": "none"}, {"status": []},
     {"status": "Not requested"}, {"refund": None}, {"requests": []}, {"amount": "1.00"}],
)  # fmt: skip
def test_a_block_that_tells_of_no_refund(platform, block):
    platform.add_order(ORDER, refund=block)
    found = client(platform).read_order(ORDER).refund
    assert found is None or (found.status, found.result) == (None, None)


@pytest.mark.parametrize(
    ("products", "status", "result"),
    [
        ([{"id": 1}, {"id": 2}], "paid", "partial"),
        ([{"id": 1}, {"id": 2}], "deleted", "full"),
        ([{"id": 1}], "paid", "full"),
    ],
)
def test_a_completed_refund_that_says_no_more_is_full_when_all_the_order_is_gone(platform, products, status, result):
    """An order of which some items are refunded stays paid (domain.md 2.2)."""
    platform.add_order(ORDER, product=None, products=products, status=status, refund={"status": "Completed"})
    assert client(platform).read_order(ORDER).refund.result == result


def test_subscriptions_are_read_and_set(platform):
    found = client(platform)
    assert found.read_subscription("12345678_1").active is True
    found.set_activity("12345678_1", active=False)
    assert found.read_subscription("12345678_1").active is False
    assert found.read_subscription("1_1") is None
    assert [e["activity"] for e in platform.effects("activity")] == [False]


def test_a_search_gives_ids(platform):
    platform.add_order(5, create_date="2026-01-01T00:00:00+00:00", pay_date="")
    found = client(platform)
    assert found.search(created_from=dt.date(2026, 8, 1)) == [ORDER]
    assert found.search(paid_from=dt.date(2026, 8, 13)) == [ORDER]
    assert found.search() == [5, ORDER]


@pytest.mark.parametrize("fault", ["500", "html", "truncated", "reset", "hang", "error_in_200", "redirect"])
def test_a_reading_that_fails_is_told_from_nothing_there(platform, fault):
    platform.faults.next("order", fault)
    with pytest.raises(Unknown):
        client(platform).read_order(ORDER)
