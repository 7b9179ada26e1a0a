"""The log: opening, threads, processes, closing, and how little it loads."""

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.databases import Database, open_log
from tests.support.processes import run_python
from tests.support.sample_events import ADA, KEY_CREATED, form, record

from audit_events import AuditEvents
from auditwright import AccountLog, Actor, AuditLog, StorageError, ValidationError


def test_threads_record_into_one_log(log: AuditLog, database: Database) -> None:
    made: list[list[bytes]] = [[] for _ in range(8)]
    start = threading.Barrier(8)

    def work(ids: list[bytes], number: int) -> None:
        audit = AuditEvents(log)
        with log.acting(Actor.user(f"u-{number}")):
            start.wait()
            ids.extend(audit.account.app_api_key.app_api_key_created().id.bytes for _ in range(200))

    threads = [threading.Thread(target=work, args=(ids, number)) for number, ids in enumerate(made)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = database.rows("SELECT id, actor_id FROM audit_entry")
    assert len(stored) == 1600
    assert set(stored) == {(each, f"u-{number}") for number, ids in enumerate(made) for each in ids}


def test_threads_read_while_others_write(log: AuditLog) -> None:
    start = threading.Barrier(2)
    counts: list[int] = []

    def read() -> None:
        start.wait()
        while not counts or counts[-1] < 200:
            counts.append(len(list(log.account("acme").all())))

    reader = threading.Thread(target=read)
    reader.start()
    start.wait()
    for _ in range(200):
        record(log, KEY_CREATED)
    reader.join()
    assert counts == sorted(counts)


def test_a_forked_child_records_beside_its_parent(database: Database) -> None:
    script = """
import os, sys
from auditwright import Actor, AuditLog
from audit_events import AuditEvents
with AuditLog.open(sys.argv[1], account_id="acme") as log:
    audit = AuditEvents(log)
    def record(who, times):
        for _ in range(times):
            audit.account.app_api_key.app_api_key_created(actor=Actor.user(who))
    record("parent", 10)
    assert log.account("acme").count() == 10
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        record("child", 50)
        assert log.account("acme").count() >= 60
        log.close()
        os.write(writing, b"done")
        os._exit(0)
    record("parent", 50)
    assert os.read(reading, 4) == b"done"
    assert os.waitpid(child, 0)[1] == 0
    record("parent", 10)
    print(log.account("acme").count())
"""
    assert run_python(script, database.url) == "120\n"
    assert len(database.rows("SELECT DISTINCT id FROM audit_entry")) == 120
    assert database.rows("SELECT actor_id, count(*) FROM audit_entry GROUP BY 1 ORDER BY 1") == [
        ("child", 50),
        ("parent", 70),
    ]
    if database.engine == "sqlite":
        assert database.rows("PRAGMA integrity_check") == [("ok",)]


def test_closing_twice_is_fine_and_leaves_one_file(log: AuditLog, path: Path) -> None:
    record(log, KEY_CREATED)
    assert log.account("acme").count() == 1
    log.close()
    log.close()
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_closed_log_records_and_reads_nothing(log: AuditLog, acme: AccountLog, database: Database) -> None:
    entry = record(log, KEY_CREATED)
    assert acme.count() == 1
    log.close()
    calls: list[Callable[[], object]] = [
        lambda: record(log, KEY_CREATED),
        lambda: log.record_many([form(KEY_CREATED, {})]),
        lambda: acme.get(entry.id),
        lambda: acme.entries(),
        lambda: list(acme.all()),
        acme.count,
        lambda: acme.export_csv(io.BytesIO()),
        log.accounts,
    ]
    for call in calls:
        with pytest.raises(StorageError) as caught:
            call()
        assert str(caught.value) == f"{database.name}: the log is closed"
    assert len(database.rows()) == 1


@pytest.mark.parametrize("to_the_end", [True, False])
def test_iterator_after_close_leaves_no_connection(path: Path, to_the_end: bool) -> None:
    # In a new process, where an unclosed connection is an error.
    script = """
import gc, os, sys
from auditwright import Actor, AuditLog
from audit_events import AuditEvents
sys.unraisablehook = lambda raised: os._exit(3)
with AuditLog.open(sys.argv[1], account_id="acme") as log:
    for _ in range(3):
        AuditEvents(log).account.app_api_key.app_api_key_created(actor=Actor.system())
    entries = log.account("acme").all()
    next(entries)
print(len(list(entries)) if sys.argv[2] == "True" else 2)
del entries
gc.collect()
files = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
print([name for name in files if name.startswith(sys.argv[1].removeprefix("sqlite:///"))])
"""
    assert run_python(script, f"sqlite:///{path}", str(to_the_end)) == "2\n[]\n"


def test_accounts_are_apart(log: AuditLog) -> None:
    mine = record(log, KEY_CREATED)
    theirs = record(log, KEY_CREATED, account_id="other")
    assert list(log.account("acme").all()) == [mine]
    assert list(log.account("other").all()) == [theirs]
    assert log.account("other").get(mine.id) is None
    assert log.account("third").count() == 0


def test_operators_see_the_list_of_accounts(log: AuditLog) -> None:
    for account in ("b", "a", "c", "a"):
        record(log, KEY_CREATED, account_id=account)
    assert log.accounts() == ["a", "b", "c"]
    assert log.accounts(2) == ["a", "b"]


@pytest.mark.parametrize("account", ["", None, 5, "x" * 257])
def test_reading_needs_an_account(log: AuditLog, account: Any) -> None:
    with pytest.raises(ValidationError, match="account_id: expected a string of 1 to 256 characters"):
        log.account(account)


@pytest.mark.parametrize("wrong", ["x", 5, None, b"x" * 16])
def test_invalid_id_is_refused(log: AuditLog, wrong: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        log.account("acme").get(wrong)
    assert str(caught.value) == f"entry: id: expected a UUID, got {wrong!r}"


def test_invalid_account_is_refused_and_no_file_is_created(path: Path) -> None:
    with pytest.raises(ValidationError) as caught:
        AuditLog.open(f"sqlite:///{path}", account_id="")
    assert str(caught.value) == "account_id: expected a string of 1 to 256 characters, got 0 characters"
    assert not path.exists()


def test_closing_an_iterator_releases_its_connection(log: AuditLog, database: Database) -> None:
    for _ in range(3):
        record(log, KEY_CREATED)
    entries = log.account("acme").all()
    first = next(entries)
    assert database.is_read()
    entries.close()  # type: ignore[attr-defined]
    assert not database.is_read()
    assert log.account("acme").get(first.id) == first


def test_a_broken_file_is_a_storage_error(log: AuditLog, database: Database, path: Path) -> None:
    for _ in range(100):
        record(log, KEY_CREATED)
    log.close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xee" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(StorageError, match="SQLITE_CORRUPT"):
        open_log(database).close()


HEAVY = (
    "sqlmodel", "sqlalchemy", "jsonschema", "yaml", "jinja2", "fastapi",
    "alembic", "auditwright_generator",
)  # fmt: skip
LOADED = f"import sys; print(sorted(set({HEAVY!r}) & set(sys.modules)))"


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert run_python(f"import auditwright; {LOADED}") == "[]\n"


def test_recording_and_reading_load_nothing_heavy(database: Database) -> None:
    script = """
import io, sys
from auditwright import Actor, AuditLog, Filter
from audit_events import AuditEvents
with AuditLog.open(sys.argv[1], account_id="acme") as log:
    entry = AuditEvents(log).account.app_api_key.app_api_key_created(actor=Actor.system())
    assert entry.typed is not None
    log.record_json('{"event": "account.app_api_key.app_api_key_created", "metadata": {}, '
                    '"actor": {"type": "system"}}')
    acme = log.account("acme")
    assert len(acme.entries(Filter.parse(["category:is:account.app_api_key"])).entries) == 2
    acme.export_csv(io.BytesIO())
    acme.export_jsonl(io.BytesIO())
"""
    assert run_python(script + LOADED, database.url) == "[]\n"


def test_every_recording_error_carries_the_entry(log: AuditLog) -> None:
    with pytest.raises(StorageError) as caught:
        record(log, KEY_CREATED, session=object(), actor=ADA)
    assert caught.value.entry is not None
    assert record(log, KEY_CREATED, id=caught.value.entry.id).id == caught.value.entry.id
