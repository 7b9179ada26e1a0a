"""Every way to rewrite the log in a SQLite file by a connection that has no function of Auditwright's.

Whoever may write to the file can also change its layout, and the check says what is left of that. Whoever
registers the functions, or makes a dropped trigger again, leaves nothing to be found.
"""

# ruff: noqa: F811 - a fixture of another module is imported, and its name is an argument

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from tests.support.shops import (  # noqa: F401 - `shops` is a fixture
    ADA,
    PAID,
    START,
    Shops,
    open_shop,
    record_each,
    record_example,
    shops,
)

from auditwright import Actor, SchemaMismatch, StorageError
from auditwright.operations.retention import place_hold, prune, remove_hold
from auditwright.storage import open_inspection
from auditwright.storage.sqlite.triggers import GUARDED, triggers

COPY = "account_id, id, occurred_at, recorded_at, level, category, event, actor_type, actor_id, actor_name, "
COPY += "ip_address, description, till, catalog_version, digest, alterations, metadata"
FORGED = COPY.replace("description", "'forged'").replace("digest", "zeroblob(32)")
NEW_ID = FORGED.replace(", id,", ", randomblob(16),")

ENTRIES = {
    "update": "UPDATE audit_entry SET description = 'forged'",
    "update nothing new": "UPDATE audit_entry SET id = id",
    "update from": "UPDATE audit_entry SET actor_id = 'x' FROM audit_category WHERE audit_category.key > ''",
    "update the row id": "UPDATE audit_entry SET rowid = rowid + 100",
    "update returning": "UPDATE audit_entry SET description = 'forged' RETURNING id",
    "update through with": "WITH one AS (SELECT 1) UPDATE audit_entry SET description = 'forged'",
    "update of a schema": "UPDATE main.audit_entry SET metadata = '{}'",
    "update by an index": "UPDATE audit_entry INDEXED BY audit_entry_event SET metadata = '{}' "
    "WHERE account_id > ''",
    **{
        f"update or {what}": f"UPDATE OR {what} audit_entry SET id = (SELECT max(id) FROM audit_entry)"
        for what in ("replace", "ignore", "rollback", "abort", "fail")
    },
    "delete": "DELETE FROM audit_entry",
    "delete nothing": "DELETE FROM audit_entry WHERE 0",
    "delete where": "DELETE FROM audit_entry WHERE rowid = 1",
    "delete limit": "DELETE FROM audit_entry LIMIT 1",
    "delete returning": "DELETE FROM audit_entry RETURNING id",
    "delete in a query": "WITH gone AS (SELECT id FROM audit_entry) DELETE FROM audit_entry WHERE id IN gone",
    "delete in other letters": 'DELETE FROM "AUDIT_ENTRY"',
    **{
        f"{verb} by key": f"{verb} INTO audit_entry ({COPY}) SELECT {FORGED} FROM audit_entry"
        for verb in ("INSERT OR REPLACE", "REPLACE", "INSERT OR IGNORE", "INSERT OR FAIL", "INSERT")
    },
    **{
        f"{verb} by row id {row}": (
            f"{verb} INTO audit_entry (rowid, {COPY}) SELECT {row}, {NEW_ID} FROM audit_entry LIMIT 1"
        )
        for verb in ("INSERT OR REPLACE", "REPLACE", "INSERT OR IGNORE", "INSERT")
        for row in ("rowid", 1, 0, -1, 99)
    },
    "upsert": f"INSERT INTO audit_entry ({COPY}) SELECT {FORGED} FROM audit_entry WHERE true "
    "ON CONFLICT DO UPDATE SET description = excluded.description",
    "upsert nothing": f"INSERT INTO audit_entry ({COPY}) SELECT {FORGED} FROM audit_entry WHERE true "
    "ON CONFLICT DO NOTHING",
    "view": "DELETE FROM store_orders_order_paid",
    "explain": "EXPLAIN DELETE FROM audit_entry",
}
"""Statements on entries."""

VALUES = {
    "audit_catalog": "'99.0.0', '{}'",
    "audit_category": "'a.b', 'a', 'x', 'x'",
    "audit_event": "'a.b.c', 'a', 'a.b', 'x', 'x'",
    "audit_hold": "'acme', 'x', NULL, 1",
    "audit_user": "'acme', 'u-1', 'user', 'Nobody', x'00'",
}
"""A row that each other table does not have."""
COLUMN = {
    "audit_catalog": "json",
    "audit_category": "title",
    "audit_event": "title",
    "audit_hold": "until",
    "audit_user": "actor_name",
}


def statements_on(table: str) -> dict[str, str]:
    """The ways to change a table other than audit_entry."""
    column, row = COLUMN[table], VALUES[table]
    return {
        f"{table}: {way}": statement
        for way, statement in {
            "insert": f"INSERT INTO {table} VALUES ({row})",
            "insert or ignore": f"INSERT OR IGNORE INTO {table} VALUES ({row})",
            "insert or fail": f"INSERT OR FAIL INTO {table} VALUES ({row})",
            "replace": f"REPLACE INTO {table} VALUES ({row})",
            "upsert": f"INSERT INTO {table} VALUES ({row}) ON CONFLICT DO UPDATE SET {column} = NULL",
            "update": f"UPDATE {table} SET {column} = 'x'",
            "update nothing new": f"UPDATE {table} SET {column} = {column}",
            "update or replace": f"UPDATE OR REPLACE {table} SET {column} = 'x'",
            "update or ignore": f"UPDATE OR IGNORE {table} SET {column} = 'x'",
            "update from": f"UPDATE {table} SET {column} = 'x' FROM audit_entry",
            "update returning": f"UPDATE {table} SET {column} = 'x' RETURNING *",
            "delete": f"DELETE FROM {table}",
            "delete nothing": f"DELETE FROM {table} WHERE 0",
            "delete returning": f"DELETE FROM {table} RETURNING *",
        }.items()
    }


DELETE = "DELETE FROM main.audit_entry"
TRICKS = {
    "permit of before": f"INSERT INTO audit_retention VALUES ('acme', x'ff'); {DELETE}",
    "table of permits": "CREATE TABLE audit_retention AS SELECT DISTINCT account_id, x'ff' AS before "
    f"FROM audit_entry; {DELETE}",
    "temporary permit": "CREATE TEMP TABLE audit_retention AS SELECT 'acme' AS account_id, x'ff' AS before; "
    f"{DELETE}",
    "temporary holds": f"CREATE TEMP TABLE audit_hold (account_id, until); {DELETE}",
    "table of the function's name": f"CREATE TEMP TABLE audit_entry_is_append_only (x, y); {DELETE}",
    "view of the function's name": f"CREATE TEMP VIEW audit_entry_is_append_only AS SELECT 0; {DELETE}",
    "temporary trigger": "CREATE TEMP TABLE mine (x); CREATE TEMP TRIGGER mine AFTER INSERT ON mine "
    "BEGIN DELETE FROM audit_entry; END; INSERT INTO mine VALUES (1)",
    "temporary view": "CREATE TEMP VIEW mine AS SELECT 1 AS x; CREATE TEMP TRIGGER mine INSTEAD OF DELETE "
    "ON mine BEGIN UPDATE audit_entry SET description = ''; END; DELETE FROM mine",
    "trigger that ignores": "CREATE TEMP TRIGGER mine BEFORE DELETE ON main.audit_entry "
    f"BEGIN SELECT RAISE(IGNORE); END; {DELETE}",
    "trigger of a user": "CREATE TEMP TRIGGER mine BEFORE INSERT ON main.audit_user BEGIN SELECT 1; END; "
    "INSERT INTO audit_user VALUES ('acme', 'u-1', 'user', 'Nobody', x'00')",
    "attached": "ATTACH '{path}' AS other; DELETE FROM other.audit_entry",
    "attached hold": "ATTACH '{path}' AS other; DELETE FROM other.audit_hold",
    "foreign key": "PRAGMA foreign_keys=ON; CREATE TEMP TABLE mine (account_id, id, "
    f"FOREIGN KEY (account_id, id) REFERENCES audit_entry ON DELETE CASCADE); {DELETE}",
    "function": "SELECT audit_entry_is_append_only('acme', x'00')",
    "library": "SELECT load_extension('mine')",
    "prepared": f"BEGIN; {DELETE}; COMMIT",
    "savepoint": f"SAVEPOINT mine; {DELETE}; RELEASE mine",
    **{
        f"pragma {pragma}": f"PRAGMA {pragma}; {DELETE}"
        for pragma in (
            "foreign_keys=OFF",
            "ignore_check_constraints=ON",
            "legacy_alter_table=ON",
            "trusted_schema=OFF",
            "cell_size_check=OFF",
            "defer_foreign_keys=ON",
            "reverse_unordered_selects=ON",
            "count_changes=ON",
            "automatic_index=OFF",
            "read_uncommitted=ON",
            "writable_schema=ON",
        )
    },
}
"""Statements before the one that would rewrite; all of them run in one connection."""

REWRITING = {
    **ENTRIES,
    **{way: each for table in VALUES for way, each in statements_on(table).items()},
    **TRICKS,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, shops: Shops) -> Path:
    """A file with entries of two accounts, and a hold of one."""
    path = tmp_path_factory.mktemp("attacked") / "audit.db"
    with open_shop(path, shops.v1) as log:
        record_each(log)
        log.record_event(
            "store.orders.order_lost", {"order_id": "o-1"}, {"account_id": "globex", "actor": ADA}
        )
    place_hold(f"sqlite:///{path}", shops.v1, "globex", "Case 17", Actor.user("u-99", "Grace Hopper"))
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    """A copy of it, for what may change it."""
    return Path(shutil.copy(made, tmp_path))


def contents(connection: sqlite3.Connection) -> list[list[Any]]:
    """The rows of all tables, and the layout."""
    schema = "SELECT type, name, sql FROM main.sqlite_schema ORDER BY name"
    entries = "SELECT rowid, * FROM main.audit_entry ORDER BY rowid"
    others = (f"SELECT * FROM main.{table} ORDER BY 1, 2" for table in GUARDED)
    return [connection.execute(query).fetchall() for query in (schema, entries, *others)]


def run(connection: sqlite3.Connection, statements: str) -> str:
    """The error of a statement, or of the first of several that fails; empty if none does."""
    try:
        for each in split(statements):
            connection.execute(each).fetchall()
    except sqlite3.Error as error:
        return str(error)
    return ""


def split(script: str) -> Iterator[str]:
    """The statements of a script; those of a trigger belong to it."""
    part = ""
    for piece in script.split(";"):
        part += piece + ";"
        if sqlite3.complete_statement(part):
            yield part
            part = ""


@pytest.mark.parametrize(("recursive", "trusted"), list(product(("ON", "OFF"), repeat=2)))
def test_no_statement_rewrites_an_entry(path: Path, recursive: str, trusted: str) -> None:
    allowed, changed = [], []
    with closing(sqlite3.connect(path)) as reader:
        before = contents(reader)
        for way, statements in REWRITING.items():
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute(f"PRAGMA recursive_triggers={recursive}")
                connection.execute(f"PRAGMA trusted_schema={trusted}")
                if not run(connection, statements.replace("{path}", str(path))):
                    allowed.append(way)
                connection.execute("DROP TABLE IF EXISTS main.audit_retention")
            if contents(reader) != before:
                changed.append(way)
    assert (allowed, changed) == ([], [])


# --- what whoever may write to the file can do -----------------------------------------------------

LEFT_BEHIND = {
    **{f"DROP TRIGGER {name}": f"the trigger {name} is missing" for name in triggers()},
    "DROP TRIGGER audit_entry_no_update; CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry "
    "WHEN 0 BEGIN SELECT 1; END": "the trigger audit_entry_no_update is another one",
    "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, 'BEFORE DELETE', 'AFTER DELETE') "
    "WHERE name = 'audit_entry_no_delete'": "the trigger audit_entry_no_delete is another one",
    "PRAGMA writable_schema=ON; DELETE FROM sqlite_schema WHERE name = 'audit_entry_once'": (
        "the trigger audit_entry_once is missing"
    ),
    "CREATE TRIGGER mine BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(IGNORE); END": (
        "the trigger mine on audit_entry is not Auditwright's: it may drop what is recorded"
    ),
    "CREATE TRIGGER mine BEFORE INSERT ON AUDIT_HOLD BEGIN SELECT RAISE(IGNORE); END": (
        "the trigger mine on audit_hold is not Auditwright's: it may drop what is recorded"
    ),
    "DROP TABLE audit_hold": "the table audit_hold is missing",
    "DROP TABLE audit_catalog": "the table audit_catalog is missing",
    "DROP INDEX audit_entry_event": "the index audit_entry_event is missing",
    "ALTER TABLE audit_user RENAME TO mine": "the table audit_user is missing",
}
"""What remains of a change of the layout, and what the check then says."""
REFUSED_BY_THE_CHECK = (
    "DROP TABLE audit_entry",
    "ALTER TABLE audit_entry RENAME COLUMN description TO other",
    "ALTER TABLE audit_entry ADD COLUMN mine TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE audit_hold RENAME COLUMN reason TO other",
    "DROP TABLE audit_hold; CREATE TABLE audit_hold (account_id TEXT)",
    "DROP TABLE audit_event; CREATE VIEW audit_event AS SELECT 1",
    "DROP INDEX audit_entry_event; CREATE UNIQUE INDEX audit_entry_event ON audit_entry (event, id)",
)
"""Changes after which the file is no audit log, for the check and for opening."""


def check(path: Path, shops: Shops) -> list[str]:
    """What the check finds in the layout."""
    with closing(open_inspection(f"sqlite:///{path}", shops.v1)) as inspection:
        return [each.what for each in inspection.differences()]


def change(path: Path, statements: str) -> None:
    """Run statements that nothing refuses."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert run(connection, statements) == ""


@pytest.mark.parametrize("statements", LEFT_BEHIND)
def test_the_check_names_what_is_left_of_a_change(path: Path, shops: Shops, statements: str) -> None:
    change(path, statements)
    assert LEFT_BEHIND[statements] in check(path, shops)


def test_the_hint_drops_a_trigger_of_others(path: Path, shops: Shops) -> None:
    change(path, 'CREATE TRIGGER "mi""ne" BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(IGNORE); END')
    with closing(open_inspection(f"sqlite:///{path}", shops.v1)) as inspection:
        (found,) = inspection.differences()
    change(path, found.hint)
    assert check(path, shops) == []


@pytest.mark.parametrize("statements", REFUSED_BY_THE_CHECK)
def test_a_file_with_another_layout_is_refused(path: Path, shops: Shops, statements: str) -> None:
    change(path, statements)
    with pytest.raises((SchemaMismatch, StorageError)):
        check(path, shops)


def test_whoever_registers_the_functions_can_delete(path: Path, shops: Shops) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_function("audit_entry_is_append_only", 2, lambda *_: False)
        assert run(connection, "DELETE FROM audit_entry WHERE account_id = 'acme'") == ""
        # A hold is another guard, with a function of its own.
        assert "append-only" in run(connection, "DELETE FROM audit_entry WHERE account_id = 'globex'")
    assert check(path, shops) == []


def test_added_targets_change_no_entry(path: Path, shops: Shops) -> None:
    """A trigger that refuses them would make each recorded target cost half as much again."""
    with closing(sqlite3.connect(path)) as connection:
        before = connection.execute("SELECT * FROM audit_entry ORDER BY id").fetchall()
    forged = "SELECT account_id, 'till:forged', event, id, 'forged' FROM audit_entry"
    change(path, f"INSERT OR REPLACE INTO audit_target {forged}")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM audit_entry ORDER BY id").fetchall() == before
        assert connection.execute("SELECT count(*) FROM audit_target").fetchone() == (len(before),)
    assert check(path, shops) == []


def test_a_trigger_dropped_and_made_again_is_no_finding(path: Path, shops: Shops) -> None:
    again = triggers()["audit_entry_no_delete"]
    change(path, f"DROP TRIGGER audit_entry_no_delete; DELETE FROM audit_entry; {again}")
    assert check(path, shops) == []


# --- what works as before --------------------------------------------------------------------------


@pytest.fixture(params=product(("ON", "OFF"), repeat=2), ids=" ".join)
def connection(request: pytest.FixtureRequest, path: Path) -> Iterator[sqlite3.Connection]:
    """A connection of a program, with recursive triggers and a trusted schema or without."""
    recursive, trusted = request.param
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA recursive_triggers={recursive}")
        connection.execute(f"PRAGMA trusted_schema={trusted}")
        yield connection


def test_maintenance_needs_no_functions(connection: sqlite3.Connection, path: Path, tmp_path: Path) -> None:
    before = contents(connection)
    for statement in (
        "VACUUM",
        f"VACUUM INTO '{tmp_path / 'vacuumed.db'}'",
        "ANALYZE",
        "REINDEX",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA optimize",
        "CREATE TABLE orders (a TEXT, b TEXT)",
        "ALTER TABLE orders ADD COLUMN c TEXT",
        "ALTER TABLE orders RENAME COLUMN a TO d",
        "ALTER TABLE orders DROP COLUMN b",
        "ALTER TABLE orders RENAME TO others",
        "INSERT INTO others VALUES (1, 2)",
        "DELETE FROM others",
        "DROP TABLE others",
    ):
        assert run(connection, statement) == "", statement
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.execute("DROP TABLE IF EXISTS sqlite_stat1")
    assert contents(connection) == before


def test_copies_have_the_log_and_its_guards(
    connection: sqlite3.Connection, tmp_path: Path, shops: Shops
) -> None:
    before = contents(connection)
    dumped, backed_up = tmp_path / "dumped.db", tmp_path / "backed_up.db"
    with closing(sqlite3.connect(dumped)) as copy:
        copy.executescript("\n".join(connection.iterdump()))
    with closing(sqlite3.connect(backed_up)) as copy:
        connection.backup(copy)
    for each in (dumped, backed_up):
        with closing(sqlite3.connect(each)) as copy:
            assert [sorted(rows, key=str) for rows in contents(copy)[1:]] == [
                sorted(rows, key=str) for rows in before[1:]
            ]
            assert run(copy, "DELETE FROM audit_entry") == "no such function: audit_entry_is_append_only"
        open_shop(each, shops.v1).close()
        assert check(each, shops) == []


def test_a_transaction_of_the_caller_records(
    connection: sqlite3.Connection, path: Path, shops: Shops
) -> None:
    connection.execute("PRAGMA trusted_schema=ON")
    before = connection.execute("SELECT count(*) FROM audit_user").fetchone()[0]
    with open_shop(path, shops.v1) as log:
        entry = log.record_event(
            "store.orders.order_lost",
            {"order_id": "o-1"},
            {"actor": Actor.user("u-new", "Grace"), "session": connection},
        )
        connection.execute("COMMIT")
        assert log.account("acme").get(entry.id) == entry
        again = log.record_event("store.orders.order_lost", {"order_id": "o-1"}, {"actor": ADA})
        assert log.account("acme").get(again.id) == again
    assert connection.execute("SELECT count(*) FROM audit_user").fetchone()[0] == before + 1


def test_an_untrusted_schema_is_refused_with_a_hint(path: Path, shops: Shops) -> None:
    """Whether SQLite trusts JSON functions in triggers depends on its version; it trusts no program's."""
    change(path, "CREATE TRIGGER mine BEFORE INSERT ON audit_entry BEGIN SELECT mine(); END")
    with open_shop(path, shops.v1) as log, closing(sqlite3.connect(path)) as connection:
        connection.create_function("mine", 0, lambda: None)
        connection.execute("PRAGMA trusted_schema=OFF")
        with pytest.raises(StorageError, match=r"unsafe use of .*; run PRAGMA trusted_schema=ON on this"):
            log.record_event(
                "store.orders.order_lost", {"order_id": "o-1"}, {"actor": ADA, "session": connection}
            )


def test_a_build_without_a_trusted_schema_suffices(
    path: Path, shops: Shops, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Untrusting(sqlite3.Connection):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.execute("PRAGMA trusted_schema=OFF")

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Untrusting))
    url, operator = f"sqlite:///{path}", Actor.user("u-99", "Grace Hopper")
    with open_shop(path, shops.v2) as log:
        record_example(log, PAID, START)
    place_hold(url, shops.v2, "initech", "Case 18", operator)
    assert remove_hold(url, shops.v2, "globex", operator) is not None
    deleted = prune(url, shops.v2, datetime.now(UTC) - timedelta(days=1), operator).deleted
    assert [(each.account_id, each.entries) for each in deleted] == [("acme", 6)]


def test_a_newer_catalog_adds_its_columns(connection: sqlite3.Connection, path: Path, shops: Shops) -> None:
    before = {name for _, name, *_ in connection.execute("PRAGMA table_info(audit_entry)")}
    open_shop(path, shops.v2).close()
    after = {name for _, name, *_ in connection.execute("PRAGMA table_info(audit_entry)")}
    assert after - before == set(shops.v2.columns) - before
    assert connection.execute("ALTER TABLE audit_entry ADD COLUMN mine TEXT").fetchall() == []
