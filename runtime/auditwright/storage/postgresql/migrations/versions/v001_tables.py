"""the entries, and the tables that describe a catalog"""

from alembic import op

from auditwright.storage.postgresql.migrations import run_file

revision = "001"
down_revision = None


def upgrade() -> None:
    """Make the tables that every catalog needs; the columns are those of `entry.columns`."""
    op.execute("""
CREATE TABLE audit_entry (
    account_id text COLLATE "C" NOT NULL,
    id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    level text COLLATE "C" NOT NULL,
    category text COLLATE "C" NOT NULL,
    event text COLLATE "C" NOT NULL,
    actor_type text COLLATE "C" NOT NULL,
    actor_id text COLLATE "C",
    actor_name text COLLATE "C",
    ip_address inet,
    description text COLLATE "C" NOT NULL,
    catalog_version text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    alterations json,
    metadata jsonb NOT NULL,
    PRIMARY KEY (account_id, id)
) PARTITION BY RANGE (id)""")
    op.execute("CREATE INDEX audit_entry_event ON audit_entry (account_id, event, id)")
    op.execute("CREATE INDEX audit_entry_user ON audit_entry (account_id, actor_id, event, id)")
    op.execute("""
CREATE TABLE audit_category (
    key text COLLATE "C" PRIMARY KEY,
    level text NOT NULL,
    title text NOT NULL,
    description text NOT NULL
)""")
    op.execute("""
CREATE TABLE audit_event (
    key text COLLATE "C" PRIMARY KEY,
    level text NOT NULL,
    category text NOT NULL,
    title text NOT NULL,
    description text NOT NULL
)""")
    op.execute('CREATE TABLE audit_catalog (version text COLLATE "C" PRIMARY KEY, json text NOT NULL)')
    run_file("audit_mark_view_1")
    op.execute("REVOKE ALL ON FUNCTION audit_mark_view(text, text) FROM PUBLIC")
