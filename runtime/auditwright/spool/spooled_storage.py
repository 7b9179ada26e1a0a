"""A storage that writes into a spool while its database is away.

Entries go straight to the database as long as it takes them. After the first failure that means that it is
away, they go into the spool without asking it, until the mover has stored one there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from auditwright.entry import Row, SpooledRow
from auditwright.forks import ForkAware, register
from auditwright.spool.mover import Mover
from auditwright.storage.deadline import deadline, within
from auditwright.storage.errors import IdConflict, StorageError
from auditwright.text import printable

if TYPE_CHECKING:
    from auditwright.storage.base import Storage, Waiting
    from auditwright.storage.sqlite.spool_file import SpoolFile

T = TypeVar("T")

_log = logging.getLogger("auditwright")


class SpooledStorage(ForkAware):
    """A database with a spool; see `Storage`. Safe to use from many threads, and after a fork.

    `opens` opens the database. A write asks it for `database_seconds` at most, which leaves the rest of a
    call's timeout to the spool. What joins a caller's transaction, an import, and all that reads uses the
    database alone.
    """

    def __init__(self, spool: SpoolFile, opens: Callable[[], Storage], database_seconds: float) -> None:
        self.spool = spool
        self.mover = Mover(spool, self._opened, database_seconds)
        self._opens = opens
        self._database_seconds = database_seconds
        self._database: Storage | None = None
        self._closed = False
        self.activity = self.mover.activity
        """See `Storage`."""
        self.after_fork_in_child()
        register(self)
        try:
            self._reach()
            if self.spool.oldest(1):
                self.mover.start()
        except BaseException:  # a thread would go on
            self.close()
            raise

    def after_fork_in_child(self) -> None:
        """See `ForkAware`."""
        self._opening = threading.RLock()

    def _reach(self) -> None:
        """Open the database unless it is away. Raises `StorageError` if an operator has to act."""
        try:
            with within(self._database_seconds):
                self._opened()
        except StorageError as error:
            if not error.unavailable:
                raise
            self._lost(error)

    def __getattr__(self, name: str) -> Any:
        """What reads, of the database."""
        return getattr(self._opened(), name)

    def _opened(self) -> Storage:
        """The database; it is opened when it is first reached. Raises `StorageError`."""
        if self._database is None:
            seconds = deadline(self._database_seconds) - time.monotonic()
            try:
                if not self._opening.acquire(timeout=max(0.0, seconds)):
                    error = StorageError("another thread has been opening the database all the time")
                    error.unavailable = True
                    raise error
                if self._closed:
                    raise StorageError(f"{self.spool.path}: the log is closed")
                if self._database is None:
                    self._database = self._opens()
            finally:
                try:  # noqa: SIM105 - an interrupt may follow a call of `suppress`
                    self._opening.release()
                except RuntimeError:  # it was not acquired
                    pass
        return self._database

    def _lost(self, error: StorageError) -> None:
        """Note that the database is away; the next entries go into the spool at once."""
        self.activity.failed(error)
        if not self.mover.is_away:
            reason = str(error).removesuffix(error.hint)
            _log.warning("the database is away, entries go into the spool: %s", printable(reason))
        self.mover.is_away = True

    # --- writing -------------------------------------------------------------------------------

    def insert(self, rows: Sequence[Row]) -> int:
        """See `Storage.insert`; of entries that go into the spool, those are new that it does not have."""
        return self._write(lambda storage: storage.insert(rows))[0]

    def insert_each(self, rows: Sequence[Row]) -> list[Row | IdConflict]:
        """See `Storage.insert_each`; rows that went into the spool are `SpooledRow`s."""
        outcomes, is_spooled = self._write(lambda storage: storage.insert_each(rows))
        if not is_spooled:
            return outcomes
        return [each if isinstance(each, IdConflict) else SpooledRow(each) for each in outcomes]

    def _write(self, work: Callable[[Storage], T]) -> tuple[T, bool]:
        """Write into the database, or else into the spool; returns the result, and whether that is so.

        Raises `StorageError` if neither takes the entries, or if the database is not away and refuses them.
        """
        failure: StorageError | None = None
        if not self.mover.is_away:
            try:
                return self._write_directly(work), False
            except StorageError as error:
                if not error.unavailable:
                    raise
                failure = error
        try:
            result = work(self.spool)
        except StorageError as error:
            if failure is None:  # the database may be back: with a broken spool, nothing else would find out
                try:
                    return self._write_directly(work), False
                except StorageError as another:
                    failure = another
            both = StorageError(f"{error}; neither the spool nor the database takes the entry: {failure}")
            both.outcome_unknown = error.outcome_unknown or failure.outcome_unknown
            both.unavailable = True
            raise both from error
        finally:
            self.mover.start()
        return result, True

    def _write_directly(self, work: Callable[[Storage], T]) -> T:
        """Write into the database. Raises `StorageError`, and notes whether it is away."""
        try:
            with within(self._database_seconds):
                result = work(self._opened())
        except StorageError as error:
            if error.unavailable:
                self._lost(error)
            else:
                self.activity.failed(error)
            raise
        self.mover.is_away = False
        self.activity.committed()
        return result

    def is_stored(self, row: Row) -> bool:
        """See `Storage.is_stored`: in the spool or in the database."""
        return self.spool.is_stored(row) or self._opened().is_stored(row)

    # --- health --------------------------------------------------------------------------------

    def waiting(self) -> Waiting:
        """See `Storage.waiting`. A spool that cannot be written lacks the reason, which the mover has."""
        waiting = self.spool.waiting()
        failure = self.mover.failure or waiting.failure  # of this process, or of another one
        return replace(waiting, failure=failure if waiting.entries else None)

    def ping(self) -> None:
        """See `Storage.ping`. A database that answers may take no entries, such as one with a full disk."""
        if self.mover.is_away and self.spool.oldest(1):  # the mover keeps asking the database
            raise StorageError(self.activity.last_error or "the database is away")
        self._opened().ping()

    def close(self) -> None:
        """Close the database and the spool; what is in the spool stays there. Idempotent."""
        self._closed = True
        self.activity.is_closed = True
        self.mover.stop()
        if self._database is not None:
            self._database.close()
        self.spool.close()
