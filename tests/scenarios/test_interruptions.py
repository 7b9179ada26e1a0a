"""What runs in the middle of a write, as signal handlers do, and what breaks in the middle of one."""

import logging
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.databases import Database, open_log
from tests.support.world import ADA, KEY_CREATED, record, write_lock

from audit_events import CATALOG
from auditwright import AccountLog, AuditLog, StorageError
from auditwright.entry import Row
from auditwright.operations.retention import prune
from auditwright.recording.group_commit import GroupCommit


def test_recording_amid_a_write_of_the_same_thread_is_refused_at_once(
    log: AuditLog, acme: AccountLog
) -> None:
    with write_lock(log), pytest.raises(StorageError) as caught:
        record(log, KEY_CREATED)
    assert "this thread is at work in the log already, and a signal handler" in str(caught.value)
    assert caught.value.entry is not None
    record(log, KEY_CREATED, id=caught.value.entry.id)
    assert [entry.id for entry in acme.all()] == [caught.value.entry.id]


def test_closing_amid_a_write_of_the_same_thread_waits_for_nothing(log: AuditLog) -> None:
    with write_lock(log):
        log.close()
    with pytest.raises(StorageError, match="the log is closed"):
        record(log, KEY_CREATED)


class TimeIsUp(Exception):
    """What a signal handler raises that limits the time of a task."""


def test_what_a_signal_handler_raises_amid_a_commit_is_no_fault_of_a_row() -> None:
    raised: list[int] = []

    def insert_each(rows: Sequence[Row]) -> Sequence[Row]:
        if not raised:
            raised.append(len(rows))
            raise TimeIsUp
        return rows

    writer = GroupCommit(insert_each)
    row: Row = ("acme", *[""] * 20)
    with pytest.raises(TimeIsUp):
        writer.store(row)
    assert writer.store(row) is row
    assert raised == [1]


def test_an_entry_joins_no_transaction_once_the_log_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    log = AuditLog.open(f"sqlite:///{path}", account_id="acme")
    log.close()
    connection = sqlite3.connect(path)
    with pytest.raises(StorageError, match="the log is closed"):
        record(log, KEY_CREATED, session=connection)
    connection.close()


def test_what_is_still_to_come_cannot_be_deleted(database: Database, log: AuditLog, acme: AccountLog) -> None:
    record(log, KEY_CREATED)
    with pytest.raises(StorageError, match="is still to come; what is older than that is everything"):
        prune(database.url, CATALOG, datetime.now(UTC) + timedelta(days=40), ADA)
    assert acme.count() == 1


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://db/audit?user=u&password=hunter2", "mysql://u:hunter2@db/audit?x=hunter2"]
)
def test_an_unknown_kind_of_database_is_named_without_its_password(url: str) -> None:
    with pytest.raises(StorageError) as caught:
        AuditLog.open(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.postgresql_only
def test_a_reading_role_that_could_rewrite_the_log_is_warned_of_too(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.WARNING, "auditwright"),
        open_log(database, read_url=database.url),
    ):
        pass
    assert len([line for line in caplog.messages if "could rewrite the audit log" in line]) == 2


@pytest.mark.postgresql_only
def test_partitions_are_made_for_those_who_record_in_their_own_transactions_only(
    database: Database, log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    storage: Any = log._storage
    made: list[float] = []
    monkeypatch.setattr(storage, "_make_partitions", lambda connection: made.append(time.time()))
    storage.partitions_until = 0.0
    with psycopg.connect(database.url) as connection:
        record(log, KEY_CREATED, session=connection)
    assert made


@pytest.mark.postgresql_only
def test_who_looks_after_the_database_sees_what_is_there_once_it_has_the_lock(database: Database) -> None:
    from auditwright.storage.postgresql.owner_connection import connect

    name = database.rows("SELECT current_database()")[0][0]
    database.change(f"ALTER DATABASE \"{name}\" SET default_transaction_isolation = 'repeatable read'")
    connection = connect(database.url)
    assert connection.execute("SHOW transaction_isolation").fetchall() == [("read committed",)]
    connection.close()
