"""Ids and times: UUIDv7, microseconds since 1970, the process's clock."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta

from uuid_utils import uuid4


def least_id(microseconds: int) -> bytes:
    """The least id of a time."""
    return id_head(microseconds) + bytes(8)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """The UTC datetime of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


def format_time(microseconds: int) -> str:
    """RFC 3339 with microseconds and Z, the form of the JSON."""
    return from_microseconds(microseconds).isoformat(timespec="microseconds").replace("+00:00", "Z")


class _Clock:
    """The process's clock for `occurred_at`: rises by at least a microsecond from call to call."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def now(self) -> int:
        with self._lock:
            now = time.time_ns() // 1000
            if now <= self._last:
                now = self._last + 1
            self._last = now
            return now


clock = _Clock()


if hasattr(os, "register_at_fork"):
    # A child must not wait for a lock that a thread of its parent held when it forked.
    os.register_at_fork(after_in_child=lambda: setattr(clock, "_lock", threading.Lock()))


LAST = 253_402_300_799_999_999
"""The last microsecond of the calendar: an id has room for later ones."""


def id_head(microseconds: int) -> bytes:
    """The first half of an id: 48 bits of milliseconds, the version, and the microsecond times four.

    RFC 9562, sections 5.7 and 6.2 (method 3).
    """
    millisecond, microsecond = divmod(microseconds, 1000)
    return (millisecond << 16 | 0x7000 | microsecond << 2).to_bytes(8, "big")


def make_id(microseconds: int) -> bytes:
    """A UUIDv7 (RFC 9562) of a time: ordering by id is ordering by time. The last 62 bits are random."""
    return id_head(microseconds) + uuid4().bytes[8:]


def id_time(entry_id: bytes) -> int | None:
    """The microseconds since 1970 that an id states; None when it is no UUIDv7.

    Ids of other makers may hold 1,000 to 1,023 in the microsecond's place; that reads as 999.
    """
    head = int.from_bytes(entry_id[:8], "big")
    if head >> 12 & 0xF != 7 or entry_id[8] >> 6 != 2:
        return None
    return (head >> 16) * 1000 + min((head & 0xFFF) >> 2, 999)
