"""Changes of the set-up are entries in the account `auditwright`: commands, opening a file, retention."""

# ruff: noqa: F401, F811 - fixtures of other modules are imported, and their names are arguments

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.operations.test_retention import BEFORE, fill, run
from tests.support.command_line import OS_USER, Auditwright, auditwright
from tests.support.databases import Database, PostgreSQLDatabase, PostgreSQLServer, SQLiteDatabase, open_log
from tests.support.sample_events import ADA, make_catalog, record
from tests.support.shops import Shops, open_shop, shops

from audit_events import CATALOG
from auditwright import Actor, AuditLog, Catalog, Entry, StorageError
from auditwright.operations.retention import list_holds
from auditwright.storage.sqlite.retention import SQLiteRetentionStore
from auditwright.system_events import OPERATOR_ACCOUNT

LOGIN = "account.login_logout.login"
OPERATOR = Actor.user("u-99", "Grace Hopper")


@pytest.fixture
def empty(database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database in which nothing was made yet, of each engine."""
    if isinstance(database, SQLiteDatabase):
        yield SQLiteDatabase(tmp_path / "empty.db")
    else:
        server: PostgreSQLServer = request.getfixturevalue("postgresql")
        made = server.bare()
        yield made
        server.drop(made)


def set_up(log: AuditLog) -> list[Entry]:
    """What the account of the operator has, oldest first."""
    return list(log.account(OPERATOR_ACCOUNT).all())[::-1]


def events(url: str, catalog: Catalog = CATALOG) -> list[tuple[str, str | None, dict[str, Any]]]:
    """Name of the event, id of the actor and metadata of each of these, without numbers of changes."""
    with AuditLog.open(url, catalog=catalog) as log:
        return [
            (
                entry.event.rpartition(".")[2],
                entry.actor.id,
                {name: value for name, value in entry.metadata.items() if name != "changes"},
            )
            for entry in set_up(log)
        ]


def test_create_and_upgrade_are_recorded_once(empty: Database, auditwright: Auditwright) -> None:
    for command in (("create", "--actor", "app:deploy"), ("create",), ("upgrade",)):
        assert auditwright("database", *command, "--database", empty.url).code == 0
    ((name, actor, values),) = events(empty.url)
    assert (name, actor, values["version"]) == ("created", "deploy", CATALOG.version)
    revisions = values.get("revisions", [])
    assert revisions[:2] == (["001", "002"] if empty.engine == "postgresql" else [])
    if empty.engine == "sqlite":
        empty.change("DROP VIEW account_login_logout_login")
    else:
        empty.change("DROP VIEW account_login_logout_login", "DROP VIEW account_login_logout_logout")
    assert auditwright("database", "upgrade", "--database", empty.url).code == 0
    assert events(empty.url)[1:] == [("upgraded", OS_USER.id, {"version": CATALOG.version})]
    with AuditLog.open(empty.url, catalog=CATALOG) as log:
        assert set_up(log)[1].metadata["changes"] in (1, 2)
        assert log.accounts() == [OPERATOR_ACCOUNT]


def test_another_version_of_the_catalog_is_recorded(
    empty: Database, auditwright: Auditwright, shops: Shops
) -> None:
    for package in (shops.v1.package, shops.v2.package, shops.v1.package):
        options = ("--database", empty.url, "--catalog-package", package)
        assert auditwright("database", "create", *options).code == 0
    made = events(empty.url, shops.v2)
    assert [name for name, _, _ in made] == ["created", "upgraded", "adopted"]
    versions = {"previous_version": shops.v1.version, "version": shops.v2.version}
    assert made[2] == ("adopted", OS_USER.id, versions)


def test_partitions_alone_are_not_recorded(postgresql: PostgreSQLServer, auditwright: Auditwright) -> None:
    made = postgresql.bare()
    assert auditwright("database", "create", "--database", made.url).code == 0
    found = made.rows(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_entry'::regclass"
    )
    months = sorted(name for (name,) in found if name.startswith("audit_entry_2"))
    made.change(*(f"DROP TABLE {name}" for name in months[-2:]))
    done = auditwright("database", "upgrade", "--database", made.url)
    assert "partitions ahead" in done.out
    assert [name for name, _, _ in events(made.url)] == ["created"]
    postgresql.drop(made)


def test_opening_a_file_records_only_another_catalog(tmp_path: Path, shops: Shops) -> None:
    path = tmp_path / "audit.db"
    for catalog in (shops.v1, shops.v1, shops.v2, shops.v1, shops.v2):
        open_shop(path, catalog).close()
    with open_shop(path, shops.v2) as log:
        (entry,) = set_up(log)
    assert (entry.event, entry.actor) == ("audit.setup.adopted", Actor.system())
    assert entry.description == (
        f"System changed the catalog of the log from {shops.v1.version} to {shops.v2.version}."
    )


def test_fresh_file_has_no_entry(tmp_path: Path) -> None:
    for _ in range(2):
        with AuditLog.open(f"sqlite:///{tmp_path}/audit.db", catalog=CATALOG) as log:
            assert log.accounts() == []


def test_the_newest_version_counts_and_replaced_ones_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    url = f"sqlite:///{tmp_path}/audit.db"

    def catalog_of(version: str, *, column: bool = False) -> Catalog:
        def edit(content: dict[str, Any]) -> None:
            content["version"] = version
            if column:  # replaced by another of the same version, which has no such column
                content["levels"][0]["categories"][0]["events"][0]["fields"][-1]["column"] = True

        return make_catalog(tmp_path, edit)

    for version, column in (("1.10.0", True), ("1.10.0", False), ("1.9.0", False), ("1.11.0", False)):
        AuditLog.open(url, catalog=catalog_of(version, column=column)).close()
    with AuditLog.open(url, catalog=CATALOG) as log:
        found = [tuple(entry.metadata.values()) for entry in set_up(log)]
    assert found == [("1.10.0", "1.9.0"), ("1.10.0", "1.11.0"), ("1.11.0", CATALOG.version)]


def test_logs_that_are_opened_at_once_record_a_catalog_once(tmp_path: Path, shops: Shops) -> None:
    path = tmp_path / "audit.db"
    open_shop(path, shops.v1).close()
    threads = [threading.Thread(target=lambda: open_shop(path, shops.v2).close()) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    with open_shop(path, shops.v2) as log:
        assert len(set_up(log)) == 1


def test_a_set_up_that_fails_records_nothing(
    tmp_path: Path, shops: Shops, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.db"
    open_shop(path, shops.v1).close()

    def fail(*_: object) -> None:
        raise StorageError("no")

    with monkeypatch.context() as patched:
        patched.setattr("auditwright.recording.setup_record.adoption_rows", fail)
        with pytest.raises(StorageError):
            open_shop(path, shops.v2)
    with open_shop(path, shops.v1) as log:
        assert log.accounts() == []
    with open_shop(path, shops.v2) as log:
        assert len(set_up(log)) == 1


def test_roles_are_recorded_where_rights_change(
    postgresql: PostgreSQLServer, auditwright: Auditwright
) -> None:
    made = postgresql.bare()
    options = ("--database", made.url, "--prefix", "recorded")
    assert auditwright("database", "create", "--database", made.url).code == 0
    for _ in range(2):
        assert auditwright("database", "roles", *options, "--actor", "user:u-99:Grace Hopper").code == 0
    made.change("REVOKE SELECT ON audit_entry FROM recorded_reader")
    assert auditwright("database", "roles", *options).code == 0
    assert [each for each in events(made.url) if each[0] == "granted"] == [
        ("granted", "u-99", {"prefix": "recorded"}),
        ("granted", OS_USER.id, {"prefix": "recorded"}),
    ]
    postgresql.drop(made)
    for role in ("writer", "reader", "owner"):
        postgresql.change(f"DROP ROLE recorded_{role}")


def test_roles_of_an_older_database_say_what_to_run(
    postgresql: PostgreSQLServer, auditwright: Auditwright
) -> None:
    made = postgresql.bare()
    assert auditwright("database", "create", "--database", made.url).code == 0
    made.change("ALTER TABLE audit_entry DROP COLUMN row_digest CASCADE")
    done = auditwright("database", "roles", "--database", made.url, "--prefix", "older")
    assert done.code == 2
    assert "run `auditwright database upgrade`" in done.err
    assert made.rows("SELECT rolname FROM pg_roles WHERE rolname LIKE 'older%'") == []
    postgresql.drop(made)


def test_a_run_of_retention_is_recorded_with_its_sum(database: Database) -> None:
    fill(database)
    run(database, dry_run=True)
    result = run(database)
    with open_log(database) as log:
        (entry,) = set_up(log)
    assert (entry.event, entry.actor) == ("audit.setup.retained", OPERATOR)
    assert entry.metadata == {
        "before": f"{BEFORE:%Y-%m-%dT%H:%M:%S.%fZ}",
        "entries": sum(each.entries for each in result.deleted) or None,
        "accounts": len(result.deleted),
    }
    run(database)  # nothing is left to delete
    with open_log(database) as log:
        assert set_up(log) == [entry]


def test_a_run_that_an_error_ends_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On SQLite; PostgreSQL deletes in one transaction."""
    database = SQLiteDatabase(tmp_path / "audit.db")
    fill(database)
    delete = SQLiteRetentionStore._delete

    def fail_later(self: SQLiteRetentionStore, account_id: str, *rest: Any) -> Any:
        if account_id == "globex":
            raise StorageError("the disk is gone")
        return delete(self, account_id, *rest)

    monkeypatch.setattr(SQLiteRetentionStore, "_delete", fail_later)
    with pytest.raises(StorageError, match="the disk is gone"):
        run(database)
    with open_log(database) as log:
        (entry,) = set_up(log)
    assert (entry.metadata["accounts"], entry.metadata["entries"]) == (1, 3)


def test_retention_deletes_old_entries_of_the_operator_too(tmp_path: Path) -> None:
    database = SQLiteDatabase(tmp_path / "audit.db")
    fill(database)
    run(database)
    run(database, before=datetime.now(UTC))
    with open_log(database) as log:
        found = [(entry.event, entry.metadata["entries"]) for entry in set_up(log)]
    assert found[0] == ("audit.log.pruned", 1)  # the entry of the first run
    assert [name for name, _ in found] == ["audit.log.pruned", "audit.setup.retained"]


def test_commands_of_holds_record_another_catalog_too(tmp_path: Path, shops: Shops) -> None:
    path = tmp_path / "audit.db"
    open_shop(path, shops.v1).close()
    assert list_holds(f"sqlite:///{path}", shops.v2) == []
    with open_shop(path, shops.v2) as log:
        assert [entry.event for entry in set_up(log)] == ["audit.setup.adopted"]
