"""The base of our FAB views: layer three of the scope, lists and actions that hold, no route beyond those named."""

from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from werkzeug.exceptions import HTTPException

from app.db import scope_as, session
from app.domain.access import ALL_STORES
from app.models import License, Order, Store
from app.views.scoped import SafeListMixin, ScopedActionsMixin, ScopedInterface


@pytest.mark.parametrize(
    ("model", "column"), [(Order, "orders.store_id"), (License, "license.store_id"), (Store, "store.id")]
)
def test_the_interface_states_the_scope_by_itself(context, model, column):
    interface = ScopedInterface(model, session)
    with scope_as(frozenset({3, 5})):
        text = str(
            interface.apply_filters(session.query(model), None).statement.compile(
                compile_kwargs={"literal_binds": True}
            )
        )
    assert f"{column} IN (3, 5)" in text


def test_no_scope_is_no_rows(app, make):
    make.order(order_id=11)
    with app.app_context():
        interface = ScopedInterface(Order, session)
        assert interface.query()[0] == 0
        assert interface.get(11) is None
    with app.app_context(), scope_as(ALL_STORES):
        assert ScopedInterface(Order, session).get(11).id == 11


class Parent:
    base_permissions = ("can_mark",)
    class_permission_name = "SomeView"
    _base_filters = None

    def __init__(self, held, may=True):
        self.done = []
        action = SimpleNamespace(single=True, multiple=False, func=self.done.append)
        several = SimpleNamespace(single=False, multiple=True, func=self.done.append)
        self.actions = {"mark": action, "all": several, "other": action}
        self.datamodel = SimpleNamespace(get=lambda pk, _filters: held.get(pk))
        self.appbuilder = SimpleNamespace(sm=SimpleNamespace(has_access=lambda *_: may))

    def get_action_permission_name(self, name):
        return "can_other" if name == "other" else "can_mark"


class View(ScopedActionsMixin, Parent):
    pass


@pytest.mark.parametrize(
    ("name", "rows", "may", "status"),
    [
        ("nosuch", [1], True, 404),
        ("mark", [1], False, 403),
        ("other", [1], True, 403),
        ("mark", [], True, 400),
        ("mark", list(range(101)), True, 400),
        ("mark", [2**64], True, 400),
        ("all", [1], True, 400),
        ("mark", [9], True, 404),
    ],
)
def test_an_action_that_may_not_be_does_nothing(name, rows, may, status):
    view = View({1: "one"}, may)
    with pytest.raises(HTTPException) as caught:
        view._run_action(name, rows, single=True)
    assert caught.value.code == status
    assert view.done == []


def test_several_rows_are_acted_on_only_if_all_are_ours():
    view = View({1: "one", 2: "two"})
    with pytest.raises(HTTPException):
        view._run_action("all", [1, 2, 9], single=False)
    assert view.done == []
    view._run_action("all", [1, 2, 1], single=False)
    assert view.done == [["one", "two"]]


def test_filters_are_of_one_request(app):
    class Listed(SafeListMixin):
        search_columns = ("order_name",)

        def __init__(self):
            self._filters = "of the class"
            self.datamodel = SimpleNamespace(get_filters=lambda _columns: object())

    view = Listed()
    with app.test_request_context():
        mine = view._filters
        assert view._filters is mine
    with app.test_request_context():
        assert view._filters is not mine


def test_orders_have_the_routes_they_need_and_no_other(app):
    rules = {
        (rule.rule, tuple(sorted(rule.methods - {"HEAD", "OPTIONS"})))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("OrderView.")
    }
    listing, posted = ("/orders/", ("GET",)), ("/orders/search", ("GET", "POST"))
    assert rules == {listing, posted, ("/orders/export.csv", ("GET",))}


def test_the_orders_view_asks_for_listing_and_for_exporting(app):
    view = next(v for v in app.extensions["appbuilder"].baseviews if type(v).__name__ == "OrderView")
    assert set(view.base_permissions) == {"can_list", "can_export"}
    assert isinstance(view.datamodel, ScopedInterface)
    assert not any(
        view.datamodel.is_relation(name) for name in (*view.search_columns, *view.add_columns, *view.edit_columns)
    )


def test_foreign_arguments_of_a_list_are_answered_400(app):
    class Listed(SafeListMixin):
        order_columns = ("name",)

    for query in (
        "page_Listed=abc",
        "psize_Listed=x",
        "_oc_Listed=nosuch&_od_Listed=asc",
    ):
        with app.test_request_context(f"/?{query}"), pytest.raises(HTTPException) as caught:
            Listed()._list()
        assert caught.value.code == 400


def test_layer_one_narrows_what_the_interface_reads_too(app, make):
    own, other = make.store("acme-eu"), make.store("other")
    make.order("acme-eu", order_id=1)
    make.order("other", order_id=2)
    with app.app_context(), scope_as(frozenset({own})):
        assert [o.id for o in session.scalars(sa.select(Order))] == [1]
        assert ScopedInterface(Order, session).get(2) is None
    with app.app_context(), scope_as(frozenset({other})):
        assert [o.id for o in ScopedInterface(Order, session).query()[1]] == [2]
