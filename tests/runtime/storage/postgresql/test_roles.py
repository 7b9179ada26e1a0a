"""Append-only on PostgreSQL: every way to rewrite the log, tried as writer and as reader."""

# ruff: noqa: F401, F811 - fixtures of other modules are imported, and their names are arguments

import logging
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from tests.support.databases import USUAL, PostgreSQLDatabase, PostgreSQLServer
from tests.support.shops import KEY, PAID, START, Shops, record_each, record_example, shops

from auditwright import AuditLog, Entry, StorageError
from auditwright.storage import create_database, open_inspection, upgrade_database
from auditwright.storage.postgresql import queries as postgresql_queries
from auditwright.storage.postgresql.owner_connection import connect
from auditwright.storage.postgresql.privileges import powers, warn_of_power
from auditwright.storage.postgresql.roles import Roles, make_roles, roles_sql

ACCOUNT = "auditwright.account_id"


@dataclass(frozen=True)
class Guarded:
    """A database with the roles, a login of each, and entries of two accounts."""

    database: PostgreSQLDatabase
    prefix: str
    entries: list[Entry]

    def url(self, login: str) -> str:
        """The URL of a login: `service`, `page` or `operator`."""
        return self.database.url.replace("postgres:@", f"{self.prefix}_{login}@")

    @contextmanager
    def connected(self, login: str) -> Iterator[Any]:
        import psycopg

        with closing(psycopg.connect(self.url(login), autocommit=True, options=USUAL)) as connection:
            yield connection

    def contents(self) -> list[tuple[Any, ...]]:
        return self.database.rows("SELECT * FROM audit_entry ORDER BY account_id, id")

    @property
    def partition(self) -> str:
        """The partition with the entries."""
        ((name,),) = self.database.rows("SELECT DISTINCT tableoid::regclass::text FROM audit_entry")
        return str(name)


@pytest.fixture(scope="module")
def guarded(postgresql: PostgreSQLServer, shops: Shops) -> Iterator[Guarded]:
    made = postgresql.bare()
    create_database(made.url, shops.v1)
    prefix = "guarded"
    make_roles(made.url, Roles(prefix))
    for login, role in (("service", "writer"), ("page", "reader"), ("operator", "owner")):
        made.change(f"CREATE ROLE {prefix}_{login} LOGIN IN ROLE {prefix}_{role}")
    guarded = Guarded(made, prefix, [])
    with AuditLog.open(guarded.url("service"), catalog=shops.v1, secret_key=KEY, account_id="acme") as log:
        guarded.entries.extend(record_each(log))
        guarded.entries.append(record_example(log, PAID, START, account_id="globex"))
    yield guarded
    postgresql.drop(made)
    for each in ("service", "page", "operator", "writer", "reader", "owner"):
        postgresql.change(f"DROP ROLE {prefix}_{each}")


# --- every way -------------------------------------------------------------------------------------

_REFUSAL = "permission denied|no privileges were granted|only table or database owner can"
COLUMNS = "account_id, id, occurred_at, recorded_at, level, category, event, actor_type, description"
ROW = "'acme', gen_random_uuid(), now(), now(), 'l', 'c', 'e', 'user', 'd'"
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
    "become owner": "SET ROLE guarded_owner",
    "become the server's owner": "SET SESSION AUTHORIZATION postgres",
    "grant": "GRANT UPDATE ON audit_entry TO CURRENT_USER",
    "become a member": "GRANT guarded_owner TO CURRENT_USER",
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
}


@pytest.mark.parametrize("way", REWRITING)
@pytest.mark.parametrize("login", ["service", "page"])
def test_writer_and_reader_cannot_rewrite(guarded: Guarded, login: str, way: str) -> None:
    import psycopg

    before = guarded.contents()
    statement = REWRITING[way].format(partition=guarded.partition)
    with guarded.connected(login) as connection:
        connection.execute(f"SET {ACCOUNT} = 'acme'")
        if way in ("large rewrite", "grant"):  # refused with a warning, not an error
            refused: list[str] = []
            connection.add_notice_handler(lambda notice: refused.append(notice.message_primary))
            connection.execute(statement)
            assert refused
            assert all(re.search(_REFUSAL, each) for each in refused)
        else:
            with pytest.raises(psycopg.Error) as caught:
                connection.execute(statement)
            assert caught.value.sqlstate in ("42501", "42P17", "42P16", "42809", "55000"), str(caught.value)
    assert guarded.contents() == before
    with closing(open_inspection(guarded.url("operator"), _catalog())) as inspection:
        assert inspection.differences() == ()


def _catalog() -> Any:
    import importlib

    return importlib.import_module("shop_v1_events").CATALOG


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


@pytest.mark.parametrize("way", READING_AS_WRITER)
def test_the_writer_cannot_read_contents(guarded: Guarded, way: str) -> None:
    import psycopg

    with guarded.connected("service") as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(READING_AS_WRITER[way].format(partition=guarded.partition))
        known = connection.execute("SELECT account_id, id, digest FROM audit_entry").fetchall()
    assert len(known) == len(guarded.entries)


def test_the_reader_cannot_record(guarded: Guarded) -> None:
    import psycopg

    before = guarded.contents()
    for statement in (
        f"INSERT INTO audit_entry ({COLUMNS}) VALUES ({ROW})",
        "COPY audit_entry FROM STDIN",
        "SELECT audit_make_partitions(12)",
        "SELECT * FROM audit_entry FOR UPDATE",
        f"SELECT * FROM {guarded.partition}",
        "SELECT * FROM audit_hold",
    ):
        with guarded.connected("page") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
    assert guarded.contents() == before


def test_owner_functions_ignore_the_writers_objects(guarded: Guarded) -> None:
    """An operator, function or table of the same name would run as the owner too."""
    guarded.database.change(
        f"CREATE SCHEMA trap AUTHORIZATION {guarded.prefix}_service",
        f"GRANT CREATE ON SCHEMA public TO {guarded.prefix}_service",
    )
    body = "LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped as %', current_user; END $$"
    try:
        with guarded.connected("service") as connection:
            for schema in ("trap", "public", "pg_temp"):
                for function in (
                    "format(text, text, text) RETURNS text",
                    "format(text, text, text, text, uuid) RETURNS text",
                    "date_trunc(text, timestamp) RETURNS timestamp",
                    "to_char(timestamp, text) RETURNS text",
                    "quote_literal(text) RETURNS text",
                    "lower(text) RETURNS text",
                    "plus(timestamp, interval) RETURNS timestamp",
                    "equal(text, text) RETURNS boolean",
                ):
                    connection.execute(f"CREATE FUNCTION {schema}.{function} {body}")
                connection.execute(
                    f"CREATE OPERATOR {schema}.+ "
                    f"(FUNCTION = {schema}.plus, LEFTARG = timestamp, RIGHTARG = interval)"
                )
                connection.execute(
                    f"CREATE OPERATOR {schema}.= (FUNCTION = {schema}.equal, LEFTARG = text, RIGHTARG = text)"
                )
            for table in ("pg_inherits", "pg_class", "audit_entry", "audit_user", "recorded"):
                connection.execute(f"CREATE TEMP TABLE {table} (oid oid)")
            connection.execute("SET search_path = trap, pg_temp, pg_catalog, public")
            connection.execute("SELECT public.audit_make_partitions(7)")
            with connection.transaction(force_rollback=True):
                row = ROW.replace("gen_random_uuid()", "'0190a000-0000-7000-8000-000000000000'")
                row = row.replace("now()", "'2024-07-11T04:14:32.960Z'")  # which the id states
                connection.execute(
                    f"INSERT INTO public.audit_entry ({COLUMNS}, catalog_version, digest, metadata, "
                    f"actor_id) VALUES ({row}, '1', sha256(''), '{{}}', 'u-new')"
                )
    finally:
        guarded.database.change(
            "DROP SCHEMA trap CASCADE",
            f"DROP OWNED BY {guarded.prefix}_service",
        )
    assert (
        len(guarded.database.rows("SELECT FROM pg_inherits WHERE inhparent = 'audit_entry'::regclass")) == 9
    )
    with closing(open_inspection(guarded.url("operator"), _catalog())) as inspection:
        assert inspection.differences() == ()


def test_triggers_refuse_rewriting_by_the_owner(guarded: Guarded) -> None:
    import psycopg

    before = guarded.contents()
    with guarded.connected("operator") as connection:
        for way in ("update", "update of a partition", "delete", "delete from a partition"):
            with pytest.raises(psycopg.Error, match="audit_entry is append-only"):
                connection.execute(REWRITING[way].format(partition=guarded.partition))
        for way in ("truncate", "truncate of a partition", "merge"):
            with pytest.raises(psycopg.Error, match="audit_entry is append-only"):
                connection.execute(REWRITING[way].format(partition=guarded.partition))
    assert guarded.contents() == before


def test_bypassrls_allows_copy_but_no_more_reading(guarded: Guarded) -> None:
    import psycopg

    login = f"{guarded.prefix}_service"
    copy = f"COPY audit_entry ({COLUMNS}, catalog_version, digest, metadata) FROM STDIN"
    with guarded.connected("service") as connection, pytest.raises(psycopg.errors.FeatureNotSupported):
        connection.execute(copy)
    guarded.database.change(f"ALTER ROLE {login} BYPASSRLS")
    try:
        with guarded.connected("service") as connection:
            with connection.cursor().copy(copy):
                pass
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT description FROM audit_entry")
    finally:
        guarded.database.change(f"ALTER ROLE {login} NOBYPASSRLS")


# --- row-level security ----------------------------------------------------------------------------


def test_the_reader_sees_only_the_account_it_names(guarded: Guarded) -> None:
    with guarded.connected("page") as connection:
        count = "SELECT count(*) FROM audit_entry"
        assert connection.execute(count).fetchone() == (0,)
        for account_id, entries in (
            ("acme", len(guarded.entries) - 1),
            ("globex", 1),
            ("", 0),
            ("nobody", 0),
        ):
            connection.execute("SELECT set_config(%s, %s, false)", (ACCOUNT, account_id))
            assert connection.execute(count).fetchone() == (entries,)
        connection.execute(f"SET {ACCOUNT} = 'globex'")
        views = connection.execute("SELECT account_id FROM store_orders_order_paid").fetchall()
        assert views == [("globex",)]
        # No protection against arbitrary SQL: it can name another account.
        connection.execute(f"SET {ACCOUNT} = 'acme'")
        assert connection.execute(count).fetchone() == (len(guarded.entries) - 1,)


def test_row_level_security_suffices_without_the_condition(
    guarded: Guarded, shops: Shops, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[str] = []
    with AuditLog.open(
        guarded.url("service"), read_url=guarded.url("page"), catalog=shops.v1, secret_key=KEY
    ) as log:
        execute = _without_account(removed)
        import psycopg

        monkeypatch.setattr(psycopg.Cursor, "execute", execute(psycopg.Cursor.execute))
        monkeypatch.setattr(psycopg.ServerCursor, "execute", execute(psycopg.ServerCursor.execute))
        for account_id in ("acme", "globex", "nobody"):
            wanted = {entry.id for entry in guarded.entries if entry.account_id == account_id}
            account = log.account(account_id)
            assert {entry.id for entry in account.all()} == wanted
            assert account.count() == len(wanted)
            assert {entry.id for entry in account.entries().entries} == wanted
            acting = {entry.actor for entry in guarded.entries if entry.account_id == account_id}
            assert {actor.id for actor in account.users()} == {actor.id for actor in acting}
    assert removed


def _without_account(removed: list[str]) -> Any:
    """Removes the account's condition from every statement."""

    def patch(original: Any) -> Any:
        def execute(self: Any, query: Any, *given: Any, **named: Any) -> Any:
            text = query.decode() if isinstance(query, bytes) else str(query)
            changed = re.sub(r"account_id = (%\(?\w*\)?s?)", r"(\1)::text IS NOT NULL", text)
            if changed != text:
                removed.append(text)
                query = changed.encode()
            return original(self, query, *given, **named)

        return execute

    return patch


def test_writer_with_reader_role_reads_one_account(guarded: Guarded) -> None:
    guarded.database.change(f"GRANT {guarded.prefix}_reader TO {guarded.prefix}_service")
    try:
        with guarded.connected("service") as connection:
            connection.execute(f"SET {ACCOUNT} = 'globex'")
            assert connection.execute("SELECT DISTINCT account_id FROM audit_entry").fetchall() == [
                ("globex",)
            ]
    finally:
        guarded.database.change(f"REVOKE {guarded.prefix}_reader FROM {guarded.prefix}_service")


# --- the roles themselves --------------------------------------------------------------------------


def test_making_roles_is_idempotent(guarded: Guarded) -> None:
    roles = Roles(guarded.prefix)
    assert make_roles(guarded.database.url, roles).changes == ()
    assert roles_sql(guarded.database.url, roles) == ""


def test_excess_rights_are_revoked(guarded: Guarded) -> None:
    guarded.database.change(
        f"GRANT ALL ON audit_entry TO {guarded.prefix}_writer",
        f"GRANT UPDATE (description) ON audit_entry TO {guarded.prefix}_reader",
        f"GRANT SELECT ON {guarded.partition} TO PUBLIC",
        "GRANT EXECUTE ON FUNCTION audit_make_partitions TO PUBLIC",
    )
    with closing(open_inspection(guarded.database.url, _catalog())) as inspection:
        assert any(
            f"{guarded.prefix}_writer has the right to" in each.what for each in inspection.differences()
        )
    changes = make_roles(guarded.database.url, Roles(guarded.prefix)).changes
    assert any("rights taken away" in change for change in changes)
    test_making_roles_is_idempotent(guarded)


def test_a_dry_run_changes_nothing(postgresql: PostgreSQLServer, shops: Shops) -> None:
    made = postgresql.bare()
    create_database(made.url, shops.v1)
    sql = roles_sql(made.url, Roles("dry"))
    assert 'CREATE ROLE "dry_owner" NOLOGIN;' in sql
    assert made.rows("SELECT FROM pg_roles WHERE rolname LIKE 'dry%'") == []
    made.change(sql)
    assert make_roles(made.url, Roles("dry")).changes == ()
    postgresql.drop(made)
    postgresql.change("DROP ROLE dry_owner, dry_writer, dry_reader")


def test_an_upgrade_by_a_member_keeps_the_owner(postgresql: PostgreSQLServer, shops: Shops) -> None:
    made = postgresql.bare()
    create_database(made.url, shops.v1)
    make_roles(made.url, Roles("member"))
    made.change("CREATE ROLE member_ada LOGIN IN ROLE member_owner", "CREATE ROLE member_grace LOGIN")
    url = made.url.replace("postgres:@", "member_ada@")
    with pytest.raises(StorageError, match="belongs to the role member_owner, and member_grace is no member"):
        upgrade_database(made.url.replace("postgres:@", "member_grace@"), shops.v2)
    upgrade_database(url, shops.v2)
    assert make_roles(url, Roles("member")).changes == ()
    with closing(open_inspection(url, shops.v2)) as inspection:
        assert inspection.differences() == ()
    postgresql.drop(made)
    names = ("ada", "grace", "owner", "writer", "reader")
    postgresql.change(f"DROP ROLE {', '.join(f'member_{each}' for each in names)}")


def test_a_database_owner_can_set_up_without_superuser(postgresql: PostgreSQLServer, shops: Shops) -> None:
    made = postgresql.bare()
    name = made.rows("SELECT current_database()")[0][0]
    made.change("CREATE ROLE plain LOGIN CREATEROLE", f"ALTER DATABASE {name} OWNER TO plain")
    url = made.url.replace("postgres:@", "plain@")
    create_database(url, shops.v1)
    make_roles(url, Roles("plain"))
    upgrade_database(url, shops.v2)
    assert make_roles(url, Roles("plain")).changes == ()
    with closing(open_inspection(url, shops.v2)) as inspection:
        assert inspection.differences() == ()
    postgresql.drop(made)
    postgresql.change("DROP ROLE plain_owner, plain_writer, plain_reader, plain")


def test_roles_need_tables_and_a_plain_prefix(postgresql: PostgreSQLServer) -> None:
    made = postgresql.bare()
    with pytest.raises(StorageError, match="there is no audit log in this database"):
        make_roles(made.url, Roles())
    postgresql.drop(made)
    for prefix in ("", "Audit", "a-b", "a" * 41, 'a"; DROP'):
        with pytest.raises(StorageError, match="the prefix of the roles"):
            Roles(prefix)


# --- at start-up -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grant", "wanted"),
    [
        ("SELECT 1", []),
        ("GRANT guarded_writer TO powerful", []),
        ("GRANT guarded_reader TO powerful", []),
        ("ALTER ROLE powerful SUPERUSER", ["is a superuser, or may become one"]),
        ("GRANT postgres TO powerful", ["is a superuser, or may become one"]),
        (
            "GRANT guarded_owner TO powerful",
            ["is a member of guarded_owner, which owns the table audit_entry"],
        ),
        (
            "ALTER ROLE powerful NOINHERIT; GRANT guarded_owner TO powerful",
            ["may become guarded_owner, which owns the table audit_entry"],
        ),
        (
            "GRANT UPDATE, DELETE ON audit_entry TO powerful",
            ["may DELETE, UPDATE on audit_entry or a partition of it"],
        ),
        (
            "GRANT UPDATE (digest) ON audit_entry TO powerful",
            ["may UPDATE on audit_entry or a partition of it"],
        ),
        (
            "GRANT TRUNCATE ON audit_entry_first TO powerful",
            ["may TRUNCATE on audit_entry or a partition of it"],
        ),
        (
            "GRANT pg_write_all_data TO powerful",
            ["may DELETE, UPDATE on audit_entry or a partition of it"],
        ),
        ("GRANT pg_execute_server_program TO powerful", ["is a member of pg_execute_server_program"]),
        (
            "GRANT guarded_reader TO powerful; ALTER ROLE powerful BYPASSRLS",
            ["reads the entries of every account, as it has BYPASSRLS"],
        ),
        ("GRANT guarded_writer TO powerful; ALTER ROLE powerful BYPASSRLS", []),
    ],
)
def test_a_powerful_role_is_named_with_its_rights(
    guarded: Guarded, caplog: pytest.LogCaptureFixture, grant: str, wanted: list[str]
) -> None:
    guarded.database.change("CREATE ROLE powerful LOGIN", "GRANT USAGE ON SCHEMA public TO powerful")
    guarded.database.change(*grant.split("; "))
    try:
        with closing(connect(guarded.database.url.replace("postgres:@", "powerful@"))) as connection:
            assert powers(connection) == ("powerful", wanted)
            with caplog.at_level(logging.WARNING, "auditwright"):
                warn_of_power(connection, "here")
    finally:
        guarded.database.change("DROP OWNED BY powerful", "DROP ROLE powerful")
    assert caplog.messages == [
        "here: the role powerful could rewrite the audit log, or see more of it than one account: "
        f"it {' and '.join(wanted)}; `auditwright database roles` makes roles that cannot"
        for _ in wanted[:1]
    ]
