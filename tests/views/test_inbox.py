"""The try-out's inbox: it shows every mail, as text and as HTML, and no mail can do anything in it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from email.message import EmailMessage

import pytest

from app.mail.connection import make_message
from app.mail.render import render
from app.views import inbox_files
from launch import inbox
from tests.browser import axe, lend_cookies, open_page

NAME = "01763888888000000000-7-1.eml"


@pytest.fixture
def admin(make):
    return make.admin()


def test_the_tryouts_inbox_shows_mails_and_nothing_else(app, admin, monkeypatch, tmp_path):
    assert admin.get("/operations/inbox").status_code == 404  # with a mail server of one's own there is none
    settings = replace(app.extensions["settings"], inbox_local=True, portal_data=tmp_path)
    monkeypatch.setitem(app.extensions, "settings", settings)
    assert "No mail yet" in admin.get("/operations/inbox").text
    folder = tmp_path / "inbox"
    inbox.prepare(folder)
    (folder / NAME).write_bytes(
        b"From: esupport@localhost\r\nTo: a@example.org\r\nSubject: Hi <b>you</b>\r\nMessage-ID: <1@x>\r\n"
        b"Content-Type: text/plain\r\n\r\nSee https://example.org/x <script>alert(1)</script>\r\n"
    )
    page = admin.get("/operations/inbox").text
    assert "Hi &lt;b&gt;you&lt;/b&gt;" in page
    mail = admin.get(f"/operations/inbox/{NAME}").text
    assert '<a href="https://example.org/x" rel="noopener">' in mail
    assert "<script>alert" not in mail
    for wrong in ("port", "..%2fsecret_key", "01763888888000000000-7-2.eml"):
        assert admin.get(f"/operations/inbox/{wrong}").status_code == 404


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """Put a mail into the inbox; its address."""
    monkeypatch.setattr("app.views.operations._inbox", lambda: tmp_path)

    def keep(raw):
        (tmp_path / NAME).write_bytes(raw)
        return f"/operations/inbox/{NAME}"

    return keep


HEAD = "From: a@x.example\r\nTo: b@x.example\r\nSubject: odd\r\n"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (HEAD + "Content-Type: text/plain; charset=x-nope\r\n\r\nhello\r\n", "hello"),
        (HEAD + "Date: Mon, 01 Jan 0001 00:00:00 +2359\r\n\r\nold\r\n", "old"),
        (HEAD + "Content-Type: text/html\r\n\r\n<img src=http://evil.example/x>\r\n", "&lt;img src="),
        ("From: =?utf-8?b?0KjRg9Cx?= <a@b\r\nTo: <<<>>>,,;;\r\n\r\nhead\r\n", "head"),
        (HEAD + "Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\nContent-Type: image/png\r\n\r\nx\r\n", "odd"),
        ("no mail at all\x00", "no mail at all"),
        (HEAD + "\r\n" + "long " * 30_000, "long long"),
    ],
)
def test_the_inbox_shows_whatever_somebody_sends_to_it(admin, kept, raw, shown):
    address = kept(raw.encode())
    assert admin.get("/operations/inbox").status_code == 200
    page = admin.get(address)
    assert page.status_code == 200
    assert shown in page.text
    assert "<img src=http" not in page.text
    assert len(page.text) < 120_000


PARTS = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(3000))


@pytest.mark.parametrize(
    "raw",
    [
        HEAD.replace("odd", "=?utf-7?Q?odd+2AA-?=") + "\r\nx",  # half a character
        HEAD + "Content-Type: text/plain; charset=utf-7\r\n\r\n+2AA-\r\n",
        HEAD + "Content-Type: text/html; charset=unicode_escape\r\n\r\n\\ud800\r\n",
        HEAD + "Content-Type: text/html; charset=rot13\r\n\r\nx\r\n",
        HEAD + "Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n=====\r\n",
        HEAD + PARTS,
        HEAD + "Content-Type: message/rfc822\r\n\r\n",
    ],
    ids=["subject", "utf-7", "escapes", "rot13", "base64", "deep", "mail within"],
)
def test_no_mail_is_an_error(admin, kept, raw):
    address = kept(raw.encode())
    for shown in ("/operations/inbox", address, f"{address}?as=html"):
        assert "b@x.example" in admin.get(shown).text
    html = "text/html" in raw
    assert admin.get(f"{address}/html").status_code == (200 if html else 404)
    assert ("<iframe" in admin.get(f"{address}?as=html").text) is html


def test_a_mail_that_goes_while_the_list_is_read_is_left_out(admin, kept, monkeypatch, tmp_path):
    kept(HEAD.encode())
    gone = NAME.replace("-1.", "-2.")
    (tmp_path / gone).symlink_to(tmp_path / "nothing")
    assert [mail.name for mail in inbox_files.newest(tmp_path, before="", limit=9)] == [NAME]
    assert inbox_files.newest(tmp_path / "nothing", before="", limit=9) == []


def both(html="<p>as <b>HTML</b></p>"):
    """A mail with a text, an HTML version, a picture in it, and a file."""
    mail = EmailMessage()
    mail["Subject"], mail["Date"] = "Both", dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
    mail.set_content("as text")
    mail.add_alternative(html, subtype="html")
    mail.add_attachment(b"12345", maintype="application", subtype="pdf", filename="счёт <1>.pdf")
    mail.add_attachment(b"123", maintype="image", subtype="png", disposition="inline")
    return mail.as_bytes()


def test_text_comes_first_and_html_is_a_switch_away(admin, kept):
    address = kept(both())
    text = admin.get(address)
    assert "as text" in text.text
    assert f'href="{address}?as=html"' in text.text
    assert "<iframe" not in text.text
    assert "frame-src" not in text.headers["Content-Security-Policy"]
    page = admin.get(f"{address}?as=html")
    assert "as text" not in page.text
    assert f'sandbox="allow-popups allow-popups-to-escape-sandbox" src="{address}/html"' in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "; frame-src 'self';" in policy
    nonce = policy.partition("nonce-")[2].partition("'")[0]
    assert f'nonce="{nonce}"' in page.text, "our own scripts run as on every page"
    for shown in (text.text, page.text):
        assert "счёт &lt;1&gt;.pdf" in shown
        assert "(5 bytes)" in shown
        assert "image/png" in shown


def test_html_is_answered_alone_and_may_do_nothing(admin, make, kept):
    address = kept(both("<!doctype html>\n<html><p>Grüße, мир</p></html>"))
    answer = admin.get(f"{address}/html")
    assert answer.text.startswith(
        '<!doctype html><base target="_blank"><meta name="color-scheme" content="only light">'
    )
    assert "Grüße, мир" in answer.text
    assert "as text" not in answer.text
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"] == (
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
        "img-src data:; form-action 'none'; frame-ancestors 'self'"
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert make.specialist().get(f"{address}/html").status_code in (302, 403, 404)


@pytest.mark.parametrize("name", ["port", "..%2fsecret_key", NAME.replace("-1.", "-2.")])
def test_what_is_no_mail_has_no_html(admin, kept, name):
    kept(both())
    assert admin.get(f"/operations/inbox/{name}/html").status_code == 404


def test_a_huge_mail_is_cut(admin, kept):
    address = kept(both("<p>" + "long " * 500_000))
    assert 1_900_000 < len(admin.get(f"{address}/html").text) < 2_100_000
    assert "as text" in admin.get(address).text


HOSTILE = """<p id=start>read me</p>
<script>document.getElementById("start").textContent = "script"; top.location = "/logout/"</script>
<meta http-equiv=refresh content="0;url=/operations/mail">
<link rel=stylesheet href="ELSEWHERE/a.css">
<style>@import url(ELSEWHERE/b.css); p {background:url(ELSEWHERE/c.png)}</style>
<img src="ELSEWHERE/d.png" onerror="document.getElementById('start').textContent = 'handler'">
<iframe src="ELSEWHERE/e.html"></iframe><video src="ELSEWHERE/f.mp4" autoplay></video><embed src="ELSEWHERE/g.svg">
<svg><script>document.getElementById("start").textContent = "svg"</script></svg>
<form action="/account/theme" method=post><button>send</button></form>
<a href="ELSEWHERE/top" target=_top>top</a> <a href="javascript:top.location='/logout/'" target=_self>script</a>
<a href="/account/">plain</a>"""


@pytest.mark.browser
@pytest.mark.only_db("sqlite")
def test_in_a_browser_a_mail_runs_nothing_loads_nothing_and_goes_nowhere(admin, kept, live_app, browser):
    address = kept(both(HOSTILE.replace("ELSEWHERE", f"{live_app.url}/elsewhere")))
    context, page, _problems = open_page(browser, live_app.url)
    lend_cookies(context, admin, live_app.url)
    answered = []  # what the policy stops is asked for, too, and gets no answer
    context.on("response", lambda response: answered.append(response.url))
    page.goto(f"{address}?as=html")
    mail = page.frame_locator("iframe.mail")
    for link in (mail.get_by_role("button", name="send"), mail.get_by_text("top"), mail.get_by_text("script")):
        link.click()
        assert mail.locator("#start").inner_text() == "read me"
    with context.expect_page() as opened:
        mail.get_by_role("link", name="plain").click()
    opened.value.get_by_role("heading", level=1).wait_for()  # an ordinary window, not one that may do nothing
    assert opened.value.evaluate("[window.opener, location.origin]") == [None, live_app.url]
    assert page.url.endswith(f"{address}?as=html")
    page.goto(f"{address}/html")  # by itself it can do as little
    page.get_by_role("button", name="send").click()
    page.get_by_text("script").click()
    assert page.locator("#start").inner_text() == "read me"
    assert page.url.endswith(f"{address}/html")
    assert any("/account/" in url for url in answered)
    never = ("/elsewhere", "/logout/", "/operations/mail", "/account/theme")
    assert [url for url in answered if any(place in url for place in never)] == []
    context.close()


@pytest.mark.browser
@pytest.mark.only_db("sqlite")
@pytest.mark.parametrize(
    ("width", "scheme", "script"), [(1440, "light", True), (390, "dark", True), (390, "light", False)]
)
def test_the_license_mail_is_seen_as_the_customer_sees_it(app, admin, kept, live_app, browser, width, scheme, script):
    about = {"order_name": "A0012345678", "product": "Glyph", "number": "1", "code": "ABCD-1234", "link": None}
    with app.test_request_context():
        words = render("license", "en", about)
        message = make_message(
            sender="esupport@localhost", recipient="c@example.org", subject=words.subject, text=words.text,
            html=words.html, message_id="<1@x>",
        )  # fmt: skip
        address = kept(message.as_bytes())
    context, page, problems = open_page(
        browser, live_app.url, viewport={"width": width, "height": 800}, color_scheme=scheme, java_script_enabled=script
    )
    lend_cookies(context, admin, live_app.url)
    page.goto(address)
    page.get_by_role("link", name="HTML").click()
    mail = page.frame_locator("iframe[title='The mail as HTML']")
    assert mail.locator("strong").inner_text() == "ABCD-1234"
    if script:
        ink = mail.locator("body").evaluate("b => getComputedStyle(b).color")
        assert ink == "rgb(0, 0, 0)", "a mail is white paper"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert axe(page) == []
    page.get_by_role("link", name="Text").click()
    assert "ABCD-1234" in page.locator("pre.mail").inner_text()
    assert problems == []
    context.close()
