"""Ends a read that is running in the database, from another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from auditwright.storage.errors import StorageError


class Interrupt:
    """Ends the read that it was given to. Safe to use from many threads; one interrupt is for one read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stop: Callable[[], object] | None = None
        self._is_requested = False

    def request(self) -> None:
        """End the statement that the read executes, and a read that has not begun; it raises `StorageError`.

        Repeat it until the read has ended: between two statements it has no effect. May wait for the
        database.
        """
        with self._lock:
            self._is_requested = True
            if self._stop is not None:
                self._stop()

    @contextmanager
    def ends(self, stop: Callable[[], object]) -> Iterator[None]:
        """Let a request during the block call `stop`, which ends what the block does in the database.

        A request that comes too late for it raises at the end: the connection may still be interrupted, and
        is not used again.
        """
        with self._lock:
            self._check()
            self._stop = stop
        try:
            yield
        finally:
            with self._lock:
                self._stop = None
        self._check()

    def _check(self) -> None:
        if self._is_requested:
            raise StorageError("cannot read: interrupted")
