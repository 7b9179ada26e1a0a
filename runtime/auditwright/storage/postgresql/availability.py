"""Whether a server answers. After silence, calls fail at once until a probe succeeds.

A probe connects and selects a constant. The next call makes it, and then one call a second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg

from auditwright.storage.deadline import within
from auditwright.storage.errors import StorageError
from auditwright.storage.postgresql.timed_connection import ServerSilent

if TYPE_CHECKING:
    from auditwright.storage.postgresql.timed_connection import TimedConnection

PROBE_SECONDS = 2.0
"""How long a probe may take."""
PAUSE_SECONDS = 1.0
"""The time from the end of a probe without an answer to the next probe."""
SILENCE = (ServerSilent, psycopg.errors.ConnectionTimeout)
"""The errors of a server that does not answer."""


class Availability:
    """What the connections of one process know of one server. Safe to use from many threads."""

    def __init__(self, name: str, connect: Callable[[], TimedConnection]) -> None:
        self._name = name
        self._connect = connect
        self.losses = 0
        """How often the server was found silent; connections made before are not used again."""
        self._silent_since: datetime | None = None
        self._next_probe = 0.0
        self._probing = threading.Lock()

    def lose(self) -> None:
        """Note that the server did not answer."""
        self.losses += 1
        self._silent_since = self._silent_since or datetime.now(UTC)

    def check(self, action: str) -> None:
        """Raise `StorageError` while the server is silent; one caller at a time looks whether it still is."""
        since = self._silent_since
        if since is None:
            return
        if time.monotonic() >= self._next_probe and self._probing.acquire(blocking=False):
            try:
                if not isinstance(self._probe(), SILENCE):
                    self._silent_since = None
                    return
            finally:
                self._next_probe = time.monotonic() + PAUSE_SECONDS
                self._probing.release()
        hint = "; nothing is stored: record it again with id=error.entry.id" if action == "write" else ""
        silent = StorageError(
            f"{self._name}: cannot {action}: the database has not answered since {since:%H:%M:%S} UTC{hint}"
        )
        silent.hint, silent.unavailable = hint, True
        raise silent

    def answers(self) -> bool:
        """Whether the server answers on a new connection."""
        error = self._probe()
        return error is None or "FATAL" in str(error)  # as it does when it has too many connections

    def _probe(self) -> psycopg.Error | None:
        try:
            with within(PROBE_SECONDS), closing(self._connect()) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error as error:
            return error
        return None
