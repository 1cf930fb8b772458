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
def saying(monkeypatch):
    """A client whose platform gives this answer to everything: (status, body); the login works."""

    def make(status, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        found = Noventiq("http://127.0.0.1:1", "portal", "a password", MemoryTokens())
        found._tokens.put("portal", "t")

        def request(method, url, **_):
            answer = requests.Response()
            answer.status_code = 200 if url.endswith("/login_check") else status
            answer.raw = io.BytesIO(b'{"token": "t2"}' if url.endswith("/login_check") else data)
            answer.headers["Content-Type"] = kind
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


@pytest.mark.parametrize("body", [b"", {}, [], None, {"order_id": 999}, {"order": {"order_id": "999"}}])
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
    ],
)
def test_an_activity_is_read_in_whatever_form_it_comes(saying, body, active):
    assert saying(200, body).read_subscription("1_1").active is active
