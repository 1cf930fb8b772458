"""${message}

A migration must not break the code of the version before it, and must not hold a lock for long:
add columns nullable, build indexes on large tables CONCURRENTLY, backfill in a migration of its own.
"""

import sqlalchemy as sa
from alembic import op

import app.models.base as types
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
