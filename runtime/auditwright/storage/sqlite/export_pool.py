"""Several processes that make one export of a SQLite file, by ranges in turn, and all as of one moment.

What they do is in `sqlite_share.py`. Where another process cannot be started, one does it all.
"""

from __future__ import annotations

import selectors
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

from auditwright.storage.base import Pieces
from auditwright.storage.errors import StorageError
from auditwright.storage.sqlite import export_worker as share
from auditwright.storage.sqlite.export_worker import Work

LEAST = 100_000
"""Entries from which on other processes are worth starting: about 0.2 seconds of work."""
RANGE = 10_000
"""Entries that a process makes in turn."""
START_SECONDS = 5.0
"""How long a process may take until it reads the file."""
ATTEMPTS = 20
"""How often to begin anew where entries are recorded just then; each takes half a millisecond."""


class Process:
    """Another process that reads the file; `close` ends it, whatever it is at."""

    def __init__(self, path: Path, file: tuple[int, int] | None) -> None:
        self._path, self._file = path, file
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", share.__file__, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def begin(self) -> None:
        """Have it begin a read transaction, and the one before ended; raises `StorageError`."""
        self._tell(share.BEGIN)
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
        while lines != share.END_OF_RANGE:
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
        head = self._out.read(share.FRAME.size)
        if len(head) < share.FRAME.size:
            raise self._ended()
        lines, size = share.FRAME.unpack(head)
        text = self._out.read(size)
        if len(text) < size:
            raise self._ended()
        if lines == share.FAILED:
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
    looking = share.connect(str(path))
    try:
        for _ in range(ATTEMPTS):
            before = looking.execute("PRAGMA data_version").fetchone()
            connection.execute("COMMIT")
            connection.execute("BEGIN")
            connection.execute("PRAGMA schema_version").fetchone()
            for process in processes:
                process.begin()
            if looking.execute("PRAGMA data_version").fetchone() == before:
                return True
    except StorageError:
        pass
    finally:
        looking.close()
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
    for number, bounds in enumerate(share.ranges(connection, work)):
        of = number % work.shares
        yield from processes[of - 1].range() if of else share.pieces(connection, work, bounds)
