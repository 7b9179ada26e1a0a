"""functions that work under any settings of the server"""

from auditwright.storage.postgresql.migrations import run_file

revision = "008"
down_revision = "007"


def upgrade() -> None:
    """Replace the functions whose text or result depended on settings of whoever calls them."""
    run_file("audit_last_month_2")
    run_file("audit_mark_view_2")
