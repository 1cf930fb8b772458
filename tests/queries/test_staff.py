"""Reads about people and the audit: who sees whom, and whose entries."""

import dataclasses

import sqlalchemy as sa

from app.actions import audit
from app.db import scope_as, session, transaction
from app.domain import audit as events
from app.domain.access import ALL_STORES, Actor
from app.models import AuditEntry, RefundRequest
from app.queries import staff
from app.queries.audit import AuditFilter, list_entries
from app.queries.order_actions import sent_before
from app.queries.refunds import refund_requests
from tests.actions.support import NOW, actor


def note(who, **about):
    with transaction():
        audit.record(session, who, events.ORDER_VIEWED, **about)


def test_nobody_is_in_no_team(context):
    assert staff.teams_of(session, None) == frozenset()


def test_a_stranger_is_not_even_read(app, make):
    blue, red = make.team("Blue", "acme-eu"), make.team("Red", "rival")
    member, far = make.person("in@example.org", teams=(blue,)), make.person("far@example.org", teams=(red,))
    lead = actor(app, make.person("lead@example.org", "Lead", teams=(blue,)))
    plain = actor(app, make.person("plain@example.org", teams=(blue,)))

    def asked(manager, person_id):
        engine, seen = session.get_bind(), []

        def note(_connection, _cursor, statement, *_more):
            seen.append(statement)

        sa.event.listen(engine, "before_cursor_execute", note)
        found = staff.find_person(session, manager, person_id)
        sa.event.remove(engine, "before_cursor_execute", note)
        return found, seen

    with app.app_context(), scope_as(ALL_STORES):
        manager = staff.manager_of(session, lead)
        (stranger, of_stranger), (nobody, of_nobody) = asked(manager, far), asked(manager, 999_999)
        assert stranger is nobody is None
        assert of_stranger == of_nobody
        assert len(of_nobody) == 1
        assert staff.find_person(session, manager, member)[0].id == member
        assert staff.find_person(session, manager, lead.id)[0].id == lead.id
        assert staff.find_person(session, staff.manager_of(session, plain), member) is None
        assert staff.find_person(session, staff.manager_of(session, plain), plain.id)[0].id == plain.id


def test_people_of_one_team(app, make):
    blue, red = make.team("Blue", "acme-eu"), make.team("Red", "rival")
    inside = make.person("in@example.org", teams=(blue,))
    make.person("out@example.org", teams=(red,))
    boss = actor(app, make.person("boss@example.org", "Admin"))
    with app.app_context(), scope_as(ALL_STORES):
        rows, more = staff.list_people(session, staff.manager_of(session, boss), team=blue)
        assert [row.person.id for row in rows] == [inside]
        assert not more


def test_the_audit_is_for_administrators_and_leads(app, make):
    blue = make.team("Blue", "acme-eu")
    mine, theirs = make.store("acme-eu"), make.store("rival")
    member = actor(app, make.person("member@example.org", teams=(blue,)))
    lead = actor(app, make.person("lead@example.org", "Lead", teams=(blue,)))
    boss = actor(app, make.person("boss@example.org", "Admin"))
    far = actor(app, make.person("far@example.org", stores=("rival",)))
    with app.app_context(), scope_as(ALL_STORES):
        note(member, order_id=1, store_id=mine)
        note(far, order_id=2, store_id=theirs)
        seen = {
            who.login: [e.order_id for e in list_entries(session, who, AuditFilter())]
            for who in (member, lead, boss, Actor(id=None, login="", name=""))
        }
    assert seen == {"member@example.org": [], "lead@example.org": [1], "boss@example.org": [2, 1], "": []}


def test_a_page_of_the_audit_ends_where_the_next_begins(app, make):
    boss = actor(app, make.person("boss@example.org", "Admin"))
    with app.app_context(), scope_as(ALL_STORES):
        for number in range(5):
            note(boss, order_id=number)
        first = list_entries(session, boss, AuditFilter(), limit=2)
        assert [e.order_id for e in first] == [4, 3, 2]
        second = list_entries(session, boss, AuditFilter(), before=first[1].id, limit=2)
        assert [e.order_id for e in second] == [2, 1, 0]
        assert session.scalar(sa.select(sa.func.count()).select_from(AuditEntry)) == 5


def test_a_page_of_requests_ends_where_the_next_begins(app, make):
    boss = actor(app, make.person("boss@example.org", "Admin"))
    orders, store = [make.order() for _ in range(3)], make.store()
    with app.app_context(), scope_as(ALL_STORES):
        with transaction():
            ids = []
            for order_id in orders:
                request = RefundRequest(
                    order_id=order_id, store_id=store, status="sent", reason="x", amount=1, currency="EUR",
                    requested_at=NOW, updated_at=NOW,
                )  # fmt: skip
                session.add(request)
                session.flush()
                ids.append(request.id)

        def shown(status, before=None):
            page = refund_requests(session, boss, NOW, status=status, before=before)
            return [row.id for row in page.rows]

        assert shown("open") == ids, "the oldest first, as they have to be decided"
        assert shown("open", before=ids[0]) == ids[1:]
        assert shown("all") == ids[::-1]
        assert shown("all", before=ids[1]) == ids[:1]


def test_resends_of_another_store_are_not_told(app, make):
    from app.models import Action
    from app.models.base import utcnow

    order_id, store = make.order(), make.store()
    who = actor(app, make.person("ann@example.org", stores=("acme-eu",)))
    with app.app_context(), scope_as(ALL_STORES):
        with transaction():
            for number in range(5):
                session.add(
                    Action(
                        kind="resend_license", order_id=order_id, store_id=store, subject="l1", actor_id=who.id,
                        request_token=f"form-token-{number}", key=f"key-{number}", state="done", finished_at=utcnow(),
                    )
                )  # fmt: skip
        assert len(sent_before(session, who, order_id)["l1"]) == 3
        blind = dataclasses.replace(who, stores=frozenset())
        assert sent_before(session, blind, order_id) == {}


def test_only_the_newest_entries_of_a_person_are_looked_at_for_one_to_show(app, make, monkeypatch):
    from app.queries import audit as queries

    monkeypatch.setattr(queries, "RECENT", 2)
    blue = make.team("Blue", "acme-eu")
    mine, theirs = make.store("acme-eu"), make.store("rival")
    member = actor(app, make.person("member@example.org", teams=(blue,), stores=("rival",)))
    quiet = make.person("quiet@example.org", teams=(blue,))
    lead = actor(app, make.person("lead@example.org", "Lead", teams=(blue,)))
    boss = actor(app, make.person("boss@example.org", "Admin"))
    with app.app_context(), scope_as(ALL_STORES):

        def newest(who):
            found = queries.newest_entries(session, who, [member.id, quiet])
            return {person: entry.order_id for person, entry in found.items()}

        note(member, order_id=1, store_id=mine)
        note(member, order_id=2, store_id=theirs)
        assert (newest(lead), newest(boss)) == ({member.id: 1}, {member.id: 2})
        note(member, order_id=3)
        assert newest(lead) == {member.id: 3}
        for order_id in (4, 5):
            note(member, order_id=order_id, store_id=theirs)
        assert (newest(lead), newest(boss)) == ({}, {member.id: 5})
