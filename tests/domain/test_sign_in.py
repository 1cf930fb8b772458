"""Passwords, codes, ways onwards: the rules alone."""

import datetime as dt

import pytest

from app.domain import passwords, second_step, sign_in
from app.domain.redirects import safe_path

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("password", "refusal"),
    [
        ("three blue lanterns", None),
        ("correct horse battery staple", None),
        ("xkcdxkcdxkce", None),
        ("ПарольДлинныйИРедкий", None),
        ("🦊🐢🦉🐙🦀🐝🦋🐌🐞🐜🦂🐛", None),
        ("8462 0917 5538", None),
        ("x" * 128 + "y", passwords.TOO_LONG),
        ("elevenchars", passwords.TOO_SHORT),
        ("", passwords.TOO_SHORT),
        ("e\u0301" * 11, passwords.TOO_SHORT),
        ("password1234", passwords.COMMON),
        ("1234password!", passwords.COMMON),
        ("Qwertyuiop[]", passwords.COMMON),
        ("123456789012", passwords.COMMON),
        ("210987654321", passwords.COMMON),
        ("abcdefghijklm", passwords.COMMON),
        ("aaaaaaaaaaaab", passwords.COMMON),
        ("abc1abc1abc1", passwords.COMMON),
        ("monkeymonkey", passwords.COMMON),
        ("ESupport2026!", passwords.COMMON),
        ("my name is Annabel", passwords.OWN_WORDS),
        ("likes example-corp", passwords.OWN_WORDS),
    ],
)
def test_passwords(password, refusal):
    assert passwords.why_not_password(password, ("annabel@example-corp.org", "Annabel", "Li")) == refusal


def test_128_characters_are_taken_and_the_list_is_there():
    long = "".join(chr(0x430 + i % 32) + chr(0x61 + i % 25) for i in range(64))
    assert len(long) == 128
    assert passwords.why_not_password(long) is None
    assert len(passwords.common_passwords()) == 18_051


def test_a_temporary_password_would_be_taken():
    one, two = passwords.temporary_password(), passwords.temporary_password()
    assert one != two
    assert len(one) == 20
    assert passwords.why_not_password(one) is None


def test_typed_on_any_keyboard_it_is_the_same():
    assert passwords.normalised("e\u0301") == passwords.normalised("é")


def test_names_are_compared_alike():
    assert sign_in.same_login("  ＡNN@Example.org ") == "ann@example.org"
    assert len(sign_in.same_login("x" * 5000)) == 254


def test_a_proof_is_fresh_for_ten_minutes():
    assert sign_in.is_fresh(NOW - dt.timedelta(minutes=9, seconds=59), NOW)
    assert not sign_in.is_fresh(NOW - dt.timedelta(minutes=10), NOW)
    assert not sign_in.is_fresh(None, NOW)


def test_codes_are_taken_one_period_off_and_never_again():
    assert second_step.steps_around(300.0, None) == [9, 10, 11]
    assert second_step.steps_around(300.0, 10) == [11]
    assert second_step.steps_around(300.0, 11) == []
    assert second_step.plain_code(" 123 456-A ") == "123456a"


def test_recovery_codes_differ():
    codes = second_step.recovery_codes()
    assert len(set(codes)) == 10
    assert all(len(second_step.plain_code(code)) == 10 for code in codes)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/orders/?a=1&b=2", "/orders/?a=1&b=2"), ("http://portal/x?y", "/x?y"), ("https://portal/x", "/x"),
        ("/x#part", "/x"), (None, "/"), ("", "/"), ("orders", "/"), ("//portal/x", "/"), ("ftp://portal/x", "/"),
        ("http://portal.evil/x", "/"), ("http://portal:81/x", "/"), ("http://u@portal/x", "/"), ("http:/x", "/"),
        ("http://portal//evil", "/"), ("/\\evil", "/"), ("/ x", "/"), ("/\x7f", "/"), ("/" + "x" * 2000, "/"),
        ("http://[::1", "/"), ("javascript:alert(1)", "/"), ("http://portal", "/"),
    ],
)  # fmt: skip
def test_ways_onwards(target, path):
    assert safe_path(target, "portal") == path
