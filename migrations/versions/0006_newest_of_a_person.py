"""Find the newest audit entries of a person at once, however much everybody else has done since: for the list of people.

By ``actor_id`` alone PostgreSQL walks back through the whole audit for whoever was not here for long.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade():
    op.create_index("ix_audit_entry_actor", "audit_entry", ["actor_id", "id"])
    op.drop_index("ix_audit_entry_actor_id", "audit_entry")


def downgrade():
    op.create_index("ix_audit_entry_actor_id", "audit_entry", ["actor_id"])
    op.drop_index("ix_audit_entry_actor", "audit_entry")
