"""A server that hangs: each call ends, its error says what is stored, and later calls fail at once."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.support.databases import PostgreSQLDatabase, open_log
from tests.support.sample_events import ADA, KEY_CREATED, record
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until

from audit_events import CATALOG, AsyncAuditEvents, AuditEvents
from auditwright import AuditLog, StorageError

pytestmark = pytest.mark.postgresql_only

NOT_KNOWN = "it is not known whether it was stored"


@pytest.fixture
def log(database: PostgreSQLDatabase, proxy: TcpProxy) -> Iterator[AuditLog]:
    """A log with one connection, whose calls end after two seconds."""
    with AuditLog.open(proxy.url, account_id="acme", catalog=CATALOG, timeout=2) as log:
        yield log


def end_connections(database: PostgreSQLDatabase) -> None:
    """Close the connections of others, so that the next call has to connect."""
    database.rows(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def refusal(call: Callable[[], object]) -> StorageError:
    """The error with which a call ends."""
    with pytest.raises(StorageError) as caught:
        call()
    return caught.value


def stored(database: PostgreSQLDatabase) -> int:
    ((count,),) = database.rows("SELECT count(*) FROM audit_entry")
    return int(count)


def recovers(log: AuditLog) -> None:
    """The log records again as soon as a probe has succeeded."""

    def is_stored() -> bool:
        try:
            record(log, KEY_CREATED, account_id="later")
        except StorageError:
            return False
        return True

    wait_until(is_stored)


def test_silence_while_connecting_stores_nothing(
    log: AuditLog, proxy: TcpProxy, database: PostgreSQLDatabase
) -> None:
    end_connections(database)
    proxy.be_silent()
    error = refusal(lambda: record(log, KEY_CREATED))
    assert "cannot connect" in str(error)
    assert not error.outcome_unknown
    assert error.entry is not None
    proxy.pass_again()
    recovers(log)
    assert log.account("acme").get(error.entry.id) is None


@pytest.mark.parametrize("is_passed", [False, True], ids=["request lost", "answer lost"])
def test_silence_while_storing_is_not_known(
    log: AuditLog, proxy: TcpProxy, database: PostgreSQLDatabase, is_passed: bool
) -> None:
    proxy.be_silent_at(b"INSERT", passes_last=is_passed)
    error = refusal(lambda: record(log, KEY_CREATED))
    assert "has not answered within the timeout" in str(error)
    assert NOT_KNOWN in str(error)
    assert error.outcome_unknown
    assert error.entry is not None
    wait_until(lambda: stored(database) == int(is_passed))
    proxy.pass_again()
    recovers(log)
    assert record(log, KEY_CREATED, id=error.entry.id).row == error.entry.row
    assert log.account("acme").count() == 1


def test_calls_after_silence_fail_at_once(log: AuditLog, proxy: TcpProxy) -> None:
    proxy.be_silent()
    refusal(lambda: record(log, KEY_CREATED))
    refusal(lambda: record(log, KEY_CREATED))  # has looked whether the server answers again
    before = proxy.connections
    acme = log.account("acme")
    calls: list[Callable[[], object]] = [
        *(lambda: record(log, KEY_CREATED), acme.entries, acme.count, acme.users, log.accounts),
        lambda: list(acme.all()),
    ]
    for number, call in enumerate(calls * 5):
        error = refusal(call)
        assert "the database has not answered since " in str(error)
        assert ("nothing is stored" in str(error)) == (number % 6 == 0)
        assert not error.outcome_unknown
    assert proxy.connections <= before + 5  # one probe a second, which takes two
    proxy.pass_again()
    recovers(log)
    assert acme.count() == 0 or acme.count() == 1  # the first one may have been stored since


def test_every_thread_gets_its_own_error(log: AuditLog, proxy: TcpProxy) -> None:
    record(log, KEY_CREATED)
    audit = AuditEvents(log)
    proxy.be_silent_at(b"audit_entry")
    call = audit.account.app_api_key.app_api_key_created
    with ThreadPoolExecutor(32) as pool:
        errors = list(pool.map(lambda _: refusal(lambda: call(actor=ADA)), range(64)))
    entries = {error.entry.id: error for error in errors if error.entry is not None}
    assert len(entries) == 64
    proxy.pass_again()
    recovers(log)
    for entry_id, error in entries.items():
        stored = log.account("acme").get(entry_id)
        assert stored is None or error.outcome_unknown
        call(actor=ADA, id=entry_id)
    assert log.account("acme").count() == 65


def test_coroutines_end_too(log: AuditLog, proxy: TcpProxy) -> None:
    call = AsyncAuditEvents(log).account.app_api_key.app_api_key_created
    proxy.be_silent_at(b"audit_entry")

    async def record_all() -> list[Any]:
        return list(await asyncio.gather(*(call(actor=ADA) for _ in range(50)), return_exceptions=True))

    errors = asyncio.run(record_all())
    assert {type(error) for error in errors} == {StorageError}
    assert len({error.entry.id for error in errors}) == 50
    proxy.pass_again()
    recovers(log)


@pytest.mark.parametrize("entrance", ["record_many", "record_forms"])
def test_silence_in_a_batch_names_its_entries(log: AuditLog, proxy: TcpProxy, entrance: str) -> None:
    forms = [{"event": KEY_CREATED, "metadata": {}, "actor": {"type": "user", "id": "u"}}] * 500
    store = getattr(log, entrance)
    proxy.be_silent_at(b"audit_entry", passes_last=True)
    error = refusal(lambda: store(forms))
    assert error.outcome_unknown
    assert len(error.entries) == 500
    assert "it is unknown whether the 500 " in error.__notes__[0]
    error = refusal(lambda: store(forms))
    assert not error.outcome_unknown
    assert error.entries == ()
    assert "none of the 500 " in error.__notes__[0]
    proxy.pass_again()
    recovers(log)


def test_pages_and_exports_end(log: AuditLog, proxy: TcpProxy, database: PostgreSQLDatabase) -> None:
    forms = [{"event": KEY_CREATED, "metadata": {}, "actor": {"type": "user", "id": "u"}}] * 5_000
    with open_log(database) as direct:
        direct.record_many(forms)
    acme = log.account("acme")
    acme.entries()
    for call in (acme.entries, acme.count, lambda: list(acme.all()), lambda: list(acme.stream("csv"))):
        proxy.be_silent()
        error = refusal(call)
        assert "cannot " in str(error)
        proxy.pass_again()
        recovers(log)
    stream = acme.stream("jsonl")
    assert next(stream)
    proxy.be_silent()
    assert "cannot read: " in str(refusal(lambda: list(stream)))


def test_long_work_goes_on_while_others_get_answers(
    log: AuditLog, proxy: TcpProxy, database: PostgreSQLDatabase
) -> None:
    """An export waits for a lock longer than the timeout of a call, where the database lets it."""
    database.change(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET lock_timeout = 60000', current_database()); END $$"
    )
    end_connections(database)  # of a cluster there is one that reads already
    record(log, KEY_CREATED)
    acme = log.account("acme")
    lines: list[bytes] = []
    assert acme.count() == 1
    with database.connect() as other, other.transaction():
        other.execute("LOCK TABLE audit_entry IN ACCESS EXCLUSIVE MODE")
        before = proxy.connections
        export = threading.Thread(target=lambda: lines.extend(acme.stream("jsonl")))
        export.start()
        wait_until(lambda: proxy.connections >= before + 2)  # it has asked twice on other connections
    export.join()
    assert len(lines) == 1


def test_a_stopped_process_of_the_server_is_left(log: AuditLog, database: PostgreSQLDatabase) -> None:
    record(log, KEY_CREATED)
    ((process,),) = database.rows(
        "SELECT pid FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = 'auditwright' AND query LIKE 'INSERT %'"
    )
    os.kill(process, signal.SIGSTOP)
    try:
        error = refusal(lambda: record(log, KEY_CREATED))
        assert error.outcome_unknown
        assert error.entry is not None
        record(log, KEY_CREATED, id=error.entry.id)  # on a new connection, as the server answers there
        assert log.account("acme").count() == 2
    finally:
        os.kill(process, signal.SIGCONT)
    wait_until(lambda: not any(process == each for (each,) in database.rows("SELECT pid FROM pg_locks")))
    assert log.account("acme").count() == 2


def test_close_ends_while_a_commit_hangs(log: AuditLog, proxy: TcpProxy) -> None:
    errors: list[StorageError] = []
    proxy.be_silent_at(b"INSERT")
    caller = threading.Thread(target=lambda: errors.append(refusal(lambda: record(log, KEY_CREATED))))
    caller.start()
    wait_until(lambda: proxy.holds_requests)
    log.close()
    caller.join()
    assert errors[0].outcome_unknown
    assert "the log is closed" in str(refusal(lambda: record(log, KEY_CREATED)))


def test_opening_a_silent_server_ends(database: PostgreSQLDatabase, proxy: TcpProxy) -> None:
    proxy.be_silent()
    error = refusal(lambda: AuditLog.open(proxy.url, catalog=CATALOG, timeout=1))
    assert "cannot connect" in str(error)


def test_a_wait_for_a_lock_is_not_taken_for_silence(log: AuditLog, database: PostgreSQLDatabase) -> None:
    record(log, KEY_CREATED)
    with database.connect() as other, other.transaction():
        other.execute("LOCK TABLE audit_entry IN SHARE MODE")
        error = refusal(lambda: record(log, KEY_CREATED))
    assert "lock timeout" in str(error)
    assert not error.outcome_unknown
    record(log, KEY_CREATED)
    assert stored(database) == 2
