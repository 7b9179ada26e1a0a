"""What a log knows of its database from its own writes, for health checks."""

from __future__ import annotations

import time


class Activity:
    """When the database committed last, and how it failed last. Written without a lock by many threads."""

    __slots__ = ("is_closed", "last_commit", "last_error", "last_error_at")

    def __init__(self) -> None:
        self.last_commit: float | None = None
        """In seconds since 1970."""
        self.last_error: str | None = None
        self.last_error_at: float | None = None
        """In seconds since 1970."""
        self.is_closed = False
        """Whether the log is closed, so that a commit no longer shows that it can store anything."""

    def committed(self) -> None:
        """Note a commit."""
        self.last_commit = time.time()

    def failed(self, error: Exception) -> None:
        """Note the error of a write."""
        text = str(error).removesuffix(getattr(error, "hint", ""))
        self.last_error, self.last_error_at = text, time.time()
