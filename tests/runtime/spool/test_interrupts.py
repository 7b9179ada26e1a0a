"""Exceptions of signal handlers, as KeyboardInterrupt is one, in callers of a log with a spool.

They come at any moment of a call: an entry is stored once or not at all, and nothing waits for ever.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import datetime
from functools import partial
from itertools import count
from pathlib import Path
from types import FrameType
from uuid import UUID

import pytest
from tests.support.databases import PostgreSQLDatabase
from tests.support.interrupts import Interrupted, is_interrupted, no_collection
from tests.support.sample_events import KEY_CREATED, record
from tests.support.spools import AWAY, Opens, open_with_spool, stored
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until

from audit_events import CATALOG
from auditwright import Entry, StorageError
from auditwright.ids import clock, from_microseconds, make_id
from auditwright.spool import LARGEST
from auditwright.spool.mover import Mover
from auditwright.storage import open_spool_file, open_storage
from auditwright.storage.deadline import current, deadline, within
from auditwright.storage.write_lock import WriteLock

pytestmark = pytest.mark.postgresql_only

PAUSES = (0.0005, 0.001, 0.0013, 0.002, 0.0031)
"""Seconds between two interrupts: about what a call takes, and each time another part of it."""


class Interrupts:
    """Interrupts the main thread again and again, once in each call and never in the code of a test."""

    def __init__(self) -> None:
        self.raised = 0
        self._is_armed = False
        self._stop = threading.Event()
        self._before = signal.signal(signal.SIGUSR1, self._handle)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._is_armed:
            self._is_armed = False
            self.raised += 1
            raise Interrupted

    def _run(self) -> None:
        main = threading.main_thread().ident
        assert main is not None
        for number in count():
            if self._stop.wait(PAUSES[number % len(PAUSES)]):
                return
            signal.pthread_kill(main, signal.SIGUSR1)

    def call(self, work: Callable[[], object]) -> None:
        """Call a function, which may be interrupted."""
        with suppress(Interrupted):
            self._is_armed = True
            work()
            self._is_armed = False

    def stop(self) -> None:
        """End them."""
        self._is_armed = False
        self._stop.set()
        self._thread.join()
        signal.signal(signal.SIGUSR1, self._before)


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    with no_collection():
        made = Interrupts()
        yield made
        made.stop()


def test_interrupted_callers_store_once_or_not_at_all(
    database: PostgreSQLDatabase, proxy: TcpProxy, opens: Opens, interrupts: Interrupts
) -> None:
    """While the database goes and comes back, others record, and the mover moves."""
    log, stop = opens(timeout=30), threading.Event()
    acknowledged: list[Entry] = []
    tried: list[tuple[UUID, datetime]] = []

    def beside() -> list[Entry]:
        entries = []
        while not stop.is_set():
            entries.append(record(log, KEY_CREATED))
        return entries

    def one() -> None:
        moment = clock.now()
        tried.append((UUID(bytes=make_id(moment)), from_microseconds(moment)))
        entry_id, occurred_at = tried[-1]
        acknowledged.append(record(log, KEY_CREATED, id=entry_id, occurred_at=occurred_at))

    with ThreadPoolExecutor(2) as pool:
        others = [pool.submit(beside) for _ in range(2)]
        try:
            for change in (proxy.be_away, proxy.pass_again) * 4:
                change()
                until = interrupts.raised + 40
                while interrupts.raised < until:
                    interrupts.call(one)
                    interrupts.call(log.health)
        finally:
            stop.set()
        beside_it = [entry for other in others for entry in other.result()]
    interrupts.stop()
    assert any(each.spooled for each in acknowledged)
    wait_until(lambda: log.health().spooled == 0)
    assert log.health().refused == 0
    found = stored(database)
    assert len(found) == len(set(found))
    assert {each.id.hex for each in (*acknowledged, *beside_it)} <= set(found)
    assert set(found) <= {each.hex for each, _ in tried} | {each.id.hex for each in beside_it}
    for entry_id, occurred_at in tried:
        record(log, KEY_CREATED, id=entry_id, occurred_at=occurred_at)
    wait_until(lambda: log.health().spooled == 0)
    assert len(stored(database)) == len(tried) + len(beside_it)


def test_deadlines_and_locks_end_with_an_interrupted_call() -> None:
    lock = WriteLock("here")

    def call() -> None:
        with within(5), within(4):
            with within(3), lock.held(), within(2):
                deadline(1)
            deadline(1)

    moment = 0
    while is_interrupted(moment, call):
        assert (current(), lock.is_mine) == (None, False), f"after moment {moment}"
        moment += 1
    assert moment > 40


def test_a_call_may_be_interrupted_at_any_moment(spool: Path) -> None:
    """The one after it has its result, whatever the first one was doing."""
    with open_with_spool(AWAY, spool) as log:
        for work in (partial(record, log, KEY_CREATED), log.health):
            moment = 0
            while is_interrupted(moment, work):
                assert record(log, KEY_CREATED).spooled
                assert log.health().spooled > moment
                moment += 1
            assert moment > 100


def test_an_interrupted_mover_stores_each_entry_once(database: PostgreSQLDatabase, spool: Path) -> None:
    """As `auditwright spool drain` is interrupted by Ctrl-C at any moment, and run again."""
    with open_with_spool(AWAY, spool) as log:
        entries = [record(log, KEY_CREATED)]

    def move() -> None:
        with suppress(StorageError):  # of SQLite, which has called the function that was interrupted
            mover.move()

    moment = 0
    with (
        closing(open_spool_file(f"sqlite:///{spool}", CATALOG, LARGEST)) as file,
        closing(open_storage(database.url, CATALOG)) as opened,
    ):
        mover = Mover(file, lambda: opened, 30)
        row = file.oldest(1)[0]
        while is_interrupted(moment, move):
            assert mover.move() is not None, f"the lock of the movers is held after moment {moment}"
            assert (file.waiting().entries, file.waiting().refused) == (0, 0)
            assert stored(database) == [each.id.hex for each in entries]
            file.insert([row])
            moment += 3  # each takes some of the database's time
    assert moment > 100


def test_interrupted_opening_leaves_nothing_behind(
    database: PostgreSQLDatabase, proxy: TcpProxy, spool: Path
) -> None:
    def open_and_close() -> None:
        open_with_spool(proxy.url, spool).close()

    proxy.be_away()
    with open_with_spool(proxy.url, spool) as log:
        waits = record(log, KEY_CREATED)
    moment = 0
    while is_interrupted(moment, open_and_close):
        moment += 211  # opening is long, and has more than one of each kind
    assert moment > 3_000
    assert not [each for each in threading.enumerate() if each.name == "auditwright-spool"]
    proxy.pass_again()
    with open_with_spool(proxy.url, spool) as log:
        wait_until(lambda: log.health().spooled == 0)
        assert stored(database) == [waits.id.hex]
