"""The world of the people screens."""

import pytest

from tests.views.people_world import World


@pytest.fixture
def world(app, make):
    return World(app, make)
