"""Other platforms than our stand-in: odd but possible answers, and what the client makes of each (domain.md 9.2)."""

import io
import json

import pytest
import requests

from app.platform.noventiq import Noventiq
from app.platform.port import PlatformRefused, SurelyNot, Unknown
from app.platform.tokens import MemoryTokens

ORDER = 12345678


@pytest.fixture
def sent():
    """The last part of every address asked."""
    return []


@pytest.fixture
def saying(monkeypatch, sent):
    """A client whose platform gives this answer to everything: (status, body); the login works."""

    def make(status, body, kind="application/json", **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        found = Noventiq("http://127.0.0.1:1", "portal", "a password", MemoryTokens())
        found._tokens.put("portal", "t")

        def request(method, url, **_):
            answer = requests.Response()
            answer.status_code = 200 if url.endswith("/login_check") else status
            answer.raw = io.BytesIO(b'{"token": "t2"}' if url.endswith("/login_check") else data)
            answer.headers["Content-Type"] = kind
            answer.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
            answer.encoding = requests.utils.get_encoding_from_headers(answer.headers)
            sent.append(url.rpartition("/")[2])
            return answer

        monkeypatch.setattr(found._http, "request", request)
        return found

    return make


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ({"errors": [{"error": 77, "message": "Not now."}]}, 77, "Not now."),
        ({"errors": [{"error": "77", "message": "Not now."}]}, 77, "Not now."),
        ({"errors": [{"error": 5, "message": "A"}, {"error": 9, "message": "B"}]}, 5, "A; B"),
        ({"errors": {"email": ["is too long"], "description": ["is too short"]}}, None, "is too short"),
        ({"errors": ["One", "Two"]}, None, "One; Two"),
        ({"errors": "Already requested"}, None, "Already requested"),
        ({"error": {"code": 12, "message": "Exists"}}, 12, "Exists"),
        (
            {"error": "invalid_request", "error_description": "A request exists"},
            None,
            "invalid_request; A request exists",
        ),
        ({"code": 400, "message": "Bad"}, 400, "Bad"),
        ({"title": "Conflict", "detail": "Being processed"}, None, "Being processed; Conflict"),
        ([{"error": 3, "message": "In a list"}], 3, "In a list"),
        ({}, None, ""),
        (b"", None, ""),
        (b"Refund already requested", None, "Refund already requested"),
        (b"<html><style>p{}</style><h1>Bad\n Request</h1></html>", None, "Bad Request"),
        (b'\xef\xbb\xbf{"errors": [{"error": 8, "message": "BOM"}]}', 8, "BOM"),
        (b"[[[[[[[[1]]]]]]]]", None, ""),
        (None, None, ""),
    ],
)
def test_a_refusal_is_read_in_whatever_form_it_comes(saying, body, code, said):
    with pytest.raises(PlatformRefused) as caught:
        saying(400, body).request_refund(ORDER, "x", "ann@example.org")
    assert (caught.value.status, caught.value.code, caught.value.message) == (400, code, said)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, {"errors": [{"error": 99, "message": "No."}]}, PlatformRefused),
        (200, {"success": False, "message": "No."}, PlatformRefused),
        (200, {"errors": [{"error": 1009, "message": "expired"}]}, SurelyNot),
        (400, {"errors": [{"error": "1007"}]}, SurelyNot),
        (401, b"", SurelyNot),
        (403, b"<h1>Forbidden</h1>", PlatformRefused),
        (200, b"<h1>Maintenance</h1>", Unknown),
        (307, b"", Unknown),
        (504, b"<h1>Gateway Time-out</h1>", Unknown),
    ],
)
def test_what_an_odd_answer_to_a_call_means(saying, status, body, error):
    with pytest.raises(error):
        saying(status, body).set_activity("1_1", active=False)


@pytest.mark.parametrize("body", [b"", {}, {"errors": []}, {"errors": None, "error": ""}, {"success": True}, [], None])
def test_a_call_that_was_taken_may_be_answered_with_anything(saying, body):
    saying(200, body).set_activity("1_1", active=False)
    saying(204, b"").request_refund(ORDER, "x", "ann@example.org")


@pytest.mark.parametrize(
    "body",
    [b"", {}, [], None, {"order_id": 999}, {"order": {"order_id": "999"}}, {"data": {"order_id": 999}}, {"data": None},
     {"status": "ok"}, {"status": "error", "message": "Try later"}, {"message": "ok", "currency": "EUR"}, [{}, {}],
     {"data": {"data": {"data": {"data": {"order_id": ORDER}}}}}],
)  # fmt: skip
def test_an_answer_that_is_not_the_order_is_not_taken_for_one(saying, body):
    """Or a look-up would believe that there is no refund, and send it again."""
    with pytest.raises(Unknown):
        saying(200, body).read_order(ORDER)


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"order_id": str(ORDER), "product": {"id": 1, "name": "A"}}, ["A"]),
        ({"order_id": ORDER, "products": [], "product": {"id": 1, "name": "A"}}, ["A"]),
        ({"order_id": ORDER, "products": None, "product": [{"name": "A"}, {"name": "B"}]}, ["A", "B"]),
        ({"order_id": ORDER, "products": {"0": {"name": "A"}, "1": {"name": "B"}}}, ["A", "B"]),
        ({"order": {"order_id": ORDER, "products": [{"name": "A"}]}}, ["A"]),
        ({"status": "paid"}, []),
        ({"currency": "EUR", "customer": {}}, []),
        ({"status": "success", "data": {"order_id": ORDER, "product": {"name": "A"}}}, ["A"]),
        ({"result": {"order": {"order_id": str(ORDER), "product": {"name": "A"}}}}, ["A"]),
        ({"data": [{"order_id": ORDER, "product": {"name": "A"}}]}, ["A"]),
        ([{"order_id": ORDER, "product": {"name": "A"}}], ["A"]),
    ],
)
def test_products_are_read_in_whatever_form_they_come(saying, body, names):
    assert [product["name"] for product in saying(200, body).read_order(ORDER).products] == names


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        ({"ids": ["5", 6, "x", None, True]}, [5, 6]),
        ({"ids": None}, []),
        ({"ids": {"0": 5, "1": "6"}}, [5, 6]),
        ([5, 6], [5, 6]),
        ({"data": {"ids": [5, 6]}}, [5, 6]),
        ({"data": [5, 6]}, [5, 6]),
    ],
)
def test_ids_are_read_in_whatever_form_they_come(saying, body, ids):
    assert saying(200, body).search() == ids


@pytest.mark.parametrize(("status", "body"), [(200, {"orders": []}), (200, b"x"), (400, {"errors": [{"error": 1}]})])
def test_a_search_of_no_use_is_told_from_one_without_results(saying, status, body):
    with pytest.raises(Unknown):
        saying(status, body).search()


@pytest.mark.parametrize(
    ("body", "active"),
    [
        ({"id": 7, "status": "Active"}, True),
        ({"id": None, "status": "Not Paid"}, True),
        ({"id": "1_1", "status": "CANCELLED"}, False),
        ({"id": "1_1", "activity": "false"}, False),
        ({"id": "1_1", "activity": 1, "status": "cancelled"}, True),
        ({"id": "1_1", "status": "odd"}, None),
        ({"id": "1_1", "active": False}, False),
        ({"id": "1_1", "activity": "no"}, False),
        ({"id": "1_1", "status": {"code": "not-paid"}}, True),
        ({"id": "1_1", "status": "Auto-renewal has been deactivated"}, False),
        ({"id": "1_1", "status": "Auto-renewal has been activated"}, True),
        ({"status": "success", "data": {"id": "1_1", "status": "cancelled"}}, False),
        ({"subscription": {"id": "1_1", "status": "active"}}, True),
    ],
)
def test_an_activity_is_read_in_whatever_form_it_comes(saying, body, active):
    assert saying(200, body).read_subscription("1_1").active is active


@pytest.mark.parametrize(
    ("block", "code"),
    [([{"id": None}, {"id": "1_2", "status": "active"}], "1_2"), ([], None), ({"status": "active"}, None), ("x", None)],
)
def test_a_subscription_block_is_read_in_whatever_form_it_comes(saying, block, code):
    found = saying(200, {"order_id": ORDER, "subscription": block}).read_order(ORDER).subscription
    assert (found.code if found else None) == code


def test_money_stays_as_it_was_written(saying):
    """As a binary number it would be no money any more, and the order would cost nothing."""
    found = saying(200, b'{"order_id": 12345678, "product": {"id": 1, "amount": 118.10, "price": 7}}').read_order(ORDER)
    assert (found.products[0]["amount"], found.products[0]["price"]) == ("118.10", 7)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"message": "Заявка уже создана"}'.encode("cp1251"), "application/json; charset=windows-1251"),
        ('{"message": "Заявка уже создана"}'.encode("utf-16"), "application/json; charset=utf-16"),
        ("<p>Заявка уже создана</p>".encode("cp1251"), "text/html; charset=windows-1251"),
    ],
)
def test_other_charsets_are_read_where_they_are_named(saying, body, kind):
    with pytest.raises(PlatformRefused, match="Заявка уже создана"):
        saying(400, body, kind).request_refund(ORDER, "x", "ann@example.org")


@pytest.mark.parametrize("body", ["Größe".encode("latin-1"), b'{"a": NaN}', b"[" * 100_000])
def test_what_is_no_json_is_a_page_and_no_failure(saying, body):
    with pytest.raises(PlatformRefused):
        saying(400, body, "text/plain; charset=nobody-knows").request_refund(ORDER, "x", "ann@example.org")


def test_forbidden_is_tried_once_with_a_fresh_token(saying, sent):
    """Gateways say 403 of a token, too. Whatever it is about, nothing was done."""
    with pytest.raises(PlatformRefused):
        saying(403, b"<h1>Forbidden</h1>").request_refund(ORDER, "x", "ann@example.org")
    assert sent == ["refund", "login_check", "refund"]


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [
        ("17", 17, 17), ("999999", 3600, 3600), ("", None, None), ("soon", None, None), ("-5", None, None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0), ("Fri, 31 Dec 2199 23:59:59 GMT", 3600, 3600),
        ("Fri, 31 Dec 2199 23:59:59 -0000", 3600, 3600),
    ],
)  # fmt: skip
def test_how_long_to_wait_is_read_in_seconds_or_as_a_moment(saying, said, least, most):
    with pytest.raises(SurelyNot) as caught:
        saying(429, b"", Retry_After=said).request_refund(ORDER, "x", "ann@example.org")
    after = caught.value.after
    assert after is None if least is None else least <= after <= most


@pytest.mark.parametrize("envelope", [{"data": {"token": "t9", "x": 1}}, {"token": "t9", "user": {"id": 1}}])
def test_a_token_is_read_in_an_envelope_too(saying, monkeypatch, envelope):
    found = saying(200, {"ids": []})
    monkeypatch.setattr(found, "_send", lambda *_: (200, envelope, None))
    found.check()
    assert found._tokens.get("portal") == "t9"
