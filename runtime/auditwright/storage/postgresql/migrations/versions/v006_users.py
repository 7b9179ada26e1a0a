"""the users of each account, kept as entries are stored"""

from alembic import op

from auditwright.storage.postgresql.migrations import run_file

revision = "006"
down_revision = "005"


def upgrade() -> None:
    """Make the table of users, the trigger that fills it, and the readers' right to read it.

    CREATE TRIGGER waits for open transactions that have recorded, and recording waits for it, for a moment.
    """
    op.execute("""
CREATE TABLE audit_user (
    account_id text COLLATE "C" NOT NULL,
    actor_id text COLLATE "C" NOT NULL,
    actor_type text COLLATE "C" NOT NULL,
    actor_name text COLLATE "C" NOT NULL,
    first_id uuid NOT NULL
)""")
    op.execute("CREATE INDEX audit_user_actor ON audit_user (account_id, actor_id)")
    op.execute("ALTER TABLE audit_user ENABLE ROW LEVEL SECURITY")
    op.execute("""
CREATE POLICY audit_user_of_account ON audit_user FOR SELECT TO PUBLIC
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
        EXECUTE 'GRANT SELECT ON audit_user TO ' || reader;
    END LOOP;
END $$""")
    run_file("audit_add_users_1")
    op.execute("REVOKE ALL ON FUNCTION audit_add_users() FROM PUBLIC")
    op.execute("""
CREATE TRIGGER audit_entry_users AFTER INSERT ON audit_entry REFERENCING NEW TABLE AS recorded
FOR EACH STATEMENT EXECUTE FUNCTION audit_add_users()""")
