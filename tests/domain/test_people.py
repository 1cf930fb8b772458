"""Who may change whom: the rules alone."""

import pytest

from app.domain import people as rules
from app.domain.access import ALL_STORES, SYSTEM, Actor, Role
from app.domain.people import Manager, PersonFacts

BLUE, RED, EU, RIVAL = 1, 2, 10, 20


def actor(role, id_=1, stores=frozenset({EU})):
    return Actor(id=id_, login="x", name="X", roles=frozenset({role.value}), stores=stores)


LEAD = Manager(actor(Role.LEAD), frozenset({BLUE}))
ADMIN = Manager(actor(Role.ADMIN, stores=ALL_STORES))
SPECIALIST = Manager(actor(Role.SPECIALIST), frozenset({BLUE}))
COMMAND = Manager(SYSTEM)


def person(role=Role.SPECIALIST, id_=5, active=True, teams=(BLUE,), grants=(), second=False):
    return PersonFacts(id_, role, active, frozenset(teams), frozenset(grants), second)


def test_who_exists_for_whom():
    assert LEAD.knows(person())
    assert not LEAD.knows(person(teams=(RED,)))
    assert not LEAD.knows(person(teams=()))
    assert not SPECIALIST.knows(person())
    assert SPECIALIST.knows(person(id_=1))
    assert ADMIN.knows(person(teams=()))
    assert COMMAND.knows(person(teams=()))


@pytest.mark.parametrize(
    ("manager", "who", "refusal"),
    [
        (LEAD, person(), None),
        (LEAD, person(role=None), None),
        (LEAD, person(role=Role.LEAD), rules.NOT_YOURS),
        (LEAD, person(role=Role.ADMIN), rules.NOT_YOURS),
        (LEAD, person(id_=1), rules.YOURSELF),
        (ADMIN, person(role=Role.ADMIN), None),
        (ADMIN, person(id_=1), None),
        (COMMAND, person(role=Role.ADMIN), None),
    ],
)
def test_changing(manager, who, refusal):
    assert rules.why_not_change(manager, who) == refusal


@pytest.mark.parametrize(
    ("manager", "who", "role", "refusal"),
    [
        (LEAD, None, Role.SPECIALIST, None),
        (LEAD, None, Role.LEAD, rules.ROLE_ABOVE),
        (LEAD, person(), Role.ADMIN, rules.ROLE_ABOVE),
        (LEAD, person(role=Role.LEAD), Role.LEAD, None),
        (ADMIN, person(), Role.ADMIN, None),
        (ADMIN, person(id_=1, role=Role.ADMIN), Role.SPECIALIST, rules.YOURSELF),
        (ADMIN, None, Role.ADMIN, None),
    ],
)
def test_giving_a_role(manager, who, role, refusal):
    assert rules.why_not_role(manager, who, role) == refusal


@pytest.mark.parametrize(
    ("before", "after", "refusal"),
    [
        ({BLUE}, {BLUE}, None), ({BLUE, RED}, {RED}, None), ({BLUE}, set(), rules.TEAM_NEEDED), (set(), {BLUE}, None),
        ({RED}, {RED, BLUE}, None),
        ({RED}, {BLUE}, rules.TEAM_NOT_YOURS), ({BLUE}, {BLUE, RED}, rules.TEAM_NOT_YOURS),
    ],
)  # fmt: skip
def test_a_lead_gives_and_takes_own_teams(before, after, refusal):
    assert rules.why_not_teams(LEAD, frozenset(before), frozenset(after)) == refusal
    assert rules.why_not_teams(ADMIN, frozenset(before), frozenset(after)) is None


@pytest.mark.parametrize(
    ("before", "after", "refusal"),
    [
        (set(), {EU}, None), ({EU}, set(), None), ({RIVAL}, {RIVAL, EU}, None),
        ({RIVAL}, set(), rules.STORE_NOT_YOURS), (set(), {EU, RIVAL}, rules.STORE_NOT_YOURS),
    ],
)  # fmt: skip
def test_a_lead_gives_and_takes_own_stores(before, after, refusal):
    assert rules.why_not_stores(LEAD, frozenset(before), frozenset(after)) == refusal
    assert rules.why_not_stores(ADMIN, frozenset(before), frozenset(after)) is None


def test_a_new_person_needs_a_place():
    nothing, blue, eu = frozenset(), frozenset({BLUE}), frozenset({EU})
    assert rules.why_not_place(LEAD, Role.SPECIALIST, blue, nothing) is None
    assert rules.why_not_place(LEAD, Role.SPECIALIST, nothing, eu) == rules.TEAM_NEEDED
    assert rules.why_not_place(LEAD, Role.SPECIALIST, frozenset({RED}), eu) == rules.TEAM_NEEDED
    assert rules.why_not_place(ADMIN, Role.SPECIALIST, nothing, nothing) == rules.PLACE_NEEDED
    assert rules.why_not_place(ADMIN, Role.SPECIALIST, nothing, eu) is None
    assert rules.why_not_place(ADMIN, Role.LEAD, blue, nothing) is None
    assert rules.why_not_place(ADMIN, Role.LEAD, nothing, nothing) == rules.PLACE_NEEDED
    assert rules.why_not_place(ADMIN, Role.ADMIN, blue, eu) is None
    assert rules.why_not_place(COMMAND, Role.LEAD, nothing, nothing) is None
    assert rules.why_not_place(ADMIN, Role.ADMIN, nothing, nothing) is None
    assert rules.why_not_place(COMMAND, Role.SPECIALIST, nothing, nothing) is None


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        (person(active=False, teams=()), None),
        (person(role=None, active=False, teams=()), None),
        (person(teams=()), rules.EMAIL_TAKEN),
        (person(active=False, teams=(RED,)), rules.EMAIL_TAKEN),
        (person(active=False, teams=(BLUE,)), rules.EMAIL_KNOWN),
        (person(), rules.EMAIL_KNOWN),
        (person(active=False, teams=(), grants=(EU,)), rules.EMAIL_TAKEN),
        (person(role=Role.LEAD, active=False, teams=()), rules.EMAIL_TAKEN),
        (person(role=Role.ADMIN, active=False, teams=()), rules.EMAIL_TAKEN),
    ],
)
def test_a_lead_takes_back_whom_a_lead_let_go(who, refusal):
    assert rules.why_not_invite_again(LEAD, who) == refusal
    assert rules.why_not_invite_again(ADMIN, who) == rules.EMAIL_KNOWN
    assert rules.why_not_invite_again(COMMAND, who) == rules.EMAIL_KNOWN


@pytest.mark.parametrize(
    ("shown", "ticked", "held", "after"),
    [
        ({1, 2}, {1, 2}, {1, 2}, {1, 2}),
        ({1, 2}, {2, 3}, {1, 2}, {2, 3}),
        ({1}, {1}, {1, 9}, {1, 9}),  # given by somebody else meanwhile
        ({1, 2}, {1, 2}, {1}, {1}),  # taken by somebody else meanwhile
        ({1}, {1, 2}, {9}, {9, 2}),
        (set(), set(), {7}, {7}),
    ],
)
def test_of_a_forms_boxes_only_the_difference_is_wanted(shown, ticked, held, after):
    assert rules.Boxes(frozenset(shown), frozenset(ticked)).applied_to(frozenset(held)) == after


def test_deactivating_and_coming_back():
    assert rules.why_not_deactivate(LEAD, person()) is None
    assert rules.why_not_deactivate(LEAD, person(active=False)) == rules.ALREADY_CLOSED
    assert rules.why_not_deactivate(LEAD, person(role=Role.LEAD)) == rules.NOT_YOURS
    assert rules.why_not_deactivate(ADMIN, person(id_=1, role=Role.ADMIN)) == rules.YOURSELF
    assert rules.why_not_reactivate(LEAD, person(active=False)) == rules.ADMIN_REOPENS
    assert rules.why_not_reactivate(ADMIN, person()) == rules.ALREADY_OPEN
    assert rules.why_not_reactivate(ADMIN, person(active=False)) is None


def test_access_sessions_and_second_step():
    assert rules.why_not_send_access(LEAD, person()) is None
    assert rules.why_not_send_access(LEAD, person(active=False)) == rules.NO_ACCESS_MAIL
    assert rules.why_not_send_access(LEAD, person(role=Role.ADMIN)) == rules.NOT_YOURS
    assert rules.why_not_end_sessions(SPECIALIST, person(id_=1)) is None
    assert rules.why_not_end_sessions(LEAD, person(role=Role.LEAD)) == rules.NOT_YOURS
    assert rules.why_not_take_second_step(LEAD, person(second=True)) == rules.ADMIN_ONLY
    assert rules.why_not_take_second_step(ADMIN, person(id_=1, second=True)) == rules.YOURSELF
    assert rules.why_not_take_second_step(ADMIN, person()) == rules.NO_SECOND_STEP
    assert rules.why_not_take_second_step(ADMIN, person(second=True)) is None


@pytest.mark.parametrize(
    ("manager", "who", "left", "back", "closes"),
    [
        (LEAD, person(), {BLUE}, set(), True),
        (LEAD, person(teams=(BLUE, RED)), {BLUE}, set(), False),
        (LEAD, person(grants=(EU,)), {BLUE}, {EU}, True),
        (LEAD, person(grants=(EU, RIVAL)), {BLUE}, {EU}, False),
        (LEAD, person(teams=(BLUE, RED), grants=(EU,)), {BLUE}, {EU}, False),
        (ADMIN, person(teams=(BLUE, RED), grants=(EU,)), set(), set(), True),
    ],
)
def test_what_leaving_does(manager, who, left, back, closes):
    outcome = rules.leaving(manager, who)
    assert (outcome.teams, outcome.stores, outcome.closes) == (left, back, closes)


@pytest.mark.parametrize(
    ("roles", "highest"),
    [({"Lead", "Specialist"}, Role.LEAD), ({"Admin"}, Role.ADMIN), ({"Public"}, None), (set(), None)],
)
def test_the_highest_role(roles, highest):
    assert rules.highest(roles) == highest


@pytest.mark.parametrize(
    ("typed", "email", "good"),
    [
        (" Ann@Example.ORG ", "ann@example.org", True), ("ａnn@example.org", "ann@example.org", True),
        ("ann+tag@sub.example.co.uk", "ann+tag@sub.example.co.uk", True), ("иван@пример.рф", "иван@пример.рф", True),
        ("Ann@Straße.example", "ann@straße.example", True),
        ("ann", "ann", False), ("a@b@c", "a@b@c", False), ("a b@c.d", "a b@c.d", False), ("@c.d", "@c.d", False),
        ("a@", "a@", False), ("a@b..c", "a@b..c", False), ("a@b.", "a@b.", False), ("a@b-", "a@b-", False),
        ("a\r\nBcc:x@y", "a\r\nbcc:x@y", False), ("x" * 65 + "@c.d", "x" * 65 + "@c.d", False),
        ("", "", False), ("a,b@c.d", "a,b@c.d", False), ("<a@c.d>", "<a@c.d>", False),
    ],
)  # fmt: skip
def test_addresses(typed, email, good):
    assert rules.clean_email(typed) == (email, None if good else rules.EMAIL_BAD)


def test_a_long_address():
    assert rules.clean_email("a@" + "b" * 253)[1] == rules.EMAIL_LONG


@pytest.mark.parametrize(
    ("typed", "name", "good"),
    [("  Ann   Marie ", "Ann Marie", True), ("", "", False), ("x" * 64, "x" * 64, True), ("x" * 65, "x" * 65, False),
     ("a\x07", "a\x07", False), ("e\u0301", "é", True), ("a\ud800", "a\ud800", False)],
)  # fmt: skip
def test_names(typed, name, good):
    assert rules.clean_name(typed) == (name, None if good else rules.NAME_BAD)


def test_lines_of_an_invitation():
    typed = (
        'a@example.org\r\n"Ann Marie Example" <ANN@example.org>,\n\n  ; \nCher <c@example.org>\na@example.org\nnonsense'
    )
    assert rules.parse_addresses(typed) == [
        ("a@example.org", "", ""),
        ("ann@example.org", "Ann", "Marie Example"),
        ("c@example.org", "Cher", ""),
        ("nonsense", "", ""),
    ]
