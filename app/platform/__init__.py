"""The commerce platform seen from the portal: one port, and who stands behind it (contract.md 5).

``platform()`` gives what the settings ask for: the portal's own tables in standalone mode, HTTP otherwise.
"""

from __future__ import annotations

from app.platform.noventiq import Noventiq
from app.platform.port import Platform
from app.platform.standalone import Standalone
from app.platform.tokens import DatabaseTokens
from app.settings import settings

BUDGET_SHARE = 0.75
"""Of a job's time: what is left must do for the reading before the calls and the writing after them."""


def platform() -> Platform:
    """A platform for one piece of work; over HTTP it has its own connection and its own budget of time."""
    found = settings()
    if found.platform_url is None:
        return Standalone()
    timing = found.queue_timing
    return Noventiq(
        found.platform_url,
        found.platform_username,
        found.platform_password,
        DatabaseTokens(),
        read=timing["call"],
        budget=timing["job"] * BUDGET_SHARE,
    )
