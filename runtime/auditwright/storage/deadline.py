"""The deadline of a call: the time at which the last of its waits for a database has to be over.

A call that is part of another one, such as a commit that a waiting caller leads, ends with the earlier of the
two deadlines. The connections of an engine enforce it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

TIMEOUT = 30.0
"""The default of `AuditLog.open(timeout=)`, in seconds."""
SHORTEST, LONGEST = 1.0, 3600.0
"""The range of `timeout`."""

_of_thread = threading.local()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let the calls of this thread inside the block end within so many seconds, or earlier."""
    outer = current()
    _of_thread.until = deadline(seconds)
    try:
        yield
    finally:
        _of_thread.until = outer


def current() -> float | None:
    """The deadline of the block of `within` that this thread is in."""
    return getattr(_of_thread, "until", None)


def deadline(seconds: float) -> float:
    """The `time.monotonic()` at which a call that begins now and may take so many seconds has to be over."""
    until = time.monotonic() + seconds
    outer = current()
    return until if outer is None or until < outer else outer
