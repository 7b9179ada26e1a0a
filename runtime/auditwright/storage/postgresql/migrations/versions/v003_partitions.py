"""a partition for each month, made ahead"""

from alembic import op

from auditwright.storage.postgresql.migrations import run_file

revision = "003"
down_revision = "002"

FUNCTIONS = {
    "audit_first_id": "timestamp",
    "audit_last_month": "",
    "audit_add_partition": "text, uuid, uuid",
    "audit_make_partitions": "integer",
}


def upgrade() -> None:
    """Make the partitions of this month and the next three, and one for all older ids."""
    for name, arguments in FUNCTIONS.items():
        run_file(f"{name}_1")
        op.execute(f"REVOKE ALL ON FUNCTION {name}({arguments}) FROM PUBLIC")
    op.execute("SELECT audit_make_partitions(3)")
