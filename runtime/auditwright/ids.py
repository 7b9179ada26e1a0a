"""UUIDv7 ids, times in microseconds since 1970, and the clock of the process.

Recording makes ids here; reading and retention derive id bounds of times. No I/O.
"""

from __future__ import annotations

import os
import re
import threading
import time
from datetime import UTC, datetime, timedelta

from uuid_utils import uuid4

FIRST = -62_135_596_800_000_000
"""The first microsecond of the calendar, in the year 1."""
LAST = 253_402_300_799_999_999
"""The last microsecond of the calendar; an id can hold later times."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime."""
    return (moment - _EPOCH) // _MICROSECOND


def utc_microseconds(moment: object) -> int | None:
    """Microseconds since 1970 of a datetime whose zone gives an offset; None for anything else.

    No method of a subclass is called. A time zone is the caller's code, and one that raises gives no offset.
    """
    if not issubclass(type(moment), datetime):
        return None
    try:
        if datetime.utcoffset(moment) is None:  # type: ignore[arg-type]
            return None
        return datetime.__sub__(moment, _EPOCH) // _MICROSECOND  # type: ignore[no-any-return, operator]
    except Exception:
        return None


def from_microseconds(microseconds: int) -> datetime:
    """The UTC datetime of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


def format_time(microseconds: int) -> str:
    """A time as in the JSON form: RFC 3339 with microseconds and Z."""
    return from_microseconds(microseconds).isoformat(timespec="microseconds").replace("+00:00", "Z")


MAX_HOLD = 5_000_000
"""How far the system's clock may be set back before `clock` follows it, in microseconds."""


_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-][0-9]{2}:[0-5][0-9])"
)


def parse_time(text: str) -> int:
    """Microseconds since 1970 of an RFC 3339 time; digits past six are dropped.

    Raises `ValueError` for what the pattern of the type `timestamp` refuses. The error says why, unless the
    form is wrong.
    """
    if not _RFC_3339.fullmatch(text):
        raise ValueError
    if text[17:19] == "60":
        raise ValueError("a leap second")
    if text.startswith("0000"):
        raise ValueError("outside the years 1 to 9999")
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        raise ValueError("not in the calendar") from None
    offset = moment.utcoffset()
    if offset and text[:10] == ("0001-01-01" if offset > timedelta() else "9999-12-31"):
        raise ValueError("perhaps outside the years 1 to 9999 in UTC")
    return to_microseconds(moment)


class _Clock:
    """The clock for `occurred_at`: it rises by at least a microsecond per call.

    While the system's clock is behind it by at most `MAX_HOLD`, as after a correction by NTP, it goes on from
    its last time. It follows a larger step back and logs a warning.
    """

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.RLock()  # a signal handler may record while its thread is in here

    def now(self) -> int:
        with self._lock:
            now, last = time.time_ns() // 1000, self._last
            if now <= last <= now + MAX_HOLD:
                now = last + 1
            self._last = now
        if now < last:
            _warn_of_step(last, now)  # outside of the lock: a handler of the log may record an entry
        return now


def _warn_of_step(last: int, now: int) -> None:
    import logging

    logging.getLogger("auditwright").warning(
        "the system's clock was set back by %s seconds, from %s to %s: entries recorded from now on sort "
        "before those recorded in between",
        (last - now) // 1_000_000,
        format_time(last),
        format_time(now),
    )


clock = _Clock()


if hasattr(os, "register_at_fork"):
    # Another thread of the parent may have held the lock during the fork.
    os.register_at_fork(after_in_child=lambda: setattr(clock, "_lock", threading.RLock()))


def id_head(microseconds: int) -> bytes:
    """The first 8 bytes of an id: 48 bits of milliseconds, the version, and the microsecond times four.

    RFC 9562, sections 5.7 and 6.2 (method 3).
    """
    millisecond, microsecond = divmod(microseconds, 1000)
    return (millisecond << 16 | 0x7000 | microsecond << 2).to_bytes(8, "big")


def make_id(microseconds: int) -> bytes:
    """A UUIDv7 (RFC 9562) of a time: ids sort by time. The last 62 bits are random."""
    return id_head(microseconds) + uuid4().bytes[8:]


def least_id(microseconds: int) -> bytes:
    """The lowest id of a time."""
    return id_head(microseconds) + bytes(8)


def id_time(entry_id: bytes) -> int | None:
    """The time of an id in microseconds since 1970; None if it is not a UUIDv7.

    Other implementations may store 1,000 to 1,023 in the bits of the microsecond; that is read as 999.
    """
    if len(entry_id) != 16:
        return None
    head = int.from_bytes(entry_id[:8], "big")
    if head >> 12 & 0xF != 7 or entry_id[8] >> 6 != 2:
        return None
    return (head >> 16) * 1000 + min((head & 0xFFF) >> 2, 999)
