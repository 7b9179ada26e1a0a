"""the objects that entries identify, and indexes of outcomes and of whose behalf"""

from alembic import op

from auditwright.storage.postgresql.migrations import run_file

revision = "012"
down_revision = "011"

FUNCTIONS = {"audit_target_ids": "jsonb", "audit_add_targets": "", "audit_index_targets": ""}
INDEXES = {
    "audit_entry_failure": "(account_id, event, id) WHERE outcome = 'failure'",
    "audit_entry_on_behalf_of": "(account_id, on_behalf_of_id, event, id) WHERE on_behalf_of_id IS NOT NULL",
}


def upgrade() -> None:
    """Make the tables of targets, the trigger that fills them, and the readers' right to read them.

    The indexes are made of empty partitions only: `indexing.py` makes the others, without a lock.
    CREATE TRIGGER waits for open transactions that have recorded, and recording waits for it, for a moment.
    """
    op.execute("""
CREATE TABLE audit_target (
    account_id text COLLATE "C" NOT NULL,
    target text COLLATE "C" NOT NULL,
    event text COLLATE "C" NOT NULL,
    id uuid NOT NULL,
    actor_id text COLLATE "C",
    PRIMARY KEY (account_id, target, event, id)
) PARTITION BY RANGE (id)""")
    op.execute("""
CREATE TABLE audit_target_field (
    event text COLLATE "C" NOT NULL,
    field text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    indexed_from uuid NOT NULL,
    PRIMARY KEY (event, field, type)
)""")
    run_file("audit_refuse_3")
    op.execute("""
CREATE TRIGGER audit_target_no_change BEFORE UPDATE OR DELETE ON audit_target
FOR EACH ROW EXECUTE FUNCTION audit_refuse()""")
    op.execute("""
CREATE TRIGGER audit_target_no_truncate BEFORE TRUNCATE ON audit_target
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()""")
    op.execute("ALTER TABLE audit_target ENABLE ROW LEVEL SECURITY")
    op.execute("""
CREATE POLICY audit_target_of_account ON audit_target FOR SELECT TO PUBLIC
USING (account_id = nullif(current_setting('auditwright.account_id', true), ''))""")
    op.execute("""
DO $$
DECLARE
    reader text;
BEGIN
    FOR reader IN
        SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END
        FROM pg_class, aclexplode(relacl)
        WHERE pg_class.oid = 'audit_entry'::regclass AND privilege_type = 'SELECT' AND grantee <> relowner
    LOOP
        EXECUTE 'GRANT SELECT ON audit_target TO ' || reader;
    END LOOP;
END $$""")
    run_file("audit_add_partition_2")
    for name, arguments in FUNCTIONS.items():
        run_file(f"{name}_1")
        op.execute(f"REVOKE ALL ON FUNCTION {name}({arguments}) FROM PUBLIC")
    for index, definition in INDEXES.items():
        op.execute(f"CREATE INDEX {index} ON ONLY audit_entry {definition}")
    op.execute("""
DO $$
DECLARE
    part record;
    is_empty boolean;
    index record;
BEGIN
    FOR part IN
        SELECT relname AS name, replace(relname, 'audit_entry', 'audit_target') AS made,
            pg_get_expr(relpartbound, inhrelid) AS bounds
        FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'audit_entry'::regclass
    LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF audit_target %s', part.made, part.bounds);
        EXECUTE format('CREATE TRIGGER audit_target_no_truncate BEFORE TRUNCATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()', part.made);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', part.made);
        EXECUTE format('SELECT NOT EXISTS (SELECT FROM ONLY %I)', part.name) INTO is_empty;
        CONTINUE WHEN NOT is_empty;
        FOR index IN
            SELECT relname AS parent, replace(relname, 'audit_entry', part.name) AS name,
                regexp_replace(pg_get_indexdef(oid), '^.* USING', 'USING') AS definition
            FROM pg_class WHERE oid IN ('audit_entry_failure'::regclass, 'audit_entry_on_behalf_of'::regclass)
        LOOP
            EXECUTE format('CREATE INDEX %I ON %I %s', index.name, part.name, index.definition);
            EXECUTE format('ALTER INDEX %I ATTACH PARTITION %I', index.parent, index.name);
        END LOOP;
    END LOOP;
END $$""")
    op.execute("""
CREATE TRIGGER audit_entry_targets AFTER INSERT ON audit_entry REFERENCING NEW TABLE AS recorded
FOR EACH STATEMENT EXECUTE FUNCTION audit_add_targets()""")
