"""The connections of an open PostgreSQL log: one that writes, and a pool of connections that read.

Connects, checks, lends and closes them, also in a forked child. What they execute is in `engine.py` and
`pages.py`.
"""

from __future__ import annotations

import time
from _queue import Empty, SimpleQueue
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.sql import SQL, Literal

from auditwright.forks import ForkAware, register
from auditwright.storage.activity import Activity
from auditwright.storage.deadline import TIMEOUT, deadline, within
from auditwright.storage.errors import StorageError
from auditwright.storage.postgresql.distribution import PROPAGATE
from auditwright.storage.postgresql.dsn import Connection, Dsn, is_pooled, is_usable, settings, sql
from auditwright.storage.postgresql.schema import ACCOUNT
from auditwright.storage.write_lock import WriteLock

MAX_READERS = 16
"""The most reading connections of a log, so that readers leave the server's connections to recording."""
WAIT_SECONDS = 30.0
"""How long a reader waits for one of them."""
POLL_SECONDS = 0.5
"""How often a reader that waits checks whether the log was closed."""

_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# A plan for all parameter values knows nothing of how many entries one event or user has in a month: indexes
# are read in their order, whatever the statistics say.
_GENERIC_PLANS = "SET LOCAL plan_cache_mode = force_generic_plan; "  # Citus finds no node without the values
_FOR_PAGES = (
    f"{_GENERIC_PLANS}SET LOCAL enable_bitmapscan = off; "
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL jit = off; "
)
_INHERITED: list[Connection | None] = []
"""Connections of the parent process: kept, as garbage collection would close them."""


class Connections(ForkAware):
    """The connections of one log. Safe to use from many threads, and after a fork.

    With `read_url` the reading connections use another role than the writing one.
    """

    def __init__(self, url: str, read_url: str | None = None, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self.activity = Activity()
        self._dsn = Dsn(url, timeout)
        self._read_dsn = Dsn(read_url, timeout) if read_url else self._dsn
        self.name = self._dsn.name
        self.read_name = self._read_dsn.name
        self.is_split = read_url is not None
        """Whether reading uses a DSN of its own."""
        self.check_reader: Callable[[Connection], None] | None = None
        """Checks a new reading connection, until one was right; then it is None."""
        self.is_distributed = False
        """Whether the tables are distributed over the nodes of a Citus cluster; set by opening."""
        self._closed = False
        self._reset()
        register(self)

    def _reset(self) -> None:
        self.lock = WriteLock(self.name, self._timeout)
        """Held while the writing connection is in use."""
        for each in {self._dsn, self._read_dsn}:
            each.reset()
        self.writer: Connection | None = None
        self.idle_readers: list[Connection] = []
        # Unlike a semaphore, this may be used by a signal handler that interrupts its use.
        self._places: SimpleQueue[None] = SimpleQueue()
        for _ in range(MAX_READERS):
            self._places.put(None)

    def after_fork_in_child(self) -> None:
        """Abandon the parent's connections: using or closing them would break both processes."""
        _INHERITED.extend([self.writer, *self.idle_readers])
        self._reset()

    def check_open(self) -> None:
        """Raise `StorageError` after `close`."""
        if self._closed:
            raise StorageError(f"{self.name}: the log is closed")

    @contextmanager
    def errors(self, action: str) -> Iterator[None]:
        """Turn psycopg's errors into `StorageError`: "cannot {action}: ..."."""
        try:
            yield
        except psycopg.Error as error:
            raise self.error(action, error) from error

    def error(self, action: str, error: psycopg.Error, is_stored: bool | None = None) -> StorageError:
        """The `StorageError` for an error of psycopg's; see `Dsn.error`."""
        return self._dsn.error(action, error, is_stored)

    @contextmanager
    def writing(self, action: str = "write") -> Iterator[Connection]:
        """The writing connection, locked. Each statement is a transaction, unless the block begins one."""
        try:
            with within(self._timeout), self.lock.held(), self.errors(action):
                connection = self._usable_writer(action)
                connection.until = deadline(self._timeout)
                try:
                    yield connection
                except Exception as error:
                    if is_read_only(error):  # another server may have become the primary
                        connection.close()
                    raise
                finally:
                    # An interrupted statement leaves its connection in the middle of a transaction. A signal
                    # handler that closes the log cannot wait for this thread.
                    if connection.info.transaction_status != TransactionStatus.IDLE or self._closed:
                        connection.close()
        except StorageError as error:
            self.activity.failed(error)
            raise
        if action == "write":
            self.activity.committed()

    def _usable_writer(self, action: str) -> Connection:
        self.check_open()
        self._dsn.availability.check(action)
        if self.writer is not None and not is_usable(self.writer):
            self.writer.close()
            self.writer = None
        if self.writer is None:
            try:
                self.writer = self._dsn.connect()
            except StorageError as error:
                if action != "write":
                    raise
                told = StorageError(f"{error}; nothing is stored")
                told.hint = "; nothing is stored"
                told.unavailable = error.unavailable
                raise told from None
        return self.writer

    @property
    def round_trip(self) -> float:
        """The seconds that the server takes to answer the writing connection, at best."""
        return self._dsn.round_trip

    @contextmanager
    def reading(
        self, account_id: str, for_pages: bool = False, is_stream: bool = False
    ) -> Iterator[Connection]:
        """A connection in a read-only transaction: all its statements see one snapshot of one account.

        With `for_pages` a statement is planned once for all parameter values: planning for dozens of
        partitions takes many times as long as reading one page. `is_stream` is for reading that may take
        longer than the timeout of a call; it ends when the server is silent and answers nobody.
        """
        with self.errors("read"), self.reader() as connection:
            self.begin_reading(connection, account_id, for_pages)
            if is_stream:
                connection.until = None
            yield connection
            connection.execute("COMMIT")

    def begin_reading(self, connection: Connection, account_id: str, for_pages: bool = False) -> None:
        """Begin the transaction of `reading`."""
        planning = _FOR_PAGES if for_pages else ""
        if self.is_distributed:
            planning = f"{PROPAGATE}; {planning.replace(_GENERIC_PLANS, '')}"
        begin = SQL(f"{_BEGIN}; {planning}SET LOCAL {ACCOUNT} = {{}}").format(Literal(account_id))
        local = f"; {settings(connection.patience, is_local=True)}" if is_pooled(connection) else ""
        connection.execute(begin.as_bytes(connection) + sql(local))

    @contextmanager
    def reader(self) -> Iterator[Connection]:
        """A reading connection, outside a transaction; after an error it is closed.

        Waits while all reading connections are in use, and raises `StorageError` if that lasts.
        """
        places = self._places
        self._take(places)
        try:
            with within(self._timeout):
                connection = self._usable_reader()
                connection.until = deadline(self._timeout)
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            if self._closed:
                connection.close()
            else:
                self.idle_readers.append(connection)
        finally:
            places.put(None)

    def _take(self, places: SimpleQueue[None]) -> None:
        seconds = min(WAIT_SECONDS, self._timeout)
        until = deadline(seconds)
        while True:
            self.check_open()
            left = until - time.monotonic()
            try:
                return places.get(timeout=max(0.0, min(left, POLL_SECONDS)))
            except Empty:
                if left <= 0:
                    raise StorageError(
                        f"{self.read_name}: cannot read: the {MAX_READERS} reading connections of this log "
                        f"have been in use for {seconds:g} seconds; read exports and iterators to their "
                        "end, or close them"
                    ) from None

    def _usable_reader(self) -> Connection:
        if not self._closed:
            self._read_dsn.availability.check("read")
        while not self._closed:
            try:
                connection = self.idle_readers.pop()
            except IndexError:
                break
            if is_usable(connection):
                return connection
            connection.close()
        self.check_open()
        connection = self._read_dsn.connect()
        if self.check_reader is not None:
            try:
                self.check_reader(connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def close(self) -> None:
        """Close all connections; one in use by this thread is closed when its block ends."""
        self._closed = True
        self.activity.is_closed = True
        while self.idle_readers:
            self.idle_readers.pop().close()
        if self.lock.acquire(self._timeout):  # else its holder closes the writing connection
            try:
                if self.writer is not None:
                    self.writer.close()
                self.writer = None
            finally:
                self.lock.release()


def is_read_only(error: Exception) -> bool:
    """Whether the server refuses to write, as the primary of before does after a failover."""
    read_only = psycopg.errors.ReadOnlySqlTransaction
    return isinstance(error, read_only) or isinstance(error.__cause__, read_only)
