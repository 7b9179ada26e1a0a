"""The connections to a SQLite file: one writer, a pool of readers; both are closed before a fork.

It opens files and translates SQLite's errors. Statements on entries are in `engine.py`.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from auditwright.forks import ForkAware, register
from auditwright.limits import sanitize
from auditwright.storage.activity import Activity
from auditwright.storage.deadline import TIMEOUT, deadline
from auditwright.storage.errors import IdConflict, StorageError
from auditwright.storage.sqlite.triggers import CONFLICT
from auditwright.storage.write_lock import WriteLock

MINIMUM = (3, 37, 0)
"""The first SQLite version with STRICT tables."""
BUSY_SECONDS = 1.0
"""How long a write waits for another process, or for a transaction of the caller, by default."""
OPEN_SECONDS = 10.0
"""How long opening waits for other processes that create or upgrade the same file."""
_NOT_UTF8 = "Could not decode to UTF-8"
"""Part of Python's error for text that is not UTF-8; that error quotes the text, so it is not chained."""
NAP_SECONDS = (0.0002, 0.002)
"""The range of the random sleeps of a waiting writer."""
FORK_SECONDS = 2.0
"""How long a fork waits for a commit; in a signal handler that interrupts a commit, the wait times out."""
WAL_BYTES = 48_000_000
"""The size to which the WAL shrinks after a burst, when the first write after a checkpoint starts it anew.

It is above the 41 MB between two checkpoints, so that ordinary writes reuse the file and never extend it.
"""
TRIGGER_PRAGMAS = (
    "recursive_triggers=ON",
    # Otherwise, a build of SQLite may refuse triggers that call JSON functions or those of the program.
    "trusted_schema=ON",
)
WRITER_PRAGMAS = (
    "synchronous=FULL",
    *TRIGGER_PRAGMAS,
    "cache_size=-16000",
    # Rarer checkpoints write a page once that changes often: half the cost of a bulk load, for 41 MB of WAL.
    "wal_autocheckpoint=10000",
    f"journal_size_limit={WAL_BYTES}",
)
MAX_IDLE = 16
"""The most idle reading connections."""


class Connections(ForkAware):
    """The connections to one file. Thread-safe, and usable after a fork."""

    def __init__(
        self,
        path: Path,
        timeout: float = TIMEOUT,
        pragmas: Sequence[str] = (),
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self.path = path
        self.activity = Activity()
        self._timeout = timeout
        self._busy_seconds = busy_seconds
        self._writer_pragmas = (*WRITER_PRAGMAS, *pragmas)
        self.file: tuple[int, int] | None = None
        """Device and inode of the file once it is open."""
        self._closed = False
        self._inherited = False
        self._reset()
        register(self)

    def _reset(self) -> None:
        self.lock = WriteLock(str(self.path), self._timeout)
        self._held = False
        self._writer: sqlite3.Connection | None = None
        self._readers: list[sqlite3.Connection] = []

    def before_fork(self) -> None:
        """Wait for a running commit and close the connections; parent and child open them again.

        A child must not use an inherited connection: it does not hold the file locks of its parent, so
        another process may remove the write-ahead log while it is in use, and SQLite's
        mutexes may be locked for ever.
        """
        self._held = self.lock.acquire(timeout=FORK_SECONDS)
        if self._held:
            self._close_idle()

    def after_fork_in_parent(self) -> None:
        """Allow writing again."""
        if self._held:
            self._held = False
            self.lock.release()

    def after_fork_in_child(self) -> None:
        """Reset the state, and check whether the file is still open, by another thread or other code."""
        _ABANDONED.extend([self._writer, *self._readers])
        self._reset()
        self._inherited = _is_open(self.file)

    def _close_idle(self) -> None:
        """Close the writer and the idle readers."""
        connections = [self._writer] if self._writer is not None else []
        self._writer = None
        while self._readers:
            connections.append(self._readers.pop())
        for connection in connections:
            connection.close()

    def check_usable(self) -> None:
        """Raise `StorageError` if the log is closed, or the file was open during the fork of this process."""
        self._check_open()
        if self._inherited:
            raise StorageError(
                f"{self.path}: this process was forked while the file was open in its parent, and SQLite "
                "would lose what is written here; before forking, close other connections to the file and "
                "what reads the log, or start processes by spawning"
            )

    def _connect(self, *pragmas: str) -> sqlite3.Connection:
        """A new connection; it creates no file, see `_create_file`."""
        self.check_usable()
        connection = sqlite3.connect(
            f"file:{quote(str(self.path))}?mode=rw",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError(f"{self.path}: the log is closed")

    def _write_connection(self) -> sqlite3.Connection:
        self._check_open()
        if self._writer is None:
            # After setup, `begin` waits for other writers, not SQLite.
            pragmas = (*self._writer_pragmas, "busy_timeout=0") if self.file else self._writer_pragmas
            self._writer = self._connect(*pragmas)
            self.file = self.file or _identity(self.path)
        self._check_identity()
        return self._writer

    def _check_identity(self) -> None:
        """Refuse a removed or replaced file: SQLite would continue to write to a file without a name."""
        if _identity(self.path) != self.file:
            raise StorageError(f"{self.path}: the file was removed or replaced while the log was open")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection in a read transaction; all its statements see one snapshot."""
        with self.errors("read"):
            if not self._closed:
                self._check_identity()
            try:
                connection = self._readers.pop()
            except IndexError:
                connection = self._connect("query_only=ON")
            try:
                connection.execute("BEGIN")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
        if self._closed or len(self._readers) >= MAX_IDLE:
            connection.close()
        else:
            self._readers.append(connection)

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Translate SQLite's errors; `doing` is a verb for the text, such as "write"."""
        try:
            yield
        except sqlite3.Error as error:
            raise self.error(doing, error) from (None if _NOT_UTF8 in str(error) else error)

    def error(self, doing: str, error: sqlite3.Error) -> StorageError | IdConflict:
        """The translation of an SQLite error."""
        if CONFLICT in str(error):
            return IdConflict("an entry with this id and other content is stored already; it is unchanged")
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return StorageError(
                f"{self.path}: another transaction is writing to this file; SQLite takes one at a time. "
                "If it is this program's own, pass session= so that the entry joins it; if it is another "
                "process, record again with id=error.entry.id"
            )
        if _NOT_UTF8 in str(error):
            return StorageError(
                f"{self.path}: cannot {doing}: an entry has text that is not UTF-8; run "
                "`auditwright export --format csv` to find its id"
            )
        hint = "; run PRAGMA trusted_schema=ON on this connection" if "unsafe use of" in str(error) else ""
        if name.startswith("SQLITE_READONLY"):
            hint = "; give this process the right to write to the file and to its folder"
        return StorageError(f"{self.path}: cannot {doing}: {error} ({name or type(error).__name__}){hint}")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The writing connection in a transaction that is durable when the `with` block ends."""
        try:
            with self.lock.held(), self.errors("write"):
                connection = self._write_connection()
                try:
                    begin(connection, self._busy_seconds)  # here: an interrupt may follow it at once
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
                finally:
                    if self._closed:  # by a signal handler, which could not wait for the lock
                        self._close_idle()
        except StorageError as error:
            self.activity.failed(error)
            raise
        self.activity.committed()

    @contextmanager
    def maintaining(self) -> Iterator[sqlite3.Connection]:
        """The writing connection without a transaction, for statements that begin their own."""
        with self.lock.held(), self.errors("maintain"):
            yield self._write_connection()

    def check_file(self, databases: Sequence[Sequence[Any]]) -> None:
        """Refuse a connection to another file; `databases` is the result of PRAGMA database_list."""
        files = [file for _, name, file in databases if name == "main"]
        if not files or _identity(Path(files[0])) != self.file:
            raise StorageError(
                f"session= is a transaction on {files[0] if files and files[0] else 'another database'}, and "
                f"this log is {self.path}: an entry joins only a transaction of its own database"
            )

    def open(self, create: bool, set_up: Callable[[sqlite3.Connection], None]) -> None:
        """Open the file; `set_up` creates missing tables. Raises `StorageError`."""
        if not create and not self.path.exists():
            raise StorageError(f"{self.path}: there is no such database; record something, or check its name")
        if not self.path.parent.is_dir():
            raise StorageError(f"{self.path}: the folder {self.path.parent} does not exist")
        if create:
            _create_file(self.path)
        with self.errors("open"):
            connection = self._write_connection()
            seconds = min(self._timeout, OPEN_SECONDS)
            connection.execute(f"PRAGMA busy_timeout={seconds * 1000:.0f}")
            _use_wal(connection, seconds)
            set_up(connection)
            connection.execute("PRAGMA busy_timeout=0")

    def close(self) -> None:
        """Close all connections; a connection in use is closed by its reader."""
        self._closed = True
        self.activity.is_closed = True
        if self.lock.acquire(self._timeout):  # else its holder closes them
            try:
                self._close_idle()
            finally:
                self.lock.release()


def path_of(location: str) -> Path:
    """The path of the file; `location` is the URL after `sqlite://`. Raises `StorageError`."""
    if sqlite3.sqlite_version_info < MINIMUM:
        raise StorageError(f"SQLite {sqlite3.sqlite_version} is too old; 3.37 or newer is needed")
    # sqlite:///audit.db is a relative path, sqlite:////srv/audit.db an absolute one.
    path = location.removeprefix("/")
    if path in ("", ":memory:"):
        raise StorageError(
            "an audit log in memory would not be durable; name a file, such as sqlite:///audit.db"
        )
    if sanitize(path) != path:
        raise StorageError("a database's path has no NUL and no lone surrogate")
    return Path(path).absolute()


@contextmanager
def translated_errors(name: str, doing: str, busy: str) -> Iterator[None]:
    """Translate SQLite's errors of a connection outside of a log; `busy` is the text for a locked file."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorname", "") or type(error).__name__
        if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise StorageError(f"{name}: {busy}") from error
        raise StorageError(f"{name}: cannot {doing}: {error} ({code})") from error


_ABANDONED: list[sqlite3.Connection | None] = []
"""Connections of the parent process, kept because garbage collection would close them."""


def _create_file(path: Path) -> None:
    """Create an empty file that only its owner may read and write; keep an existing one with its mode.

    SQLite gives its -wal and -shm the mode of the file, and a file that it creates itself is readable for
    everybody. Raises `StorageError`.
    """
    try:
        # Like SQLite, follow links; O_EXCL does not follow the last one.
        os.close(os.open(os.path.realpath(path), os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise StorageError(f"{path}: cannot create the file: {error.strerror or error}") from error


def _use_wal(connection: sqlite3.Connection, seconds: float) -> None:
    """Switch to the write-ahead log. Retries, because SQLite ignores its busy timeout here."""
    until = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def begin(connection: sqlite3.Connection, seconds: float) -> None:
    """Begin to write; waits for other processes with random sleeps, for so long or up to the deadline.

    SQLite's own busy handler sleeps longer after each attempt, which favours new arrivals: of four processes
    that write without pause, one or two starve for seconds. Random sleeps are fair.
    """
    until = deadline(seconds)
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > until:
                raise
            time.sleep(random.uniform(*NAP_SECONDS))  # noqa: S311 - spreads retries
        else:
            return


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of the file at a path; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_open(file: tuple[int, int] | None) -> bool:
    """Whether this process has the file with this device and inode open; False if that is unknown."""
    with suppress(OSError):
        for each in Path("/dev/fd").iterdir():
            with suppress(OSError):  # the descriptor of the listing itself is closed
                found = os.fstat(int(each.name))
                if (found.st_dev, found.st_ino) == file:
                    return True
    return False
