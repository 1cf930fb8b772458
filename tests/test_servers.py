"""The servers that other tests stand on do what they promise."""

import smtplib
import urllib.request

import pytest
import redis

from tests import browser as browsers


def test_a_queue_server_answers_and_each_test_has_an_empty_database(redis_url):
    client = redis.Redis.from_url(redis_url)
    assert client.dbsize() == 0
    client.set("a", 1)
    assert client.get("a") == b"1"


def test_a_frozen_queue_server_hangs_and_a_killed_one_refuses(own_queue_server):
    client = redis.Redis.from_url(own_queue_server.url(), socket_timeout=0.2, retry=None)
    own_queue_server.freeze()
    with pytest.raises(redis.exceptions.TimeoutError):
        client.ping()
    own_queue_server.kill()
    with pytest.raises(redis.exceptions.ConnectionError):
        client.ping()
    own_queue_server.start()
    assert client.ping()


def test_the_smtp_server_takes_refuses_and_breaks(smtp_server):
    host, port = smtp_server.url.removeprefix("smtp://").split(":")
    smtp_server.faults.extend(["451 Try later", "rcpt:550 No such user", "taken_then_lost", "lost"])
    with smtplib.SMTP(host, int(port), timeout=5) as smtp:
        with pytest.raises(smtplib.SMTPDataError):
            smtp.sendmail("a@example.org", ["b@example.org"], b"Subject: 1\r\n\r\n1")
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            smtp.sendmail("a@example.org", ["b@example.org"], b"Subject: 2\r\n\r\n2")
    for number in (3, 4):
        smtp = smtplib.SMTP(host, int(port), timeout=5)
        with pytest.raises(smtplib.SMTPServerDisconnected):
            smtp.sendmail("a@example.org", ["b@example.org"], f"Subject: {number}\r\n\r\n{number}")
        smtp.close()
    with smtplib.SMTP(host, int(port), timeout=5) as smtp:
        smtp.sendmail("a@example.org", ["b@example.org"], b"Subject: 5\r\n\r\n5")
    assert [m["Subject"] for m in smtp_server.wait(2)] == ["3", "5"]
    assert smtp_server.tried == 5


def test_the_app_answers_on_a_port(live_app):
    with urllib.request.urlopen(f"{live_app.url}/healthz", timeout=5) as answer:
        assert answer.read() == b"ok\n"


@pytest.mark.browser
@pytest.mark.only_db("sqlite")
def test_a_browser_opens_the_app_and_axe_finds_what_is_wrong(page, problems):
    page.goto("/healthz")
    assert page.inner_text("body").strip() == "ok"
    assert any(line.startswith("document-title") for line in browsers.axe(page))
    page.evaluate("setTimeout(() => { throw new Error('seen') })")
    page.wait_for_timeout(100)
    assert problems
    problems.clear()
