"""Count the refund requests that wait for the menu, on every page: by store and asker, and nothing but these."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WAITING = sa.text("status IN ('sent','updating')")


def upgrade():
    op.create_index(
        "ix_refund_request_waiting",
        "refund_request",
        ["store_id", "requested_by"],
        postgresql_where=WAITING,
        sqlite_where=WAITING,
    )


def downgrade():
    op.drop_index("ix_refund_request_waiting", "refund_request")
