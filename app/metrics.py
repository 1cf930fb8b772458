"""``/metrics`` in Prometheus text: gauges asked from the database, counters kept in it.

Several processes on several hosts serve the portal, so nothing is answered from one process' memory: counts are
gathered in memory for some seconds and then added to the table ``metric_count``.

Gauges: ``@metrics.gauges`` on a function that takes a connection and yields ``Gauge``.
Counters: ``metrics.count("portal_webhooks_received_total", result="taken")`` anywhere inside an app context. Label
values come from fixed lists, never from input: each pair of name and labels is a row.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa
from flask import Flask, current_app
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from app.models import MetricCount

log = logging.getLogger(__name__)
FLUSH_EVERY = 10.0  # seconds

HELP = {
    "portal_reconcile_read_total": "Orders read back from the platform",
    "portal_reconcile_differences_total": "Orders corrected by reading them back: a webhook was lost; the target is 0",
    "portal_hints_total": "Hints to the queue server, of clicks and sweepers; a sweeper makes up for failed ones",
    "portal_snapshot_unknown_fields_total": "Fields of accepted snapshots that the portal does not know",
    "portal_rows_worked_total": "Attempts at rows of the queue, by what state they ended in",
    "portal_webhooks_received_total": "Webhooks that came in, by whether they were taken; doubled ones are taken, too",
    "portal_http_requests_total": "Requests answered, by class of the status",
    "portal_http_request_seconds_total": "Seconds spent answering requests",
    "portal_http_slow_requests_total": "Requests that took longer than a second",
}


@dataclass(frozen=True)
class Gauge:
    """One number as it is now. ``labels`` are few and from fixed lists."""

    name: str
    help: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


GaugeSource = Callable[[sa.Connection], Iterable[Gauge]]
_sources: list[GaugeSource] = []


def gauges(function: GaugeSource) -> GaugeSource:
    """Ask this function at every scrape."""
    _sources.append(function)
    return function


class Counts:
    """The counts of this process that are not in the database yet. Thread-safe, and safe after a fork."""

    def __init__(self, engine: sa.Engine, *, background: bool) -> None:
        self.engine = engine
        self.background = background
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._pid = 0

    def add(self, name: str, amount: float, labels: Mapping[str, str]) -> None:
        """Count; the first count of a process starts its writer."""
        if self._pid != os.getpid():
            self._begin_process()
        with self._lock:
            self._counts[(name, json.dumps(labels, sort_keys=True))] += amount  # type: ignore[assignment]

    def _begin_process(self) -> None:
        # After a fork the parent's writer is not here, and what the parent holds is the parent's to write.
        self._pid, self._lock, self._counts = os.getpid(), threading.Lock(), Counter()
        if self.background:
            atexit.register(self.flush)
            threading.Thread(target=self._write_now_and_then, name="metrics", daemon=True).start()

    def _write_now_and_then(self) -> None:
        pid, pause = os.getpid(), threading.Event()
        while os.getpid() == pid:
            pause.wait(FLUSH_EVERY)
            self.flush()

    def flush(self) -> None:
        """Add what was counted to the table. A failure is logged, and the counts are kept for the next time."""
        if self._pid != os.getpid():
            return
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return
        insert = postgresql.insert if self.engine.dialect.name == "postgresql" else sqlite.insert
        statement = insert(MetricCount)
        statement = statement.on_conflict_do_update(
            index_elements=["name", "labels"], set_={"value": MetricCount.value + statement.excluded.value}
        )
        rows = [{"name": name, "labels": labels, "value": value} for (name, labels), value in sorted(counts.items())]
        try:
            with self.engine.begin() as connection:
                connection.execute(statement, rows)
        except SQLAlchemyError:
            log.warning("metrics.not_written", exc_info=True)
            with self._lock:
                self._counts.update(counts)


def init_app(app: Flask) -> None:
    """Give the app its counts. Tests write at the scrape only."""
    database = app.extensions["database"]
    app.extensions["metrics"] = Counts(database.engine, background=not app.testing)


def count(name: str, amount: float = 1, /, **labels: str) -> None:
    """Add to a counter; its name ends in ``_total``."""
    current_app.extensions["metrics"].add(name, amount, labels)


def flush() -> None:
    """Write this process' counts now: at the end of a job, before a process ends."""
    current_app.extensions["metrics"].flush()


def note_request(status: int, seconds: float) -> None:
    """Count an answered request."""
    count("portal_http_requests_total", status=f"{status // 100}xx")
    count("portal_http_request_seconds_total", seconds)
    if seconds > 1:
        count("portal_http_slow_requests_total")


def render(engine: sa.Engine) -> bytes:
    """Everything, in Prometheus' text format."""
    flush()
    with engine.connect() as connection:
        counted = connection.execute(sa.select(MetricCount.name, MetricCount.labels, MetricCount.value)).all()
        found = [gauge for source in _sources for gauge in source(connection)]
    families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}
    for gauge in found:
        names = sorted(gauge.labels)
        family = families.setdefault(gauge.name, GaugeMetricFamily(gauge.name, gauge.help, labels=names))
        family.add_metric([gauge.labels[name] for name in names], gauge.value)
    for name, text, value in counted:
        labels = json.loads(text)
        family = families.setdefault(name, CounterMetricFamily(name, HELP.get(name, name), labels=sorted(labels)))
        family.add_metric([labels[key] for key in sorted(labels)], value)
    registry = CollectorRegistry()
    registry.register(_Families(list(families.values())))
    return generate_latest(registry)


class _Families:
    def __init__(self, families: list[GaugeMetricFamily | CounterMetricFamily]) -> None:
        self.families = families

    def collect(self) -> list[GaugeMetricFamily | CounterMetricFamily]:
        return self.families
