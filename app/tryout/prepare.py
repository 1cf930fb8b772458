"""``python -m app.tryout.prepare``: bring the database up to date and fill an empty one with demo data.

Exit code 2 when a setting is wrong or the database cannot be reached
(the last line on stderr says which).
"""

from __future__ import annotations

import sys

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from app import create_app, schema
from app.db import database, scope_as, session
from app.domain.access import ALL_STORES
from app.models import Store
from app.security.sync import sync_roles
from config import ConfigError, load


def main(arguments: list[str]) -> int:
    """Prepare; the exit code."""
    try:
        settings = load()
        app = create_app(settings)
    except ConfigError as error:
        print(f"A setting is wrong: {error}.", file=sys.stderr)
        return 2
    with app.app_context():
        try:
            schema.upgrade(database().engine)
        except OperationalError as error:
            reason = str(error.orig).strip().splitlines()[0]
            print(f"The database of DATABASE_URL cannot be used: {reason}.", file=sys.stderr)
            return 2
        sync_roles()
        with scope_as(ALL_STORES):
            empty = session.scalar(sa.select(Store.id).limit(1)) is None
        if empty and "--no-demo" not in arguments:
            from app.tryout.demo import load_demo  # the generator is needed on the first run only

            load_demo(settings.portal_data)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
