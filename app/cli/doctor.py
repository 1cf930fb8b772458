"""``portal doctor``: what is wrong, if anything."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any, cast

import click
from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from app.cli import portal
from app.db import database, scope_as
from app.domain.access import ALL_STORES
from app.erasure_journal import journal_path
from app.health import readiness
from app.jobs import checkup
from app.settings import settings


@portal.command("doctor")
def doctor() -> None:
    """Check settings, database, queue, mail, platform and stuck rows; exit 1 if something is wrong."""
    app = cast(Flask, cast(Any, current_app)._get_current_object())
    wrong = 0
    for name, found in _checks(app):
        fine = found.startswith("ok")
        wrong += not fine
        click.echo(f"{'ok   ' if fine else 'wrong'}  {name}{'' if found == 'ok' else f': {found}'}")
    if wrong:
        sys.exit(1)


def _checks(app: Flask) -> Iterator[tuple[str, str]]:
    yield "settings", f"ok, {settings().portal_env}"  # a wrong one would have stopped us before
    yield "data folder", _writable()
    ready = readiness(database().engine)
    yield from ready.items()
    yield "queue server", checkup.queue_answers(app)
    yield "mail server", checkup.mail_answers(app)
    if ready["schema"] != "ok":
        return
    try:
        with scope_as(ALL_STORES):
            yield "platform", checkup.platform_answers(app)
            yield from checkup.workers()
            yield from checkup.stuck_rows()
    except SQLAlchemyError as error:
        yield "rows", f"cannot be read: {type(error).__name__}"


def _writable() -> str:
    """Can the erasure journal be written? Without it no erasure happens."""
    path = journal_path()
    folder = path.parent
    if not folder.is_dir():
        return f"{folder} does not exist"
    target = path if path.exists() else folder
    return "ok" if os.access(target, os.W_OK) else f"{target} cannot be written"
