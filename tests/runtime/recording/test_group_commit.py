"""Group commit: callers share commits, each gets its outcome, none waits forever or is stored in part."""

import asyncio
import gc
import signal
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar
from uuid import UUID

import pytest
from tests.support.databases import Database
from tests.support.interrupts import Interrupted, no_collection
from tests.support.sample_events import ADA, KEY_CREATED, record
from tests.support.waiting import wait_until

from audit_events import AsyncAuditEvents
from auditwright import AccountLog, AuditLog, Entry, IdConflict, StorageError
from auditwright.entry import ACCOUNT_ID, Row
from auditwright.ids import clock, from_microseconds, make_id
from auditwright.recording import group_commit
from auditwright.storage.deadline import current

T = TypeVar("T")

PATIENCE = 30
"""The timeout in seconds for what a working group commit does at once."""


class Line(deque[Any]):
    """A queue that signals when a ticket is added."""

    def __init__(self) -> None:
        super().__init__()
        self.joined = threading.Semaphore(0)

    def append(self, ticket: Any) -> None:
        super().append(ticket)
        self.joined.release()


class Gate:
    """The log's storage; each commit waits until the test lets it begin."""

    def __init__(self, log: AuditLog, wait_seconds: float = PATIENCE) -> None:
        self._insert_each = log._storage.insert_each
        self.commits: list[int] = []
        """The number of rows of each commit, in order."""
        self.error: Exception | None = None
        """The errors of the next commits."""
        self._begun, self._open = threading.Semaphore(0), threading.Semaphore(0)
        self._group_commit = group_commit.GroupCommit(self._commit, wait_seconds)
        self.line = Line()
        self._group_commit._queue = self.line
        self.pool = ThreadPoolExecutor(50)
        log._group_commit = self._group_commit

    def _commit(self, rows: Sequence[Row]) -> Sequence[Row | IdConflict]:
        self.commits.append(len(rows))
        self._begun.release()
        assert self._open.acquire(timeout=PATIENCE)
        if self.error is not None:
            raise self.error
        return self._insert_each(rows)

    def primed(self) -> None:
        """Wait until a commit has begun."""
        assert self._begun.acquire(timeout=PATIENCE)

    def joined(self, count: int) -> None:
        """Wait until this many more callers are in the queue."""
        for _ in range(count):
            assert self.line.joined.acquire(timeout=PATIENCE)

    def open_once(self) -> None:
        """Let one commit begin."""
        self._open.release()

    def open(self) -> None:
        """Let all commits begin from now on."""
        self._open.release(1_000)

    def call(self, call: Callable[..., Entry], *arguments: Any, **options: Any) -> "Future[Entry]":
        """Make a call in a new thread, and wait until it is in the queue."""
        future = self.pool.submit(call, *arguments, **options)
        self.joined(1)
        return future

    def first(self, log: AuditLog) -> "Future[Entry]":
        """A caller whose commit has begun, so that later callers wait for the next one."""
        future = self.call(record, log, KEY_CREATED)
        self.primed()
        return future


@pytest.fixture
def gate(log: AuditLog) -> Any:
    gate = Gate(log)
    yield gate
    gate.open()
    gate.pool.shutdown()


def error_of(future: "Future[Entry]") -> BaseException:
    error = future.exception(PATIENCE)
    assert error is not None
    return error


# --- threads -------------------------------------------------------------------------------------


def test_waiting_callers_share_the_next_commit(log: AuditLog, acme: AccountLog, gate: Gate) -> None:
    first = gate.first(log)
    others = [gate.call(record, log, KEY_CREATED) for _ in range(31)]
    assert not any(call.done() for call in [first, *others])
    assert acme.count() == 0
    gate.open()
    entries = [call.result(PATIENCE) for call in [first, *others]]
    assert gate.commits == [1, 31]
    assert {entry.id for entry in acme.all()} == {entry.id for entry in entries}


def test_a_caller_returns_before_the_next_commit(log: AuditLog, acme: AccountLog, gate: Gate) -> None:
    first = gate.first(log)
    other = gate.call(record, log, KEY_CREATED)
    gate.open_once()
    assert acme.get(first.result(PATIENCE).id) == first.result()
    gate.primed()
    assert not other.done()
    gate.open()
    other.result(PATIENCE)


def test_a_commit_is_bounded_in_rows(log: AuditLog, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "BATCH_ROWS", 10)
    calls = [gate.first(log), *(gate.call(record, log, KEY_CREATED) for _ in range(25))]
    gate.open()
    assert len({call.result(PATIENCE).id for call in calls}) == 26
    assert gate.commits == [1, 10, 10, 5]


def test_a_commit_is_bounded_in_bytes(log: AuditLog, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "BATCH_BYTES", 2_500)
    calls = [gate.first(log)]
    calls += [gate.call(record, log, KEY_CREATED, details="x" * 1_000) for _ in range(6)]
    gate.open()
    assert len({call.result(PATIENCE).id for call in calls}) == 7
    assert gate.commits == [1, 3, 3]


def test_conflict_fails_only_its_caller(log: AuditLog, acme: AccountLog, gate: Gate) -> None:
    first = gate.first(log)
    gate.open_once()
    there = first.result(PATIENCE)
    second = gate.first(log)
    good = gate.call(record, log, KEY_CREATED)
    conflict = gate.call(record, log, "account.roles.role_changed", id=there.id)
    again = gate.call(record, log, KEY_CREATED, id=there.id)
    twin = gate.call(record, log, KEY_CREATED)
    gate.open()
    assert again.result(PATIENCE) == there
    error = error_of(conflict)
    assert isinstance(error, IdConflict)
    assert error.entry is not None
    assert (error.entry.id, error.entry.event) == (there.id, "account.roles.role_changed")
    stored = {there.id, second.result().id, good.result().id, twin.result().id}
    assert {entry.id for entry in acme.all()} == stored
    assert gate.commits == [1, 1, 4]


def test_row_that_cannot_be_stored_fails_alone(
    log: AuditLog, acme: AccountLog, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoiled(key: str, values: Any, options: Any) -> Entry:
        row = list(made(key, values, options).row)
        row[2] = 2**70  # a time outside of the column's range
        return Entry(log.catalog, tuple(row))

    calls = [gate.first(log), *(gate.call(record, log, KEY_CREATED) for _ in range(5))]
    made = log._recorder.entry
    with monkeypatch.context() as patch:
        patch.setattr(log._recorder, "entry", spoiled)
        bad = gate.call(record, log, KEY_CREATED)
    calls += [gate.call(record, log, KEY_CREATED) for _ in range(5)]
    gate.open()
    error = error_of(bad)
    assert isinstance(error, StorageError)
    assert error.entry is not None
    assert error.entry.row[2] == 2**70
    assert {call.result(PATIENCE).id for call in calls} == {entry.id for entry in acme.all()}


def test_database_failure_gives_each_caller_its_own_error(
    log: AuditLog, acme: AccountLog, gate: Gate
) -> None:
    calls = [gate.first(log), *(gate.call(record, log, KEY_CREATED) for _ in range(5))]
    gate.error = StorageError("the disk is full")
    gate.open()
    errors = [error_of(call) for call in calls]
    assert [(type(error), str(error)) for error in errors] == [(StorageError, "the disk is full")] * 6
    assert gate.commits == [1, 5], "it was tried again although no row was at fault"
    gate.error = None
    failed = [error.entry for error in errors if isinstance(error, StorageError) and error.entry]
    assert len({entry.id for entry in failed}) == 6
    for entry in failed:
        assert record(log, KEY_CREATED, id=entry.id).id == entry.id
    assert acme.count() == 6


@pytest.mark.parametrize("is_unknown", [False, True], ids=["nothing stored", "not known"])
def test_a_lost_node_concerns_only_its_accounts(
    log: AuditLog, acme: AccountLog, gate: Gate, is_unknown: bool
) -> None:
    """On a cluster: callers of other accounts, which share the commit, do not fail with them."""
    insert_each = gate._insert_each

    def insert(rows: Sequence[Row]) -> list[Row | IdConflict]:
        if any(row[ACCOUNT_ID] == "globex" for row in rows):
            error = StorageError("a node is away")
            error.of_node, error.outcome_unknown = True, is_unknown and len(rows) > 10
            raise error
        return insert_each(rows)

    first = gate.first(log)
    gate._insert_each = insert
    calls = [(name, gate.call(record, log, KEY_CREATED, account_id=name)) for name in ("acme", "globex") * 9]
    gate.open()
    entries = [call.result(PATIENCE) for name, call in calls if name == "acme"]
    assert {entry.id for entry in acme.all()} == {first.result().id, *(entry.id for entry in entries)}
    errors = [error_of(call) for name, call in calls if name == "globex"]
    assert {str(error) for error in errors} == {"a node is away"}
    assert len({id(error) for error in errors}) == 9
    assert [isinstance(error, StorageError) and error.outcome_unknown for error in errors] == [is_unknown] * 9
    assert log.account("globex").count() == 0


def test_each_callers_error_has_the_attributes_of_the_commits(log: AuditLog, gate: Gate) -> None:
    calls = [gate.first(log), *(gate.call(record, log, KEY_CREATED) for _ in range(3))]
    gate.error = StorageError("the server is gone; it is not known whether it was stored")
    gate.error.outcome_unknown = True
    gate.error.__cause__ = OSError("gone")
    gate.open()
    for call in calls:
        error = error_of(call)
        assert isinstance(error, StorageError)
        assert error.outcome_unknown
        assert error.__cause__ is gate.error.__cause__
        assert error is not gate.error


def test_errors_are_freed_without_the_garbage_collector(log: AuditLog, gate: Gate) -> None:
    gate.error = StorageError("the server is gone")
    gate.error.__cause__ = OSError("gone")
    errors: list[weakref.ref[StorageError]] = []

    def fail() -> None:
        try:
            record(log, KEY_CREATED)
        except StorageError as error:
            errors.append(weakref.ref(error))

    async def fail_async() -> None:
        try:
            await emitter(log)(actor=ADA)
        except StorageError as error:
            errors.append(weakref.ref(error))

    async def fail_all() -> None:
        tasks = await waiting(gate, *(fail_async() for _ in range(5)))
        gate.open()
        await asyncio.gather(*tasks)

    gc.disable()
    try:
        calls = [gate.pool.submit(fail) for _ in range(5)]
        gate.joined(5)
        asyncio.run(fail_all())
        wait(calls, PATIENCE)
        gate.pool.shutdown()
        assert [error() for error in errors] == [None] * 10
    finally:
        gc.enable()


def test_closing_the_log_raises_in_all_waiting_callers(log: AuditLog, gate: Gate, database: Database) -> None:
    calls = [gate.first(log), *(gate.call(record, log, KEY_CREATED) for _ in range(5))]
    log.close()
    gate.open()
    for call in calls:
        assert str(error_of(call)) == f"{database.name}: the log is closed"
    assert database.rows() == []


def test_timeout_while_waiting_stores_nothing(log: AuditLog, acme: AccountLog) -> None:
    gate = Gate(log, wait_seconds=0.2)
    first = gate.first(log)
    error = error_of(gate.call(record, log, KEY_CREATED))
    assert str(error) == (
        "the entry has waited 0.2 seconds and is not stored; record it again with id=error.entry.id, which "
        "stores it once"
    )
    gate.open()
    assert [first.result(PATIENCE)] == list(acme.all())
    assert isinstance(error, StorageError)
    assert not error.outcome_unknown
    assert error.entry is not None
    record(log, KEY_CREATED, id=error.entry.id)
    assert acme.count() == 2
    gate.pool.shutdown()


def test_timeout_during_a_commit_says_the_outcome_is_unknown(log: AuditLog, acme: AccountLog) -> None:
    gate = Gate(log, wait_seconds=0.2)
    first = gate.first(log)
    calls = [gate.call(record, log, KEY_CREATED) for _ in range(2)]
    gate.open_once()
    gate.primed()
    (told,), (leads,) = wait(calls, return_when=FIRST_COMPLETED)  # the other caller leads
    error = error_of(told)
    assert str(error) == (
        "the entry has waited 0.2 seconds and is being written, and the database has not answered; record it "
        "again with id=error.entry.id, which stores it once"
    )
    gate.open()
    entries = [first.result(PATIENCE), leads.result(PATIENCE)]
    assert isinstance(error, StorageError)
    assert error.outcome_unknown
    assert error.entry is not None
    again = record(log, KEY_CREATED, id=error.entry.id)
    assert {entry.id for entry in acme.all()} == {entry.id for entry in [*entries, again]}
    gate.pool.shutdown()


def test_more_than_max_waiting_are_refused_with_their_entry(
    log: AuditLog, acme: AccountLog, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "MAX_WAITING", 2)
    calls = [gate.first(log), *(gate.call(record, log, KEY_CREATED) for _ in range(2))]
    with pytest.raises(StorageError) as caught:
        record(log, KEY_CREATED)
    assert str(caught.value) == (
        "2 entries wait to be stored already; this one is not stored; record it again with "
        "id=error.entry.id when there are fewer"
    )
    assert caught.value.entry is not None
    gate.open()
    assert {call.result(PATIENCE).id for call in calls} == {entry.id for entry in acme.all()}
    record(log, KEY_CREATED, id=caught.value.entry.id)
    assert acme.count() == 4


# --- signals -------------------------------------------------------------------------------------


@pytest.fixture
def interrupt() -> Any:
    """Interrupts the main thread."""

    def handler(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGUSR1, handler)
    main = threading.main_thread().ident
    assert main is not None
    yield lambda: signal.pthread_kill(main, signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)


def entry_of(error: BaseException) -> Entry:
    entry = vars(error)["entry"]
    assert isinstance(entry, Entry)
    return entry


def test_interrupted_waiting_caller_is_not_stored(
    log: AuditLog, acme: AccountLog, gate: Gate, interrupt: Callable[[], None]
) -> None:
    first = gate.first(log)

    def when_it_waits() -> None:
        gate.joined(1)
        interrupt()

    interrupter = threading.Thread(target=when_it_waits)
    interrupter.start()
    with pytest.raises(Interrupted) as caught:
        record(log, KEY_CREATED)
    interrupter.join()
    other = gate.call(record, log, KEY_CREATED)
    gate.open()
    assert {first.result(PATIENCE).id, other.result(PATIENCE).id} == {entry.id for entry in acme.all()}
    assert record(log, KEY_CREATED, id=entry_of(caught.value).id).id == entry_of(caught.value).id


def test_interrupted_leader_leaves_no_caller_waiting(
    log: AuditLog, acme: AccountLog, gate: Gate, interrupt: Callable[[], None]
) -> None:
    others: list[Future[Entry]] = []

    def when_it_leads() -> None:
        gate.primed()
        gate.joined(1)
        others.extend(gate.call(record, log, KEY_CREATED) for _ in range(5))
        interrupt()

    interrupter = threading.Thread(target=when_it_leads)
    interrupter.start()
    with pytest.raises(Interrupted) as caught:
        record(log, KEY_CREATED)
    interrupter.join()
    gate.open()
    ids = {call.result(PATIENCE).id for call in others}
    assert {entry.id for entry in acme.all()} - {entry_of(caught.value).id} == ids
    record(log, KEY_CREATED, id=entry_of(caught.value).id)
    assert acme.count() == 6


def test_interrupts_at_any_moment_store_once_or_not_at_all(log: AuditLog, acme: AccountLog) -> None:
    stop, armed = threading.Event(), [False]
    main = threading.main_thread().ident
    assert main is not None
    acknowledged: list[Entry] = []
    tried: list[tuple[UUID, datetime]] = []

    def handler(number: int, frame: FrameType | None) -> None:
        if armed[0]:  # once in each call, never in the code of the test
            armed[0] = False
            raise Interrupted

    def beside() -> list[Entry]:
        entries = []
        while not stop.is_set():
            entries.append(record(log, KEY_CREATED))
        return entries

    def again_and_again() -> None:
        for number in range(200):
            stop.wait(0.001 + number % 7 * 0.0001)
            signal.pthread_kill(main, signal.SIGUSR1)
        stop.set()

    before = signal.signal(signal.SIGUSR1, handler)
    with no_collection(), ThreadPoolExecutor(4) as pool:
        others = [pool.submit(beside) for _ in range(3)]
        interrupter = pool.submit(again_and_again)
        while not interrupter.done():
            moment = clock.now()
            entry_id, occurred_at = UUID(bytes=make_id(moment)), from_microseconds(moment)
            tried.append((entry_id, occurred_at))
            with suppress(Interrupted):
                armed[0] = True
                acknowledged.append(record(log, KEY_CREATED, id=entry_id, occurred_at=occurred_at))
                armed[0] = False
        beside_it = [entry for other in others for entry in other.result(PATIENCE)]
    signal.signal(signal.SIGUSR1, before)
    stored = [entry.id for entry in acme.all()]
    assert len(stored) == len(set(stored))
    assert {entry.id for entry in [*acknowledged, *beside_it]} <= set(stored)
    assert set(stored) <= {entry_id for entry_id, _ in tried} | {entry.id for entry in beside_it}
    for entry_id, occurred_at in tried:
        record(log, KEY_CREATED, id=entry_id, occurred_at=occurred_at)
    assert acme.count() == len(tried) + len(beside_it)


def test_signal_handler_that_records_during_a_store_is_refused(
    log: AuditLog, acme: AccountLog, gate: Gate
) -> None:
    errors: list[StorageError] = []
    entered, handled = threading.Event(), threading.Event()

    def handler(number: int, frame: FrameType | None) -> None:
        if entered.is_set():  # a signal that was repeated
            return
        entered.set()
        with pytest.raises(StorageError) as caught:
            record(log, KEY_CREATED)
        errors.append(caught.value)
        handled.set()

    def when_it_leads() -> None:
        gate.primed()
        main = threading.main_thread().ident
        assert main is not None
        # A signal just before the wait does not wake the thread.
        signal.pthread_kill(main, signal.SIGUSR1)
        while not handled.wait(0.1):
            signal.pthread_kill(main, signal.SIGUSR1)
        gate.open()  # not in the handler, which may interrupt the thread while it holds the gate's lock

    before = signal.signal(signal.SIGUSR1, handler)
    killer = threading.Thread(target=when_it_leads)
    killer.start()
    entry = record(log, KEY_CREATED)
    killer.join()
    signal.signal(signal.SIGUSR1, before)
    assert list(acme.all()) == [entry]
    assert str(errors[0]) == (
        "this thread is storing an entry already, and a signal handler or a finalizer has interrupted it to "
        "record another one, which is not stored; record it when that has returned"
    )
    assert errors[0].entry is not None


def test_signal_handler_records_in_a_waiting_thread(log: AuditLog, acme: AccountLog, gate: Gate) -> None:
    first = gate.first(log)
    made: list[Entry] = []

    def handler(number: int, frame: FrameType | None) -> None:
        made.append(record(log, KEY_CREATED))

    def when_it_waits() -> None:
        gate.joined(1)
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGUSR1)
        gate.joined(1)
        gate.open()

    before = signal.signal(signal.SIGUSR1, handler)
    killer = threading.Thread(target=when_it_waits)
    killer.start()
    entry = record(log, KEY_CREATED)
    killer.join()
    signal.signal(signal.SIGUSR1, before)
    assert {each.id for each in acme.all()} == {entry.id, made[0].id, first.result().id}


# --- asyncio -------------------------------------------------------------------------------------


def emitter(log: AuditLog) -> Callable[..., Coroutine[Any, Any, Entry]]:
    return AsyncAuditEvents(log).account.app_api_key.app_api_key_created


async def waiting(gate: Gate, *coroutines: Coroutine[Any, Any, T]) -> "list[asyncio.Task[T]]":
    """Tasks that wait in the queue."""
    tasks = [asyncio.create_task(each) for each in coroutines]
    for _ in tasks:
        assert await asyncio.to_thread(gate.line.joined.acquire, timeout=PATIENCE)
    return tasks


def test_thousands_of_awaits_share_commits_and_need_no_threads(
    log: AuditLog, acme: AccountLog, gate: Gate
) -> None:
    threads: list[int] = []

    async def everything() -> list[Entry]:
        create = emitter(log)
        tasks = [asyncio.create_task(create(actor=ADA)) for _ in range(3_000)]
        await asyncio.to_thread(gate.joined, 3_000)
        threads.append(len(list(Path("/proc/self/task").iterdir())))
        gate.open()
        return await asyncio.gather(*tasks)

    before = len(list(Path("/proc/self/task").iterdir()))
    entries = asyncio.run(everything())
    assert {entry.id for entry in acme.all()} == {entry.id for entry in entries}
    assert threads[0] <= before + 2  # the leader, and the thread of the test
    assert len(gate.commits) <= 4


def test_the_event_loop_goes_on_while_an_entry_is_committed(log: AuditLog, gate: Gate) -> None:
    async def calls() -> Entry:
        (task,) = await waiting(gate, emitter(log)(actor=ADA))
        await asyncio.to_thread(gate.primed)
        assert not task.done()
        gate.open()
        return await task

    assert asyncio.run(calls()).actor == ADA


def test_await_cancelled_while_waiting_is_not_stored(log: AuditLog, acme: AccountLog, gate: Gate) -> None:
    async def calls() -> None:
        first = gate.first(log)
        kept, cancelled = await waiting(gate, emitter(log)(actor=ADA), emitter(log)(actor=ADA))
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        gate.open()
        assert {entry.id for entry in [await kept, first.result(PATIENCE)]} == {e.id for e in acme.all()}

    asyncio.run(calls())


def test_await_cancelled_during_the_write_is_stored_once(log: AuditLog, acme: AccountLog, gate: Gate) -> None:
    found: list[Entry] = []

    async def caller() -> Entry:
        try:
            return await emitter(log)(actor=ADA)
        except asyncio.CancelledError as error:
            found.append(entry_of(error))
            raise

    async def calls() -> None:
        (task,) = await waiting(gate, caller())
        await asyncio.to_thread(gate.primed)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.open()
        (entry,) = found
        again = await emitter(log)(actor=ADA, id=entry.id, occurred_at=entry.occurred_at)
        assert again.id == entry.id

    asyncio.run(calls())
    assert [entry.id for entry in acme.all()] == [found[0].id]


def test_cancelling_at_any_moment_stores_once_or_not_at_all(log: AuditLog, acme: AccountLog) -> None:
    async def caller(unknown: list[Entry]) -> Entry:
        try:
            return await emitter(log)(actor=ADA)
        except asyncio.CancelledError as error:
            if "entry" in vars(error):
                unknown.append(entry_of(error))
            raise

    async def calls() -> tuple[list[Entry], list[Entry]]:
        unknown: list[Entry] = []
        returned: list[Entry] = []
        for number in range(150):
            tasks = [asyncio.create_task(caller(unknown)) for _ in range(10)]
            for _ in range(number % 5):
                await asyncio.sleep(0)
            time.sleep(number % 7 * 0.0002)  # the loop continues during a commit
            for task in tasks[number % 3 :: 2]:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    returned.append(await task)
        return returned, unknown

    returned, unknown = asyncio.run(calls())
    record(log, KEY_CREATED, account_id="other")  # after everything that is still being written
    stored = [entry.id for entry in acme.all()]
    assert len(stored) == len(set(stored))
    assert {entry.id for entry in returned} <= set(stored) <= {entry.id for entry in [*returned, *unknown]}
    for entry in unknown:
        record(log, KEY_CREATED, id=entry.id, occurred_at=entry.occurred_at)
    assert acme.count() == len(returned) + len(unknown)


def test_await_times_out(log: AuditLog, acme: AccountLog) -> None:
    gate = Gate(log, wait_seconds=0.5)

    async def calls() -> tuple[BaseException, BaseException]:
        written = asyncio.create_task(emitter(log)(actor=ADA))
        await asyncio.to_thread(gate.primed)
        waits = asyncio.create_task(emitter(log)(actor=ADA))
        found: list[BaseException] = []
        for task in (written, waits):
            with pytest.raises(StorageError) as caught:
                await task
            assert caught.value.entry is not None
            found.append(caught.value)
        return found[0], found[1]

    written, waits = asyncio.run(calls())
    assert "has waited 0.5 seconds and is being written" in str(written)
    assert "has waited 0.5 seconds and is not stored" in str(waits)
    assert [isinstance(each, StorageError) and each.outcome_unknown for each in (written, waits)] == [
        True,
        False,
    ]
    gate.open()
    record(log, KEY_CREATED, account_id="other")
    assert [entry.id for entry in acme.all()] == [entry_of(written).id]
    gate.pool.shutdown()


def test_several_loops_and_threads_share_commits(log: AuditLog, acme: AccountLog, gate: Gate) -> None:
    first = gate.first(log)
    start = threading.Barrier(3)

    def loop() -> list[Entry]:
        async def many() -> list[Entry]:
            create = emitter(log)
            return await asyncio.gather(*(create(actor=ADA) for _ in range(20)))

        start.wait(PATIENCE)
        return asyncio.run(many())

    loops = [gate.pool.submit(loop) for _ in range(3)]
    calls = [gate.pool.submit(record, log, KEY_CREATED) for _ in range(20)]
    gate.joined(80)
    gate.open()
    entries = [first.result(PATIENCE), *(call.result(PATIENCE) for call in calls)]
    entries += [entry for each in loops for entry in each.result(PATIENCE)]
    assert {entry.id for entry in acme.all()} == {entry.id for entry in entries}
    assert gate.commits == [1, 80]


def test_awaits_that_a_loop_leaves_pending_are_not_stored(
    log: AuditLog, acme: AccountLog, gate: Gate
) -> None:
    first = gate.first(log)

    async def leaves() -> None:
        await waiting(gate, *(emitter(log)(actor=ADA) for _ in range(5)))

    asyncio.run(leaves())
    gate.open()
    assert [first.result(PATIENCE)] == list(acme.all())
    entry = asyncio.run(emitter(log)(actor=ADA))
    assert acme.count() == 2
    assert acme.get(entry.id) == entry


def test_loop_closed_during_a_commit_affects_no_other_caller(
    log: AuditLog, acme: AccountLog, gate: Gate
) -> None:
    loop = asyncio.new_event_loop()
    tasks: list[asyncio.Task[Entry]] = []

    async def begin() -> None:
        tasks.extend(await waiting(gate, emitter(log)(actor=ADA)))
        await asyncio.to_thread(gate.primed)

    loop.run_until_complete(begin())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    other = gate.call(record, log, KEY_CREATED)
    gate.open()
    other.result(PATIENCE)
    assert acme.count() == 2
    tasks[0]._log_destroy_pending = False  # type: ignore[attr-defined] # it is, and that is what is tested


def test_a_context_and_a_result_are_each_callers_own(log: AuditLog, gate: Gate) -> None:
    from auditwright import Actor

    async def one(number: int) -> Entry:
        with log.acting(Actor.user(f"u-{number}")):
            return await emitter(log)()

    async def calls() -> list[Entry]:
        tasks = await waiting(gate, *(one(number) for number in range(50)))
        gate.open()
        return await asyncio.gather(*tasks)

    assert [entry.actor.id for entry in asyncio.run(calls())] == [f"u-{number}" for number in range(50)]


def test_a_late_leader_has_what_is_left_of_its_time(log: AuditLog) -> None:
    gate = Gate(log, wait_seconds=10)
    deadlines: list[float] = []
    insert_each = gate._insert_each

    def insert(rows: Sequence[Row]) -> Sequence[Row | IdConflict]:
        until = current()
        assert until is not None
        deadlines.append(until)
        return insert_each(rows)

    gate._insert_each = insert  # type: ignore[assignment]
    first, second = gate.first(log), gate.call(record, log, KEY_CREATED)
    joined = time.monotonic()
    wait_until(lambda: time.monotonic() > joined + 0.5)
    gate.open()
    assert {first.result(PATIENCE).account_id, second.result(PATIENCE).account_id} == {"acme"}
    assert deadlines[1] < joined + 10.25  # its time began at most moments after it had joined the queue
    gate.pool.shutdown()
