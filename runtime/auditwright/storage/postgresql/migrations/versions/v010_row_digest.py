"""the digest of a whole row"""

from alembic import op

revision = "010"
down_revision = "009"


def upgrade() -> None:
    """Add the column, to the table and its partitions; stored entries have NULL and are not rewritten."""
    op.execute("ALTER TABLE audit_entry ADD COLUMN IF NOT EXISTS row_digest bytea")
