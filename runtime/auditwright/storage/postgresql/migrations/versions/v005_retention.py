"""retention and holds"""

from alembic import op

from auditwright.storage.postgresql.migrations import run_file

revision = "005"
down_revision = "004"


def upgrade() -> None:
    """Make the accounts whose entries stay, and the table by which a transaction may delete old ones."""
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
