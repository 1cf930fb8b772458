"""``/people/``: the people an administrator or a lead looks after. The rules are in ``domain/people.py``."""

from __future__ import annotations

from collections.abc import Sequence

from flask import flash, redirect, request, url_for
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from flask_babel import gettext
from werkzeug.wrappers import Response

from app.actions import people as actions
from app.actions.people import Change, Invitation
from app.db import session, transaction
from app.domain import people as rules
from app.domain.access import Role
from app.domain.audit import EVENTS
from app.domain.people import Manager, PersonFacts
from app.domain.refusal import Invalid, NotFound, Refusal
from app.models import Person
from app.queries import staff
from app.security import current_actor
from app.security.explain import explain
from app.security.identity import access_mail
from app.security.proof import require_fresh_proof
from app.views.answers import page
from app.views.forms.ids import PK, asked_id, boxes, chosen_ids, joined, options, page_number
from app.views.navigation import navigation

FIND_MOST = 100
HAD = ("first_name", "last_name", "role", "teams", "stores")
"""What the form to change a person carries along as it was, so that two people's changes both hold."""


def _manager() -> Manager:
    """Asked inside the transaction of a change, so that a lead who has just left a team leads it no more."""
    return staff.manager_of(session, current_actor())


def _person(manager: Manager, person_id: int) -> tuple[Person, PersonFacts]:
    found = staff.find_person(session, manager, person_id)
    if found is None:
        raise NotFound
    return found


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise Invalid({"role": [rules.ROLE_UNKNOWN]}) from None


def _changed(name: str) -> str | None:
    """What was typed; None when it is what the form came with."""
    typed = request.form.get(name, "")
    return None if typed == request.form.get(f"had_{name}") else typed


def _addresses(typed: str) -> list[tuple[str, str, str]]:
    addresses = rules.parse_addresses(typed)
    if not addresses:
        raise Invalid({"addresses": [rules.ADDRESSES_NEEDED]})
    if len(addresses) > rules.INVITE_MAX:
        raise Invalid({"addresses": [rules.ADDRESSES_MANY]})
    return addresses


def _roles(manager: Manager) -> list[Role]:
    return [role for role in rules.ORDER if rules.why_not_role(manager, None, role) is None]


def _role_options(roles: Sequence[Role]) -> list[tuple[str, str]]:
    return [(role.value, gettext(role.value)) for role in roles]


class PersonView(BaseView):
    """People: list, invite, one person, and what can be done to them."""

    route_base = "/people"
    default_view = "list"

    @expose("/", methods=["GET"])
    @has_access
    @permission_name("list")
    def list(self) -> Response:
        """The people one looks after."""
        manager, number = _manager(), page_number()
        find, closed = request.args.get("find", "")[:FIND_MOST].strip(), "closed" in request.args
        team = asked_id("team")
        rows, more = staff.list_people(session, manager, find=find, team=team, closed=closed, page=number)
        teams, _stores = staff.choices(session, manager)
        return page(
            "people/list.html", rows=rows, more=more, page=number, find=find, closed=closed, team=team,
            team_options=options(teams), events=EVENTS,
        )  # fmt: skip

    @expose("/invite", methods=["GET", "POST"])
    @has_access
    @permission_name("invite")
    @require_fresh_proof()
    def invite(self) -> Response:
        """Invite one person or several; each address has its own result."""
        manager = _manager()
        if request.method != "POST":
            return self._invite_page(manager)
        try:
            addresses = _addresses(request.form.get("addresses", ""))
            role = _role(request.form.get("role", ""))
            teams = chosen_ids("teams", rules.TEAM_UNKNOWN)
            stores = chosen_ids("stores", rules.STORE_UNKNOWN)
        except Invalid as invalid:
            return self._invite_page(manager, 422, errors=invalid.errors)
        typed_first, typed_last = request.form.get("first_name", ""), request.form.get("last_name", "")
        results: list[tuple[str, list[Refusal]]] = []
        for address, first, last in addresses:
            wanted = Invitation(address, first or typed_first, last or typed_last, role, teams, stores)
            try:
                with transaction():
                    actions.invite(session, _manager(), wanted, how=access_mail())
                results.append((address, []))
            except Invalid as invalid:
                if len(addresses) == 1:
                    errors = {"addresses" if name == "email" else name: r for name, r in invalid.errors.items()}
                    return self._invite_page(manager, 422, errors=errors)
                results.append((address, [refusal for found in invalid.errors.values() for refusal in found]))
        if all(refusals for _address, refusals in results):
            return self._invite_page(manager, 422, results=results)
        return page("people/invited.html", results=results)

    def _invite_page(self, manager: Manager, status: int = 200, **values: object) -> Response:
        teams, stores = staff.choices(session, manager)
        form = request.form
        return page(
            "people/invite.html", status, form=form, role_options=_role_options(_roles(manager)),
            team_options=options(teams), store_options=options(stores),
            chosen_teams=form.getlist("teams") if form else [str(team.id) for team in teams if len(teams) == 1],
            chosen_stores=form.getlist("stores"), **values,
        )  # fmt: skip

    @expose(f"/<{PK}:person_id>", methods=["GET"])
    @has_access
    @permission_name("list")
    def show(self, person_id: int) -> Response:
        """What this person can see and do, and why."""
        manager = _manager()
        person, facts = _person(manager, person_id)
        explained = explain(session, person, facts)
        return page(
            "people/show.html", person=person, facts=facts, explained=explained,
            menu=navigation(explained.actor), lately=staff.lately(session, person.id, current_actor()),
            preview=staff.newest_orders(session, explained.actor.stores),
            can={
                "change": rules.why_not_change(manager, facts),
                "deactivate": rules.why_not_deactivate(manager, facts),
                "reactivate": rules.why_not_reactivate(manager, facts),
                "access": rules.why_not_send_access(manager, facts),
                "sign_out": rules.why_not_end_sessions(manager, facts),
                "second_step": rules.why_not_take_second_step(manager, facts),
            },
            leaving=rules.leaving(manager, facts), events=EVENTS,
            replaces_password=bool(person.password) and access_mail() == "temporary_password",
        )  # fmt: skip

    @expose(f"/<{PK}:person_id>/edit", methods=["GET", "POST"])
    @has_access
    @permission_name("edit")
    @require_fresh_proof()
    def edit(self, person_id: int) -> Response:
        """Names, role, teams, stores. What lies beyond a lead's reach stays as it is."""
        manager = _manager()
        person, facts = _person(manager, person_id)
        if request.method != "POST":
            return self._edit_page(manager, person, facts)
        form = request.form
        try:
            role = _changed("role") if "role" in form else None
            wanted = Change(
                _changed("first_name"), _changed("last_name"), None if role is None else _role(role),
                boxes("teams", rules.TEAM_UNKNOWN, self._shown_teams(manager, facts)),
                boxes("stores", rules.STORE_UNKNOWN, self._shown_stores(manager, facts)),
            )  # fmt: skip
            with transaction():
                actions.change(session, _manager(), person_id, wanted)
        except Invalid as invalid:
            return self._edit_page(manager, person, facts, 422, errors=invalid.errors)
        flash(gettext("Saved. It holds from the next page they open."), "success")
        return redirect(url_for("PersonView.show", person_id=person_id), 303)

    def _shown_teams(self, manager: Manager, facts: PersonFacts) -> frozenset[int]:
        """The person's teams that the form shows: a lead no others than the own."""
        return facts.teams if manager.rules_all else facts.teams & manager.teams

    def _shown_stores(self, manager: Manager, facts: PersonFacts) -> frozenset[int]:
        return frozenset(store for store in facts.grants if manager.actor.sees(store))

    def _edit_page(
        self, manager: Manager, person: Person, facts: PersonFacts, status: int = 200, **values: object
    ) -> Response:
        teams, stores = staff.choices(session, manager)
        form, posted = request.form, request.method == "POST"
        roles = _roles(manager) if rules.why_not_role(manager, facts, Role.ADMIN) is None else []
        return page(
            "people/edit.html", status, person=person, facts=facts, role_options=_role_options(roles),
            team_options=options(teams), store_options=options(stores),
            refusal=rules.why_not_change(manager, facts),
            first_name=form.get("first_name", "") if posted else person.first_name,
            last_name=form.get("last_name", "") if posted else person.last_name,
            role=form.get("role", "") if posted else (facts.role.value if facts.role else ""),
            chosen_teams=form.getlist("teams") if posted else [str(i) for i in facts.teams],
            chosen_stores=form.getlist("stores") if posted else [str(i) for i in facts.grants],
            had={
                "first_name": person.first_name, "last_name": person.last_name,
                "role": facts.role.value if facts.role else "",
                "teams": joined(self._shown_teams(manager, facts)),
                "stores": joined(self._shown_stores(manager, facts)),
            } | {name: form[f"had_{name}"] for name in HAD if f"had_{name}" in form},
            **values,
        )  # fmt: skip

    @expose(f"/<{PK}:person_id>/deactivate", methods=["POST"])
    @has_access
    @permission_name("deactivate")
    @require_fresh_proof()
    def deactivate(self, person_id: int) -> Response:
        """Close the account, or (a lead) remove the person from the lead's teams."""
        with transaction():
            outcome = actions.deactivate(session, _manager(), person_id)
        closed = gettext("The account is deactivated and signed out everywhere.")
        flash(closed if outcome.closes else gettext("The person has left your teams."), "success")
        return redirect(url_for("PersonView.list"), 303)

    @expose(f"/<{PK}:person_id>/reactivate", methods=["POST"])
    @has_access
    @permission_name("reactivate")
    @require_fresh_proof()
    def reactivate(self, person_id: int) -> Response:
        """Open the account again."""
        with transaction():
            actions.reactivate(session, _manager(), person_id, how=access_mail())
        return self._done(person_id, gettext("The account is active again. Access data is on its way."))

    @expose(f"/<{PK}:person_id>/access", methods=["POST"])
    @has_access
    @permission_name("invite")
    @require_fresh_proof()
    def access(self, person_id: int) -> Response:
        """Send access data again."""
        with transaction():
            actions.send_access(session, _manager(), person_id, how=access_mail())
        return self._done(person_id, gettext("Access data is on its way."))

    @expose(f"/<{PK}:person_id>/sign-out", methods=["POST"])
    @has_access
    @permission_name("deactivate")
    @require_fresh_proof()
    def sign_out(self, person_id: int) -> Response:
        """Sign the person out everywhere."""
        with transaction():
            actions.end_all_sessions(session, _manager(), person_id)
        return self._done(person_id, gettext("They are signed out everywhere."))

    @expose(f"/<{PK}:person_id>/second-step", methods=["POST"])
    @has_access
    @permission_name("reactivate")
    @require_fresh_proof()
    def second_step(self, person_id: int) -> Response:
        """Take the second step away."""
        with transaction():
            actions.take_second_step(session, _manager(), person_id)
        return self._done(person_id, gettext("The second step is off for this person."))

    def _done(self, person_id: int, message: str) -> Response:
        flash(message, "success")
        return redirect(url_for("PersonView.show", person_id=person_id), 303)
