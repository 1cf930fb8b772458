"""Names and types under which documents are handed out."""

import pytest

from app.domain.documents import NAME_MAX, content_disposition, file_name, safe_type


@pytest.mark.parametrize(
    ("name", "content_type", "expected"),
    [
        ("Invoice.pdf", "application/pdf", "Invoice.pdf"),
        ("Invoice", "application/pdf", "Invoice.pdf"),
        ("Счёт № 7", "application/pdf", "Счёт № 7.pdf"),
        ("发票", "application/pdf", "发票.pdf"),
        ("../../etc/passwd", "text/plain", "_.._etc_passwd.txt"),
        ("a\r\nSet-Cookie: x=1", "application/pdf", "a Set-Cookie_ x=1.pdf"),
        ('a"; filename="b.exe', "application/pdf", "a_; filename=_b.exe.pdf"),
        ("gpj.\u202egnp.exe", "image/png", "gpj. gnp.exe.png"),
        ("", "application/pdf", "document.pdf"),
        ("...", "text/html", "document"),
        (" \x00\x07 ", "text/html", "document"),
        ("con|prn<>?*.PDF", "application/pdf", "con_prn____.PDF"),
    ],
)
def test_a_name_is_a_plain_file_name(name, content_type, expected):
    assert file_name(name, content_type) == expected


def test_a_long_name_is_cut_and_keeps_its_extension():
    found = file_name("я" * 400 + ".pdf", "application/pdf")
    assert len(found) == NAME_MAX
    assert found.endswith("я.pdf")


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/pdf", "application/pdf"),
        ("Application/PDF; charset=x", "application/pdf"),
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("application/javascript", "application/octet-stream"),
        ("application/xhtml+xml", "application/octet-stream"),
        ("text/plain\r\nX: y", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_only_harmless_types_go_out_as_they_are(content_type, expected):
    assert safe_type(content_type) == expected


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("Invoice 7.pdf", 'attachment; filename="Invoice 7.pdf"'),
        ("Счёт.pdf", "attachment; filename=\"____.pdf\"; filename*=UTF-8''%D0%A1%D1%87%D1%91%D1%82.pdf"),
        ("发票.pdf", "attachment; filename=\"__.pdf\"; filename*=UTF-8''%E5%8F%91%E7%A5%A8.pdf"),
        ("a%b'c.pdf", "attachment; filename=\"a_b_c.pdf\"; filename*=UTF-8''a%25b%27c.pdf"),
    ],
)
def test_the_header_names_the_file_in_ascii_and_in_utf_8(name, header):
    assert content_disposition(name) == header


@pytest.mark.parametrize("name", ["a\r\nX: y", 'a"b', "a\\b", "\x7f", "é" * 10])
def test_no_header_can_be_broken(name):
    header = content_disposition(file_name(name, "application/pdf"))
    assert header.isascii()
    assert "\r" not in header
    assert "\n" not in header
    assert header.count('"') == 2
