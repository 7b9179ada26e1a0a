"""outcome, context, and on whose behalf"""

from alembic import op

revision = "011"
down_revision = "010"

COLUMNS = (
    "outcome text COLLATE \"C\" DEFAULT 'success'",
    'failure_reason text COLLATE "C"',
    'on_behalf_of_type text COLLATE "C"',
    'on_behalf_of_id text COLLATE "C"',
    'on_behalf_of_name text COLLATE "C"',
    "context json",
)
CONSTRAINTS = {
    "outcome": """
    coalesce(outcome = 'success' AND failure_reason IS NULL OR outcome = 'failure', false)
    AND char_length(failure_reason) BETWEEN 1 AND 300""",
    "on_behalf_of": """
    coalesce(on_behalf_of_type, on_behalf_of_id, on_behalf_of_name) IS NULL
    OR coalesce(on_behalf_of_type IN ('user', 'app'), false)
    AND coalesce(char_length(on_behalf_of_id), 0) BETWEEN 1 AND 256
    AND octet_length(on_behalf_of_name) <= 4096""",
    "context": "json_typeof(context) = 'object' AND octet_length(context::text) <= 16384",
}


def upgrade() -> None:
    """Add the columns, and their constraints for new entries; stored entries are neither read nor rewritten.

    A writer from before does not know the columns: its entries get the default.
    """
    columns = ", ".join(f"ADD COLUMN IF NOT EXISTS {each}" for each in COLUMNS)
    constraints = ", ".join(
        f"ADD CONSTRAINT audit_entry_{part} CHECK ({sql}) NOT VALID" for part, sql in CONSTRAINTS.items()
    )
    op.execute(f"ALTER TABLE audit_entry {columns}, {constraints}")
