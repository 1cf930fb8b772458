"""The words of every mail, to customers, about refunds and for access, held against golden files, in every language.

Run with ``GOLDEN=write`` to write the files anew, and read the difference.
"""

import os
from pathlib import Path

import pytest

import app
from app.mail.render import render

GOLDEN = Path(__file__).parent / "golden"
TEMPLATES = {folder.name for folder in (Path(app.__file__).parent / "templates" / "mail").iterdir() if folder.is_dir()}
PLAIN = {"order_name": "A0012345678", "product": "Glyph Studio Pro", "number": "2.1", "code": "ABCD-1234", "link": None}
WHO = {"name": "Ann Lee", "login": "ann@example.org", "hours": 24}
LINK = "http://localhost/set-password/Zm9yIGEgZ29sZGVuIGZpbGUgb25seQ"
CASES = {
    "access": {**WHO, "link": LINK},
    "access_temporary": {**WHO, "password": "k7-Wq2<x&y>RtLmPz9"},
    "access_elsewhere": WHO,
    "password_reset": {**WHO, "link": LINK},
    "access_odd": {**WHO, "name": "<i>Zoë & Söhne</i>", "link": LINK},
    "license": PLAIN,
    "license_link": {**PLAIN, "code": "https://example.com/get?a=1&b=2", "link": "https://example.com/get?a=1&b=2"},
    "license_odd": {**PLAIN, "product": "<b>Ünï & co</b>", "code": "\"<script>'&"},
    "refund_result_full": {"order_name": "A0012345678", "result": "full refund completed"},
    "refund_result_partial": {"order_name": "A0012345678", "result": "partial refund completed"},
    "refund_result_failed": {"order_name": "A0012345678", "result": "refund failed"},
}


def template_of(case):
    """``license_odd`` is the template ``license``; the longest name that fits."""
    return max((name for name in TEMPLATES if case.startswith(name)), key=len)


def test_every_mail_has_golden_files():
    assert {template_of(case) for case in CASES} == TEMPLATES
    assert {file.stem.partition(".")[0] for file in GOLDEN.iterdir()} == set(CASES)


@pytest.mark.only_db("sqlite")
@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("case", list(CASES))
def test_a_mail_reads_as_its_golden_file(context, case, language):
    with context.test_request_context():
        words = render(template_of(case), language, CASES[case])
    text = f"Subject: {words.subject}\n\n{words.text}\n--- html ---\n{words.html}"
    file = GOLDEN / f"{case}.{language}.txt"
    if os.environ.get("GOLDEN") == "write":
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.only_db("sqlite")
@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_result_mail_is_to_the_letter_in_every_language(context, language):
    with context.test_request_context():
        words = render("refund_result", language, CASES["refund_result_failed"])
    assert words.subject == "[Esupport] Refund request for A0012345678 has been completed"
    assert words.text == "Your refund request for A0012345678 has been completed with result: refund failed\n"


@pytest.mark.only_db("sqlite")
def test_the_license_mail_speaks_the_customers_language(context):
    with context.test_request_context():
        assert render("license", "ru", PLAIN).subject != render("license", "en", PLAIN).subject
