"""The roles on PostgreSQL: their rights, row-level security, and what a login could do beyond its task.

The ways to rewrite the log are tried in tests/security/test_postgresql_rewrites.py.
"""

# ruff: noqa: F401, F811 - fixtures of other modules are imported, and their names are arguments

import logging
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from tests.support.databases import PostgreSQLServer
from tests.support.guarded_database import COLUMNS, ROW, Guarded, guarded_database
from tests.support.shops import KEY, PAID, START, Shops, record_each, record_example, shops

from auditwright import AuditLog, Entry, StorageError
from auditwright.storage import create_database, open_inspection, upgrade_database
from auditwright.storage.postgresql import queries as postgresql_queries
from auditwright.storage.postgresql.owner_connection import connect
from auditwright.storage.postgresql.privileges import powers, warn_of_power
from auditwright.storage.postgresql.roles import Roles, make_roles, roles_sql

ACCOUNT = "auditwright.account_id"


@pytest.fixture(scope="module")
def guarded(postgresql: PostgreSQLServer, shops: Shops) -> Iterator[Guarded]:
    with guarded_database(postgresql, shops.v1, "guarded") as made:
        yield made


def _catalog() -> Any:
    import importlib

    return importlib.import_module("shop_v1_events").CATALOG


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
            changed = re.sub(r"(?:entry\.)?account_id = (%\(?\w*\)?s?)", r"(\1)::text IS NOT NULL", text)
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
