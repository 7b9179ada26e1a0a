"""What can go wrong with a spool itself: its file, its thread, forks, and entries that hold up others."""

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.support.databases import PostgreSQLDatabase, PostgreSQLServer, make_tables
from tests.support.processes import run_python
from tests.support.sample_events import KEY_CREATED, record
from tests.support.spools import AWAY, Opens, open_with_spool, refuse, stored
from tests.support.tcp_proxy import TcpProxy, proxy_of
from tests.support.waiting import wait_until

from audit_events import CATALOG
from auditwright import AuditLog, Entry, StorageError
from auditwright.cli import main
from auditwright.spool.mover import SAMPLES
from auditwright.storage import open_spool_file
from auditwright.storage.postgresql.roles import Roles, make_roles
from auditwright.storage.sqlite.connections import BUSY_SECONDS

pytestmark = pytest.mark.postgresql_only
MIB = 1024**2


# --- the file --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["removed", "replaced", "damaged"])
def test_a_broken_spool_is_an_error_while_the_database_is_away(
    database: PostgreSQLDatabase, proxy: TcpProxy, spool: Path, opens: Opens, how: str
) -> None:
    log = opens()
    proxy.be_away()
    assert record(log, KEY_CREATED).spooled
    if how == "damaged":
        for each in spool.parent.glob("spool.db*"):
            # Not truncated: a process that has the -shm mapped and reads it would end with SIGBUS.
            with each.open("r+b") as file:
                file.write(b"no database" * 1000)
    else:
        spool.unlink()
    if how == "replaced":
        spool.write_bytes(b"")
    with pytest.raises(StorageError, match="neither the spool nor the database takes the entry") as caught:
        record(log, KEY_CREATED)
    assert caught.value.entry is not None
    proxy.pass_again()
    entry = record(log, KEY_CREATED)
    assert not entry.spooled
    assert entry.id.hex in stored(database)


def test_a_file_that_is_no_database_is_refused(
    database: PostgreSQLDatabase, spool: Path, opens: Opens
) -> None:
    spool.write_bytes(b"This is a text. " * 1000)
    with pytest.raises(StorageError, match="cannot open: file is not a database"):
        opens()


def test_a_folder_is_refused(database: PostgreSQLDatabase, spool: Path, opens: Opens) -> None:
    spool.mkdir()
    with pytest.raises(StorageError, match="cannot open"):
        opens()


OPENS = """
import ctypes, os, sys
from audit_events import CATALOG, AuditEvents
from auditwright import Actor, AuditLog, StorageError

if os.geteuid() == 0:  # without capabilities root has no more rights than others, see capabilities(7)
    version, nothing = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None).capset(version, nothing) == 0
url, spool = sys.argv[1:]
try:
    with AuditLog.open(url, account_id="acme", catalog=CATALOG, timeout=3, spool=f"sqlite:///{spool}") as log:
        entry = AuditEvents(log).account.app_api_key.app_api_key_created(actor=Actor.system())
        print(entry.spooled, log.health().spooled)
except StorageError as error:
    print(error)
"""


@pytest.mark.parametrize(("folder", "file"), [(0o500, 0o600), (0o700, 0o400), (0o500, 0o400), (0o700, 0o600)])
def test_a_read_only_spool_is_refused_at_once(
    database: PostgreSQLDatabase, proxy: TcpProxy, tmp_path: Path, folder: int, file: int
) -> None:
    spool = tmp_path / "spools" / "spool.db"
    spool.parent.mkdir()
    open_with_spool(AWAY, spool).close()
    is_writable = (folder, file) == (0o700, 0o600)
    for url in (AWAY, proxy.url):
        spool.chmod(file)
        spool.parent.chmod(folder)
        said = run_python(OPENS, url, str(spool))
        spool.parent.chmod(0o700)
        if is_writable:
            # On a busy machine the database behind the proxy may count as away, too.
            assert said in ("True 1\n", "True 2\n", "False 0\n", "False 1\n")
        else:
            assert said.startswith(f"{spool}: cannot ")
            assert "attempt to write a readonly database" in said
            assert said.endswith("; give this process the right to write to the file and to its folder\n")


def test_a_spool_that_becomes_read_only_loses_nothing(
    database: PostgreSQLDatabase, proxy: TcpProxy, spool: Path, opens: Opens
) -> None:
    """As a file system does that is mounted anew after an error of its disk."""

    def let_write(is_allowed: bool) -> None:
        with connections.lock.held():
            connections._writer.execute(f"PRAGMA query_only={not is_allowed}")

    log = opens()
    connections = log._storage.spool.connections  # type: ignore[attr-defined]
    proxy.be_away()
    spooled = [record(log, KEY_CREATED) for _ in range(5)]
    let_write(False)
    with pytest.raises(StorageError, match="neither the spool nor the database takes the entry") as caught:
        record(log, KEY_CREATED)
    assert "attempt to write a readonly database" in str(caught.value)
    assert caught.value.entry is not None
    proxy.pass_again()
    reason = f"{spool}: cannot write: attempt to write a readonly database"
    wait_until(lambda: (log.health().spool_error or "").startswith(reason))
    straight = record(log, KEY_CREATED)
    assert not straight.spooled
    let_write(True)
    wait_until(lambda: log.health().spooled == 0)
    assert log.health().spool_error is None
    assert stored(database) == [each.id.hex for each in (*spooled, straight)]


def test_a_link_in_place_of_the_lock_is_not_followed(
    database: PostgreSQLDatabase, proxy: TcpProxy, spool: Path, opens: Opens
) -> None:
    elsewhere = spool.with_name("elsewhere")
    Path(f"{spool}-move").symlink_to(elsewhere)
    log = opens()
    proxy.be_away()
    entry = record(log, KEY_CREATED)
    proxy.pass_again()
    wait_until(lambda: stored(database) == [entry.id.hex])
    assert not elsewhere.exists()


# --- processes that share it -----------------------------------------------------------------------


@pytest.fixture
def writer(spool: Path, opens: Opens) -> Iterator[sqlite3.Connection]:
    """Another process that is writing to the spool."""
    opens().close()
    with closing(sqlite3.connect(spool, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def test_opening_waits_for_no_other_process(writer: sqlite3.Connection, opens: Opens) -> None:
    assert not record(opens(), KEY_CREATED).spooled
    assert writer.in_transaction


def test_a_call_waits_for_another_process_for_its_third(
    proxy: TcpProxy, writer: sqlite3.Connection, opens: Opens
) -> None:
    log = opens(timeout=9)
    proxy.be_away()
    entries: list[Entry] = []
    thread = threading.Thread(target=lambda: entries.append(record(log, KEY_CREATED)))
    thread.start()
    thread.join(1.5 * BUSY_SECONDS)  # a SQLite log gives up before
    assert thread.is_alive()
    writer.execute("ROLLBACK")
    thread.join()
    assert [entry.spooled for entry in entries] == [True]


# --- entries that would hold up others ---------------------------------------------------------------


def _fill(log: AuditLog, size: int = 900) -> list[str]:
    """Record until the spool is full; returns the ids that it has."""
    ids: list[str] = []
    with pytest.raises(StorageError, match="SQLITE_FULL"):  # noqa: PT012 - the one that does not fit
        for _ in range(5_000):
            ids.append(record(log, KEY_CREATED, details="x" * size).id.hex)
    return ids


def test_a_full_spool_of_refused_entries_takes_no_others_back(
    database: PostgreSQLDatabase, proxy: TcpProxy, spool: Path, opens: Opens
) -> None:
    with AuditLog.open(database.url, account_id="acme", catalog=CATALOG) as direct:
        first = [record(direct, KEY_CREATED) for _ in range(700)]
    log = opens(spool_bytes=MIB)
    proxy.be_away()
    for each in first:
        record(log, KEY_CREATED, id=each.id, occurred_at=each.occurred_at, details="other content")
    others = _fill(log)
    assert others
    proxy.pass_again()
    wait_until(lambda: log.health().spooled == 0)
    assert log.health().refused == 700
    assert set(others) <= set(stored(database))


def test_entries_that_cannot_be_converted_hold_up_no_other(
    database: PostgreSQLDatabase, proxy: TcpProxy, spool: Path, opens: Opens
) -> None:
    log = opens()
    proxy.be_away()
    damaged, after = record(log, KEY_CREATED), record(log, KEY_CREATED)
    log.close()
    with closing(sqlite3.connect(spool)) as connection, connection:
        connection.execute("DROP TRIGGER audit_entry_no_update")
        connection.execute("UPDATE audit_entry SET metadata = '{' WHERE id = ?", (damaged.id.bytes,))
    proxy.pass_again()
    log = opens()
    wait_until(lambda: log.health().spooled == 0)
    assert stored(database) == [after.id.hex]
    assert log.health().refused == 1


def test_batches_of_large_entries_have_few_of_them(proxy: TcpProxy, spool: Path, opens: Opens) -> None:
    log = opens()
    proxy.be_away()
    for _ in range(10):
        record(log, KEY_CREATED, details="x" * 1_000)
    log.close()
    with closing(open_spool_file(f"sqlite:///{spool}", CATALOG, MIB, 3)) as file:
        assert len(file.oldest(500, 4_500)) == 5
        assert len(file.oldest(2, 4_500)) == 2
        assert len(file.oldest(500, 1)) == 1


def test_a_spool_takes_no_entries_that_it_could_not_delete(
    database: PostgreSQLDatabase,
    proxy: TcpProxy,
    opens: Opens,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = opens()
    proxy.be_away()
    spooled = record(log, KEY_CREATED)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=1_000, f_frsize=4_096))
    with pytest.raises(StorageError, match="the disk is full: it has 4,096,000 bytes left, of which"):
        record(log, KEY_CREATED)
    proxy.pass_again()
    wait_until(lambda: log.health().spooled == 0)
    assert stored(database) == [spooled.id.hex]


# --- the thread --------------------------------------------------------------------------------------


def test_entries_are_spooled_where_no_thread_starts(
    database: PostgreSQLDatabase,
    proxy: TcpProxy,
    opens: Opens,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = opens()
    proxy.be_away()

    def refuse_to_start(_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse_to_start)
        first = record(log, KEY_CREATED)
    second = record(log, KEY_CREATED)
    assert (first.spooled, second.spooled) == (True, True)
    proxy.pass_again()
    wait_until(lambda: stored(database) == [first.id.hex, second.id.hex])


FORKS = """
import os, sys, threading
from audit_events import CATALOG, AuditEvents
from auditwright import Actor, AuditLog

log = AuditLog.open(sys.argv[1], account_id="acme", catalog=CATALOG, timeout=3, spool=f"sqlite:///{sys.argv[2]}")
create = AuditEvents(log).account.app_api_key.app_api_key_created
create(actor=Actor.system(), details="The first.")
stop = threading.Event()

def read() -> None:
    while not stop.is_set():
        log._storage.spool.oldest(1)

readers = [threading.Thread(target=read) for _ in range(4)]
for each in readers:
    each.start()
failed = 0
for number in range(40):
    child = os.fork()
    if not child:
        try:
            create(actor=Actor.system(), details=f"Of child {number}.")
        except BaseException as error:
            os.write(2, f"{error}\\n".encode())
            os._exit(1)
        os._exit(0)
    failed += os.waitpid(child, 0)[1] != 0
stop.set()
for each in readers:
    each.join()
print(failed)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_children_forked_during_a_read_can_spool(
    database: PostgreSQLDatabase, proxy: TcpProxy, spool: Path
) -> None:
    proxy.be_away()
    assert run_python(FORKS, proxy.url, str(spool)) == "0\n"


EXITS = """
import logging, sys
from audit_events import CATALOG, AuditEvents
from auditwright import Actor, AuditLog
from auditwright.spool import mover

mover.PAUSE_SECONDS = (0.05, 0.2)
logging.disable()
log = AuditLog.open(sys.argv[1], account_id="acme", catalog=CATALOG, timeout=3, spool=f"sqlite:///{sys.argv[2]}")
create = AuditEvents(log).account.app_api_key.app_api_key_created
for _ in range(1500):
    assert create(actor=Actor.system()).spooled
print(flush=True)
sys.stdin.readline()
"""


def test_a_program_ends_while_entries_are_moved(
    database: PostgreSQLDatabase, proxy: TcpProxy, spool: Path, opens: Opens
) -> None:
    proxy.be_away()
    child = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", EXITS, proxy.url, str(spool)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    child.stdout.readline()
    proxy.pass_again()
    wait_until(lambda: stored(database))
    _, said = child.communicate("\n", timeout=60)
    assert (child.returncode, said) == (0, "")
    log = opens()
    wait_until(lambda: log.health().spooled == 0)
    assert len(stored(database)) == 1500


# --- two logs, and calls of other kinds ---------------------------------------------------------------


def test_two_logs_of_one_process_share_a_spool(
    database: PostgreSQLDatabase, proxy: TcpProxy, opens: Opens
) -> None:
    logs = [opens(), opens()]
    proxy.be_away()
    entries = [record(log, KEY_CREATED) for _ in range(50) for log in logs]
    assert all(entry.spooled for entry in entries)
    proxy.pass_again()
    wait_until(lambda: logs[0].health().spooled == 0)
    assert stored(database) == [entry.id.hex for entry in entries]
    for log in logs:
        wait_until(lambda log=log: not record(log, KEY_CREATED).spooled)  # type: ignore[misc]


def test_an_id_used_again_is_stored_once(database: PostgreSQLDatabase, proxy: TcpProxy, opens: Opens) -> None:
    log = opens()
    proxy.be_away()
    first = record(log, KEY_CREATED)
    again = record(log, KEY_CREATED, id=first.id, occurred_at=first.occurred_at)
    assert (again.id, again.spooled) == (first.id, True)
    assert again.recorded_at == first.recorded_at
    proxy.pass_again()
    wait_until(lambda: log.health().spooled == 0)
    assert stored(database) == [first.id.hex]


def test_many_entries_go_into_the_spool_together(
    database: PostgreSQLDatabase, proxy: TcpProxy, opens: Opens
) -> None:
    log = opens()
    proxy.be_away()
    form = {"event": KEY_CREATED, "metadata": {}, "actor": {"type": "system"}}
    results = log.record_forms([form, {"event": "nothing"}, form])
    assert [getattr(each, "spooled", None) for each in results] == [True, None, True]
    assert log.record_many([form] * 1_200) == 1_200
    proxy.pass_again()
    wait_until(lambda: log.health().spooled == 0)
    assert len(stored(database)) == 1_202


def test_a_closed_log_spools_nothing(database: PostgreSQLDatabase, proxy: TcpProxy, opens: Opens) -> None:
    log = opens()
    proxy.be_away()
    record(log, KEY_CREATED)
    log.close()
    with pytest.raises(StorageError, match="the log is closed"):
        record(log, KEY_CREATED)
    assert not [each for each in threading.enumerate() if each.name == "auditwright-spool"]


# --- the database refuses what waits -----------------------------------------------------------------


@pytest.fixture
def guarded(postgresql: PostgreSQLServer) -> Iterator[PostgreSQLDatabase]:
    """A database with roles, and the login `spooling_service` of a writer."""
    made = postgresql.another()
    make_roles(made.url, Roles("spooling"))
    made.change("CREATE ROLE spooling_service LOGIN IN ROLE spooling_writer")
    yield made
    postgresql.drop(made)
    for each in ("service", "writer", "reader", "owner"):
        postgresql.change(f"DROP ROLE spooling_{each}")


def test_entries_wait_while_a_right_is_missing(guarded: PostgreSQLDatabase, spool: Path) -> None:
    with (
        proxy_of(guarded.url.replace("postgres:@", "spooling_service@")) as proxy,
        open_with_spool(proxy.url, spool) as log,
    ):
        proxy.be_away()
        spooled = record(log, KEY_CREATED)
        assert spooled.spooled
        guarded.change("REVOKE INSERT ON audit_entry FROM spooling_writer")
        proxy.pass_again()
        wait_until(lambda: "permission denied" in (log.health().spool_error or ""))
        with pytest.raises(StorageError, match="permission denied"):
            record(log, KEY_CREATED)
        assert (log.health().spooled, log.health().refused) == (1, 0)
        guarded.change("GRANT INSERT ON audit_entry TO spooling_writer")
        wait_until(lambda: log.health().spooled == 0)
        assert log.health().spool_error is None
        assert stored(guarded) == [spooled.id.hex]


def test_a_database_that_takes_none_is_reported_once(
    database: PostgreSQLDatabase, proxy: TcpProxy, opens: Opens, caplog: pytest.LogCaptureFixture
) -> None:
    log = opens()
    proxy.be_away()
    spooled = [record(log, KEY_CREATED) for _ in range(20)]
    refuse(database, "true")
    proxy.pass_again()
    wait_until(lambda: "this is not wanted here" in (log.health().spool_error or ""))
    errors_at: set[datetime | None] = set()

    def tried_again() -> bool:
        errors_at.add(log.health().last_error_at)
        return len(errors_at) > SAMPLES + 1  # more than one attempt makes

    wait_until(tried_again)
    with pytest.raises(StorageError, match="this is not wanted here"):
        record(log, KEY_CREATED)
    health = log.health()
    assert (health.spooled, health.refused, health.oldest_spooled) == (20, 0, spooled[0].recorded_at)
    database.change("DROP TRIGGER refuses ON audit_entry")
    assert not record(log, KEY_CREATED).spooled
    wait_until(lambda: log.health().spooled == 0)
    assert log.health().spool_error is None
    assert {each.id.hex for each in spooled} < set(stored(database))
    errors = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    (error,) = errors
    assert error.startswith("the entries in the spool cannot be moved: ")
    assert "this is not wanted here (P0001)" in error


def test_errors_about_a_few_entries_hold_up_no_others(
    database: PostgreSQLDatabase, proxy: TcpProxy, opens: Opens
) -> None:
    log = opens()
    proxy.be_away()
    entries = [record(log, KEY_CREATED, details="unwanted" if at in (0, 7, 8) else None) for at in range(20)]
    refuse(database, "NEW.description LIKE '%unwanted'")
    proxy.pass_again()
    wait_until(lambda: log.health().spooled == 0)
    assert log.health().refused == 3
    assert stored(database) == [each.id.hex for at, each in enumerate(entries) if at not in (0, 7, 8)]


def test_an_entry_that_alone_is_not_taken_waits_for_others(
    database: PostgreSQLDatabase, proxy: TcpProxy, opens: Opens
) -> None:
    log = opens()
    proxy.be_away()
    record(log, KEY_CREATED, details="unwanted")
    refuse(database, "NEW.description LIKE '%unwanted'")
    proxy.pass_again()
    wait_until(lambda: "this is not wanted here" in (log.health().spool_error or ""))
    assert not record(log, KEY_CREATED).spooled
    assert (log.health().spooled, log.health().refused) == (1, 0)
    proxy.be_away()
    other = record(log, KEY_CREATED)
    assert other.spooled
    proxy.pass_again()
    wait_until(lambda: log.health().spooled == 0)
    assert log.health().refused == 1
    assert stored(database)[-1] == other.id.hex


def test_entries_wait_for_missing_tables(postgresql: PostgreSQLServer, spool: Path) -> None:
    database = postgresql.bare()
    with proxy_of(database.url) as proxy:
        proxy.be_away()
        with open_with_spool(proxy.url, spool) as log:
            entry = record(log, KEY_CREATED)
            proxy.pass_again()
            wait_until(lambda: "auditwright database create" in (log.health().spool_error or ""))
            with pytest.raises(StorageError, match="auditwright database create"):
                record(log, KEY_CREATED)
            assert (log.health().spooled, log.health().refused) == (1, 0)
            make_tables(database.url, CATALOG)
            wait_until(lambda: log.health().spooled == 0)
            assert stored(database) == [entry.id.hex]
    postgresql.drop(database)


def test_a_table_that_is_missing_for_a_while_loses_none(
    database: PostgreSQLDatabase, proxy: TcpProxy, opens: Opens
) -> None:
    log = opens()
    proxy.be_away()
    entries = [record(log, KEY_CREATED) for _ in range(3)]
    database.change("ALTER TABLE audit_entry RENAME TO another")
    proxy.pass_again()
    wait_until(lambda: "audit_entry" in (log.health().spool_error or ""))
    database.change("ALTER TABLE another RENAME TO audit_entry")
    wait_until(lambda: log.health().spooled == 0)
    assert stored(database) == [each.id.hex for each in entries]


def test_entries_without_a_partition_are_kept(
    postgresql: PostgreSQLServer, spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = postgresql.another()
    with proxy_of(database.url) as proxy, open_with_spool(proxy.url, spool) as log:
        direct = record(log, KEY_CREATED)
        ((month,),) = database.rows("SELECT DISTINCT tableoid::regclass::text FROM audit_entry")
        ((bounds,),) = database.rows(
            f"SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = '{month}'::regclass"
        )
        proxy.be_away()
        spooled = [record(log, KEY_CREATED) for _ in range(2)]
        database.change(f"ALTER TABLE audit_entry DETACH PARTITION {month}")
        proxy.pass_again()
        wait_until(lambda: log.health().refused == 2)
        database.change(f"ALTER TABLE audit_entry ATTACH PARTITION {month} {bounds}")
        assert not record(log, KEY_CREATED).spooled
    drain = ["spool", "drain", "--refused", "--spool", f"sqlite:///{spool}", "--database", database.url]
    assert main([*drain, "--catalog-package", "audit_events"]) == 0
    assert capsys.readouterr().out
    assert {direct.id.hex, *(each.id.hex for each in spooled)} < set(stored(database))
    postgresql.drop(database)
