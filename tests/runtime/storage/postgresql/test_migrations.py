"""Creating and upgrading a PostgreSQL database: killed, repeated and concurrent runs, and older databases."""

# ruff: noqa: F401, F811 - fixtures of other modules are imported, and their names are arguments

import re
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.campaigns import PROFILE
from tests.support.databases import PostgreSQLDatabase, PostgreSQLServer, foreign_row, open_log
from tests.support.shops import (
    CREATED,
    KEY,
    PAID,
    PLACED,
    SHIPPED,
    START,
    Shops,
    record_each,
    record_example,
    shops,
)

from audit_events import CATALOG
from auditwright import Actor, AuditLog, Catalog, Entry, SchemaMismatch, StorageError
from auditwright.damage import PARTS
from auditwright.entry import TRAILING
from auditwright.ids import make_id, to_microseconds
from auditwright.storage import create_database, open_inspection, upgrade_database
from auditwright.storage.base import MAX_NAMES, Views
from auditwright.storage.layout import target_fields
from auditwright.storage.postgresql import schema
from auditwright.storage.postgresql import setup as postgresql_setup
from auditwright.storage.postgresql.setup import setup_sql

NOTHING: tuple[Any, ...] = ()


@pytest.fixture
def empty(postgresql: PostgreSQLServer) -> Iterator[PostgreSQLDatabase]:
    """A database without tables."""
    made = postgresql.bare()
    yield made
    postgresql.drop(made)


def is_right(url: str, catalog: Catalog) -> None:
    """Assert that the database has all that the catalog needs, without drift."""
    with closing(open_inspection(url, catalog)) as inspection:
        assert inspection.differences() == ()
        assert inspection.views() == Views()
        assert catalog.version in inspection.catalogs()


def layout(database: PostgreSQLDatabase) -> list[tuple[Any, ...]]:
    """The objects of a database, as PostgreSQL deparses them."""
    return database.rows("""
        SELECT 'column', attrelid::regclass::text, attname::text,
            format_type(atttypid, atttypmod) || attnotnull || attnum
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND attnum > 0
        UNION ALL SELECT 'view', viewname, '', definition FROM pg_views WHERE schemaname = 'public'
        UNION ALL SELECT 'comment', objoid::regclass::text, '', description FROM pg_description
            JOIN pg_class ON pg_class.oid = objoid WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT 'function', proname, proacl::text, prosrc FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, tgenabled::text || tgtype FROM pg_trigger
        UNION ALL SELECT 'policy', polname, '', pg_get_expr(polqual, polrelid) FROM pg_policy
        UNION ALL SELECT 'partition', relname, '', pg_get_expr(relpartbound, oid) FROM pg_class
            WHERE relispartition
        UNION ALL SELECT 'row', key, title, description FROM audit_event
        UNION ALL SELECT 'row', version, '', json FROM audit_catalog
        UNION ALL SELECT 'revision', version_num, '', '' FROM audit_alembic_version
        ORDER BY 1, 2, 3, 4""")


# --- create and upgrade ----------------------------------------------------------------------------


def test_create_is_complete_and_idempotent(empty: PostgreSQLDatabase) -> None:
    done = create_database(empty.url, CATALOG)
    assert done.name == empty.name
    assert done.changes[:13] == (
        "revision 001: the entries, and the tables that describe a catalog",
        "revision 002: triggers that refuse to change entries",
        "revision 003: a partition for each month, made ahead",
        "revision 004: row-level security by account",
        "revision 005: retention and holds",
        "revision 006: the users of each account, kept as entries are stored",
        "revision 007: the users of earlier entries",
        "revision 008: functions that work under any settings of the server",
        "revision 009: constraints that refuse damaged entries",
        "revision 010: the digest of a whole row",
        "revision 011: outcome, context, and on whose behalf",
        "revision 012: the objects that entries identify, and indexes of outcomes and of whose behalf",
        "column tool_id",
    )
    assert len([each for each in done.changes if each.startswith("view ")]) == len(CATALOG.every_event)
    is_right(empty.url, CATALOG)
    before = layout(empty)
    assert create_database(empty.url, CATALOG).changes == ()
    assert upgrade_database(empty.url, CATALOG).changes == ()
    assert layout(empty) == before


def test_every_earlier_revision_upgrades_to_the_same_layout(
    postgresql: PostgreSQLServer, empty: PostgreSQLDatabase, shops: Shops
) -> None:
    from auditwright.storage.postgresql import migrations

    create_database(empty.url, shops.v1)
    wanted = layout(empty)
    for number in range(1, len(migrations.pending(None))):
        older = postgresql.bare()
        sql = setup_sql(older.url, shops.v1, create=True)
        steps = re.split(r"(?<=COMMIT;)\n\n", sql)
        run_psql(older, "\n".join(steps[:number]))
        assert older.rows("SELECT version_num FROM audit_alembic_version") == [(f"{number:03}",)]
        upgrade_database(older.url, shops.v1)
        assert layout(older) == wanted
        postgresql.drop(older)


def test_an_upgrade_adds_earlier_users_and_readers_see_them(
    postgresql: PostgreSQLServer, empty: PostgreSQLDatabase, shops: Shops
) -> None:
    sql = setup_sql(empty.url, shops.v1, create=True)
    steps = re.split(r"(?<=COMMIT;)\n\n", sql)
    run_psql(empty, "\n".join(steps[:5]))
    users = [
        ("acme", "user", "u-1", "Ada Byron"),
        ("acme", "user", "u-1", "Ada King"),
        ("acme", "user", "u-1", "Ada Byron"),
        ("acme", "user", "u-1", None),
        ("acme", "app", "ci", None),
        ("acme", "system", None, "Nobody's"),
        ("globex", "user", "u-1", "Grace"),
        *(("globex", "app", "job", f"Run {number:03}") for number in range(150)),
        *(("globex", "app", "job", f"Run {number:03}") for number in range(120, 160)),
    ]
    empty.change(
        "CREATE ROLE earlier_reader",
        "CREATE ROLE earlier_writer",
        "GRANT SELECT ON audit_entry TO earlier_reader",
        "GRANT INSERT, SELECT (account_id, id, digest) ON audit_entry TO earlier_writer",
    )
    try:
        for number, (account_id, kind, actor_id, name) in enumerate(users):
            if name == "Run 150":
                run_psql(empty, steps[5])
            micros = to_microseconds(START) + number
            empty.insert(
                {
                    "account_id": account_id, "id": make_id(micros), "occurred_at": micros,
                    "recorded_at": micros, "level": "", "category": "", "event": "x",
                    "actor_type": kind, "actor_id": actor_id, "actor_name": name, "description": "",
                    "catalog_version": "", "digest": bytes(32), "metadata": "{}",
                }
            )  # fmt: skip
        upgrade_database(empty.url, shops.v1)
        is_right(empty.url, shops.v1)
        with AuditLog.open(empty.url, catalog=shops.v1, secret_key=KEY) as log:
            assert log.account("acme").users() == [Actor.app("ci"), Actor.user("u-1", "Ada Byron")]
            assert log.account("acme").users("king") == [Actor.user("u-1", "Ada Byron")]
            assert log.account("globex").users() == [Actor.app("job", "Run 159"), Actor.user("u-1", "Grace")]
            assert log.account("globex").users("run 060") == [Actor.app("job", "Run 159")]
            assert log.account("globex").users("run 059") == []
        assert empty.rows("SELECT count(*) FROM audit_user") == [(4 + 1 + MAX_NAMES,)]
        assert empty.rows(
            "SELECT role, has_table_privilege(role, 'audit_user', 'SELECT') "
            "FROM unnest(ARRAY['earlier_reader', 'earlier_writer']) AS role"
        ) == [("earlier_reader", True), ("earlier_writer", False)]
    finally:
        empty.change("DROP OWNED BY earlier_reader, earlier_writer")
        postgresql.change("DROP ROLE earlier_reader, earlier_writer")


def test_upgrade_of_an_empty_database_is_an_error(empty: PostgreSQLDatabase) -> None:
    with pytest.raises(StorageError) as caught:
        upgrade_database(empty.url, CATALOG)
    assert str(caught.value) == (
        f"{empty.name}: there is no audit log in this database; run `auditwright database create`"
    )
    assert empty.rows("SELECT relname FROM pg_class WHERE relname LIKE 'audit%'") == []


def test_a_foreign_table_of_our_name_is_kept(empty: PostgreSQLDatabase) -> None:
    empty.change("CREATE TABLE audit_entry (id integer)", "CREATE TABLE alembic_version (version_num text)")
    empty.change("INSERT INTO alembic_version VALUES ('theirs')")
    with pytest.raises(SchemaMismatch, match="there is a table audit_entry that Auditwright did not make"):
        create_database(empty.url, CATALOG)
    empty.change("DROP TABLE audit_entry")
    create_database(empty.url, CATALOG)
    assert empty.rows("SELECT version_num FROM alembic_version") == [("theirs",)]


def test_a_foreign_view_of_our_name_is_kept(empty: PostgreSQLDatabase) -> None:
    empty.change("CREATE VIEW audit_log_exported AS SELECT 1 AS mine")
    with pytest.raises(SchemaMismatch, match="audit_log_exported: expected a view of Auditwright's"):
        create_database(empty.url, CATALOG)
    assert empty.rows("SELECT mine FROM audit_log_exported") == [(1,)]


def test_an_unknown_revision_is_an_error(empty: PostgreSQLDatabase) -> None:
    create_database(empty.url, CATALOG)
    empty.change("UPDATE audit_alembic_version SET version_num = '999'")
    for run in (create_database, upgrade_database):
        with pytest.raises(SchemaMismatch, match="revision 999, which this Auditwright does not know"):
            run(empty.url, CATALOG)


def test_tables_can_be_in_another_schema(empty: PostgreSQLDatabase) -> None:
    empty.change('CREATE SCHEMA "Au dit"')
    url = f"{empty.url}&options=-csearch_path%3D%22Au%5C%20dit%22"
    create_database(url, CATALOG)
    is_right(url, CATALOG)
    assert empty.rows("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == [(0,)]
    with AuditLog.open(url, account_id="acme") as log:
        entry = record_example(log, "account.login_logout.login", datetime.now(UTC))
        assert log.account("acme").get(entry.id) == entry


def test_no_error_of_setup_shows_a_password(empty: PostgreSQLDatabase) -> None:
    for url in (
        "postgresql://ada:s3cret@127.0.0.1:1/audit",
        "postgresql://ada:s3cret@127.0.0.1:port/audit",
        "postgresql://ada:s3c/ret@127.0.0.1/audit?x=y",
    ):
        with pytest.raises(StorageError) as caught:
            create_database(url, CATALOG)
        assert "s3c" not in str(caught.value)
        assert "\n" not in str(caught.value)


WITHOUT_TARGETS = (
    "DROP TABLE audit_target, audit_target_field",
    "DROP FUNCTION audit_add_targets CASCADE",
    "DROP FUNCTION audit_target_ids, audit_index_targets",
    "DROP INDEX audit_entry_failure, audit_entry_on_behalf_of",
)
"""Statements that make a database that of before revision 012."""


def test_constraints_come_to_a_database_with_damaged_entries(postgresql: PostgreSQLServer) -> None:
    event = CATALOG.events["account.app_api_key.app_api_key_created"]
    older = postgresql.another()
    revert = f"ALTER TABLE audit_entry {', '.join(f'DROP CONSTRAINT audit_entry_{part}' for part in PARTS)}"
    older.change(revert, *WITHOUT_TARGETS, "UPDATE audit_alembic_version SET version_num = '008'")
    with open_log(older) as log:  # as a service that runs meanwhile
        log.record(CATALOG.model(event)(**event.example), actor=Actor.system())
        damaged: list[dict[str, Any]] = [{"occurred_at": "infinity"}, {"metadata": "[]"}]
        older.insert(*(foreign_row(CATALOG) | each for each in damaged), checked=True)
        changes = upgrade_database(older.url, CATALOG).changes
        assert changes == (
            "revision 009: constraints that refuse damaged entries",
            "revision 010: the digest of a whole row",
            "revision 011: outcome, context, and on whose behalf",
            "revision 012: the objects that entries identify, and indexes of outcomes and of whose behalf",
            "4 indexes of partitions",
            f"{len(target_fields(CATALOG))} rows of audit_target_field",
            "targets of stored entries in 5 partitions",
            "9 valid constraints for entries",
            *(
                f"constraint audit_entry_{part}, for new entries: stored ones violate it, see "
                "`auditwright database check`"
                for part in ("occurred_at", "metadata")
            ),
        )
        assert upgrade_database(older.url, CATALOG).changes == changes[7:]
        log.record(CATALOG.model(event)(**event.example), actor=Actor.system())
        with pytest.raises(Exception, match="violates check constraint"):
            older.insert(foreign_row(CATALOG) | {"metadata": "[]"}, checked=True)
        assert log.account("acme").count() == 4
    with closing(open_inspection(older.url, CATALOG)) as inspection:
        assert [(each.part, each.entries) for each in inspection.damaged(None)] == [
            ("occurred_at", 1),
            ("metadata", 1),
        ]
        assert [each.what for each in inspection.differences()] == [
            f"the constraint audit_entry_{part} is not valid: stored entries violate it, or were not read yet"
            for part in ("metadata", "occurred_at")
        ]
    older.change(
        "ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_no_change",
        "DELETE FROM audit_entry WHERE NOT isfinite(occurred_at) OR metadata = '[]'",
        "ALTER TABLE audit_entry ENABLE TRIGGER audit_entry_no_change",
    )
    assert upgrade_database(older.url, CATALOG).changes == ("11 valid constraints for entries",)
    assert upgrade_database(older.url, CATALOG).changes == ()
    ((not_valid,),) = older.rows("SELECT count(*) FROM pg_constraint WHERE NOT convalidated")
    assert not_valid == 0
    postgresql.drop(older)


# --- the dry run -----------------------------------------------------------------------------------


def run_psql(database: PostgreSQLDatabase, sql: str) -> None:
    """Run a script as psql does with ON_ERROR_STOP: statement by statement, without parameters."""
    import psycopg

    with closing(psycopg.connect(database.url, autocommit=True)) as connection:
        connection.execute(sql.encode())


def test_the_dry_run_script_makes_the_same_layout(
    postgresql: PostgreSQLServer, empty: PostgreSQLDatabase, shops: Shops
) -> None:
    other = postgresql.bare()
    sql = setup_sql(empty.url, shops.v1, create=True)
    assert empty.rows("SELECT relname FROM pg_class WHERE relname LIKE 'audit%'") == []
    run_psql(empty, sql)
    create_database(other.url, shops.v1)
    assert layout(empty) == layout(other)
    sql = setup_sql(empty.url, shops.v2, create=False)
    assert layout(empty) == layout(other)
    assert 'ADD COLUMN "region"' in sql
    run_psql(empty, sql)
    upgrade_database(other.url, shops.v2)
    assert layout(empty) == layout(other)
    assert setup_sql(empty.url, shops.v2, create=False) == ""
    postgresql.drop(other)


def test_the_dry_run_says_which_statement_may_fail(
    postgresql: PostgreSQLServer, empty: PostgreSQLDatabase, shops: Shops
) -> None:
    script = setup_sql(empty.url, shops.v1, create=True)
    note, statement = script.rpartition("\n\n-- ")[2].split("\n\n")
    assert "fails if stored entries violate a constraint" in note
    assert "`auditwright database upgrade`" in note
    assert "VALIDATE CONSTRAINT" in statement


def test_texts_of_the_catalog_are_escaped_in_sql(
    postgresql: PostgreSQLServer, empty: PostgreSQLDatabase, shops: Shops, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = "it's \\' %s %(x)s :x $$ ; DROP TABLE audit_entry; --\n\"quoted\""
    category = shops.v1.categories[0]
    changed = type(category)(category.key, category.level, hostile, "\\", category.events)
    monkeypatch.setattr(shops.v1, "every_category", (changed, *shops.v1.every_category[1:]))
    other = postgresql.bare()
    run_psql(other, setup_sql(other.url, shops.v1, create=True))
    create_database(empty.url, shops.v1)
    for each in (empty, other):
        assert each.rows("SELECT title, description FROM audit_category ORDER BY key")[-1] == (hostile, "\\")
    assert create_database(empty.url, shops.v1).changes == ()
    postgresql.drop(other)


# --- killed, and two at once -----------------------------------------------------------------------

_KILLED = """
import os, signal, sys
import psycopg
sys.path[:0] = sys.argv[4:]
from shop_v1_events import CATALOG as V1
from shop_v2_events import CATALOG as V2
from auditwright.storage import create_database, upgrade_database
from auditwright.storage import open_inspection

def within(function, *arguments):
    # Call it in a child; returns the exit status.
    child = os.fork()
    if not child:
        function(*arguments)
        os._exit(0)
    return os.waitpid(child, 0)[1]

def until(step, function, *arguments):
    # Call it, and die before statement or commit number `step`.
    def count(original):
        def counted(*given, **named):
            nonlocal step
            # Dying before a statement that only reads is the same as dying after the one before it.
            text = str(given[1]).strip("b' \\n").lower() if len(given) > 1 else ""
            reads = text.startswith(("select", "set ", "show")) and not text.startswith("select audit_ma")
            step -= not reads
            if step == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*given, **named)
        return counted
    psycopg.Cursor.execute = count(psycopg.Cursor.execute)
    psycopg.Connection.commit = count(psycopg.Connection.commit)
    function(*arguments)

def differences(url, catalog):
    inspection = open_inspection(url, catalog)
    views = inspection.views()
    found = [*inspection.differences(), *views.missing, *views.different]
    inspection.close()
    assert not found, found

def entry(url):
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT to_jsonb(audit_entry) - 'region' FROM audit_entry").fetchall()

INSERT = '''INSERT INTO audit_entry (account_id, id, occurred_at, recorded_at, level, category, event,
    actor_type, description, catalog_version, digest, metadata)
    VALUES ('acme', '0190a000-0000-7000-8000-000000000000', '2024-07-11T04:14:32.960Z', now(), 'store',
    'store.orders', 'store.orders.order_placed', 'system', 'Placed.', '1.0.0', sha256(''), '{}')'''

def go(base, upgrade, every):
    killed = 0
    while True:
        schema = f"s{upgrade:d}_{killed}"
        url = f"{base}&options=-csearch_path%3D{schema}"
        with psycopg.connect(base, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}")
        if upgrade:
            assert within(create_database, url, V1) == 0
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(INSERT)
            before = entry(url)
        # A run killed before it made anything is repeated as create, not as upgrade.
        status = within(until, killed + 1, upgrade_database if upgrade else create_database, url, V2)
        assert status in (0, signal.SIGKILL), status
        assert within(upgrade_database if upgrade else create_database, url, V2) == 0
        assert within(differences, url, V2) == 0
        if upgrade:
            assert entry(url) == before
        with psycopg.connect(base, autocommit=True) as connection:
            connection.execute("SET client_min_messages = warning")
            connection.execute(f"DROP SCHEMA {schema} CASCADE")
        if status == 0:
            return killed
        killed += every

# Lazy imports happen here, once for all children.
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    connection.execute("CREATE SCHEMA first")
create_database(f"{sys.argv[1]}&options=-csearch_path%3Dfirst", V2)
differences(f"{sys.argv[1]}&options=-csearch_path%3Dfirst", V2)
print(go(sys.argv[1], sys.argv[2] == "upgrade", int(sys.argv[3])))
"""


# Under the nightly profile every step is tried.
@pytest.mark.parametrize(("what", "least", "every"), [("create", 60, 13), ("upgrade", 15, 5)])
def test_a_run_killed_at_any_step_can_be_repeated(
    empty: PostgreSQLDatabase, shops: Shops, what: str, least: int, every: int
) -> None:
    every = 1 if PROFILE == "nightly" else every
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _KILLED, empty.url, what, str(every), *map(str, shops.folders)],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    print(f"killed at {done.stdout.strip()} steps of {what}")
    assert int(done.stdout) > least


_TOGETHER = """
import os, sys
sys.path[:0] = sys.argv[2:]
from shop_v1_events import CATALOG as V1
from shop_v2_events import CATALOG as V2
from auditwright.storage import create_database

start, go = os.pipe()
children = []
for number in range(6):
    child = os.fork()
    if not child:
        os.close(go)
        os.read(start, 1)
        create_database(sys.argv[1], (V1, V2)[number % 2])
        os._exit(0)
    children.append(child)
os.close(go)
print(*[os.waitpid(child, 0)[1] for child in children])
"""


def test_concurrent_runs_wait_for_one_another(empty: PostgreSQLDatabase, shops: Shops) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TOGETHER, empty.url, *map(str, shops.folders)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.stdout.split(), done.stderr) == (["0"] * 6, "")
    is_right(empty.url, shops.v2)


def test_threads_can_run_it_concurrently(empty: PostgreSQLDatabase, shops: Shops) -> None:
    errors: list[Exception] = []

    def run() -> None:
        try:
            create_database(empty.url, shops.v1)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    is_right(empty.url, shops.v1)


# --- two catalogs ----------------------------------------------------------------------------------


def shop(database: PostgreSQLDatabase, catalog: Catalog) -> AuditLog:
    return AuditLog.open(database.url, account_id="acme", catalog=catalog, secret_key=KEY)


@pytest.mark.parametrize("order", ["12", "21", "1212", "2121"])
def test_services_of_two_catalogs_share_a_database(
    empty: PostgreSQLDatabase, shops: Shops, order: str
) -> None:
    recorded: list[Entry] = []
    catalogs = {"1": shops.v1, "2": shops.v2}
    newest: list[tuple[Any, ...]] = []
    for number, each in enumerate(order):
        create_database(empty.url, catalogs[each])
        if newest and each == "1":
            assert set(layout_of_views(empty)) >= set(newest)
        if each == "2":
            newest = layout_of_views(empty, "store_orders_order_created")
        with shop(empty, catalogs[each]) as log:
            recorded += record_each(log, START + timedelta(hours=number))
        for catalog in catalogs.values() if {"1", "2"} <= set(order[: number + 1]) else ():
            with shop(empty, catalog) as log:
                assert [entry.id for entry in log.account("acme").all()] == [
                    entry.id for entry in reversed(recorded)
                ]
    assert layout_of_views(empty, "store_orders_order_created") == newest
    assert "region" in newest[0][1]
    is_right(empty.url, shops.v2)
    titles = dict(empty.rows("SELECT key, title FROM audit_event"))
    assert titles[PLACED] == titles[CREATED] == "Order created"


def layout_of_views(database: PostgreSQLDatabase, name: str = "") -> list[tuple[Any, ...]]:
    return database.rows(
        "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public' "
        f"AND viewname LIKE '%{name}' ORDER BY 1"
    )


def test_a_missing_column_names_the_upgrade(empty: PostgreSQLDatabase, shops: Shops) -> None:
    create_database(empty.url, shops.v1)
    with pytest.raises(SchemaMismatch, match="no column region, which catalog"):
        shop(empty, shops.v2)
    with shop(empty, shops.v1) as log:
        record_each(log)
        done = upgrade_database(empty.url, shops.v2)
        assert "column region" in done.changes
        record_each(log, START + timedelta(hours=1))
        assert log.account("acme").count() == 2 * len(shops.v1.events)


def test_upgraded_views_are_typed_and_read_older_entries(empty: PostgreSQLDatabase, shops: Shops) -> None:
    create_database(empty.url, shops.v1)
    with shop(empty, shops.v1) as log:
        record_each(log)
    create_database(empty.url, shops.v2)
    with shop(empty, shops.v2) as log:
        record_each(log, START + timedelta(hours=1))
    assert empty.rows(
        "SELECT order_id, amount, region, pg_typeof(amount)::text FROM store_orders_order_created ORDER BY id"
    ) == [("o-1", 700, None, "bigint"), ("o-2", 400, "north", "bigint")]


def test_view_with_new_columns_is_replaced_in_place(empty: PostgreSQLDatabase, shops: Shops) -> None:
    create_database(empty.url, shops.v1)
    name = "store_orders_order_paid"
    empty.change(
        f"CREATE VIEW report AS SELECT order_id FROM {name}",
        "CREATE ROLE grace" if not empty.rows("SELECT FROM pg_roles WHERE rolname = 'grace'") else "SELECT 1",
        f"GRANT SELECT ON {name} TO grace",
    )
    upgrade_database(empty.url, shops.v2)
    columns = [
        column
        for (column,) in empty.rows(
            f"SELECT attname FROM pg_attribute WHERE attrelid = '{name}'::regclass ORDER BY attnum"
        )
    ]
    assert columns[-2:] == ["receipt_id", "loyalty"]
    assert empty.rows(f"SELECT has_table_privilege('grace', '{name}', 'SELECT')") == [(True,)]
    assert empty.rows("SELECT * FROM report") == []
    is_right(empty.url, shops.v2)


def test_views_of_before_get_the_columns_of_the_outcome(
    empty: PostgreSQLDatabase, shops: Shops, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = [
        "outcome",
        "failure_reason",
        "on_behalf_of_type",
        "on_behalf_of_id",
        "on_behalf_of_name",
        "context",
    ]
    with monkeypatch.context() as before:
        before.setattr(schema, "TRAILING", TRAILING[6:])
        create_database(empty.url, shops.v1)
    name = "store_orders_order_paid"
    empty.change(f"CREATE VIEW report AS SELECT order_id, catalog_version FROM {name}")
    done = upgrade_database(empty.url, shops.v1)
    assert f"changed view {name}" in done.changes
    columns = empty.rows(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute "
        f"WHERE attrelid = '{name}'::regclass ORDER BY attnum DESC LIMIT 6"
    )
    assert columns == [(each, "json" if each == "context" else "text") for each in reversed(added)]
    assert empty.rows("SELECT * FROM report") == []
    is_right(empty.url, shops.v1)
    assert upgrade_database(empty.url, shops.v1).changes == ()


def test_a_view_with_dependants_is_not_dropped(empty: PostgreSQLDatabase, shops: Shops) -> None:
    create_database(empty.url, shops.v1)
    name = "audit_log_exported"
    ((definition,),) = empty.rows(f"SELECT pg_get_viewdef('{name}'::regclass)")
    definition = definition.replace("FROM audit_entry", ", 1 AS more FROM audit_entry")
    empty.change(
        f"CREATE OR REPLACE VIEW {name} AS {definition}",
        "CREATE SCHEMA reports",
        f"CREATE VIEW reports.exports AS SELECT more FROM {name}",
        f"CREATE MATERIALIZED VIEW reports.counted AS SELECT count(*) FROM {name}",
        f"CREATE FUNCTION reports.last() RETURNS SETOF {name} LANGUAGE sql AS 'SELECT NULL::{name}'",
    )
    before = layout(empty)
    with pytest.raises(SchemaMismatch) as caught:
        upgrade_database(empty.url, shops.v2)
    assert str(caught.value) == (
        f"{empty.name}: the view {name} changes its columns, and others depend on it: function "
        "reports.last(), materialized view reports.counted, view reports.exports; drop these, run "
        "`auditwright database upgrade` again, and create them again"
    )
    assert layout(empty) == before
    with closing(open_inspection(empty.url, shops.v2)) as inspection:
        texts = [each.what for each in inspection.differences()]
    assert any(text.startswith(f"the view {name} changes its columns, and others") for text in texts)
    empty.change("DROP SCHEMA reports CASCADE")
    upgrade_database(empty.url, shops.v2)
    is_right(empty.url, shops.v2)


def test_an_upgrade_blocked_by_a_reader_does_not_block_writers(
    empty: PostgreSQLDatabase, shops: Shops, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    monkeypatch.setattr(postgresql_setup, "LOCK_SECONDS", 0.1)
    create_database(empty.url, shops.v1)
    before = layout(empty)
    with closing(psycopg.connect(empty.url)) as export:
        export.execute("SELECT count(*) FROM audit_entry")
        with pytest.raises(StorageError, match="a long transaction holds the lock: try again"):
            upgrade_database(empty.url, shops.v2)
        with shop(empty, shops.v1) as log:
            record_each(log)
    assert layout(empty) == before
    upgrade_database(empty.url, shops.v2)
    is_right(empty.url, shops.v2)


def test_an_index_blocked_by_a_reader_does_not_block_writers(
    empty: PostgreSQLDatabase, shops: Shops, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    monkeypatch.setattr(postgresql_setup, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(postgresql_setup, "PAUSE_SECONDS", 0)
    create_database(empty.url, shops.v1)
    wanted = layout(empty)
    empty.change(
        "DROP INDEX audit_entry_failure",
        "CREATE INDEX audit_entry_failure ON ONLY audit_entry (account_id, event, id) "
        "WHERE outcome = 'failure'",
        "CREATE INDEX audit_entry_first_failure ON audit_entry_first (account_id, event, id) "
        "WHERE outcome = 'failure'",
    )
    with closing(psycopg.connect(empty.url)) as export:
        export.execute("SELECT count(*) FROM audit_entry")  # of a run that made one index and was killed
        with pytest.raises(StorageError, match="a long transaction holds the lock: try again"):
            upgrade_database(empty.url, shops.v1)
        with shop(empty, shops.v1) as log:
            record_each(log)
        ((made,),) = empty.rows("SELECT 'audit_entry_first_failure'::regclass::oid")
    assert upgrade_database(empty.url, shops.v1).changes == ("5 indexes of partitions",)
    assert empty.rows("SELECT 'audit_entry_first_failure'::regclass::oid") == [(made,)]
    assert layout(empty) == wanted
    is_right(empty.url, shops.v1)


# --- partitions ------------------------------------------------------------------------------------


def partitions(database: PostgreSQLDatabase) -> list[tuple[str, str, str]]:
    """Names and bounds of the partitions, as text; the first has no lower bound."""
    return [
        (name, low or "", high)
        for name, low, high in database.rows("""
            SELECT relname, substring(bound FROM $$FROM \\('(.{36})$$),
                substring(bound FROM $$TO \\('(.{36})$$)
            FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid,
                pg_get_expr(relpartbound, inhrelid) AS bound
            WHERE inhparent = 'audit_entry'::regclass ORDER BY 3""")
    ]


def months(first: datetime, count: int) -> list[datetime]:
    """The beginnings of so many months."""
    start = first.year * 12 + first.month - 1
    return [datetime(each // 12, each % 12 + 1, 1, tzinfo=UTC) for each in range(start, start + count)]


def bound(moment: datetime) -> str:
    """The least id of a time."""
    return str(uuid.UUID(int=int(moment.timestamp() * 1000) << 80))


def test_partitions_cover_this_month_and_three_ahead(empty: PostgreSQLDatabase) -> None:
    create_database(empty.url, CATALOG)
    now = datetime.now(UTC)
    bounds = [bound(each) for each in months(now, 5)]
    names = [f"audit_entry_{each:%Y_%m}" for each in months(now, 4)]
    assert partitions(empty) == list(
        zip(["audit_entry_first", *names], ["", *bounds[:-1]], bounds, strict=True)
    )
    assert empty.rows("SELECT audit_make_partitions(3)") == [(uuid.UUID(bounds[-1]).bytes,)]
    assert empty.rows("SELECT audit_make_partitions(1)") == [(uuid.UUID(bounds[-1]).bytes,)]
    (end,) = empty.rows("SELECT audit_make_partitions(5)")[0]
    assert uuid.UUID(bytes=end) == uuid.UUID(bound(months(now, 7)[-1]))


def test_missed_months_get_their_partitions_later(empty: PostgreSQLDatabase) -> None:
    create_database(empty.url, CATALOG)
    *_, last = partitions(empty)
    for name, _, _ in partitions(empty):
        empty.change(f"DROP TABLE {name}, {name.replace('audit_entry', 'audit_target')}")
    empty.change(
        f"SELECT audit_add_partition('audit_entry_first', NULL, '{bound(datetime(2026, 1, 1, tzinfo=UTC))}')"
    )
    assert upgrade_database(empty.url, CATALOG).changes == ("partitions ahead",)
    made = partitions(empty)
    assert made[1][:2] == ("audit_entry_2026_01", bound(datetime(2026, 1, 1, tzinfo=UTC)))
    assert made[-1] == last
    assert [high for _, _, high in made[:-1]] == [low for _, low, _ in made[1:]]
    is_right(empty.url, CATALOG)


def test_concurrent_calls_make_each_partition_once(empty: PostgreSQLDatabase) -> None:
    import psycopg

    create_database(empty.url, CATALOG)
    ends: list[Any] = []

    def run(level: str) -> None:
        with psycopg.connect(empty.url, autocommit=True) as connection:
            connection.execute(f"SET default_transaction_isolation = '{level}'".encode())
            ends.append(connection.execute("SELECT audit_make_partitions(12)").fetchone())

    levels = ["read committed", "repeatable read", "serializable"] * 3
    threads = [threading.Thread(target=run, args=(level,)) for level in levels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ends) == 9
    assert len(set(ends)) == 1
    assert len(partitions(empty)) == 14


def test_making_partitions_waits_for_no_reader_or_writer(empty: PostgreSQLDatabase, shops: Shops) -> None:
    import psycopg

    create_database(empty.url, shops.v1)
    with psycopg.connect(empty.url) as busy, shop(empty, shops.v1) as log:
        busy.execute("SELECT count(*) FROM audit_entry")
        busy.execute("INSERT INTO audit_entry SELECT * FROM audit_entry")
        with psycopg.connect(empty.url, autocommit=True) as other:
            other.execute("SET lock_timeout = '2s'")
            other.execute("SELECT audit_make_partitions(6)")
        record_each(log)
    assert len(partitions(empty)) == 8


@pytest.mark.parametrize("ahead", ["-1", "13", "NULL"])
def test_the_months_ahead_are_limited(empty: PostgreSQLDatabase, ahead: str) -> None:
    import psycopg

    create_database(empty.url, CATALOG)
    with pytest.raises(psycopg.Error, match="partitions are made for 0 to 12 months ahead, not"):
        empty.rows(f"SELECT audit_make_partitions({ahead})")


def test_an_entry_of_any_time_finds_its_partition(empty: PostgreSQLDatabase, shops: Shops) -> None:
    create_database(empty.url, shops.v1)
    now = datetime.now(UTC)
    with shop(empty, shops.v1) as log:
        for moment in (datetime(1970, 1, 1, tzinfo=UTC), now - timedelta(days=400), now):
            record_example(log, PAID, moment)
    found = empty.rows("SELECT tableoid::regclass::text FROM audit_entry ORDER BY id")
    assert found == [("audit_entry_first",)] * 2 + [(f"audit_entry_{now:%Y_%m}",)]
