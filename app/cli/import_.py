"""``portal import FILE``: orders in, one JSON object a line (contract.md 1 and 4)."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import queue
import stat
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import click
from sqlalchemy.exc import DataError, IntegrityError

from app.actions import audit
from app.actions.record import record_orders
from app.actions.snapshots import BadJson, parse_snapshot, read_json
from app.cli import portal
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES, SYSTEM
from app.domain.audit import ORDERS_RECORDED
from app.domain.snapshot import MAX_BODY, FieldError, RecordResult, Result, Snapshot, SnapshotErrors
from app.models.base import utcnow

log = logging.getLogger(__name__)

BATCH = 300
"""Orders in one transaction."""

SHOWN_ERRORS = 5
"""Of one line."""


@dataclass(slots=True)
class Counts:
    """What became of the lines."""

    applied: int = 0
    unchanged: int = 0
    refused: int = 0

    def add(self, result: Result) -> None:
        """Count one."""
        setattr(self, result.value, getattr(self, result.value) + 1)


@dataclass(slots=True)
class Line:
    """A line that was read: where it ends in the file, and the snapshot or what is wrong with it."""

    number: int
    end: int
    snapshot: Snapshot | None
    errors: tuple[FieldError, ...] = ()


@portal.command("import")
@click.argument("file", type=click.Path(allow_dash=True, dir_okay=False))
def import_command(file: str) -> None:
    """Take in order snapshots, one JSON object a line; - reads standard input.

    Refused lines are named on standard error; the others are applied. Exit code 1 if any was refused.
    """
    counts = Counts()
    with _opened(file) as stream, scope_as(ALL_STORES), _progress(stream) as progress:
        for batch in _read_ahead(stream):
            _finish(batch, counts, progress)
        with transaction():
            details = {"applied": counts.applied, "unchanged": counts.unchanged, "refused": counts.refused}
            audit.record(session, SYSTEM, ORDERS_RECORDED, details=details)
    click.echo(f"applied {counts.applied}, unchanged {counts.unchanged}, refused {counts.refused}")
    if counts.refused:
        raise SystemExit(1)


@contextlib.contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = open(file, "rb", buffering=1 << 20)  # noqa: SIM115 - closed below; opening alone is guarded
    except OSError as error:
        raise click.FileError(file, error.strerror or "cannot be read") from None
    with stream:
        yield stream


def _read_ahead(stream: BinaryIO) -> Iterator[list[Line]]:
    """The lines in batches, read and checked by a second thread while the database is busy with the ones before."""
    done: queue.Queue[list[Line] | BaseException | None] = queue.Queue(maxsize=3)

    def read() -> None:
        try:
            lines = read_lines(stream)
            while batch := list(itertools.islice(lines, BATCH)):
                done.put(batch)
            done.put(None)
        except BaseException as error:  # handed over to the thread that waits
            done.put(error)

    threading.Thread(target=read, name="import-reader", daemon=True).start()
    while (found := done.get()) is not None:
        if isinstance(found, BaseException):
            raise found
        yield found


class Progress:
    """A bar on a terminal; nothing elsewhere."""

    def __init__(self, length: int | None, bar: object = None) -> None:
        self.length = length
        self.bar = bar
        self.done = 0

    def to(self, end: int) -> None:
        """Everything up to this byte is done."""
        if self.bar is not None:
            self.bar.update(end - self.done)  # type: ignore[attr-defined]
        self.done = end


@contextlib.contextmanager
def _progress(stream: BinaryIO) -> Iterator[Progress]:
    length = None
    with contextlib.suppress(OSError, ValueError):
        found = os.fstat(stream.fileno())
        length = found.st_size if stat.S_ISREG(found.st_mode) else None
    if not sys.stderr.isatty():
        yield Progress(length)
        return
    with click.progressbar(length=length or 1, label="Importing", file=sys.stderr, show_pos=False) as bar:
        yield Progress(length, bar if length else None)


def read_lines(stream: BinaryIO) -> Iterator[Line]:
    """The lines that are not empty, each read and checked; never more than one line of bounded length in memory."""
    number = 0
    end = 0
    while True:
        data = stream.readline(MAX_BODY + 2)
        if not data:
            return
        number += 1
        end += len(data)
        too_long = len(data.rstrip(b"\r\n")) > MAX_BODY
        while not data.endswith(b"\n") and too_long:
            rest = stream.readline(1 << 20)
            if not rest:
                break
            end += len(rest)
            data = rest
        if too_long:
            yield Line(number, end, None, (FieldError("", f"is longer than {MAX_BODY:,} bytes"),))
            continue
        data = data.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else data.strip()
        if data:
            yield _read(number, end, data)


def _read(number: int, end: int, data: bytes) -> Line:
    try:
        return Line(number, end, parse_snapshot(read_json(data), data))
    except BadJson:
        return Line(number, end, None, (FieldError("", _why(data)),))
    except SnapshotErrors as error:
        return Line(number, end, None, tuple(error.errors))


def _why(data: bytes) -> str:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "is no UTF-8"
    return "is no JSON"


def _finish(batch: list[Line], counts: Counts, progress: Progress) -> None:
    """Record a batch, then say what was refused, in the order of the lines."""
    good = [line for line in batch if line.snapshot is not None]
    results = iter(_record([line.snapshot for line in good if line.snapshot is not None]))
    for line in batch:
        errors = line.errors
        if line.snapshot is not None:
            found = next(results)
            counts.add(found.result)
            errors = found.errors
        else:
            counts.add(Result.REFUSED)
        if errors:
            words = "; ".join(f"{e.field or 'order'}: {e.message}" for e in errors[:SHOWN_ERRORS])
            click.echo(f"line {line.number}: {words}", err=True)
    progress.to(batch[-1].end)


def _record(snapshots: list[Snapshot]) -> list[RecordResult]:
    """All in one transaction; where the database takes offence at one, each in its own."""
    if not snapshots:
        return []
    try:
        with transaction():
            return record_orders(session, snapshots, source=SYSTEM, allowed=ALL_STORES, now=utcnow())
    except (DataError, IntegrityError):
        if len(snapshots) == 1:
            log.exception("import.order_not_stored", extra={"order_id": snapshots[0].order_id})
            error = FieldError("", "could not be stored")
            return [RecordResult(snapshots[0].order_id, Result.REFUSED, (error,))]
    return [result for snapshot in snapshots for result in _record([snapshot])]
