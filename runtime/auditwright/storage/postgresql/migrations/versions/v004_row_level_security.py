"""row-level security by account"""

from alembic import op

revision = "004"
down_revision = "003"


def upgrade() -> None:
    """Show roles other than the owner only the entries of the account that the session names."""
    op.execute("ALTER TABLE audit_entry ENABLE ROW LEVEL SECURITY")
    op.execute("""
CREATE POLICY audit_entry_of_account ON audit_entry FOR SELECT TO PUBLIC
USING (account_id = nullif(current_setting('auditwright.account_id', true), ''))""")
