"""Somebody with a password, for tests of signing in."""

import pytest

from tests.security.support import give_password


@pytest.fixture
def ann(app, make):
    person_id = make.person("ann@example.org", stores=("acme-eu",))
    give_password(app, person_id)
    return person_id
