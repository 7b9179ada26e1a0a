"""retention and holds"""

from alembic import op

from auditwright.storage.postgresql.migrations import run_file

revision = "005"
down_revision = "004"


def upgrade() -> None:
    """Make the table of holds, and the table that lets a transaction delete expired entries."""
    op.execute("""
CREATE TABLE audit_hold (
    account_id text COLLATE "C" PRIMARY KEY,
    until timestamptz,
    reason text NOT NULL,
    created_at timestamptz NOT NULL
)""")
    op.execute("""
CREATE TABLE audit_retention (
    transaction_id xid8 NOT NULL,
    before uuid NOT NULL,
    account_id text COLLATE "C"
)""")
    run_file("audit_refuse_2")
