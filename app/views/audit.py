"""The audit page: who did what, for administrators; a lead sees the part of the people they lead."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from defusedcsv import csv
from flask import Response, abort, request
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext

from app.actions import audit
from app.db import session, transaction
from app.domain.audit import AUDIT_EXPORTED, DETAILS, EVENTS
from app.domain.search import LABELS
from app.queries.audit import AuditFilter, list_entries, logins, store_names, team_names
from app.security import current_actor

PAGE = 100
KINDS = {
    "request_refund": "Refund request",
    "cancel_subscription": "Cancel subscription",
    "resume_subscription": "Resume subscription",
    "resend_license": "Resend license information",
}
"""Kinds of actions, in the words of *Jobs and mail*."""
GIVES = {"given": "stores", "taken": "stores"}
"""What a team was given, or was taken from it, is stores."""
EXPORT = 10_000
"""Lines of one export; more needs a narrower filter, and the file's name says so."""


class AuditView(BaseView):
    """``/audit/``: a filtered list, newest first, and the same as CSV."""

    route_base = "/audit"
    default_view = "list"

    @expose("/")
    @has_access
    def list(self) -> str | tuple[str, int]:
        """The list."""
        actor = current_actor()
        wanted, errors = _filter(actor.timezone)
        before = request.args.get("before", type=int)
        entries = [] if errors else list_entries(session, actor, wanted, before=before, limit=PAGE)
        more = len(entries) > PAGE
        stores = store_names(session)
        page = self.render_template(
            "audit/list.html",
            entries=entries[:PAGE],
            older=entries[PAGE - 1].id if more else None,
            stores=stores,
            names={"stores": stores, "teams": team_names(session, actor)},
            logins=logins(session, actor, entries),
            events=EVENTS,
            told=told,
            typed=request.args,
            errors=errors,
            filters={k: v for k, v in request.args.items() if v and k != "before"},
        )
        return (page, 422) if errors else page

    @expose("/export.csv")
    @has_access
    def export(self) -> Response:
        """What the filter shows, as CSV, without formulas; the export itself is audited."""
        actor = current_actor()
        wanted, errors = _filter(actor.timezone)
        if errors:
            abort(400)
        entries = list_entries(session, actor, wanted, limit=EXPORT)
        names = store_names(session)
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(["at", "who", "from", "event", "result", "order", "store", "subject", "details"])
        for entry in entries[:EXPORT]:
            writer.writerow([
                entry.at.isoformat(), entry.actor, entry.ip or "", entry.event, entry.result, entry.order_id or "",
                names.get(entry.store_id or 0, ""), entry.subject or "",
                "; ".join(f"{key}={value}" for key, value in sorted(entry.details.items())),
            ])  # fmt: skip
        with transaction():
            audit.record(session, actor, AUDIT_EXPORTED, details={"lines": min(len(entries), EXPORT)})
        name = "audit-first-10000.csv" if len(entries) > EXPORT else "audit.csv"
        answer = Response("\ufeff" + out.getvalue(), mimetype="text/csv")
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer


def told(details: dict[str, object], names: Mapping[str, Mapping[int, str]]) -> list[tuple[str, str | dt.datetime]]:
    """An entry's details as a person reads them: named, without what is empty, lists with commas.

    ``names``: of stores and teams, by id; what is not in it stays a number.
    """
    said: list[tuple[str, str | dt.datetime]] = []
    for key in sorted(details):
        value = details[key]
        if value is None or value in ("", []):
            continue
        name = _named(key)
        if isinstance(value, dict):  # what was given and taken, of teams or of stores
            said.extend(
                (f"{name}, {_named(part).lower()}", _listed(key, ids, names)) for part, ids in value.items() if ids
            )
            continue
        if (moment := _moment(value)) is not None:
            said.append((name, moment))
            continue
        said.append((name, _listed(GIVES.get(key, key), value, names)))
    return said


def _named(key: str) -> str:
    return gettext(DETAILS[key]) if key in DETAILS else key.replace("_", " ")


def _listed(key: str, value: object, names: Mapping[str, Mapping[int, str]]) -> str:
    return ", ".join(_value(key, v, names) for v in (value if isinstance(value, list) else [value]))


def _moment(value: object) -> dt.datetime | None:
    """A moment as the audit keeps it: ISO 8601 with its distance from UTC."""
    try:
        found = dt.datetime.fromisoformat(value) if isinstance(value, str) and "T" in value else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _value(key: str, value: object, names: Mapping[str, Mapping[int, str]]) -> str:
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if key in names and isinstance(value, int):
        return names[key].get(value, str(value))
    if key == "kind" and value in KINDS:
        return gettext(KINDS[str(value)])
    if key == "filters" and str(value) in LABELS:
        return gettext(LABELS[str(value)])
    return str(value)


def _filter(timezone: str) -> tuple[AuditFilter, dict[str, str]]:
    """The filter the address asks for, and what is wrong with it, by field (msgids)."""
    errors: dict[str, str] = {}
    args = request.args

    def text(name: str, most: int) -> str | None:
        value = args.get(name, "").strip()
        if len(value) > most:
            errors[name] = gettext("At most %(most)s characters", most=most)
            return None
        return value or None

    def number(name: str) -> int | None:
        value = text(name, 40)
        if value is None:
            return None
        digits = value.removeprefix("A")
        if not (digits.isascii() and digits.isdigit() and 0 < int(digits) < 2**63):
            errors[name] = gettext("This is not a number")
            return None
        return int(digits)

    def day(name: str, shift: int) -> dt.datetime | None:
        value = text(name, 10)
        if value is None:
            return None
        try:
            found = dt.date.fromisoformat(value) + dt.timedelta(days=shift)
            return dt.datetime.combine(found, dt.time(), ZoneInfo(timezone)).astimezone(dt.UTC)
        except (ValueError, OverflowError):
            errors[name] = gettext("This day does not exist")
            return None

    wanted = AuditFilter(
        event=text("event", 48),
        actor=text("actor", 128),
        result=text("result", 16),
        order_id=number("order"),
        store_id=number("store"),
        since=day("since", 0),
        until=day("until", 1),
    )
    return wanted, errors
