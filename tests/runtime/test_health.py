"""`AuditLog.health`: what a log knows of its database, also while that is away."""

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.databases import Database, PostgreSQLDatabase, open_log
from tests.support.processes import run_python
from tests.support.sample_events import KEY_CREATED, record
from tests.support.spools import open_with_spool
from tests.support.tcp_proxy import TcpProxy, proxy_of
from tests.support.waiting import wait_until

from audit_events import CATALOG
from auditwright import AuditLog, StorageError
from auditwright.health import PING_SECONDS, Health

MARGIN = 1.5
"""Seconds that a busy machine may add to what a call is allowed to take."""


def open_at(url: str, **options: Any) -> AuditLog:
    return AuditLog.open(url, account_id="acme", catalog=CATALOG, **options)


def health_in_time(log: AuditLog) -> Health:
    """The health, which may take two seconds at most."""
    began = time.monotonic()
    health = log.health()
    assert time.monotonic() - began < PING_SECONDS + MARGIN
    return health


def test_a_new_log_is_reachable_and_has_no_history(database: Database) -> None:
    with open_log(database) as log:
        assert log.health() == Health(
            reachable=True,
            queued=0,
            spooled=0,
            oldest_spooled=None,
            spool_bytes=0,
            refused=0,
            spool_error=None,
            last_commit=None,
            last_error=None,
            last_error_at=None,
        )


def test_the_last_commit_is_that_of_the_last_entry(database: Database) -> None:
    with open_log(database) as log:
        before = datetime.now(UTC)
        record(log, KEY_CREATED)
        committed = log.health().last_commit
        assert committed is not None
        assert before - timedelta(seconds=1) <= committed <= datetime.now(UTC)


def test_reading_is_no_commit(database: Database) -> None:
    with open_log(database) as log:
        record(log, KEY_CREATED)
        committed = log.health().last_commit
        log.account("acme").entries()
        assert log.health().last_commit == committed


def test_entries_that_wait_for_a_commit_are_counted(database: Database) -> None:
    """One caller leads a commit that cannot begin, and the others wait for the next one."""
    with open_log(database) as log:
        lock = log._storage.connections.lock  # type: ignore[attr-defined]
        threads = [threading.Thread(target=record, args=(log, KEY_CREATED)) for _ in range(5)]
        with lock.held():
            for each in threads:
                each.start()
            wait_until(lambda: log.health().queued == 4)
        for each in threads:
            each.join()
        assert log.health().queued == 0


@pytest.mark.parametrize("entries", [0, 1])
def test_a_closed_log_is_not_reachable(database: Database, entries: int) -> None:
    with open_log(database) as log:
        for _ in range(entries):
            record(log, KEY_CREATED)
    health = log.health()
    assert not health.reachable
    assert health.last_error is not None
    assert "the log is closed" in health.last_error


@pytest.mark.postgresql_only
def test_a_closed_log_with_a_spool_has_no_health(database: PostgreSQLDatabase, spool: Path) -> None:
    with open_with_spool(database.url, spool) as log:
        record(log, KEY_CREATED)
    with pytest.raises(StorageError, match=f"{spool}: the log is closed"):
        log.health()


def test_a_commit_before_the_clock_was_set_back_is_old(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_at(f"sqlite:///{path}") as log:
        record(log, KEY_CREATED)
        path.unlink()
        an_hour_ago = time.time() - 3600
        monkeypatch.setattr("auditwright.health.time.time", lambda: an_hour_ago)
        assert not log.health().reachable


def test_a_file_that_was_removed_is_not_reachable(path: Path) -> None:
    with open_at(f"sqlite:///{path}") as log:
        path.unlink()
        health = log.health()
        assert not health.reachable
        assert health.last_error == f"{path}: the file was removed or replaced while the log was open"
        assert health.last_error_at is not None


@pytest.mark.postgresql_only
def test_a_stopped_server_is_not_reachable(database: PostgreSQLDatabase) -> None:
    with proxy_of(database.url) as proxy:
        log = open_at(proxy.url)
        assert log.health().reachable
    health = log.health()  # nothing listens any more
    assert not health.reachable
    assert health.last_error is not None
    assert "cannot connect" in health.last_error
    log.close()


@pytest.mark.postgresql_only
def test_a_silent_server_is_reachable_again_once_it_answers(
    database: PostgreSQLDatabase, proxy: TcpProxy
) -> None:
    with open_at(proxy.url) as log:
        proxy.be_silent()
        health = health_in_time(log)
        assert not health.reachable
        assert health.last_error is not None
        assert health.last_error_at is not None
        proxy.pass_again()
        wait_until(lambda: log.health().reachable)
        record(log, KEY_CREATED)


@pytest.mark.postgresql_only
def test_a_commit_that_hangs_does_not_hold_up_health(database: PostgreSQLDatabase, proxy: TcpProxy) -> None:
    with open_at(proxy.url, timeout=5) as log:
        proxy.be_silent()
        errors: list[StorageError] = []

        def write() -> None:
            try:
                record(log, KEY_CREATED)
            except StorageError as error:
                errors.append(error)

        writer = threading.Thread(target=write)
        writer.start()
        lock = log._storage.connections.lock  # type: ignore[attr-defined]
        wait_until(lambda: f"owner={writer.ident} " in repr(lock._lock))
        assert not health_in_time(log).reachable
        assert writer.is_alive()
        writer.join()
        assert len(errors) == 1


@pytest.mark.postgresql_only
def test_a_read_only_server_is_not_reachable(database: PostgreSQLDatabase) -> None:
    with open_log(database) as log:
        database.change(
            f"ALTER DATABASE {database.rows('SELECT current_database()')[0][0]} "
            "SET default_transaction_read_only = on",
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        wait_until(lambda: not log.health().reachable)
        health = log.health()
        assert health.last_error is not None
        assert health.last_error.endswith("the server takes no entries: it is read-only")


@pytest.mark.postgresql_only
def test_opening_that_hangs_does_not_hold_up_health(
    database: PostgreSQLDatabase, proxy: TcpProxy, tmp_path: Path
) -> None:
    """The mover has been opening the database for up to five seconds when somebody asks."""
    proxy.be_silent()
    with open_at(proxy.url, timeout=15, spool=f"sqlite:///{tmp_path}/spool.db") as log:
        assert record(log, KEY_CREATED).spooled
        opening = log._storage._opening  # type: ignore[attr-defined]
        wait_until(lambda: "owner=0" not in repr(opening))
        health = health_in_time(log)
        assert (health.reachable, health.spooled) == (False, 1)
        assert 0 < health.spool_bytes < 2**20
        proxy.pass_again()
        wait_until(lambda: log.health().spooled == 0)


def test_parent_and_child_have_a_health_each(database: Database) -> None:
    script = """
import os, sys
from auditwright import Actor, AuditLog
from audit_events import AuditEvents
with AuditLog.open(sys.argv[1], account_id="acme") as log:
    create = AuditEvents(log).account.app_api_key.app_api_key_created
    create(actor=Actor.user("parent"))
    before = log.health().last_commit
    child = os.fork()
    if child == 0:
        assert log.health().last_commit == before
        create(actor=Actor.user("child"))
        after = log.health()
        assert after.reachable and after.last_commit > before, after
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    health = log.health()
    assert health.reachable and health.last_commit == before, health
    create(actor=Actor.user("parent"))
    assert log.health().last_commit > before
    print("done")
"""
    assert run_python(script, database.url) == "done\n"
