"""The audit page: who did what, for administrators; a lead sees the part of the people they lead."""

from __future__ import annotations

import datetime as dt
import io
from zoneinfo import ZoneInfo

from defusedcsv import csv
from flask import Response, abort, request
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext

from app.actions import audit
from app.db import session, transaction
from app.domain.audit import AUDIT_EXPORTED, EVENTS
from app.queries.audit import AuditFilter, list_entries, logins, store_names, team_names
from app.security import current_actor
from app.views.audit_words import about, told

PAGE = 100
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
            about=about,
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
        writer.writerow(["at", "who", "from", "event", "what", "result", "order", "store", "subject", "details"])
        for entry in entries[:EXPORT]:
            writer.writerow([
                entry.at.isoformat(), entry.actor, entry.ip or "", entry.event,
                gettext(EVENTS.get(entry.event, entry.event)), entry.result, entry.order_id or "",
                names.get(entry.store_id or 0, ""), entry.subject or "",
                "; ".join(f"{key}={value}" for key, value in sorted(entry.details.items())),
            ])  # fmt: skip
        with transaction():
            audit.record(session, actor, AUDIT_EXPORTED, details={"lines": min(len(entries), EXPORT)})
        name = "audit-first-10000.csv" if len(entries) > EXPORT else "audit.csv"
        answer = Response("\ufeff" + out.getvalue(), mimetype="text/csv")
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer


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
