"""The lock of a database's one writing connection, which refuses the thread that holds it already.

A signal handler or a finalizer runs in the middle of what its thread was doing: waiting for a lock that the
same thread holds would never end.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from auditwright.storage.errors import StorageError


class WriteLock:
    """A lock for `with lock.held():`; a second time in one thread it raises `StorageError`."""

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
        """Hold it for a block."""
        if self.is_mine:
            raise StorageError(
                f"{self._name}: this thread is at work in the log already, and a signal handler or a "
                "finalizer has interrupted it; nothing is stored: record it when that has returned"
            )
        with self._lock:
            self._holder = threading.get_ident()
            try:
                yield
            finally:
                self._holder = 0

    def acquire(self, timeout: float) -> bool:
        """Hold it until `release`; False where it was not to be had in that many seconds."""
        return self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        """Let go of what `acquire` got."""
        self._lock.release()
