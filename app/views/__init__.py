"""Every FAB view, in the order of the menu. A new view: add it here and give its permissions in security/roles.py."""

from __future__ import annotations

from flask import current_app, redirect
from flask_appbuilder import AppBuilder, IndexView, expose
from werkzeug.wrappers import Response

from app.views import customer_page, order_actions, order_words
from app.views.account import AccountView
from app.views.audit import AuditView
from app.views.documents import DocumentView
from app.views.erasure import ErasureView
from app.views.operations import OperationsView
from app.views.order import OrderPageView
from app.views.order_actions import OrderActionsView
from app.views.orders import OrderView
from app.views.passwords import PasswordView
from app.views.people import PersonView
from app.views.refunds import RefundView
from app.views.second_step import SecondStepView
from app.views.sign_in import ProofView
from app.views.sign_in_elsewhere import sign_in_view
from app.views.stores import StoreView
from app.views.teams import TeamView
from app.views.tokens import TokenView


class HomeView(IndexView):
    """``/`` leads to the orders; there is no page in between."""

    @expose("/")
    def index(self) -> Response:
        """Go to the orders."""
        return redirect("/orders/")


def register_views(appbuilder: AppBuilder) -> None:
    """Register the views."""
    appbuilder.sm.auth_view = appbuilder.add_view_no_menu(sign_in_view(appbuilder.sm.auth_type))  # type: ignore[assignment]
    for view in (ProofView, PasswordView, SecondStepView, PersonView, TeamView, StoreView, TokenView, OrderView):
        appbuilder.add_view_no_menu(view)
    for view in (OrderPageView, OrderActionsView, DocumentView, RefundView):
        appbuilder.add_view_no_menu(view)
    appbuilder.add_view_no_menu(AccountView)
    for view in (AuditView, ErasureView, OperationsView):
        appbuilder.add_view_no_menu(view)  # the menu is ``navigation.py``
    order_words.init_app(current_app)
    order_actions.init_app(current_app)
    customer_page.init_app(current_app)


__all__ = ["HomeView", "register_views"]
