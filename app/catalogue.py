"""The Russian catalogue: what has to be translated, how the file is refreshed, and what is missing.

Words come from three places: ``_``, ``gettext`` and the like in templates and code; the sentences of ``Refusal``
(and of ``_add`` and ``Tag``, which the search form says things with);
and tables of sentences (labels, history, audit, permissions), which are plain data where they stand.
``flask portal translations`` refreshes and compiles the file; a test fails when it is stale or has a gap.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from app.domain import access, audit, history, kept_words, orders, search
from app.security import explain

APP = Path(__file__).parent
FOLDER = APP / "translations"
METHODS = [
    ("**.py", "python"),
    ("templates/orders/_card.html", "jinja2"),
    ("templates/orders/_blocks.html", "jinja2"),
    ("templates/orders/_search_form.html", "jinja2"),
    ("templates/**.html", "jinja2"),
    ("templates/**.txt", "jinja2"),
]
# Written in two stages (app/views/plain_templates.py): the words stand in square brackets.
TWO_STAGES = {
    "block_start_string": "[%",
    "block_end_string": "%]",
    "variable_start_string": "[[",
    "variable_end_string": "]]",
    "comment_start_string": "[#",
    "comment_end_string": "#]",
}
OPTIONS = {pattern: TWO_STAGES for pattern, _method in METHODS if "/_" in pattern}
KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "lazy_gettext": None,
    "lazy_ngettext": (1, 2),
    "Refusal": (2,),
    "_add": (4,),
    "Tag": (4,),
    "Entry": (1,),
}
EPOCH = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
# What FAB and Flask-WTF say on pages we show and their own Russian catalogues lack.
BORROWED = (
    "Added Row",
    "Changed Row",
    "Deleted Row",
    "Access is Denied",
    "Not a valid choice",
    "This field is required.",
)


def listed() -> Iterator[str]:
    """Sentences that stand in tables."""
    yield from BORROWED
    for labels in (orders.STATUS_LABELS, orders.REFUND_LABELS, orders.DELIVERY_LABELS, search.LABELS):
        yield from labels.values()
    yield from (role.value for role in access.Role)
    yield from audit.EVENTS.values()
    yield from audit.DETAILS.values()
    yield from search.NOT_AN_ID.values()
    yield from explain.SENTENCES.values()
    yield from kept_words.WITH_PLACES
    yield from kept_words.WHOLE
    yield from (sentence.text for sentence in history.SENTENCES.values())


def extract() -> Catalog:
    """Every msgid the portal uses, without translations."""
    catalog = Catalog(project="ESupport Portal", charset="utf-8", fuzzy=False)
    found = extract_from_dir(APP, METHODS, OPTIONS, KEYWORDS, strip_comment_tags=True)
    for filename, _line, message, _comments, context in found:
        if message:
            catalog.add(message, None, [(filename, None)], context=context)  # type: ignore[list-item]
    for message in listed():
        catalog.add(message)
    return catalog


def path(language: str, kind: str = "po") -> Path:
    """The catalogue's file; ``kind`` is po (edited) or mo (compiled, read by the portal)."""
    return FOLDER / language / "LC_MESSAGES" / f"messages.{kind}"


def read(language: str) -> Catalog:
    """The catalogue as it is."""
    with path(language).open("rb") as file:
        return read_po(file, locale=language)


def compiled(catalog: Catalog) -> bytes:
    """The bytes of the compiled file."""
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def refresh(language: str) -> tuple[int, list[str]]:
    """Bring the file up to date, keep its translations, and compile it. Number of msgids, and those without one."""
    before = read(language) if path(language).exists() else Catalog(locale=language)
    # No dates in the header: equal words give equal files.
    catalog = Catalog(locale=language, header_comment="# The portal's words.", fuzzy=False, creation_date=EPOCH)
    catalog.revision_date = EPOCH
    for message in extract():
        if message.id:
            known = before.get(message.id if isinstance(message.id, str) else message.id[0], message.context)
            catalog.add(message.id, known.string if known else None, context=message.context, flags=message.flags)
    path(language).parent.mkdir(parents=True, exist_ok=True)
    with path(language).open("wb") as file:
        write_po(file, catalog, sort_output=True, no_location=True, width=110)
    path(language, "mo").write_bytes(compiled(read(language)))
    return len(catalog), missing(catalog)


def missing(catalog: Catalog) -> list[str]:
    """The msgids without a translation, or with an empty plural form."""
    gaps = []
    for message in catalog:
        forms = message.string if isinstance(message.string, tuple | list) else [message.string]
        if message.id and (not all(forms) or message.fuzzy):
            gaps.append(message.id if isinstance(message.id, str) else message.id[0])
    return gaps
