"""Exports a SQLite file from one snapshot: this process and its workers take turns with ranges of ids.

A worker is a process that runs `export_worker.py`. If no worker can be started, this process does all work.
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
from auditwright.storage.sqlite import export_worker, queries
from auditwright.storage.sqlite.export_sql import titles_of, work_of
from auditwright.storage.sqlite.export_worker import Work

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.storage.interrupt import Interrupt
    from auditwright.storage.query import Scope
    from auditwright.storage.sqlite.connections import Connections

MIN_ENTRIES = 100_000
"""The number of entries from which workers are started: about 0.2 seconds of work."""
RANGE = 10_000
"""Entries in the range of one turn."""
START_SECONDS = 5.0
"""The timeout for a worker to open the file."""
ATTEMPTS = 20
"""How often to retry taking the same snapshot while entries are recorded; each takes half a millisecond."""


class LineExporter:
    """Exports entries of one file as lines; `metadata` returns the SQL of the metadata."""

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
        interrupt: Interrupt | None,
    ) -> Pieces:
        """The lines of a scope in pieces, each built by SQLite as one text.

        `line_of` takes the SQL of the metadata and returns the SQL of a line.
        """
        if limit is not None or not scope.branches or len(scope.branches) > queries.MAX_BRANCHES:
            processes = 1
        with (
            self._connections.reading() as connection,
            interrupt.ends(connection.interrupt) if interrupt else nullcontext(),
            self._workers(connection, scope, processes - 1) as workers,
        ):
            titles = titles_of(self._catalog)
            export_worker.keep_titles(connection, titles)
            if scope.branches:
                line = line_of(self._metadata(connection))
                work = work_of(scope, line, newest_first, size, RANGE, titles)
                if workers:
                    yield from merged_lines(connection, work, workers)
                else:
                    yield from export_worker.pieces(connection, work, work.whole, limit)

    def _workers(
        self, connection: sqlite3.Connection, scope: Scope, count: int
    ) -> AbstractContextManager[Sequence[Worker]]:
        """Workers for a share of the scope; none for a small scope."""
        if count:
            ((statement, values),) = queries.statements(scope.indexed, "1")
            more = connection.execute(f"{statement} LIMIT 1 OFFSET {MIN_ENTRIES}", values)
            if more.fetchone():
                return start_workers(self._connections.path, self._connections.file, count, connection)
        return nullcontext(())


class Worker:
    """A worker process that reads the file; `close` kills it."""

    def __init__(self, path: Path, file: tuple[int, int] | None) -> None:
        self._path, self._file = path, file
        self._process = subprocess.Popen(  # noqa: S603 - the project's own worker
            [sys.executable, "-I", "-S", export_worker.__file__, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def begin(self) -> None:
        """Start a new read transaction in it; raises `StorageError`."""
        self._send(export_worker.BEGIN)
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            if not selector.select(START_SECONDS):
                raise StorageError(f"{self._path}: a worker process did not start")
        _, file = self._frame()
        if file.decode() != " ".join(map(str, self._file or ())):
            raise StorageError(f"{self._path}: the file was removed or replaced while the log was open")

    def start(self, work: Work) -> None:
        """Start its share of the work, from the snapshot of `begin`."""
        self._send(work.to_json())

    def next_range(self) -> Iterator[tuple[int, bytes]]:
        """The pieces of its next range; raises `StorageError`."""
        lines, text = self._frame()
        while lines != export_worker.END_OF_RANGE:
            yield lines, text
            lines, text = self._frame()

    def close(self) -> None:
        """Kill the process and wait for its end."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # flushing what it has not read
                    pipe.close()
        self._process.wait()

    def _send(self, line: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101 - for type checkers
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except OSError:
            raise self._ended() from None

    @property
    def _out(self) -> IO[bytes]:
        assert self._process.stdout is not None  # noqa: S101 - for type checkers
        return self._process.stdout

    def _frame(self) -> tuple[int, bytes]:
        head = self._out.read(export_worker.FRAME.size)
        if len(head) < export_worker.FRAME.size:
            raise self._ended()
        lines, size = export_worker.FRAME.unpack(head)
        text = self._out.read(size)
        if len(text) < size:
            raise self._ended()
        if lines == export_worker.FAILED:
            raise StorageError(f"{self._path}: cannot read: {text.decode(errors='replace')}")
        return lines, text

    def _ended(self) -> StorageError:
        return StorageError(
            f"{self._path}: cannot read: a worker process has ended; export again, or with processes=1"
        )


@contextmanager
def start_workers(
    path: Path, file: tuple[int, int] | None, count: int, connection: sqlite3.Connection
) -> Iterator[Sequence[Worker]]:
    """Start `count` workers on the same snapshot as the connection; yields none if that fails.

    The connection's read transaction is restarted. The workers end with the `with` block.
    """
    started: list[Worker] = []
    try:
        yield (
            started
            if _start(path, file, count, started) and _share_snapshot(path, connection, started)
            else ()
        )
    finally:
        _end(started)


def _start(path: Path, file: tuple[int, int] | None, count: int, started: list[Worker]) -> bool:
    if not sys.executable or getattr(sys, "frozen", False):  # not a Python interpreter
        return False
    try:
        started.extend(Worker(path, file) for _ in range(count))
    except OSError:
        return False
    return True


def _share_snapshot(path: Path, connection: sqlite3.Connection, workers: list[Worker]) -> bool:
    """Begin all transactions on one snapshot; an observing connection detects writes in between."""
    observer = export_worker.connect(str(path))
    try:
        for _ in range(ATTEMPTS):
            before = observer.execute("PRAGMA data_version").fetchone()
            connection.execute("COMMIT")
            connection.execute("BEGIN")
            connection.execute("PRAGMA schema_version").fetchone()
            for worker in workers:
                worker.begin()
            if observer.execute("PRAGMA data_version").fetchone() == before:
                return True
    except StorageError:
        pass
    finally:
        observer.close()
    _end(workers)
    return False


def _end(workers: list[Worker]) -> None:
    while workers:
        workers[-1].close()
        workers.pop()


def merged_lines(connection: sqlite3.Connection, work: Work, workers: Sequence[Worker]) -> Pieces:
    """The lines in order, built by this connection and the workers in turn."""
    work = replace(work, shares=1 + len(workers))
    for number, worker in enumerate(workers, 1):
        worker.start(replace(work, share=number))
    for number, bounds in enumerate(export_worker.ranges(connection, work)):
        share = number % work.shares
        yield from (
            workers[share - 1].next_range() if share else export_worker.pieces(connection, work, bounds)
        )
