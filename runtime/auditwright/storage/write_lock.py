"""The lock of a database's writing connection. It raises an error instead of a deadlock.

A signal handler or a finalizer may run while its thread holds the lock; waiting for it would never end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from auditwright.storage.deadline import TIMEOUT, deadline
from auditwright.storage.errors import StorageError


class WriteLock:
    """A lock for `with lock.held():`; raises `StorageError` if the thread holds it already."""

    def __init__(self, name: str, seconds: float = TIMEOUT) -> None:
        self._name = name
        self._seconds = seconds
        # It knows its owner, so that an interrupt cannot separate acquiring it from releasing it.
        self._lock = threading.RLock()

    @property
    def is_mine(self) -> bool:
        """Whether the calling thread holds it."""
        return self._lock._is_owned()  # type: ignore[attr-defined, no-any-return]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for the `with` block; waits for it as long as a call may take."""
        if self.is_mine:
            raise StorageError(
                f"{self._name}: this thread is writing to the log already, and a signal handler or a "
                "finalizer has interrupted it; nothing is stored: record it when that has returned"
            )
        try:
            if not self._lock.acquire(timeout=max(0.0, deadline(self._seconds) - time.monotonic())):
                error = StorageError(
                    f"{self._name}: another thread has been writing to the log all the time that this call "
                    "could wait; nothing is stored: record it again with id=error.entry.id"
                )
                error.unavailable = True
                raise error
            yield
        finally:
            try:  # noqa: SIM105 - an interrupt may follow a call of `suppress`
                self._lock.release()
            except RuntimeError:  # it was not acquired
                pass

    def acquire(self, timeout: float) -> bool:
        """Hold the lock until `release`; returns False after the timeout in seconds, or if it is held."""
        return not self.is_mine and self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        """Release the lock after `acquire`."""
        self._lock.release()
