"""What a range of time means, wherever one is given: in Python, by the command, in the API and on the page.

A day or a minute is a span, and a range begins or ends with the whole of it. A time with seconds is a moment,
and a range begins with it or ends before it. It reads no entries.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple

from auditwright.errors import FilterError
from auditwright.ids import LAST, from_microseconds, to_microseconds, utc_microseconds
from auditwright.limits import shown, text_of

Moment = datetime | date | str
"""A datetime with a time zone, a date, or a text such as `2026-01-31`, `2026-01-31T09:30` or
`2026-01-31T09:30:00+01:00`.
"""
EXPECTED = (
    "a day such as 2026-01-31, a minute such as 2026-01-31T09:30 or a time such as 2026-01-31T09:30:00+01:00"
)

_TEXT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?P<minute>[Tt ](?:[01][0-9]|2[0-3]):[0-9]{2}(?P<second>:[0-9]{2}(?:\.[0-9]+)?)?"
    r"(?P<offset>[Zz]|[+-][0-9]{2}:[0-9]{2})?)?"
)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), from_microseconds(LAST)


class _Span(NamedTuple):
    """A day, a minute or a moment, in UTC."""

    first: datetime
    after: datetime
    """The time after it; that of a moment is the moment itself."""


def time_range(
    since: Moment | None,
    until: Moment | None,
    zone: tzinfo = UTC,
    names: tuple[str, str] = ("since", "until"),
) -> tuple[datetime | None, datetime | None]:
    """The start of a range and its end, which is not included, in UTC; None is no bound.

    Texts without an offset, and dates, are in `zone`. `names` are those of the two values in errors. Raises
    `FilterError` for other values, and for a range that ends before it begins.
    """
    start = None if since is None else _span(since, names[0], zone)
    end = None if until is None else _span(until, names[1], zone)
    if start and end and start.first >= end.after and start.first > end.first:
        raise FilterError(f"the range ends before it begins: from {_text(since)} to {_text(until)}")
    return start and start.first, end and end.after


def _span(value: Moment, name: str, zone: tzinfo) -> _Span:
    if issubclass(type(value), datetime):
        micros = utc_microseconds(value)
        if micros is None:
            raise FilterError(f"{name} needs a time zone: write 2026-01-02T03:04:05Z")
        moment = from_microseconds(min(max(micros, to_microseconds(_FIRST)), LAST))
        return _Span(moment, moment)
    text = _text(value)
    match = _TEXT.fullmatch(text)
    try:
        local = datetime.fromisoformat(text.upper()) if match else None
    except ValueError:
        local = None
    if match is None or local is None:
        raise FilterError(f"{name}: expected {EXPECTED}, got {shown(value)}")
    if not match["minute"]:
        return _Span(_in_utc(local, zone), _in_utc(local, zone, timedelta(days=1)))
    length = timedelta(0) if match["second"] else timedelta(minutes=1)
    if match["offset"]:
        return _Span(_in_utc(local, zone), _in_utc(local, zone, length))
    # A repeated minute (end of daylight saving time) starts with the first fold and ends with the second.
    ends = [_in_utc(local.replace(fold=fold), zone) for fold in (0, 1)]
    return _Span(ends[0], _in_utc(max(ends), zone, length))


def _in_utc(moment: datetime, zone: tzinfo, later: timedelta = timedelta(0)) -> datetime:
    """The time in UTC, some time later by the clock of its zone; at most the calendar's first or last."""
    try:
        there = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        return (there + later if later else there).astimezone(UTC)  # a sum has no fold
    except OverflowError:
        return _FIRST if moment.year == 1 else _LAST


def _text(value: object) -> str:
    """A text as it is, and a date or a datetime in ISO 8601; empty for anything else."""
    if issubclass(type(value), datetime):
        return datetime.isoformat(value)  # type: ignore[arg-type]
    if issubclass(type(value), date):
        return date.isoformat(value)  # type: ignore[arg-type]
    return text_of(value) or ""
