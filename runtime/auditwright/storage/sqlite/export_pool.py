"""Exports of a SQLite file: by this process alone, or by several that take ranges in turn, as of one moment.

What each process does is in `export_worker.py`. If another process cannot be started, this one does it all.
"""

from __future__ import annotations

import selectors
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

from auditwright.storage.base import Pieces
from auditwright.storage.errors import StorageError
from auditwright.storage.sqlite import export_worker as worker
from auditwright.storage.sqlite import queries
from auditwright.storage.sqlite.export_sql import titles_of, work_of
from auditwright.storage.sqlite.export_worker import Work

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.storage.query import Scope
    from auditwright.storage.sqlite.connections import Connections

LEAST = 100_000
"""Entries from which on other processes are worth starting: about 0.2 seconds of work."""
RANGE = 10_000
"""Entries that a process makes in turn."""
START_SECONDS = 5.0
"""How long a process may take until it reads the file."""
ATTEMPTS = 20
"""How often to begin anew where entries are recorded just then; each takes half a millisecond."""


class Source:
    """What an export reads: the connections, the catalog, and what gives the SQL for the metadata."""

    def __init__(
        self, connections: Connections, catalog: Catalog, metadata: Callable[[sqlite3.Connection], str]
    ) -> None:
        self._connections = connections
        self._catalog = catalog
        self._metadata = metadata

    def pieces(
        self,
        line_of: Callable[[str], str],
        scope: Scope,
        newest_first: bool,
        size: int,
        limit: int | None,
        processes: int,
    ) -> Pieces:
        """The lines of a scope in pieces, each made by SQLite as one text.

        `line_of` takes the SQL for the metadata and gives the SQL for a line.
        """
        if limit is not None or not scope.branches or len(scope.branches) > queries.MAX_BRANCHES:
            processes = 1
        with (
            self._connections.reading() as connection,
            self._others(connection, scope, processes - 1) as others,
        ):
            titles = titles_of(self._catalog)
            worker.keep_titles(connection, titles)
            if scope.branches:
                line = line_of(self._metadata(connection))
                work = work_of(scope, line, newest_first, size, RANGE, titles)
                if others:
                    yield from lines(connection, work, others)
                else:
                    yield from worker.pieces(connection, work, work.whole, limit)

    def _others(
        self, connection: sqlite3.Connection, scope: Scope, count: int
    ) -> AbstractContextManager[Sequence[Process]]:
        """Other processes to take a share of a scope; none for a small one."""
        if count:
            ((statement, values),) = queries.statements(scope.indexed, "1")
            far = connection.execute(f"{statement} LIMIT 1 OFFSET {LEAST}", values)
            if far.fetchone():
                return others(self._connections.path, self._connections.file, count, connection)
        return nullcontext(())


class Process:
    """Another process that reads the file; `close` ends it, whatever it is at."""

    def __init__(self, path: Path, file: tuple[int, int] | None) -> None:
        self._path, self._file = path, file
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", worker.__file__, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def begin(self) -> None:
        """Have it begin a read transaction, and the one before ended; raises `StorageError`."""
        self._tell(worker.BEGIN)
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            if not selector.select(START_SECONDS):
                raise StorageError(f"{self._path}: another process to read it with did not start")
        _, file = self._frame()
        if file.decode() != " ".join(map(str, self._file or ())):
            raise StorageError(f"{self._path}: the file was removed or replaced while the log was open")

    def start(self, work: Work) -> None:
        """Have it make its share, as of what it has begun with."""
        self._tell(work.to_json())

    def range(self) -> Iterator[tuple[int, bytes]]:
        """The pieces of its next range; raises `StorageError`."""
        lines, text = self._frame()
        while lines != worker.END_OF_RANGE:
            yield lines, text
            lines, text = self._frame()

    def close(self) -> None:
        """End it, and wait until it has ended."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what it was told and has not read
                    pipe.close()
        self._process.wait()

    def _tell(self, line: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except OSError:
            raise self._ended() from None

    @property
    def _out(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def _frame(self) -> tuple[int, bytes]:
        head = self._out.read(worker.FRAME.size)
        if len(head) < worker.FRAME.size:
            raise self._ended()
        lines, size = worker.FRAME.unpack(head)
        text = self._out.read(size)
        if len(text) < size:
            raise self._ended()
        if lines == worker.FAILED:
            raise StorageError(f"{self._path}: cannot read: {text.decode(errors='replace')}")
        return lines, text

    def _ended(self) -> StorageError:
        return StorageError(
            f"{self._path}: cannot read: a process that was to read a share of it has ended; "
            "export again, or with processes=1"
        )


@contextmanager
def others(
    path: Path, file: tuple[int, int] | None, count: int, connection: sqlite3.Connection
) -> Iterator[Sequence[Process]]:
    """So many other processes, which see what the connection's read transaction sees; none where that fails.

    The transaction is begun anew for it. They are ended with this.
    """
    started: list[Process] = []
    try:
        yield started if _start(path, file, count, started) and _agree(path, connection, started) else ()
    finally:
        _end(started)


def _start(path: Path, file: tuple[int, int] | None, count: int, started: list[Process]) -> bool:
    if not sys.executable or getattr(sys, "frozen", False):  # a program, and not Python
        return False
    try:
        started.extend(Process(path, file) for _ in range(count))
    except OSError:
        return False
    return True


def _agree(path: Path, connection: sqlite3.Connection, processes: list[Process]) -> bool:
    """Have all begin when nobody writes; a third connection sees whether that was so."""
    observer = worker.connect(str(path))
    try:
        for _ in range(ATTEMPTS):
            before = observer.execute("PRAGMA data_version").fetchone()
            connection.execute("COMMIT")
            connection.execute("BEGIN")
            connection.execute("PRAGMA schema_version").fetchone()
            for process in processes:
                process.begin()
            if observer.execute("PRAGMA data_version").fetchone() == before:
                return True
    except StorageError:
        pass
    finally:
        observer.close()
    _end(processes)
    return False


def _end(processes: list[Process]) -> None:
    while processes:
        processes[-1].close()
        processes.pop()


def lines(connection: sqlite3.Connection, work: Work, processes: Sequence[Process]) -> Pieces:
    """The lines in order, made by the connection and by the other processes in turn."""
    work = replace(work, shares=1 + len(processes))
    for number, process in enumerate(processes, 1):
        process.start(replace(work, share=number))
    for number, bounds in enumerate(worker.ranges(connection, work)):
        of = number % work.shares
        yield from processes[of - 1].range() if of else worker.pieces(connection, work, bounds)
