"""Whatever an attempt can go wrong with has its words, and its Russian."""

import ast
import re
from pathlib import Path

import pytest
from flask_babel import force_locale

from app.domain import troubles
from app.views.reasons import trouble

APP = Path(__file__).resolve().parents[2] / "app"
RAISED = {"Unknown", "SurelyNot"}


def _said(file: str, calls: set[str], place: int) -> list[str]:
    """The words given to these calls in the file, places filled with ``7``."""
    calls_there = (
        call for call in ast.walk(ast.parse((APP / file).read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in calls
    )  # fmt: skip
    given = [call.args[place] for call in calls_there if len(call.args) > place]
    parted = [getattr(words, "values", [words]) for words in given if isinstance(words, ast.JoinedStr | ast.Constant)]
    return ["".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in parts) for parts in parted]


def _known(words: str) -> bool:
    return any(re.fullmatch(re.sub(r"%\\\(\w+\\\)s", ".*", re.escape(found.text)), words) for found in troubles.ALL)


@pytest.mark.parametrize(
    ("file", "calls", "place"),
    [("platform/noventiq.py", RAISED, 0), ("mail/sending.py", {"Answer"}, 1), ("mail/sending.py", {"_by_code"}, 1)],
)
def test_every_trouble_stands_in_the_list(file, calls, place):
    said = _said(file, calls, place)
    assert said
    unknown = [words for words in said if not _known(words) and not _known(f"{words}: 7")]
    assert unknown == ["7: 7"] or not unknown


@pytest.mark.parametrize(
    ("kept", "russian"),
    [
        ("recipient refused: 550", "сервер не принял получателя: 550"),
        ("could not log in: no answer in time", "не удалось войти на платформу: нет ответа вовремя"),
        ("could not log in: the platform answered 503", "не удалось войти на платформу: её ответ — 503"),
        ("lease over", "исполнитель пропал"),
        ("no attempt came to its end", "ни одна попытка не дошла до конца"),
        ("settled by a person", "решено сотрудником"),
        ("OperationalError", "OperationalError (подробнее в журнале)"),
        ("something of an older version", "something of an older version"),
    ],
)
def test_a_trouble_is_said_in_the_readers_language(app, kept, russian):
    with app.test_request_context(), force_locale("ru"):
        assert trouble(kept) == russian
    with app.test_request_context(), force_locale("en"):
        assert trouble(kept) == (kept if kept != "OperationalError" else "OperationalError (the log says more)")
