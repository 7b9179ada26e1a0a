"""triggers that refuse to change entries"""

from alembic import op

from auditwright.storage.postgresql.migrations import run_file

revision = "002"
down_revision = "001"


def upgrade() -> None:
    """Refuse UPDATE, DELETE and TRUNCATE by anybody; rights of roles are the first defence."""
    run_file("audit_refuse_1")
    op.execute("REVOKE ALL ON FUNCTION audit_refuse() FROM PUBLIC")
    op.execute("""
CREATE TRIGGER audit_entry_no_change BEFORE UPDATE OR DELETE ON audit_entry
FOR EACH ROW EXECUTE FUNCTION audit_refuse()""")
    op.execute("""
CREATE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON audit_entry
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()""")
