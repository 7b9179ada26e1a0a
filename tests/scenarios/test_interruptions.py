"""Signal handlers and failures in the middle of a write."""

import logging
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.databases import Database, open_log
from tests.support.sample_events import ADA, KEY_CREATED, record, write_lock

from audit_events import CATALOG
from auditwright import AccountLog, AuditLog, StorageError
from auditwright.entry import Row
from auditwright.operations.retention import prune
from auditwright.recording.group_commit import GroupCommit


def test_recording_during_a_write_of_the_same_thread_is_refused(log: AuditLog, acme: AccountLog) -> None:
    with write_lock(log), pytest.raises(StorageError) as caught:
        record(log, KEY_CREATED)
    assert "this thread is writing to the log already, and a signal handler" in str(caught.value)
    assert caught.value.entry is not None
    record(log, KEY_CREATED, id=caught.value.entry.id)
    assert [entry.id for entry in acme.all()] == [caught.value.entry.id]


def test_close_during_a_write_of_the_thread_does_not_wait(log: AuditLog) -> None:
    with write_lock(log):
        log.close()
    with pytest.raises(StorageError, match="the log is closed"):
        record(log, KEY_CREATED)


class TimeIsUp(Exception):
    """Raised by a signal handler that limits the time of a task."""


def test_exception_of_a_signal_handler_blames_no_row() -> None:
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


def test_closed_log_joins_no_transaction(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    log = AuditLog.open(f"sqlite:///{path}", account_id="acme")
    log.close()
    connection = sqlite3.connect(path)
    with pytest.raises(StorageError, match="the log is closed"):
        record(log, KEY_CREATED, session=connection)
    connection.close()


def test_future_entries_cannot_be_deleted(database: Database, log: AuditLog, acme: AccountLog) -> None:
    record(log, KEY_CREATED)
    with pytest.raises(StorageError, match="is in the future; retention would delete every entry"):
        prune(database.url, CATALOG, datetime.now(UTC) + timedelta(days=40), ADA)
    assert acme.count() == 1


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://db/audit?user=u&password=hunter2", "mysql://u:hunter2@db/audit?x=hunter2"]
)
def test_unknown_url_is_shown_without_its_password(url: str) -> None:
    with pytest.raises(StorageError) as caught:
        AuditLog.open(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.postgresql_only
def test_reading_role_that_could_rewrite_the_log_is_warned(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.WARNING, "auditwright"),
        open_log(database, read_url=database.url),
    ):
        pass
    assert len([line for line in caplog.messages if "could rewrite the audit log" in line]) == 2


@pytest.mark.postgresql_only
def test_partitions_are_made_outside_of_callers_transactions(
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
def test_operator_sees_the_state_after_taking_the_lock(database: Database) -> None:
    from auditwright.storage.postgresql.owner_connection import connect

    name = database.rows("SELECT current_database()")[0][0]
    database.change(f"ALTER DATABASE \"{name}\" SET default_transaction_isolation = 'repeatable read'")
    connection = connect(database.url)
    assert connection.execute("SHOW transaction_isolation").fetchall() == [("read committed",)]
    connection.close()
