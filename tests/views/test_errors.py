"""No answer is a framework's bare default: people get a page of ours, machines get what machines read."""

import pytest
import sqlalchemy as sa
from flask import Flask, abort
from werkzeug.exceptions import TooManyRequests

from app.domain.refusal import Invalid, Refusal, Refused
from tests.factories import Make

CODES = (400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503)
FULL = Refusal("test.full", "This order has already been refunded.")


@pytest.fixture
def broken(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The app, whose own page answers what a test makes it answer."""
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    return app


def _answer_with(app: Flask, monkeypatch: pytest.MonkeyPatch, error: Exception | int) -> None:
    def view(**_kwargs: object) -> str:
        if isinstance(error, int):
            abort(error)
        raise error

    for endpoint in ("PasswordView.forgot", "AccountView.page", "api_v1.openapi"):
        monkeypatch.setitem(app.view_functions, endpoint, view)


@pytest.mark.parametrize("code", CODES)
def test_every_error_is_a_page_of_ours_for_visitors_and_for_people(
    broken: Flask, make: Make, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    _answer_with(broken, monkeypatch, code)
    for client, path in ((broken.test_client(), "/forgot-password"), (make.specialist(), "/account/")):
        answer = client.get(path, headers={"Accept-Language": "en"})
        assert answer.status_code == code
        assert 'class="say"' in answer.text
        assert f"Error {code}" in answer.text
        assert "<title>" in answer.text
        assert "ESupport" in answer.text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(60, "Please wait 1 minute before"), (61, "Please wait 2 minutes before"), (None, "Please wait a while")],
)
def test_too_many_tries_says_how_long_to_wait(
    broken: Flask, monkeypatch: pytest.MonkeyPatch, seconds: int | None, said: str
) -> None:
    _answer_with(broken, monkeypatch, TooManyRequests(retry_after=seconds))
    answer = broken.test_client().get("/forgot-password", headers={"Accept-Language": "en"})
    assert said in answer.text
    assert answer.headers.get("Retry-After") == (str(seconds) if seconds else None)


def test_an_unknown_page_is_ours_in_the_language_of_the_reader(app: Flask, make: Make) -> None:
    visitor = app.test_client().get("/nothing/here", headers={"Accept-Language": "ru"})
    assert visitor.status_code == 404
    assert 'lang="ru"' in visitor.text
    assert "Здесь ничего нет" in visitor.text
    assert "Account menu" in make.specialist().get("/nothing/here").text


def test_a_refusal_is_said_in_words(broken: Flask, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    _answer_with(broken, monkeypatch, Refused(FULL))
    answer = make.specialist(language="ru").get("/account/")
    assert answer.status_code == 409
    assert "Деньги за этот заказ уже возвращены." in answer.text


def test_input_that_does_not_hold_says_which(broken: Flask, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    _answer_with(
        broken, monkeypatch, Invalid({"reason": [Refusal("r.long", "At most %(number)s characters.", {"number": 5})]})
    )
    answer = make.specialist().get("/account/")
    assert answer.status_code == 422
    assert "At most 5 characters." in answer.text


def test_a_wrong_verb_keeps_what_is_allowed(app: Flask) -> None:
    answer = app.test_client().delete("/healthz")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_a_form_without_its_token_is_explained(app: Flask, make: Make) -> None:
    client = make.specialist()
    with client.session_transaction():
        pass
    answer = app.test_client().post("/forgot-password", data={"username": "x"})
    assert answer.status_code == 400
    assert "open for too long" in answer.text


@pytest.mark.parametrize(
    ("referrer", "onwards"),
    [
        ("http://localhost/orders/7", "/login/?next=/orders/7"),
        ("http://evil.example/orders/7", "/login/"),
        ("http://localhost/orders/7/refund", "/login/"),
        (None, "/login/"),
    ],
)
def test_who_was_signed_out_with_a_form_open_comes_back_to_its_page(
    app: Flask, referrer: str | None, onwards: str
) -> None:
    headers = {"Referer": referrer} if referrer else {}
    answer = app.test_client().post("/orders/7/refund", data={"reason": "x"}, headers=headers)
    assert answer.status_code == 400
    assert "Nothing was done" in answer.text
    assert f'href="{onwards}"' in answer.text


def test_machines_get_what_they_read(app: Flask) -> None:
    api = app.test_client().get("/api/v1/nothing")
    assert api.status_code == 404
    assert api.is_json
    hook = app.test_client().get("/webhooks/nothing")
    assert hook.mimetype == "text/plain"
    assert "<" not in hook.text


def test_a_failure_needs_neither_database_nor_session(
    broken: Flask, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it signs nobody out: what the database could not say is not "no such session"."""
    client = make.specialist()

    def gone(*_args: object, **_kwargs: object) -> None:
        raise sa.exc.OperationalError("select", {}, Exception("the server is gone"))

    with monkeypatch.context() as patch:
        patch.setattr(broken.extensions["database"].engine.pool, "connect", gone)
        answers = [client.get("/account/"), client.post("/logout/", data={"csrf_token": "x"})]
    for answer in answers:
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert 'class="say"' in answer.text
        assert "the server is gone" not in answer.text
    assert "Set-Cookie" not in answers[0].headers
    assert client.get("/account/").status_code == 200
