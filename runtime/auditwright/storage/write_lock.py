"""The lock of a database's writing connection. It raises an error instead of a deadlock.

A signal handler or a finalizer may run while its thread holds the lock; waiting for it would never end.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from auditwright.storage.errors import StorageError


class WriteLock:
    """A lock for `with lock.held():`; raises `StorageError` if the thread holds it already."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._holder = 0

    @property
    def is_mine(self) -> bool:
        """Whether the calling thread holds it."""
        return self._holder == threading.get_ident()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for the `with` block."""
        if self.is_mine:
            raise StorageError(
                f"{self._name}: this thread is writing to the log already, and a signal handler or a "
                "finalizer has interrupted it; nothing is stored: record it when that has returned"
            )
        with self._lock:
            self._holder = threading.get_ident()
            try:
                yield
            finally:
                self._holder = 0

    def acquire(self, timeout: float) -> bool:
        """Hold the lock until `release`; returns False after the timeout in seconds."""
        return self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        """Release the lock after `acquire`."""
        self._lock.release()
