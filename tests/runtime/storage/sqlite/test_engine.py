"""The SQLite engine: append-only and idempotent also for plain SQL, creation, durability, errors."""

import io
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.support.processes import run_at_once, run_python
from tests.support.sample_events import (
    KEY_CREATED,
    MODEL,
    change,
    event_of,
    form,
    insert_row,
    make_catalog,
    record,
    rows,
)

from auditwright import AccountLog, Actor, AuditLog, SchemaMismatch, StorageError
from auditwright.entry import columns

# --- append-only and exactly once ----------------------------------------------------------------

COPY = "account_id, id, occurred_at, recorded_at, level, category, event, actor_type, actor_id, actor_name, "
COPY += "ip_address, description, tool_id, catalog_version, digest, alterations, metadata"
FORGED = COPY.replace("description", "'forged'").replace("digest", "zeroblob(32)")
NEW_ID = FORGED.replace(", id,", ", randomblob(16),")


@pytest.mark.parametrize("recursive", ["ON", "OFF"])
@pytest.mark.parametrize("row", [-1, 0])
def test_explicit_row_ids_are_refused(log: AuditLog, path: Path, row: int, recursive: str) -> None:
    record(log, KEY_CREATED)
    plant = f"INSERT INTO audit_entry (rowid, {COPY}) SELECT {row}, {NEW_ID} FROM audit_entry LIMIT 1"
    replace = plant.replace("INSERT", "INSERT OR REPLACE")
    seen = set(rows(path))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA recursive_triggers={recursive}")
        for statement in (plant, replace, replace):
            with suppress(sqlite3.Error):
                connection.execute(statement)
            now = set(rows(path))
            assert seen <= now
            seen = now


def test_storing_a_row_again_is_idempotent(log: AuditLog, path: Path) -> None:
    record(log, KEY_CREATED)
    before = rows(path)
    for verb in ("INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE", "REPLACE"):
        change(path, f"{verb} INTO audit_entry ({COPY}) SELECT {COPY} FROM audit_entry")
    assert rows(path) == before


def test_recording_works_after_an_attack(log: AuditLog, acme: AccountLog, path: Path) -> None:
    record(log, KEY_CREATED)
    with pytest.raises(sqlite3.Error):
        change(path, "DELETE FROM audit_entry")
    record(log, KEY_CREATED)
    assert acme.count() == 2


# --- creating ------------------------------------------------------------------------------------


def test_opening_makes_tables_views_triggers_and_reference_rows(log: AuditLog, path: Path) -> None:
    made = dict(rows(path, "SELECT type, count(*) FROM sqlite_schema WHERE sql IS NOT NULL GROUP BY type"))
    assert made == {"table": 8, "view": 89, "index": 4, "trigger": made["trigger"]}
    assert made["trigger"] >= 3
    assert rows(path, "SELECT count(*) FROM audit_event") == [(89,)]
    assert rows(path, "SELECT count(*) FROM audit_category") == [(20,)]
    assert rows(path, "SELECT version, json FROM audit_catalog") == [("1.1.0", log.catalog.json.decode())]
    assert [row[1] for row in rows(path, "PRAGMA table_info(audit_entry)")] == [
        name for name, _, _ in columns(log.catalog)
    ]


def test_opening_again_writes_nothing(log: AuditLog, path: Path) -> None:
    schema = rows(path, "SELECT * FROM sqlite_schema")
    with closing(sqlite3.connect(path)) as connection:
        before = connection.execute("PRAGMA data_version").fetchone()
        with AuditLog.open(f"sqlite:///{path}") as again:
            assert again.account("acme").count() == 0
        assert connection.execute("PRAGMA data_version").fetchone() == before
    assert rows(path, "SELECT * FROM sqlite_schema") == schema


def test_users_of_an_older_file_are_found(log: AuditLog, acme: AccountLog, path: Path) -> None:
    change(path, "DROP TRIGGER audit_entry_users", "DROP TABLE audit_user")
    for account_id, actor in (
        ("acme", Actor.user("u-1", "Ada")),
        ("acme", Actor.system()),
        ("acme", Actor.app("ci")),
        ("other", Actor.user("u-1", "Grace")),
        ("third", Actor.system()),
        ("fourth", Actor.app("x-1", "Pipeline")),
    ):
        record(log, KEY_CREATED, actor=actor, account_id=account_id)
        record(
            log, "tool.guardrails.input_scanner_added", {"tool_id": "t-4"}, actor=actor, account_id=account_id
        )
    for account_id, name in (("other", "Grace Hopper"), ("fourth", "Linus"), ("fourth", "")):
        actor = Actor.user("u-1" if account_id == "other" else "x-1", name)
        record(log, KEY_CREATED, actor=actor, account_id=account_id)
        record(log, "account.models.model_deployed", MODEL, actor=actor, account_id=account_id)
    record(log, KEY_CREATED, actor=Actor.user("x-1", "Grace"), account_id="fourth")
    log.close()
    with AuditLog.open(f"sqlite:///{path}") as again:
        assert again.account("acme").users() == [Actor.app("ci"), Actor.user("u-1", "Ada")]
        assert again.account("other").users() == [Actor.user("u-1", "Grace Hopper")]
        for text in ("pipeline", "grace", "x-1"):
            assert again.account("fourth").users(text) == [Actor.user("x-1", "Grace")]
        assert again.account("third").users() == []


def test_removed_objects_are_created_again(log: AuditLog, path: Path) -> None:
    change(
        path, "DROP INDEX audit_entry_user", "DROP TRIGGER audit_entry_no_update", "DROP TABLE audit_event"
    )
    AuditLog.open(f"sqlite:///{path}").close()
    assert rows(path, "SELECT count(*) FROM audit_event") == [(89,)]
    assert len(rows(path, "SELECT 1 FROM sqlite_schema WHERE name = 'audit_entry_user'")) == 1
    assert len(rows(path, "SELECT 1 FROM sqlite_schema WHERE name = 'audit_entry_no_update'")) == 1


@pytest.mark.parametrize(
    ("definition", "difference"),
    [
        (
            "id INTEGER",
            "column account_id should be TEXT NOT NULL at place 1 of the primary key, and is missing",
        ),
        (
            "account_id TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (account_id, id)",
            "column id should be BLOB NOT NULL at place 2 of the primary key, "
            "and is TEXT NOT NULL at place 2 of the primary key",
        ),
        (
            "account_id TEXT NOT NULL, id BLOB NOT NULL",
            "column account_id should be TEXT NOT NULL at place 1 of the primary key, and is TEXT NOT NULL",
        ),
    ],
)
def test_table_that_does_not_fit_is_refused(path: Path, definition: str, difference: str) -> None:
    change(path, f"CREATE TABLE audit_entry ({definition})")
    before = rows(path, "SELECT * FROM sqlite_schema")
    with pytest.raises(SchemaMismatch) as caught:
        AuditLog.open(f"sqlite:///{path}")
    assert str(caught.value) == (
        f"{path}: the table audit_entry does not fit: {difference}; use another file, or rename it"
    )
    assert rows(path, "SELECT * FROM sqlite_schema") == before


@pytest.mark.parametrize(
    "damage",
    [
        ["DROP VIEW account_models_model_deployed"],
        ["DROP VIEW account_models_model_deployed", "CREATE VIEW account_models_model_deployed AS SELECT 1"],
        ["DELETE FROM audit_event"],
        ["DELETE FROM audit_event WHERE key LIKE '%model_deployed'"],
        ["DELETE FROM audit_category"],
        ["UPDATE audit_event SET title = 'other'"],
        ["DROP TABLE audit_category"],
        ["DROP TRIGGER audit_entry_no_update"],
        [
            "DROP TRIGGER audit_entry_no_delete",
            "CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry BEGIN SELECT 1; END",
        ],
        ["DROP INDEX audit_entry_event"],
        ["DELETE FROM audit_catalog"],
        ["DROP TABLE audit_user"],
        ["DROP TRIGGER audit_entry_users", "DELETE FROM audit_user"],
    ],
    ids=" ".join,
)
def test_opening_repairs_damage(log: AuditLog, path: Path, damage: list[str]) -> None:
    schema = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name"
    tables = ("audit_category", "audit_event", "audit_catalog", "audit_user")
    contents = [schema, *(f"SELECT * FROM {table} ORDER BY 1" for table in tables)]
    record(log, KEY_CREATED)
    log.close()
    whole = [rows(path, each) for each in contents]
    before = rows(path)
    change(path, *damage)
    AuditLog.open(f"sqlite:///{path}").close()
    assert [rows(path, each) for each in contents] == whole
    assert rows(path) == before


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("PRIMARY KEY", "extra TEXT NOT NULL, PRIMARY KEY", "column extra, TEXT NOT NULL, is not ours"),
        (" STRICT", "", "it is not STRICT"),
        (
            "(account_id, id)",
            "(id, account_id)",
            "column account_id should be TEXT NOT NULL at place 1 of the primary key, "
            "and is TEXT NOT NULL at place 2 of the primary key",
        ),
    ],
    ids=["a column more", "not strict", "key reversed"],
)
def test_table_almost_like_ours_is_refused(
    log: AuditLog, path: Path, tmp_path: Path, old: str, new: str, difference: str
) -> None:
    ((ours,),) = rows(path, "SELECT sql FROM sqlite_schema WHERE name = 'audit_entry'")
    assert old in ours
    other = tmp_path / "other.db"
    change(other, ours.replace(old, new))
    before = rows(other, "SELECT * FROM sqlite_schema")
    with pytest.raises(SchemaMismatch) as caught:
        AuditLog.open(f"sqlite:///{other}")
    assert str(caught.value) == (
        f"{other}: the table audit_entry does not fit: {difference}; use another file, or rename it"
    )
    assert rows(other, "SELECT * FROM sqlite_schema") == before


def test_foreign_table_with_our_name_is_refused(path: Path) -> None:
    change(path, "CREATE TABLE audit_event (id INTEGER PRIMARY KEY, what TEXT)")
    before = rows(path, "SELECT * FROM sqlite_schema")
    with pytest.raises(SchemaMismatch) as caught:
        AuditLog.open(f"sqlite:///{path}")
    assert str(caught.value) == (
        f"{path}: the table audit_event does not fit: column key should be TEXT NOT NULL at place 1 of the "
        "primary key, and is missing; use another file, or rename it"
    )
    assert rows(path, "SELECT * FROM sqlite_schema") == before


def test_foreign_nullable_column_is_accepted(log: AuditLog, path: Path) -> None:
    log.close()
    change(path, "ALTER TABLE audit_entry ADD COLUMN note TEXT")
    with AuditLog.open(f"sqlite:///{path}", account_id="acme") as again:
        entry = record(again, KEY_CREATED)
        assert again.account("acme").get(entry.id) == entry


@pytest.mark.parametrize(
    "other",
    [
        "INDEX audit_entry_event ON audit_entry (event, level)",
        "UNIQUE INDEX audit_entry_event ON audit_entry (account_id, event, id)",
        "INDEX audit_entry_event ON audit_entry (account_id, event, id) WHERE level = 'tool'",
        "INDEX audit_entry_event ON audit_event (key)",
    ],
)
def test_another_index_of_our_name_is_refused(log: AuditLog, path: Path, other: str) -> None:
    log.close()
    change(path, "DROP INDEX audit_entry_event", f"CREATE {other}")
    with pytest.raises(SchemaMismatch) as caught:
        AuditLog.open(f"sqlite:///{path}")
    assert str(caught.value) == (
        f"{path}: the index audit_entry_event does not fit: expected an index on audit_entry "
        "(account_id, event, id); drop it"
    )


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "CREATE TABLE account_models_model_deployed (x)",
            "account_models_model_deployed should be a view and is a table",
        ),
        ("CREATE VIEW audit_event AS SELECT 1", "audit_event should be a table and is a view"),
        ("CREATE TABLE audit_entry_user (x)", "audit_entry_user should be an index and is a table"),
    ],
)
def test_other_object_with_our_name_is_refused(path: Path, statement: str, said: str) -> None:
    change(path, statement)
    before = rows(path, "SELECT * FROM sqlite_schema")
    with pytest.raises(SchemaMismatch) as caught:
        AuditLog.open(f"sqlite:///{path}")
    assert str(caught.value) == f"{path}: {said}; use another file, or rename it"
    assert rows(path, "SELECT * FROM sqlite_schema") == before


def test_other_tables_in_the_file_are_left_alone(path: Path) -> None:
    change(path, "CREATE TABLE orders (id INTEGER PRIMARY KEY)", "INSERT INTO orders VALUES (1)")
    with AuditLog.open(f"sqlite:///{path}", account_id="acme") as log:
        record(log, KEY_CREATED)
    assert rows(path, "SELECT * FROM orders") == [(1,)]


def test_older_service_keeps_views_of_a_newer_catalog(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def newer(content: dict[str, Any]) -> None:
        content["version"] = "1.10.0"
        event_of(content, KEY_CREATED)["title"] = "A newer title"

    def older(content: dict[str, Any]) -> None:
        content["version"] = "1.9.0"

    monkeypatch.syspath_prepend(str(tmp_path))
    AuditLog.open(f"sqlite:///{path}", catalog=make_catalog(tmp_path, newer)).close()
    views = rows(path, "SELECT * FROM sqlite_schema WHERE type = 'view'")
    with AuditLog.open(f"sqlite:///{path}", account_id="acme", catalog=make_catalog(tmp_path, older)) as log:
        assert record(log, KEY_CREATED).catalog_version == "1.9.0"
    assert rows(path, f"SELECT title FROM audit_event WHERE key = '{KEY_CREATED}'") == [("A newer title",)]
    assert rows(path, "SELECT * FROM sqlite_schema WHERE type = 'view'") == views
    assert rows(path, "SELECT version FROM audit_catalog ORDER BY 1") == [("1.10.0",), ("1.9.0",)]
    assert [row[0] for row in rows(path)] == ["acme", "auditwright"]


def test_a_newer_catalog_replaces_titles_and_keeps_entries(
    log: AuditLog, tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def newer(content: dict[str, Any]) -> None:
        content["version"] = "2.0.0"
        event_of(content, KEY_CREATED)["title"] = "A newer title"

    monkeypatch.syspath_prepend(str(tmp_path))
    entry = record(log, KEY_CREATED)
    with AuditLog.open(f"sqlite:///{path}", catalog=make_catalog(tmp_path, newer)) as newest:
        found = newest.account("acme").get(entry.id)
        assert found == entry
        assert found is not None
        assert found.event_title == "A newer title"
    assert rows(path, f"SELECT title FROM audit_event WHERE key = '{KEY_CREATED}'") == [("A newer title",)]
    record(log, KEY_CREATED)  # the older service is still running
    assert [row[0] for row in rows(path)] == ["acme", "acme", "auditwright"]


def test_new_column_stores_its_field(
    log: AuditLog, tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def newer(content: dict[str, Any]) -> None:
        content["version"] = "1.1.0"
        for level in content["levels"]:
            for category in level["categories"]:
                for event in category["events"]:
                    for field in event["fields"]:
                        if field["name"] == "model_id":
                            field["column"] = True

    monkeypatch.syspath_prepend(str(tmp_path))
    values = MODEL | {"deployment_name": "eu"}
    first = record(log, "account.models.model_added", values)
    catalog = make_catalog(tmp_path, newer)
    with AuditLog.open(f"sqlite:///{path}", account_id="acme", catalog=catalog) as newest:
        second = record(newest, "account.models.model_added", values)
        third = newest.record_form(form("account.models.model_added", values))
        found = [newest.account("acme").get(entry.id) for entry in (first, second, third)]
        assert [entry and entry.metadata for entry in found] == [values] * 3
    assert rows(path, "SELECT model_id FROM audit_entry ORDER BY id") == [(None,), ("m-17",), ("m-17",)]
    still = record(log, "account.models.model_added", values)
    assert log.account("acme").get(still.id) == still


def test_several_processes_may_create_the_file_at_once(path: Path) -> None:
    script = """
import sys
from auditwright import Actor, AuditLog
from audit_events import AuditEvents
print("ready", flush=True)
sys.stdin.readline()
with AuditLog.open(f"sqlite:///{sys.argv[1]}", account_id="acme") as log:
    print(AuditEvents(log).account.app_api_key.app_api_key_created(actor=Actor.system()).id)
"""
    run_at_once(script, [[str(path)]] * 4)
    assert len(rows(path)) == 4


# --- where the file is ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["a b.db", "it's.db", 'qu"ote.db', "what?.db", "c#.db", "100%.db", "ü.db", "a=b.db"]
)
def test_path_is_used_literally(tmp_path: Path, name: str) -> None:
    with AuditLog.open(f"sqlite:///{tmp_path}/{name}", account_id="acme") as log:
        record(log, KEY_CREATED)
    assert len(rows(tmp_path / name)) == 1
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_relative_path_is_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with AuditLog.open("sqlite:///here.db", account_id="acme") as log:
        monkeypatch.chdir("/")
        record(log, KEY_CREATED)
    assert len(rows(tmp_path / "here.db")) == 1


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_in_memory_database_is_refused(url: str) -> None:
    with pytest.raises(StorageError) as caught:
        AuditLog.open(url)
    assert (
        str(caught.value)
        == "an audit log in memory would not be durable; name a file, such as sqlite:///audit.db"
    )


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mysql://ada:pa55@db.example.com/audit", "db.example.com/audit"),
        ("mysql://ada:p@55@db.example.com/audit", "db.example.com/audit"),
        ("audit.db", "audit.db"),
        ("SQLITE:///audit.db", "SQLITE:///audit.db"),
        ("sqlite+pysqlite:///audit.db", "sqlite+pysqlite:///audit.db"),
        ("file:audit.db", "file:audit.db"),
        ("postgresql:audit", "postgresql:audit"),
    ],
)
def test_another_kind_of_url_is_refused_without_its_password(url: str, shown: str) -> None:
    with pytest.raises(StorageError) as caught:
        AuditLog.open(url)
    assert str(caught.value) == (
        f"{shown}: unknown kind of database; write sqlite:///audit.db for a relative path, "
        "sqlite:////var/lib/audit.db for an absolute one, or postgresql://user@host/database"
    )


MISREAD = {
    "sqlite://audit.db": "three slashes come before the path; write sqlite:///audit.db for a relative path, "
    "or sqlite:////audit.db for an absolute one",
    "sqlite://srv/logs/audit.db": "three slashes come before the path; write sqlite:///srv/logs/audit.db for "
    "a relative path, or sqlite:////srv/logs/audit.db for an absolute one",
    "sqlite:audit.db": "three slashes come before the path; write sqlite:///audit.db for a relative path, or "
    "sqlite:////audit.db for an absolute one",
    "sqlite:/srv/audit.db": "three slashes come before the path; write sqlite:////srv/audit.db",
    "sqlite:///audit.db?mode=ro": "parameters are not read; write sqlite:///audit.db",
    "sqlite:////srv/audit.db?cache=shared&mode=ro": "parameters are not read; write sqlite:////srv/audit.db",
    "sqlite:///my%20audit.db": "percent-encoding is not decoded; write the path as it is, "
    "sqlite:///my audit.db",
    "sqlite:////srv/a%2fb.db": "percent-encoding is not decoded; write the path as it is, "
    "sqlite:////srv/a/b.db",
    "sqlite:///file:audit.db": "a file: URI of SQLite is not read; write sqlite:///audit.db",
    "sqlite:///file:my%20audit.db?mode=ro&uri=true": "a file: URI of SQLite is not read; write "
    "sqlite:///my audit.db",
}
UNPRINTABLE = (
    "audit.db ",
    " audit.db",
    "audit.db\n",
    "audit.db\r",
    "a\tb.db",
    "a\x1b[2Jb.db",
    "audit.db\u2028",
)


@pytest.mark.parametrize("url", MISREAD)
def test_url_that_would_be_misread_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError) as caught:
        AuditLog.open(url)
    assert str(caught.value) == f"{url}: {MISREAD[url]}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", UNPRINTABLE, ids=ascii)
def test_path_with_stray_characters_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(StorageError) as caught:
        AuditLog.open(f"sqlite:///{tmp_path}/{path}" if path[0] != " " else f"sqlite:///{path}")
    assert str(caught.value).endswith(
        "the path begins or ends with a space, or has a line end or another control character"
    )
    assert str(caught.value).isprintable()
    assert list(tmp_path.iterdir()) == []


def test_misread_url_shows_no_password() -> None:
    with pytest.raises(StorageError) as caught:
        AuditLog.open("sqlite://ada:hunter2@host/audit.db")
    assert str(caught.value).startswith("host/audit.db: three slashes come before the path; write ")
    assert "hunter2" not in str(caught.value)


def test_path_with_nul_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        AuditLog.open(f"sqlite:///{tmp_path}/a\0b.db")
    assert str(caught.value) == "a database's path has no NUL and no lone surrogate"
    assert list(tmp_path.iterdir()) == []


def test_create_false_does_not_create_a_missing_file(path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        AuditLog.open(f"sqlite:///{path}", create=False)
    assert str(caught.value) == f"{path}: there is no such database; record something, or check its name"
    assert not path.exists()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        AuditLog.open(f"sqlite:///{tmp_path}/none/audit.db")
    assert str(caught.value) == f"{tmp_path}/none/audit.db: the folder {tmp_path}/none does not exist"


def test_file_that_is_not_a_database_is_refused_unchanged(path: Path) -> None:
    path.write_text("hello, world\n" * 100)
    with pytest.raises(StorageError) as caught:
        AuditLog.open(f"sqlite:///{path}")
    assert str(caught.value) == f"{path}: cannot open: file is not a database (SQLITE_NOTADB)"
    assert path.read_text() == "hello, world\n" * 100


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        AuditLog.open(f"sqlite:///{tmp_path}")
    assert str(caught.value) == f"{tmp_path}: cannot open: unable to open database file (SQLITE_CANTOPEN)"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can access, unlike pytest's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


@pytest.mark.parametrize("there", [True, False])
def test_unwritable_file_is_refused_with_the_reason(open_folder: Path, there: bool) -> None:
    path = open_folder / "audit.db"
    if there:
        AuditLog.open(f"sqlite:///{path}", account_id="acme").close()
        path.chmod(0o444)
    open_folder.chmod(0o555)
    script = """
import os, sys, tempfile
from auditwright import Actor, AuditLog, StorageError
from audit_events import AuditEvents
with tempfile.TemporaryDirectory() as folder:  # imports what a log needs, as long as that can be read
    with AuditLog.open(f"sqlite:///{folder}/audit.db", account_id="acme") as log:
        AuditEvents(log).account.app_api_key.app_api_key_created(actor=Actor.system())
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    with AuditLog.open(f"sqlite:///{sys.argv[1]}", account_id="acme") as log:
        AuditEvents(log).account.app_api_key.app_api_key_created(actor=Actor.system())
except StorageError as error:
    print(error)
"""
    said = run_python(script, str(path))
    assert said.startswith(f"{path}: cannot ")
    assert "SQLITE_READONLY" in said or "Permission denied" in said


# --- durable -------------------------------------------------------------------------------------


def test_every_commit_reaches_the_disk(log: AuditLog, path: Path) -> None:
    record(log, KEY_CREATED)
    writer = log._storage.connections._writer  # type: ignore[attr-defined]
    assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert writer.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]


def test_another_process_sees_an_entry_once_the_emitter_returned(log: AuditLog, path: Path) -> None:
    entry = record(log, KEY_CREATED)
    script = """
import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("SELECT hex(id) FROM audit_entry").fetchall())
"""
    assert run_python(script, str(path)) == f"[('{entry.id.hex.upper()}',)]\n"


@pytest.mark.parametrize("after", [1, 2, 7, 30, 120])
def test_acknowledged_entries_survive_a_kill(path: Path, after: int) -> None:
    script = """
import sys
from auditwright import Actor, AuditLog
from audit_events import AuditEvents
with AuditLog.open(f"sqlite:///{sys.argv[1]}", account_id="acme") as log:
    audit = AuditEvents(log)
    with log.acting(Actor.system()):
        while True:
            print(audit.account.app_api_key.app_api_key_created().id.hex.upper(), flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(after)]
        child.send_signal(signal.SIGKILL)
        said += child.stdout.readlines()
    acknowledged = {line.strip() for line in said if line.endswith("\n")}
    assert len(acknowledged) >= after
    stored = {row[0] for row in rows(path, "SELECT hex(id) FROM audit_entry")}
    assert acknowledged <= stored
    assert len(stored) <= len(acknowledged) + 1
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


# --- when it cannot be written -------------------------------------------------------------------


def test_locked_file_is_reported(log: AuditLog, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError) as caught:
            record(log, KEY_CREATED)
        assert str(caught.value) == (
            f"{path}: another transaction is writing to this file; SQLite takes one at a time. If it is this "
            "program's own, pass session= so that the entry joins it; if it is another process, record again "
            "with id=error.entry.id"
        )
        assert caught.value.entry is not None
        other.execute("ROLLBACK")
    again = record(log, KEY_CREATED, id=caught.value.entry.id)
    assert again.id == caught.value.entry.id
    assert len(rows(path)) == 1


def test_reading_goes_on_while_another_transaction_writes(
    log: AuditLog, acme: AccountLog, path: Path
) -> None:
    record(log, KEY_CREATED)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert acme.count() == 1


def test_full_disk_stores_all_or_nothing_and_recovers(path: Path) -> None:
    # A limit on the file size acts like a full disk.
    script = """
import resource, sys
from auditwright import Actor, AuditLog, StorageError
log = AuditLog.open(f"sqlite:///{sys.argv[1]}", account_id="acme")
event = {"event": "account.app_api_key.app_api_key_created", "actor": {"type": "system"}, "metadata": {}}
acknowledged = [log.record_form(event).id]
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
try:
    log.record_many(event for _ in range(5_000))
except StorageError as error:
    print(error, error.__notes__)
    assert error.entry is not None
else:
    sys.exit("5,000 entries went into 300 kB")
assert log.account("acme").count() == 1
try:
    while True:
        acknowledged.append(log.record_form(event).id)
except StorageError as error:
    failed = error.entry
assert {entry.id for entry in log.account("acme").all()} == set(acknowledged)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert log.record_form(event, id=failed.id, actor=failed.actor).id == failed.id
assert log.account("acme").count() == len(acknowledged) + 1
log.close()
"""
    said = run_python(script, str(path))
    assert said.startswith(f"{path}: cannot write: ")
    assert "['none of the 5000 events from this entry on is stored']" in said
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_removed_file_is_not_written(log: AuditLog, path: Path) -> None:
    record(log, KEY_CREATED)
    path.rename(path.with_name("moved.db"))
    with pytest.raises(StorageError) as caught:
        record(log, KEY_CREATED)
    assert str(caught.value) == f"{path}: the file was removed or replaced while the log was open"
    assert caught.value.entry is not None
    path.with_name("moved.db").rename(path)
    record(log, KEY_CREATED)
    assert len(rows(path)) == 2


@pytest.mark.parametrize("read_before", [True, False])
@pytest.mark.parametrize("replaced", [True, False])
def test_removed_file_is_not_read_or_created_again(
    log: AuditLog, acme: AccountLog, path: Path, read_before: bool, replaced: bool
) -> None:
    entry = record(log, KEY_CREATED)
    if read_before:  # so that there is an open connection
        assert acme.count() == 1
    path.unlink()
    if replaced:
        path.touch()
    calls: list[Callable[[], object]] = [
        lambda: acme.get(entry.id),
        lambda: acme.entries(),
        lambda: list(acme.all()),
        acme.count,
        lambda: acme.export_csv(io.BytesIO()),
        lambda: record(log, KEY_CREATED),
    ]
    for call in calls:
        with pytest.raises(StorageError) as caught:
            call()
        assert str(caught.value) == f"{path}: the file was removed or replaced while the log was open"
    assert path.exists() == replaced
    assert not replaced or path.stat().st_size == 0


def test_a_row_of_another_catalog_can_be_read(log: AuditLog, acme: AccountLog, path: Path) -> None:
    insert_row(
        path, log.catalog, event="account.gone.thing_done", category="account.gone", metadata='{"a":1}'
    )
    (entry,) = acme.all()
    assert (entry.event_title, entry.category_title) == ("account.gone.thing_done", "account.gone")
    assert entry.metadata == {"a": 1}
    with pytest.raises(LookupError, match=r"account\.gone\.thing_done"):
        _ = entry.typed
