"""Moves entries from a spool to the database, oldest first, each exactly once.

A batch is stored in the database, and then deleted from the spool by account and id. Storing is idempotent,
so a process that is killed in between, or two processes that move the same entries, store nothing twice. An
entry that the database refuses while it takes others is kept apart, so that it holds up none. If it takes
none, they wait, and the spool has the reason.
"""

from __future__ import annotations

import logging
import os
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditwright.entry import Row
from auditwright.errors import AuditwrightError
from auditwright.forks import ForkAware, register
from auditwright.recording.group_commit import ROW_ERRORS, error_of, may_be_row_error
from auditwright.storage.activity import Activity
from auditwright.storage.deadline import within
from auditwright.storage.errors import IdConflict, StorageError
from auditwright.text import printable

if TYPE_CHECKING:
    from auditwright.storage.base import Storage
    from auditwright.storage.sqlite.spool_file import SpoolFile

BATCH = 500
BATCH_BYTES = 4 * 1024 * 1024
"""The most entries and bytes of one transaction: few enough that it takes a small part of a second."""
PAUSE_SECONDS = (0.5, 5.0)
"""The first and the longest pause between two attempts to reach the database."""
SAMPLES = 4
"""How many entries of a batch are tried alone to see whether the database takes any."""
STOP_SECONDS = 5.0
"""How long closing waits for a batch."""

_log = logging.getLogger("auditwright")


@dataclass(slots=True)
class Moved:
    """How many entries were moved, and how many the database refused."""

    entries: int = 0
    refused: int = 0


class Mover(ForkAware):
    """Moves the entries of a spool in a thread, which lives as long as there are entries to move.

    `opened` gives the database, and opens it first where it is not open yet. Its connections are those of
    the log: a batch is short, and where a server has no connection left, entries would wait for ever. A batch
    may take `seconds`.
    """

    def __init__(self, spool: SpoolFile, opened: Callable[[], Storage], seconds: float) -> None:
        self._spool = spool
        self._opened = opened
        self._seconds = seconds
        self.is_away = False
        """Whether the database takes no entries for now; the first entry that it takes ends that."""
        self.activity = Activity()
        """The commits and the errors of the database."""
        self.failure: str | None = None
        """Why the thread could move nothing at its last attempt; it is logged once."""
        self._closed = False
        self._locks: set[int] = set()
        """The descriptors of the lock of movers; a forked child closes them, as it would keep the lock."""
        self.after_fork_in_child()
        register(self)

    def after_fork_in_child(self) -> None:
        """See `ForkAware`: the thread is not in the child, which starts its own when it needs one."""
        while self._locks:
            with suppress(OSError):
                os.close(self._locks.pop())
        self._thread: threading.Thread | None = None
        self._starting = threading.RLock()
        self._starts = 0
        self._stopped = threading.Event()

    # --- in a thread ---------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread unless it runs. Called after entries went into the spool."""
        with self._starting:
            self._starts += 1
            if self._thread is not None or self._closed:
                return
            self._thread = threading.Thread(target=self._run, name="auditwright-spool", daemon=True)
            try:
                self._thread.start()
            except RuntimeError as error:  # no more threads, or the interpreter ends
                self._thread = None  # the next start tries again
                _log.warning("entries wait in the spool: no thread can start: %s", printable(str(error)))
            except BaseException:  # from a signal handler
                if not self._thread.is_alive():
                    self._thread = None
                raise

    def stop(self) -> None:
        """End the thread after its batch, for ever. Idempotent."""
        self._closed = True
        self._stopped.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            with suppress(RuntimeError):  # a signal handler interrupted its start
                thread.join(min(STOP_SECONDS, self._seconds))

    def _run(self) -> None:
        pause, longest = PAUSE_SECONDS
        while not self._is_done():
            moved = None
            try:
                moved = self.move()
            except Exception as error:
                self._report(error)
            else:
                self.failure = None
            if moved is not None and moved.entries:
                pause = PAUSE_SECONDS[0]
                _log.warning("%s moved from the spool to the database", _entries(moved.entries))
            else:
                self._stopped.wait(random.uniform(pause / 2, pause))  # noqa: S311 - spreads attempts
                pause = min(pause * 2, longest)

    def _report(self, error: Exception) -> None:
        """Log why entries wait, once for each reason; while the database is away the log has said so."""
        reason, before = str(error).removesuffix(getattr(error, "hint", "")), self.failure
        self.failure = reason
        if reason == before:
            return
        if not isinstance(error, StorageError):
            _log.exception("moving entries from the spool failed")
        elif error.unavailable:
            _log.info("entries wait in the spool: %s", printable(reason))
        else:
            _log.error("the entries in the spool cannot be moved: %s", printable(reason))

    def _is_done(self) -> bool:
        """Whether the thread ends; an entry that comes later starts another one."""
        starts = self._starts
        is_empty = False
        with suppress(StorageError):
            is_empty = not self._spool.oldest(1)
        with self._starting:  # never while it reads: a caller may wait for the lock
            if not self._closed and not (is_empty and self._starts == starts):
                return False
            if is_empty:
                self.is_away = False
            self._thread = None
            return True

    # --- a move ----------------------------------------------------------------------------------

    def move(self, progress: Callable[[int], None] | None = None) -> Moved | None:
        """Move all entries that wait; None while another process moves them. Raises `StorageError`.

        `progress` is called after each batch with the number of entries that were moved.
        """
        with self._lock() as is_mine:
            if is_mine:
                return self._move_all(progress)
            if self.is_away and (first := self._spool.oldest(1)):
                self._store([first[0]], [])  # it stays for the other process
            return None

    def _move_all(self, progress: Callable[[int], None] | None) -> Moved:
        moved = Moved()
        while not self._stopped.is_set():
            rows = self._spool.oldest(1 if self.is_away else BATCH, BATCH_BYTES)
            if not rows:
                break
            try:
                outcomes = self._outcomes(rows)
            except Exception as error:
                with suppress(StorageError):  # of a spool that cannot be written, or of another writer
                    self._spool.note_failure(str(error))
                raise
            self._take_out(rows, outcomes, moved)
            if progress is not None:
                progress(moved.entries)
        if moved.entries:
            with suppress(StorageError):  # another process writes: it shrinks later
                self._spool.shrink()
        return moved

    def _outcomes(self, rows: Sequence[Row]) -> list[AuditwrightError | None]:
        """For each row of a batch: None if it was stored, or why the database refuses it."""
        taken: list[Row] = []
        outcomes = self._store(rows, taken)
        if any(isinstance(each, StorageError) and not may_be_row_error(each) for each in outcomes):
            self._store(taken[:1], [])  # raises the error if meanwhile the database takes none
        return outcomes

    def _take_out(
        self, rows: Sequence[Row], outcomes: Sequence[AuditwrightError | None], moved: Moved
    ) -> None:
        """Delete what was stored, and keep what was refused apart."""
        of_rows = list(zip(rows, outcomes, strict=True))
        stored = [row for row, outcome in of_rows if outcome is None]
        self._spool.remove(stored)
        moved.entries += len(stored)
        refused = [(row, str(outcome)) for row, outcome in of_rows if outcome is not None]
        if refused:
            self._spool.refuse(refused)
            moved.refused += len(refused)
            reason = refused[0][1]
            number = _entries(len(refused))
            _log.error("the database refuses %s of the spool: %s", number, printable(reason))

    def _store(self, rows: Sequence[Row], taken: list[Row]) -> list[AuditwrightError | None]:
        """Store rows in the database; None for each, or why the database refuses it.

        If some rows may be at fault, halves are stored until these are isolated. An error that need not be
        about a row, such as a missing right, is one of a row if the database takes another: those that it
        took in this attempt are added to `taken`. Raises `StorageError` if it takes none.
        """
        with self._watched(), within(self._seconds):
            database = self._opened()
        try:
            with self._watched(), within(self._seconds):
                outcomes = database.insert_new(rows)
        except (StorageError, *ROW_ERRORS) as error:
            if getattr(error, "unavailable", False):
                raise
            if not (may_be_row_error(error) or taken or self._takes_one(rows, taken)):
                raise
            if len(rows) == 1:
                return [error_of(error)]
            middle = len(rows) // 2
            return self._store(rows[:middle], taken) + self._store(rows[middle:], taken)
        self.is_away = False
        self.activity.committed()
        taken.extend(rows)
        return [each if isinstance(each, IdConflict) else None for each in outcomes]

    def _takes_one(self, rows: Sequence[Row], taken: list[Row]) -> bool:
        """Whether the database takes one of a few rows that lie apart; storing it again changes nothing."""
        if len(rows) > 1:
            for row in rows[:: -(-len(rows) // SAMPLES)]:
                with suppress(StorageError, *ROW_ERRORS):
                    self._store([row], taken)
                if taken:
                    return True
        return False

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Note how the database fails: entries go into the spool only while it is away."""
        try:
            yield
        except StorageError as error:
            self.activity.failed(error)
            self.is_away = error.unavailable
            raise

    @contextmanager
    def _lock(self) -> Iterator[bool]:
        """The lock of the processes that share a spool; yields False while another one has it.

        It saves work: two movers store nothing twice.
        """
        try:
            import fcntl

            # A link could make this create a file elsewhere.
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            lock = os.open(f"{self._spool.path}-move", flags, 0o600)
        except (ImportError, OSError):  # on Windows; in a folder that takes no more files
            yield True
            return
        self._locks.add(lock)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            except OSError:  # a file system without locks
                pass
            yield True
        finally:
            if lock in self._locks:  # else this is a forked child
                try:
                    self._locks.discard(lock)
                finally:  # also after an interrupt
                    os.close(lock)  # which releases it


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"
