"""What FAB asks of our security manager, and the small parts of sessions, headers and roles."""

import pytest
import sqlalchemy as sa

from app.db import session, transaction
from app.domain.access import Role as Name
from app.models import Person, Role, UserSession
from app.models.people import PermissionView, assoc_permissionview_role
from app.security.edge import csp_nonce
from app.security.identity import vault
from app.security.sessions import BrowserSession
from app.security.sync import sync_roles


def test_nothing_of_fab_is_public_and_its_menu_is_empty(app):
    manager = app.appbuilder.sm
    with app.test_request_context("/"):
        assert manager.is_item_public("can_list", "OrderView") is False
        assert manager.get_user_menu_access(["Orders"]) == set()


def test_a_permission_that_the_matrix_does_not_have_is_taken_back(app):
    with app.app_context():
        link = assoc_permissionview_role
        role = session.scalar(sa.select(Role.id).where(Role.name == Name.SPECIALIST.value))
        held = sa.select(link.c.permission_view_id).where(link.c.role_id == role)
        before = set(session.scalars(held))
        foreign = session.scalar(sa.select(PermissionView.id).where(PermissionView.id.not_in(before)).limit(1))
        with transaction():
            session.execute(link.insert().values(role_id=role, permission_view_id=foreign))
            session.execute(link.delete().where(link.c.role_id == role, link.c.permission_view_id == min(before)))
        sync_roles()
        assert set(session.scalars(held)) == before


def test_an_answer_has_one_nonce(app):
    with app.test_request_context("/"):
        first = csp_nonce()
        assert csp_nonce() == first
    with app.test_request_context("/"):
        assert csp_nonce() != first


def test_what_a_failed_view_left_behind_is_not_written_with_the_session(app, make):
    ann = make.person("ann@example.org")
    browser = make.signed_in(ann)
    cookie = browser.get_cookie("portal_session").value
    interface = app.session_interface
    with app.test_request_context("/", headers={"Cookie": f"portal_session={cookie}"}) as context:
        found = interface.open_session(app, context.request)
        found["note"] = "kept"
        session.get_one(Person, ann).last_name = "Half-done"
        interface.save_session(app, found, app.response_class())
    with app.app_context():
        assert session.get_one(Person, ann).last_name == "Example"
        assert session.scalar(sa.select(UserSession.data))["note"] == "kept"


def test_a_session_nobody_looked_at_says_nothing(app):
    interface = app.session_interface
    with app.test_request_context("/") as context:
        found = interface.open_session(app, context.request)
        answer = app.response_class()
        interface.save_session(app, found, answer)
        assert "Vary" not in answer.headers
        assert "Set-Cookie" not in answer.headers
        assert isinstance(found, BrowserSession)
        assert (len(found), list(found)) == (0, [])
        interface.save_session(app, found, answer)
        assert answer.headers["Vary"] == "Cookie"


@pytest.mark.parametrize("path", ["/stores/", "/tokens/"])
def test_a_page_that_would_need_a_proof_leads_to_it_and_back(make, path):
    make.store("acme-eu")
    stale = make.signed_in(make.person(role="Admin"), proved=False)
    page = stale.get(path if path == "/tokens/" else f"/stores/{make.store('acme-eu')}").get_data(as_text=True)
    assert 'href="/prove?next=' in page


def test_the_roles_are_those_of_the_matrix_and_fabs_own_for_visitors(app):
    with app.app_context():
        sync_roles()
        assert set(session.scalars(sa.select(Role.name))) == {"Specialist", "Lead", "Admin", "Public"}


def test_the_keeper_of_second_steps_is_made_once(app, monkeypatch):
    monkeypatch.setattr(app, "extensions", {name: v for name, v in app.extensions.items() if name != "vault"})
    with app.app_context():
        first = vault()
        assert vault() is first, "deriving its key takes milliseconds of every sign-in"
        assert app.extensions["vault"] is first
