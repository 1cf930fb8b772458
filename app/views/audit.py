"""The audit page: who did what, for administrators; a lead sees the part of the people they lead."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Collection, Mapping
from zoneinfo import ZoneInfo

from defusedcsv import csv
from flask import Response, abort, request
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext

from app.actions import audit
from app.db import session, transaction
from app.domain.account import NO_CHOICE
from app.domain.audit import AUDIT_EXPORTED, EVENTS, RESULTS
from app.domain.orders import MAX_ID
from app.queries.audit import AuditFilter, list_entries, logins, store_names, team_names
from app.security import current_actor
from app.views.audit_words import about, logins_of, told, who

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
        stores = store_names(session)
        wanted, errors = _filter(actor.timezone, stores)
        before = request.args.get("before", type=int)
        if before is not None and not 0 < before <= MAX_ID:
            before = None
        entries = [] if errors else list_entries(session, actor, wanted, before=before, limit=PAGE)
        more = len(entries) > PAGE
        page = self.render_template(
            "audit/list.html",
            entries=entries[:PAGE],
            older=entries[PAGE - 1].id if more else None,
            stores=stores,
            names={"stores": stores, "teams": team_names(session, actor)},
            logins=logins(session, actor, entries),
            events=EVENTS,
            about=about,
            who=who,
            results=RESULTS,
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
        names = store_names(session)
        wanted, errors = _filter(actor.timezone, names)
        if errors:
            abort(400)
        entries = list_entries(session, actor, wanted, limit=EXPORT)
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


def _filter(timezone: str, stores: Mapping[int, str]) -> tuple[AuditFilter, dict[str, str]]:
    """The filter the address asks for, and what is wrong with it, by field. ``stores``: those of the reader, by id.

    A filter that means nothing is an error: it must not look as if nothing had happened.
    """
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

    def choice(name: str, known: Collection[str]) -> str | None:
        value = text(name, 48)
        if value is not None and value not in known:
            errors[name] = gettext(NO_CHOICE.text)
        return value

    typed, store = text("actor", 128), choice("store", [str(store_id) for store_id in stores])
    wanted = AuditFilter(
        event=choice("event", EVENTS),
        actors=logins_of(typed) if typed else (),
        result=choice("result", RESULTS),
        order_id=number("order"),
        store_id=int(store) if store and "store" not in errors else None,
        since=day("since", 0),
        until=day("until", 1),
    )
    if wanted.since and wanted.until and wanted.since >= wanted.until:
        errors["since"] = gettext("From is later than to.")
    return wanted, errors
