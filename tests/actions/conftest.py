"""Ann, who asks, and Bo, who decides, for the tests of actions."""

import pytest

from tests.actions.support import actor


@pytest.fixture
def ann(app, make):
    return actor(app, make.person("ann@example.org", stores=("acme-eu",), first_name="Ann", last_name="Lee"))


@pytest.fixture
def boss(app, make):
    return actor(app, make.person("boss@example.org", role="Admin", first_name="Bo", last_name="Ss"))
