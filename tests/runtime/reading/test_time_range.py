"""Ranges of time: days and minutes are whole, times are exact, and a reversed range is an error."""

import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.support.sample_events import KEY_CREATED, record

from auditwright import AccountLog, AuditLog, Entry, FilterError
from auditwright.reading.time_range import Moment, time_range

DAY = datetime(2026, 1, 2, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "first", "after"),
    [
        ("2026-01-02", "2026-01-02", "2026-01-03"),
        (date(2026, 1, 2), "2026-01-02", "2026-01-03"),
        ("2026-01-02T03:04", "2026-01-02T03:04", "2026-01-02T03:05"),
        ("2026-01-02 03:04", "2026-01-02T03:04", "2026-01-02T03:05"),
        ("2026-01-02T03:04Z", "2026-01-02T03:04", "2026-01-02T03:05"),
        ("2026-01-02T03:04+01:00", "2026-01-02T02:04", "2026-01-02T02:05"),
        ("2026-01-02T03:04:00", "2026-01-02T03:04", "2026-01-02T03:04"),
        ("2026-01-02t03:04:05.5z", "2026-01-02T03:04:05.5", "2026-01-02T03:04:05.5"),
        ("2026-01-02T03:04:05.123456789-05:00", "2026-01-02T08:04:05.123456", "2026-01-02T08:04:05.123456"),
        (
            datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))),
            "2026-01-02T01:00",
            "2026-01-02T01:00",
        ),
        ("0001-01-01", "0001-01-01", "0001-01-02"),
        ("9999-12-31", "9999-12-31", "9999-12-31T23:59:59.999999"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))), *["9999-12-31T23:59:59.999999"] * 2),
    ],
)
def test_bounds_of_a_day_a_minute_and_a_time(value: Moment, first: str, after: str) -> None:
    assert time_range(value, value) == (at(first), at(after))
    assert time_range(value, None) == (at(first), None)
    assert time_range(None, value) == (None, at(after))


def test_days_and_minutes_are_in_the_zone_given() -> None:
    assert time_range("2026-07-01", date(2026, 7, 1), BERLIN) == (
        at("2026-06-30T22:00"),
        at("2026-07-01T22:00"),
    )
    assert time_range("2026-10-25", "2026-10-25", BERLIN) == (at("2026-10-24T22:00"), at("2026-10-25T23:00"))
    # An hour is repeated: the first time begins a range, and the second one ends it.
    assert time_range("2026-10-25T02:30", "2026-10-25T02:30", BERLIN) == (
        at("2026-10-25T00:30"),
        at("2026-10-25T01:31"),
    )
    assert time_range("2026-07-01T12:00Z", "2026-07-01T12:00:00Z", BERLIN) == (at("2026-07-01T12:00"),) * 2


def ways(acme: AccountLog) -> dict[str, Callable[..., Any]]:
    """Everything that takes a range, each as a function of it."""
    return {
        "entries": lambda **selection: acme.entries(**selection).entries,
        "all": lambda **selection: tuple(acme.all(**selection)),
        "count": lambda **selection: acme.count(**selection),
        "count_up_to": lambda **selection: acme.count_up_to(100, **selection).entries,
        "export_csv": lambda **selection: acme.export_csv(io.BytesIO(), **selection),
        "export_jsonl": lambda **selection: acme.export_jsonl(io.BytesIO(), **selection),
        "export_parquet": lambda **selection: acme.export_parquet(io.BytesIO(), **selection),
        "stream": lambda **selection: b"".join(acme.stream("jsonl", **selection)).count(b"\n"),
    }


@pytest.fixture
def entries(log: AuditLog) -> list[Entry]:
    """Five entries: before the 2nd of January 2026, three on it, and after it."""
    hours = (-0.001, 0, 12, 23.999, 24)
    return [record(log, KEY_CREATED, occurred_at=DAY + timedelta(hours=each)) for each in hours]


@pytest.mark.parametrize("day", ["2026-01-02", date(2026, 1, 2)], ids=["text", "date"])
def test_a_date_is_the_whole_day_everywhere(acme: AccountLog, entries: list[Entry], day: Moment) -> None:
    for name, found in ways(acme).items():
        counted = [
            each if isinstance(each, int) else len(each)
            for each in (found(since=day, until=day), found(since=day), found(until=day))
        ]
        assert counted == [3, 4, 4], name
    assert acme.entries(since=day, until=day).entries == tuple(entries[3:0:-1])


@pytest.mark.parametrize(
    ("since", "until", "shown"),
    [
        ("2026-01-03", "2026-01-02", "from 2026-01-03 to 2026-01-02"),
        (date(2026, 1, 3), date(2026, 1, 2), "from 2026-01-03 to 2026-01-02"),
        ("2026-01-02T09:31", "2026-01-02T09:30", "from 2026-01-02T09:31 to 2026-01-02T09:30"),
        (DAY + timedelta(hours=1), DAY, "from 2026-01-02T01:00:00+00:00 to 2026-01-02T00:00:00+00:00"),
        (DAY, "2026-01-01", "from 2026-01-02T00:00:00+00:00 to 2026-01-01"),
    ],
)
def test_a_reversed_range_is_an_error_everywhere(
    acme: AccountLog, since: Moment, until: Moment, shown: str
) -> None:
    for name, found in ways(acme).items():
        with pytest.raises(FilterError) as refusal:
            found(since=since, until=until)
        assert str(refusal.value) == f"the range ends before it begins: {shown}", name


def test_a_range_without_length_is_empty(acme: AccountLog, entries: list[Entry]) -> None:
    assert acme.count(since=DAY, until=DAY) == 0
    assert acme.count(since=DAY + timedelta(hours=12), until="2026-01-02") == 2


def test_cursors_know_a_range_however_it_is_written(acme: AccountLog, entries: list[Entry]) -> None:
    page = acme.entries(since="2026-01-02", until=date(2026, 1, 2), limit=2)
    rest = acme.entries(since=DAY, until=DAY + timedelta(days=1), after=page.next)
    assert page.entries + rest.entries == tuple(entries[3:0:-1])


@pytest.mark.parametrize(
    "value", ["", "yesterday", "2026-02-30", "2026-W05-1", "20260102", "2026-01-02T24:00", 5]
)
def test_other_values_are_refused(acme: AccountLog, value: Any) -> None:
    with pytest.raises(FilterError) as refusal:
        acme.entries(until=value)
    assert str(refusal.value) == (
        "until: expected a day such as 2026-01-31, a minute such as 2026-01-31T09:30 or a time such as "
        f"2026-01-31T09:30:00+01:00, got {value!r}"
    )
