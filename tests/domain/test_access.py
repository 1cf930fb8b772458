"""Who an actor is and which stores are theirs (contract.md 3)."""

import pytest

from app.domain.access import ALL_STORES, NO_STORES, PLATFORM, SYSTEM, Actor


def actor(*roles, **values):
    return Actor(id=1, login="ann", name="Ann", roles=frozenset(roles), **values)


@pytest.mark.parametrize(
    ("roles", "admin", "lead"),
    [((), False, False), (("Specialist",), False, False), (("Lead",), False, True), (("Admin",), True, False),
     (("Admin", "Lead"), True, True)],
)  # fmt: skip
def test_roles_are_told_apart(roles, admin, lead):
    assert (actor(*roles).is_admin, actor(*roles).is_lead) == (admin, lead)


def test_a_permission_is_a_verb_at_a_view():
    one = actor(permissions=frozenset({("can_list", "OrderView")}))
    assert one.may("can_list", "OrderView")
    assert not one.may("can_list", "RefundView")
    assert not one.may("can_show", "OrderView")


def test_stores_in_scope():
    assert actor(stores=frozenset({1, 2})).sees(2)
    assert not actor(stores=frozenset({1, 2})).sees(3)
    assert not actor().sees(1)
    assert actor().stores == NO_STORES
    assert actor(stores=ALL_STORES).sees(3)


@pytest.mark.parametrize(("one", "login"), [(SYSTEM, "system"), (PLATFORM, "platform")])
def test_who_is_no_person_sees_all_stores_and_holds_no_permission(one, login):
    assert (one.id, one.login, one.stores, one.permissions) == (None, login, ALL_STORES, frozenset())
    assert not one.is_admin
