"""Every way to rewrite the log in PostgreSQL, tried as writer, as reader, as a stranger and as the owner."""

# ruff: noqa: F811 - a fixture of another module is imported, and its name is an argument

from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.support.databases import ALL, PostgreSQLServer
from tests.support.guarded_database import COLUMNS, ROW, Guarded, guarded_database
from tests.support.shops import Shops, shops  # noqa: F401 - a fixture

from auditwright.storage import open_inspection
from auditwright.storage.postgresql.drift import differences
from auditwright.storage.postgresql.owner_connection import become_owner, begin, connect
from auditwright.storage.postgresql.schema import read_state

REFUSED = {
    "42501": "insufficient privilege",
    "42809": "wrong object type: not this way with a partitioned table",
    "42P16": "invalid table definition",
    "42P17": "invalid object definition",
    "55000": "not in this state: a view that cannot be changed",
}
"""The codes of errors by which a statement may be refused; `permission denied` also comes as a warning."""


@pytest.fixture(scope="module")
def guarded(postgresql: PostgreSQLServer, shops: Shops) -> Iterator[Guarded]:
    with guarded_database(postgresql, shops.v1, "attacked") as made:
        yield made


REWRITING = {
    "update": "UPDATE audit_entry SET description = 'x'",
    "update of what the writer may read": "UPDATE audit_entry SET digest = '' WHERE account_id = 'acme'",
    "update of a partition": "UPDATE {partition} SET description = 'x'",
    "delete": "DELETE FROM audit_entry",
    "delete from a partition": "DELETE FROM {partition}",
    "truncate": "TRUNCATE audit_entry",
    "truncate of a partition": "TRUNCATE {partition}",
    "upsert": f"INSERT INTO audit_entry ({COLUMNS}, catalog_version, digest, metadata) "
    f"VALUES ({ROW}, '1', '', "
    "'{{}}') ON CONFLICT (account_id, id) DO UPDATE SET description = 'x'",
    "merge": "MERGE INTO audit_entry AS old USING (SELECT 'acme' AS account_id) AS new "
    "ON old.account_id = new.account_id WHEN MATCHED THEN DELETE",
    "insert into a partition": f"INSERT INTO {{partition}} ({COLUMNS}, catalog_version, digest, metadata) "
    f"VALUES ({ROW}, '1', '', '{{{{}}}}')",
    "copy into a partition": "COPY {partition} FROM PROGRAM 'true'",
    "replica role": "SET session_replication_role = replica",
    "disable trigger": "ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_no_change",
    "disable trigger of a partition": "ALTER TABLE {partition} DISABLE TRIGGER ALL",
    "drop trigger": "DROP TRIGGER audit_entry_no_change ON audit_entry",
    "row-level security off": "ALTER TABLE audit_entry DISABLE ROW LEVEL SECURITY",
    "another policy": "CREATE POLICY mine ON audit_entry USING (true)",
    "drop policy": "DROP POLICY audit_entry_of_account ON audit_entry",
    "detach": "ALTER TABLE audit_entry DETACH PARTITION {partition}",
    "attach": "CREATE TEMP TABLE mine (LIKE audit_entry); "
    "ALTER TABLE audit_entry ATTACH PARTITION mine FOR VALUES FROM ('ffffffff-0000-0000-0000-000000000000') "
    "TO (MAXVALUE)",
    "drop": "DROP TABLE audit_entry",
    "drop partition": "DROP TABLE {partition}",
    "rule": "CREATE RULE mine AS ON INSERT TO audit_entry DO INSTEAD NOTHING",
    "own trigger": "CREATE TRIGGER mine BEFORE INSERT ON audit_entry EXECUTE FUNCTION "
    "suppress_redundant_updates_trigger()",
    "rename": "ALTER TABLE audit_entry RENAME TO other",
    "add column": "ALTER TABLE audit_entry ADD COLUMN mine text",
    "drop column": "ALTER TABLE audit_entry DROP COLUMN description",
    "inherit": "CREATE TABLE mine () INHERITS (audit_entry)",
    "become owner": "SET ROLE {owner}",
    "become the server's owner": "SET SESSION AUTHORIZATION postgres",
    "grant": "GRANT UPDATE ON audit_entry TO CURRENT_USER",
    "become a member": "GRANT {owner} TO CURRENT_USER",
    "replace the function": "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql "
    "AS 'BEGIN RETURN OLD; END'",
    "drop the function": "DROP FUNCTION audit_refuse() CASCADE",
    "permit": "INSERT INTO audit_retention VALUES (pg_current_xact_id(), "
    "'ffffffff-ffff-ffff-ffff-ffffffffffff', NULL)",
    "hold": "DELETE FROM audit_hold",
    "user": "INSERT INTO audit_user VALUES ('acme', 'u-1', 'user', '', gen_random_uuid())",
    "no user": "DELETE FROM audit_user",
    "user by the trigger's function": "CREATE TEMP TABLE mine (account_id text); CREATE TRIGGER mine AFTER "
    "INSERT ON mine REFERENCING NEW TABLE AS recorded EXECUTE FUNCTION audit_add_users()",
    "partition by hand": "SELECT audit_add_partition('mine', NULL, gen_random_uuid())",
    "revision": "DELETE FROM audit_alembic_version",
    "catalog": "UPDATE audit_catalog SET json = ''",
    "titles": "UPDATE audit_event SET title = 'x'",
    "lock": "BEGIN; LOCK TABLE audit_entry IN ACCESS EXCLUSIVE MODE",
    "foreign key": "CREATE TEMP TABLE mine (account_id text, id uuid, FOREIGN KEY (account_id, id) "
    "REFERENCES audit_entry ON DELETE CASCADE)",
    "catalogue of the server": "UPDATE pg_class SET relowner = (SELECT oid FROM pg_roles WHERE rolname = "
    "current_user) WHERE relname = 'audit_entry'",
    "view": "DELETE FROM store_orders_order_paid",
    "large rewrite": "VACUUM FULL audit_entry",
    "own view": "CREATE OR REPLACE VIEW store_orders_order_paid AS SELECT 1",
    "update only": "UPDATE ONLY {partition} SET description = 'x'",
    "update returning": "UPDATE audit_entry SET description = 'x' RETURNING id",
    "update from": "UPDATE audit_entry SET description = 'x' FROM audit_event",
    "delete using": "DELETE FROM audit_entry USING audit_event",
    "delete in a query": "WITH gone AS (DELETE FROM audit_entry RETURNING id) SELECT count(*) FROM gone",
    "truncate cascade": "TRUNCATE audit_entry RESTART IDENTITY CASCADE",
    "truncate of all": "TRUNCATE audit_entry, audit_user, audit_hold, audit_catalog",
    "prepared delete": "PREPARE mine AS DELETE FROM audit_entry; EXECUTE mine",
    "block": "DO 'BEGIN DELETE FROM audit_entry; END'",
    "dynamic delete": "DO 'BEGIN EXECUTE $$DELETE FROM audit_entry$$; END'",
    "select for update": "SELECT account_id FROM audit_entry FOR UPDATE",
    "select for key share": "SELECT account_id FROM audit_entry FOR KEY SHARE",
    "cursor": "BEGIN; DECLARE mine CURSOR FOR SELECT account_id FROM audit_entry FOR NO KEY UPDATE",
    "own function": "CREATE FUNCTION pg_temp.mine() RETURNS void LANGUAGE sql SECURITY DEFINER "
    "AS 'DELETE FROM public.audit_entry'; SELECT pg_temp.mine()",
    "trigger of a temporary table": "CREATE TEMP TABLE mine (x int); CREATE FUNCTION pg_temp.mine() "
    "RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM public.audit_entry; RETURN NULL; END'; "
    "CREATE TRIGGER mine AFTER INSERT ON mine EXECUTE FUNCTION pg_temp.mine(); INSERT INTO mine VALUES (1)",
    "rule of a temporary view": "CREATE TEMP VIEW mine AS SELECT 1 AS x; CREATE RULE mine AS ON DELETE "
    "TO mine DO INSTEAD DELETE FROM public.audit_entry; DELETE FROM mine",
    "temporary view": "CREATE TEMP VIEW mine AS SELECT * FROM public.audit_entry; DELETE FROM mine",
    "copy to a program": "COPY audit_entry (account_id) TO PROGRAM 'cat'",
    "copy to a file": "COPY audit_entry (account_id) TO '/nowhere/file'",
    "copy from a file": "COPY audit_entry FROM '/nowhere/file'",
    "file of the server": "SELECT pg_read_file('postgresql.conf')",
    "large object": "SELECT lo_import('/nowhere/file')",
    "folder of the server": "SELECT pg_ls_dir('.')",
    "untrusted language": "CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE c AS 'x', 'y'",
    "event trigger": "CREATE EVENT TRIGGER mine ON ddl_command_start EXECUTE FUNCTION audit_refuse()",
    "disable user triggers": "ALTER TABLE audit_entry DISABLE TRIGGER USER",
    "replica trigger": "ALTER TABLE audit_entry ENABLE REPLICA TRIGGER audit_entry_no_change",
    "no forced row-level security": "ALTER TABLE audit_entry NO FORCE ROW LEVEL SECURITY",
    "row-level security of a partition": "ALTER TABLE {partition} DISABLE ROW LEVEL SECURITY",
    "change policy": "ALTER POLICY audit_entry_of_account ON audit_entry USING (true)",
    "another owner": "ALTER TABLE audit_entry OWNER TO CURRENT_USER",
    "another owner of a function": "ALTER FUNCTION audit_refuse() OWNER TO CURRENT_USER",
    "setting of a function": "ALTER FUNCTION audit_refuse() SET search_path = pg_temp",
    "rights of a function": "ALTER FUNCTION audit_make_partitions(integer) SECURITY INVOKER",
    "another schema": "ALTER TABLE audit_entry SET SCHEMA pg_temp",
    "another type": "ALTER TABLE audit_entry ALTER COLUMN description TYPE varchar(1)",
    "default": "ALTER TABLE audit_entry ALTER COLUMN description SET DEFAULT 'x'",
    "generated column": "ALTER TABLE audit_entry ADD COLUMN mine text GENERATED ALWAYS AS ('x') STORED",
    "constraint": "ALTER TABLE audit_entry ADD CHECK (false) NOT VALID",
    "drop constraint": "ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_pkey",
    "unlogged": "ALTER TABLE {partition} SET UNLOGGED",
    "storage": "ALTER TABLE {partition} SET (autovacuum_enabled = off)",
    "tablespace": "ALTER TABLE {partition} SET TABLESPACE pg_default",
    "unique index": "CREATE UNIQUE INDEX mine ON audit_entry (account_id)",
    "drop index": "DROP INDEX audit_entry_event",
    "rename an index": "ALTER INDEX audit_entry_event RENAME TO mine",
    "reindex": "REINDEX TABLE {partition}",
    "cluster": "CLUSTER {partition} USING {partition}_pkey",
    "statistics": "CREATE STATISTICS mine ON account_id, event FROM audit_entry",
    "comment": "COMMENT ON TABLE audit_entry IS 'x'",
    "publication": "CREATE PUBLICATION mine FOR TABLE audit_entry",
    "subscription": "CREATE SUBSCRIPTION mine CONNECTION 'host=x' PUBLICATION y WITH (connect = false)",
    "table in the schema": "CREATE TABLE public.mine (x int)",
    "function in the schema": "CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
    "schema": "CREATE SCHEMA mine",
    "rename the schema": "ALTER SCHEMA public RENAME TO mine",
    "system setting": "ALTER SYSTEM SET session_replication_role = replica",
    "role setting": "ALTER ROLE CURRENT_USER SET session_replication_role = replica",
    "setting by a function": "SELECT set_config('session_replication_role', 'replica', false)",
    "bypass row-level security": "ALTER ROLE CURRENT_USER BYPASSRLS",
    "superuser": "ALTER ROLE CURRENT_USER SUPERUSER",
    "password of the owner": "ALTER ROLE {owner} LOGIN PASSWORD 'x'",
    "new role": "CREATE ROLE mine IN ROLE {owner}",
    "drop role": "DROP ROLE {owner}",
    "reassign": "REASSIGN OWNED BY {owner} TO CURRENT_USER",
    "drop owned": "DROP OWNED BY {owner}",
    "revoke": "REVOKE ALL ON audit_entry FROM {owner}",
    "grant to everybody": "GRANT DELETE ON audit_entry TO PUBLIC",
    "default rights": "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT ALL ON TABLES TO PUBLIC",
    "new hold": "INSERT INTO audit_hold (account_id, reason) VALUES ('acme', 'x')",
    "changed hold": "UPDATE audit_hold SET until = now()",
    "read permits": "SELECT * FROM audit_retention",
    "changed user": "UPDATE audit_user SET actor_name = 'x'",
    "replaced user": "INSERT INTO audit_user SELECT * FROM audit_user ON CONFLICT DO NOTHING",
    "new catalog": "INSERT INTO audit_catalog VALUES ('99.0.0', '{{}}')",
    "no catalog": "DELETE FROM audit_catalog",
    "new event": "INSERT INTO audit_event VALUES ('a.b.c', 'a', 'a.b', 'x', 'x')",
    "no category": "DELETE FROM audit_category",
    "changed revision": "UPDATE audit_alembic_version SET version_num = '001'",
    "rule of a view": "CREATE RULE mine AS ON UPDATE TO store_orders_order_paid DO INSTEAD NOTHING",
    "trigger of a view": "CREATE TRIGGER mine INSTEAD OF DELETE ON store_orders_order_paid "
    "FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "drop view": "DROP VIEW store_orders_order_paid",
    "option of a view": "ALTER VIEW store_orders_order_paid SET (security_invoker = false)",
    "mark a view": "SELECT audit_mark_view('store_orders_order_paid', 'x')",
    "vacuum": "VACUUM (FREEZE) {partition}",
    "analyze": "ANALYZE audit_entry",
}
"""A statement for each way to rewrite the log, or to make the next one possible."""


def answer(guarded: Guarded, login: str, statement: str) -> str:
    """What a login gets for a statement: the code of the error, `warned`, or `done`."""
    import psycopg

    warnings: list[str] = []
    with guarded.connected(login) as connection:
        connection.execute("SET auditwright.account_id = 'acme'")
        connection.add_notice_handler(lambda notice: warnings.append(str(notice.message_primary)))
        try:
            connection.execute(
                statement.format(partition=guarded.partition, owner=f"{guarded.prefix}_owner").encode()
            )
        except psycopg.Error as error:
            return error.sqlstate or str(error)
    refusals = ("permission denied", "no privileges", "only table or database owner")
    return "warned" if any(each.startswith(refusals) or refusals[2] in each for each in warnings) else "done"


@pytest.mark.parametrize("login", ["service", "page", "stranger"])
def test_only_the_owner_can_rewrite_on_postgresql(guarded: Guarded, shops: Shops, login: str) -> None:
    answers = {}
    with guarded.database.connect() as superuser:
        before = superuser.execute(ALL).fetchall()
        for way, statement in REWRITING.items():
            answers[way] = answer(guarded, login, statement)
            assert superuser.execute(ALL).fetchall() == before, way
    assert {way: code for way, code in answers.items() if code not in {*REFUSED, "warned"}} == {}
    with closing(open_inspection(guarded.url("operator"), shops.v1)) as inspection:
        assert inspection.differences() == ()


READING_AS_WRITER = {
    "all columns": "SELECT * FROM audit_entry",
    "one column": "SELECT description FROM audit_entry",
    "a row": "SELECT audit_entry FROM audit_entry",
    "a view": "SELECT * FROM store_orders_order_paid",
    "a partition": "SELECT account_id FROM {partition}",
    "copy": "COPY audit_entry TO STDOUT",
    "users": "SELECT * FROM audit_user",
    "returning": f"INSERT INTO audit_entry ({COLUMNS}, catalog_version, digest, metadata) "
    f"VALUES ({ROW}, '1', '', '{{{{}}}}') RETURNING description",
}


def test_the_writer_cannot_read_contents(guarded: Guarded) -> None:
    answers = {way: answer(guarded, "service", statement) for way, statement in READING_AS_WRITER.items()}
    assert answers == dict.fromkeys(READING_AS_WRITER, "42501")


def test_the_reader_cannot_record(guarded: Guarded) -> None:
    before = guarded.contents()
    statements = (
        f"INSERT INTO audit_entry ({COLUMNS}) VALUES ({ROW})",
        "COPY audit_entry FROM STDIN",
        "SELECT audit_make_partitions(12)",
        "SELECT * FROM audit_entry FOR UPDATE",
        "SELECT * FROM {partition}",
        "SELECT * FROM audit_hold",
    )
    assert {each: answer(guarded, "page", each) for each in statements} == dict.fromkeys(statements, "42501")
    assert guarded.contents() == before


def test_a_stranger_reads_and_records_nothing(guarded: Guarded) -> None:
    before = guarded.contents()
    statements = (
        *READING_AS_WRITER.values(),
        f"INSERT INTO audit_entry ({COLUMNS}) VALUES ({ROW})",
        "SELECT audit_make_partitions(12)",
        "SELECT * FROM audit_catalog",
        "SELECT * FROM audit_event",
    )
    answers = {each: answer(guarded, "stranger", each) for each in statements}
    assert answers == dict.fromkeys(statements, "42501")
    assert guarded.contents() == before


# --- objects of the attacker's ---------------------------------------------------------------------

SHADOWS = (
    "CREATE TEMP TABLE audit_entry (account_id text)",
    "CREATE TEMP TABLE audit_retention (transaction_id xid8, before uuid, account_id text)",
    "CREATE TEMP TABLE audit_hold (account_id text)",
    "CREATE FUNCTION pg_temp.audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
    "CREATE FUNCTION pg_temp.current_setting(text, boolean) RETURNS text LANGUAGE sql AS $$SELECT 'globex'$$",
    "INSERT INTO pg_temp.audit_retention VALUES (pg_current_xact_id(), "
    "'ffffffff-ffff-ffff-ffff-ffffffffffff', NULL)",
    "SET search_path = pg_temp, public",
    "SET row_security = off",
)
"""Temporary objects with the log's names, and settings, by which a session could mislead a query."""


@pytest.mark.parametrize("login", ["service", "page", "stranger", "operator"])
def test_objects_of_a_session_mislead_no_guard(guarded: Guarded, login: str) -> None:
    import psycopg

    before = guarded.contents()
    with guarded.connected(login) as connection:
        for statement in SHADOWS:
            connection.execute(statement.encode())
        for statement in ("DELETE FROM public.audit_entry", "UPDATE public.audit_entry SET description = ''"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
        if login == "page":
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
                connection.execute("SELECT * FROM public.audit_entry")
    assert guarded.contents() == before


# --- the owner -------------------------------------------------------------------------------------

OWNERS = (
    *("update", "update of a partition", "update only", "update returning", "update from"),
    *("delete", "delete from a partition", "delete using", "delete in a query", "prepared delete"),
    *("block", "dynamic delete", "merge", "own function", "trigger of a temporary table"),
    *("rule of a temporary view", "temporary view"),
    *("truncate", "truncate of a partition", "truncate cascade", "truncate of all"),
)
"""The ways of an owner that triggers refuse."""


def test_triggers_refuse_rewriting_by_the_owner(guarded: Guarded) -> None:
    before = guarded.contents()
    answers = {way: answer(guarded, "operator", REWRITING[way]) for way in OWNERS}
    assert answers == dict.fromkeys(OWNERS, "42501")
    assert guarded.contents() == before


LEFT_BEHIND = {
    "ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_no_change": "audit_entry_no_change",
    "ALTER TABLE {partition} DISABLE TRIGGER ALL": "audit_entry_no_change on {partition} is switched off",
    "ALTER TABLE audit_entry ENABLE REPLICA TRIGGER audit_entry_no_change": "audit_entry_no_change",
    "DROP TRIGGER audit_entry_no_change ON audit_entry": "audit_entry_no_change on audit_entry is missing",
    "DROP TRIGGER audit_entry_no_truncate ON {partition}": "audit_entry_no_truncate on {partition}",
    "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'": (
        "the function audit_refuse was changed"
    ),
    "ALTER FUNCTION audit_refuse() SET search_path = pg_temp": "the function audit_refuse was changed",
    "CREATE RULE mine AS ON INSERT TO audit_entry DO INSTEAD NOTHING": (
        "the rule mine on audit_entry is not Auditwright's"
    ),
    "CREATE RULE mine AS ON DELETE TO audit_hold DO INSTEAD NOTHING": (
        "the rule mine on audit_hold is not Auditwright's"
    ),
    "CREATE TRIGGER mine BEFORE INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION "
    "suppress_redundant_updates_trigger()": "the trigger mine on audit_entry is not Auditwright's",
    "CREATE TRIGGER mine BEFORE INSERT ON {partition} FOR EACH ROW EXECUTE FUNCTION "
    "suppress_redundant_updates_trigger()": "the trigger mine on {partition} is not Auditwright's",
    "ALTER TABLE audit_entry DISABLE ROW LEVEL SECURITY": "row-level security of audit_entry is switched off",
    "ALTER TABLE {partition} DISABLE ROW LEVEL SECURITY": "row-level security of {partition}",
    "CREATE POLICY mine ON audit_entry USING (true)": "the policy mine on audit_entry is not Auditwright's",
    "ALTER POLICY audit_entry_of_account ON audit_entry USING (true)": "audit_entry_of_account",
    "DROP POLICY audit_entry_of_account ON audit_entry": "audit_entry_of_account is missing",
    "GRANT DELETE ON audit_entry TO PUBLIC": "PUBLIC has the right to DELETE on audit_entry",
    "GRANT INSERT ON audit_hold TO PUBLIC": "PUBLIC has the right to INSERT on audit_hold",
    "ALTER TABLE audit_entry DETACH PARTITION {partition}": "no partition holds the ids",
    "DROP TABLE {partition}": "no partition holds the ids",
    "ALTER TABLE audit_entry ALTER COLUMN digest DROP NOT NULL": "audit_entry.digest",
    "ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_texts": "audit_entry_texts is missing",
    "DROP TABLE audit_hold": "the table audit_hold is missing",
    "DROP INDEX audit_entry_event": "the index audit_entry_event is missing",
}
"""What an owner can change, and what the check then says."""


def test_the_check_names_what_an_owner_changed(guarded: Guarded, shops: Shops) -> None:
    def put(text: str) -> str:
        return text.replace("{partition}", guarded.partition)

    missed = {}
    with closing(connect(guarded.url("operator"))) as connection:
        for statement, said in LEFT_BEHIND.items():
            with connection.transaction(force_rollback=True):
                begin(connection)
                become_owner(connection, "here")
                connection.execute(put(statement).encode())
                found = differences(connection, read_state(connection), shops.v1, "public")
                texts = [each.what for each in found]
            if not any(put(said) in text for text in texts):
                missed[statement] = texts
    assert missed == {}


ADDED = (
    'CREATE RULE "mi""ne" AS ON INSERT TO audit_entry DO INSTEAD NOTHING',
    'CREATE TRIGGER "mi""ne" BEFORE INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION '
    "suppress_redundant_updates_trigger()",
    'CREATE POLICY "mi""ne" ON audit_entry USING (true)',
)


def test_hints_drop_what_others_have_added(guarded: Guarded, shops: Shops) -> None:
    with closing(connect(guarded.url("operator"))) as connection:
        begin(connection)
        become_owner(connection, "here")
        for statement in ADDED:
            connection.execute(statement.encode())
        found = list(differences(connection, read_state(connection), shops.v1, "public"))
        for each in found:
            connection.execute(each.hint.encode())
        assert len(found) == len(ADDED)
        assert list(differences(connection, read_state(connection), shops.v1, "public")) == []
