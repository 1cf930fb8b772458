"""What every FAB model view of ours is made of: an interface that knows the scope, and lists and actions made safe.

Layer three of the scope: whatever FAB asks of a store's table (lists, one row, dropdowns, children, actions) goes
through ``ScopedInterface`` and is narrowed there, apart from what the session does by itself.
"""

from __future__ import annotations

from typing import Any, ClassVar

from flask import abort, g, request
from flask_appbuilder import expose
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_appbuilder.urltools import get_order_args, get_page_args, get_page_size_args
from werkzeug.wrappers import Response

from app.db import current_scope, scope_ids
from app.domain.access import ALL_STORES
from app.domain.orders import MAX_ID
from app.models import Store

MAX_ACTION_ROWS = 100
MAX_PAGE_SIZE = 100


class ScopedInterface(SQLAInterface):
    """FAB's way to a table, for the stores in scope. No scope: no rows."""

    def apply_filters(self, query: Any, filters: Any) -> Any:
        """FAB's choke point of list, count and get."""
        query = super().apply_filters(query, filters)
        scope = current_scope()
        if scope is ALL_STORES:
            return query
        column = Store.id if self.obj is Store else getattr(self.obj, "store_id", None)
        return query if column is None else query.filter(column.in_(scope_ids(scope)))


class SafeListMixin:
    """Holds what FAB's list leaves open: filters shared by all threads, unchecked arguments, endless pages."""

    search_columns: list[str]
    order_columns: list[str]
    datamodel: SQLAInterface
    page_size: int

    @property
    def _filters(self) -> Any:
        """The filters of this request. FAB keeps one object for all threads, and shows one person's to the next."""
        key = f"_fab_filters_{id(self)}"
        if key not in g:
            setattr(g, key, self.datamodel.get_filters(self.search_columns))
        return getattr(g, key)

    @_filters.setter
    def _filters(self, _value: object) -> None:
        """FAB sets it once for all threads; nobody reads that."""

    def update_redirect(self) -> None:
        """FAB would keep the last addresses in the session, what was searched for included."""

    def _list(self, **kwargs: Any) -> dict[str, Any]:
        if any("\0" in value for values in request.args.lists() for value in values[1]):
            abort(400)
        name = type(self).__name__
        try:
            get_page_args()
            get_page_size_args()
        except ValueError:
            abort(400)
        ordered = get_order_args().get(name)
        if ordered and ordered[0] not in self.order_columns:
            abort(400)
        return super()._list(**kwargs)  # type: ignore[misc, no-any-return]

    def _get_list_widget(self, **kwargs: Any) -> dict[str, Any]:
        page, size = kwargs.get("page"), kwargs.get("page_size")
        kwargs["page"] = max(page or 0, 0)
        kwargs["page_size"] = min(max(size or self.page_size, 1), MAX_PAGE_SIZE)
        return super()._get_list_widget(**kwargs)  # type: ignore[misc, no-any-return]


class ScopedActionsMixin:
    """FAB's actions with the checks they lack: POST only, rows that are ours, at most a hundred of them."""

    actions: dict[str, Any]
    base_permissions: ClassVar[list[str]]
    _base_filters: Any

    @expose("/action/<string:name>/<int:pk>", methods=["POST"])
    def action(self, name: str, pk: int) -> Response | str:
        """One row."""
        return self._run_action(name, [pk], single=True)

    @expose("/action_post", methods=["POST"])
    def action_post(self) -> Response | str:
        """Several rows."""
        rows = request.form.getlist("rowid")
        if not all(row.isascii() and row.isdigit() for row in rows):
            abort(400)
        return self._run_action(request.form.get("action", ""), [int(row) for row in rows], single=False)

    def _run_action(self, name: str, rows: list[int], *, single: bool) -> Any:
        found = self.actions.get(name)
        if found is None:
            abort(404)
        permission = self.get_action_permission_name(name)  # type: ignore[attr-defined]
        may = self.appbuilder.sm.has_access(permission, self.class_permission_name)  # type: ignore[attr-defined]
        if permission not in self.base_permissions or not may:
            abort(403)
        if not rows or len(rows) > MAX_ACTION_ROWS or max(rows) > MAX_ID:
            abort(400)
        if not (found.single if single else found.multiple):
            abort(400)
        items = [self.datamodel.get(row, self._base_filters) for row in dict.fromkeys(rows)]  # type: ignore[attr-defined]
        if any(item is None for item in items):
            abort(404)
        return found.func(items[0] if single else items)


__all__ = ["MAX_ACTION_ROWS", "MAX_PAGE_SIZE", "SafeListMixin", "ScopedActionsMixin", "ScopedInterface"]
