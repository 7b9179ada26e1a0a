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


class _Block:
    """A block of `within`. An exception of a signal handler may end it after the blocks around it."""

    __slots__ = ("is_over", "outer", "until")

    def __init__(self, until: float, outer: _Block | None) -> None:
        self.until = until
        self.outer = outer
        self.is_over = False


class _OfThread(threading.local):
    block: _Block | None = None


_of_thread = _OfThread()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let the calls of this thread inside the block end within so many seconds, or earlier."""
    block = _of_thread.block = _Block(deadline(seconds), _innermost())
    try:
        yield
    finally:
        block.is_over = True  # nothing else: what is called here may be interrupted


def _innermost() -> _Block | None:
    """The block that this thread is in."""
    block = _of_thread.block
    while block is not None and block.is_over:
        block = block.outer
    return block


def current() -> float | None:
    """The deadline of the block of `within` that this thread is in."""
    block = _innermost()
    return None if block is None else block.until


def deadline(seconds: float) -> float:
    """The `time.monotonic()` at which a call that begins now and may take so many seconds has to be over."""
    until = time.monotonic() + seconds
    outer = current()
    return until if outer is None or until < outer else outer
