"""Every sentence has its Russian, with the same places to fill, and the compiled file is the one that is read."""

import ast
import re

import pytest
from flask import Flask
from flask_babel import force_locale, gettext, ngettext

from app import catalogue

PLACE = re.compile(r"%\((\w+)\)[sd]")


@pytest.fixture(scope="module")
def used() -> list:
    return [message for message in catalogue.extract() if message.id]


def _ids(message) -> tuple[str, ...]:
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


def _forms(message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string)


def test_the_extraction_sees_templates_code_refusals_and_tables(used: list) -> None:
    ids = {_ids(message)[0] for message in used}
    assert {"My page", "Saved.", "Only a paid order can be refunded.", "Refund info is being updated"} <= ids
    assert "A phone number has digits." in ids


def test_no_refusal_hides_its_sentence_from_the_extraction() -> None:
    """It is written out, or is another refusal's (``KNOWN.text``), or of a table that the catalogue lists."""
    hidden = [
        f"{file}:{call.lineno}: {ast.unparse(call.args[1])}"
        for file in catalogue.APP.rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Refusal"
        if not isinstance(call.args[1], ast.Constant)
        if not ast.unparse(call.args[1]).endswith(".text") and ast.unparse(call.args[1]) != "NOT_AN_ID[code]"
        if file != catalogue.APP / "domain/search.py" or ast.unparse(call.args[1]) != "text"  # _add: its callers count
    ]
    assert hidden == []


def test_every_sentence_has_a_russian_translation(used: list) -> None:
    russian = catalogue.read("ru")
    gaps = [_ids(m)[0] for m in used if (known := russian.get(_ids(m)[0])) is None or not all(_forms(known))]
    assert gaps == [], "run `flask --app app portal translations` and fill these in"


def test_translations_fill_the_same_places(used: list) -> None:
    russian = catalogue.read("ru")
    wrong = [
        (_ids(message)[0], form)
        for message in used
        for form in _forms(russian.get(_ids(message)[0]))
        if not set(PLACE.findall(form)) <= {name for one in _ids(message) for name in PLACE.findall(one)}
        or (isinstance(message.id, str) and sorted(PLACE.findall(form)) != sorted(PLACE.findall(message.id)))
    ]
    assert wrong == []


def test_plurals_have_three_russian_forms(used: list) -> None:
    russian = catalogue.read("ru")
    for message in used:
        if not isinstance(message.id, str):
            assert len(_forms(russian.get(message.id[0]))) == 3, message.id


def test_no_translation_is_left_over(used: list) -> None:
    ids = {_ids(message)[0] for message in used}
    assert [m.id for m in catalogue.read("ru") if m.id and _ids(m)[0] not in ids] == []


def test_the_compiled_file_is_fresh() -> None:
    assert catalogue.path("ru", "mo").read_bytes() == catalogue.compiled(catalogue.read("ru")), (
        "run `flask --app app portal translations`"
    )


def test_the_portal_speaks_russian(app: Flask) -> None:
    with app.test_request_context(), force_locale("ru"):
        assert gettext("My page") == "Моя страница"
        assert ngettext("%(num)d order", "%(num)d orders", 2) == "2 заказа"
        assert ngettext("%(num)d order", "%(num)d orders", 5) == "5 заказов"
