"""Times of RFC 3339: every validator takes the same ones, and they are stored in UTC with microseconds."""

import importlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jsonschema_rs
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.campaigns import examples
from tests.support.sample_events import without_imports
from tests.support.schema_engines import ajv_verdicts, entry_validator, re2_search

from auditwright import Actor, AuditLog, Entry, SecretKey, ValidationError
from auditwright.catalog import Event
from auditwright.ids import format_time, parse_time
from auditwright_generator.patterns import TIMESTAMP, matches

STORED = {
    "2026-01-02T03:04:05Z": "2026-01-02T03:04:05.000000Z",
    "2026-01-02t03:04:05z": "2026-01-02T03:04:05.000000Z",
    "2026-01-02T03:04:05.1Z": "2026-01-02T03:04:05.100000Z",
    "2026-01-02T03:04:05.678901Z": "2026-01-02T03:04:05.678901Z",
    "2026-01-02T03:04:05.678901234Z": "2026-01-02T03:04:05.678901Z",
    "2026-01-02T03:04:05.999999999999999999Z": "2026-01-02T03:04:05.999999Z",
    "2026-01-02T03:04:05.678901234+02:00": "2026-01-02T01:04:05.678901Z",
    "2026-01-02T03:04:05+00:00": "2026-01-02T03:04:05.000000Z",
    "2026-01-02T03:04:05-00:00": "2026-01-02T03:04:05.000000Z",
    "2026-01-01T00:30:00+01:00": "2025-12-31T23:30:00.000000Z",
    "2024-02-29T23:59:59-23:59": "2024-03-01T23:58:59.000000Z",
    "2023-12-31T22:30:00.5-05:45": "2024-01-01T04:15:00.500000Z",
    "1970-01-01T05:30:00+05:30": "1970-01-01T00:00:00.000000Z",
    "9999-12-31T23:59:59.9999999+05:00": "9999-12-31T18:59:59.999999Z",
    "9999-12-31T23:59:59-00:00": "9999-12-31T23:59:59.000000Z",
    "9999-12-30T23:59:59-23:59": "9999-12-31T23:58:59.000000Z",
}
"""Times as clients write them (Go, Java, JavaScript, Python), and as they are stored."""
STORED_IN_A_FIELD = STORED | {
    "0001-01-01T00:00:00Z": "0001-01-01T00:00:00.000000Z",
    "0001-01-01T00:00:00-05:00": "0001-01-01T05:00:00.000000Z",
    "0001-01-02T00:00:00+23:59": "0001-01-01T00:01:00.000000Z",
}
"""A field of type `timestamp` may also be earlier than 1970."""
REFUSED = {
    "": "",
    "2026-01-02": "",
    "2026-01-02T03:04:05": "",
    "2026-01-02 03:04:05Z": "",
    "2026-01-02T03:04Z": "",
    "2026-01-02T03:04:05.Z": "",
    "2026-01-02T03:04:05,5Z": "",
    "2026-01-02T03:04:05+0200": "",
    "2026-01-02T03:04:05+02": "",
    "2026-01-02T03:04:05 +02:00": "",
    "2026-01-02T03:04:05+02:60": "",
    "2026-01-02T24:00:00Z": "",
    "2026-01-02T03:04:05Z\n": "",
    "+2026-01-02T03:04:05Z": "",
    "20260102T030405Z": "",
    "2026-01-02T03:04:05+24:00": " (not in the calendar)",
    "2026-02-29T03:04:05Z": " (not in the calendar)",
    "2026-01-02T03:04:61Z": " (not in the calendar)",
    "2016-12-31T23:59:60Z": " (a leap second)",
    "2017-01-01T00:59:60.5+01:00": " (a leap second)",
    "0000-01-01T00:00:00Z": " (outside the years 1 to 9999)",
    "0001-01-01T00:00:00+00:01": " (perhaps outside the years 1 to 9999 in UTC)",
    "9999-12-31T23:59:59-00:01": " (perhaps outside the years 1 to 9999 in UTC)",
}
"""Other texts, and what the error adds to them."""


@pytest.fixture
def log(kitchen_sink: Path, tmp_path: Path) -> Iterator[AuditLog]:
    catalog = importlib.import_module("kitchen_sink_events").CATALOG
    url, key = f"sqlite:///{tmp_path}/sink.db", SecretKey("test", bytes(range(32)))
    with (
        AuditLog.open(url, account_id="acme", catalog=catalog, secret_key=key) as log,
        log.acting(Actor.system()),
    ):
        yield log


@pytest.fixture
def event(log: AuditLog) -> Event:
    """An event with an optional field `moment` of type `timestamp`."""
    return next(
        each
        for each in log.catalog.events.values()
        if not any(field.required and not field.when for field in each.metadata)
        and any(field.name == "moment" for field in each.metadata)
    )


def form(event: Event, moment: str, **envelope: str) -> dict[str, Any]:
    return {"event": event.key, "metadata": {**event.example, "moment": moment}, **envelope}


def ways(log: AuditLog, event: Event) -> dict[str, Callable[[str], Entry]]:
    """Every way to record a time in a field."""
    emitter: Any = importlib.import_module("kitchen_sink_events").AuditEvents(log)
    for part in event.key.split("."):
        emitter = getattr(emitter, part)
    model = log.catalog.model(event)
    return {
        "emitter": lambda text: emitter(**{**event.example, "moment": text}),
        "record": lambda text: log.record(model(**{**event.example, "moment": text})),
        "record_form": lambda text: log.record_form(form(event, text)),
        "record_json": lambda text: log.record_json(json.dumps(form(event, text))),
    }


def test_every_way_stores_a_time_in_utc(log: AuditLog, event: Event) -> None:
    for name, recorded in ways(log, event).items():
        stored = {text: recorded(text).metadata["moment"] for text in STORED_IN_A_FIELD}
        assert stored == STORED_IN_A_FIELD, name


def test_every_way_refuses_other_texts(log: AuditLog, event: Event) -> None:
    for name, recorded in ways(log, event).items():
        for text, reason in REFUSED.items():
            with pytest.raises((ValidationError, pydantic.ValidationError)) as refusal:
                recorded(text)
            if name != "record":
                assert str(refusal.value) == (
                    f"{event.key}: metadata.moment: expected an RFC 3339 time such as 2026-01-02T03:04:05Z, "
                    f"got {text!r}{reason}"
                ), name


def test_occurred_at_is_stored_in_utc(log: AuditLog, event: Event) -> None:
    past = {text: time for text, time in STORED.items() if time < "2026-06"}
    stored = {
        text: log.record_form(form(event, text, occurred_at=text)).to_json()["occurred_at"] for text in past
    }
    assert stored == past
    for text, reason in REFUSED.items():
        with pytest.raises(ValidationError) as refusal:
            log.record_form(form(event, "2026-01-02T03:04:05Z", occurred_at=text))
        assert str(refusal.value) == (
            f"{event.key}: occurred_at: expected an RFC 3339 time such as 2026-01-02T03:04:05.678901Z, "
            f"got {text!r}{reason}"
        )


def test_spellings_of_one_time_are_one_entry(log: AuditLog, event: Event) -> None:
    first = log.record_form(form(event, "2026-01-02T03:04:05Z", occurred_at="2026-01-02T03:04:05Z"))
    for text in ("2026-01-02t03:04:05.000z", "2026-01-02T05:04:05.0000000001+02:00"):
        assert log.record_form({**form(event, text, occurred_at=text), "id": str(first.id)}) == first
    assert log.account("acme").count() == 1


def test_import_stores_times_in_utc(log: AuditLog, event: Event) -> None:
    text, time = "2026-01-02T05:04:05.678901234+02:00", "2026-01-02T03:04:05.678901Z"
    line = form(event, text, occurred_at=text, recorded_at=text.lower())
    altered = {**line, "alterations": {"metadata.whole": {"cut": True}}, "description": "It was altered."}
    refused: list[str] = []
    lines = [json.dumps(each).encode() for each in (line, altered)]
    assert log.import_jsonl(lines, lambda _, error: refused.append(str(error))).stored == 2, refused
    for entry in without_imports(log.account("acme").all()):
        found = entry.to_json()
        assert (found["occurred_at"], found["recorded_at"], found["metadata"]["moment"]) == (time, time, time)


def test_validators_agree_on_every_time(log: AuditLog, event: Event) -> None:
    """Also where they check `format`."""
    schema = log.catalog.schema(event)
    texts = [*STORED_IN_A_FIELD, *REFUSED]
    wanted = [text in STORED_IN_A_FIELD for text in texts]
    forms = [form(event, text) for text in texts]
    assert list(map(jsonschema_rs.validator_for(schema, validate_formats=True).is_valid, forms)) == wanted
    assert list(map(entry_validator(schema).is_valid, forms)) == wanted
    assert [re2_search(TIMESTAMP, text) for text in texts] == wanted


def test_ajv_agrees_on_every_time(log: AuditLog, event: Event) -> None:
    schema = log.catalog.schema(event)
    (verdicts,) = ajv_verdicts([(schema, [form(event, text) for text in (*STORED_IN_A_FIELD, *REFUSED)])])
    assert verdicts == [True] * len(STORED_IN_A_FIELD) + [False] * len(REFUSED)


NUMBERS = st.integers(0, 99).map("{:02}".format)
DATES = st.dates().map(str) | st.builds(
    "{}-{}-{}".format, st.integers(0, 9999).map("{:04}".format), NUMBERS, NUMBERS
)
EDGES = st.sampled_from(["0001-01-01", "9999-12-31", "0000-12-31", "2024-02-29", "2100-02-29"])
HOURS = st.integers(0, 24).map("{:02}".format)
SIXTY = st.integers(0, 60).map("{:02}".format)
FRACTIONS = st.just("") | st.text("0123456789", max_size=12).map(".{}".format)
OFFSETS = st.sampled_from(["Z", "z", "", "+00:00", "-00:00"]) | st.builds(
    "{}{}:{}".format, st.sampled_from("+-"), HOURS, SIXTY
)
TIMES = st.builds(
    "{}{}{}:{}:{}{}{}".format, DATES | EDGES, st.sampled_from("Tt "), HOURS, SIXTY, SIXTY, FRACTIONS, OFFSETS
)


@settings(max_examples=examples(300), deadline=None)
@given(TIMES)
def test_the_pattern_takes_what_can_be_read(text: str) -> None:
    try:
        micros = parse_time(text)
    except ValueError:
        assert not matches(TIMESTAMP, text)
    else:
        assert matches(TIMESTAMP, text)
        assert matches(TIMESTAMP, format_time(micros))
        assert parse_time(format_time(micros)) == micros


@settings(max_examples=examples(100), deadline=None)
@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
    st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    st.sampled_from(["", "0", "123"]),
)
def test_a_time_is_read_as_python_reads_it(moment: datetime, zone: timezone, more: str) -> None:
    there = moment.replace(tzinfo=zone)
    text = there.isoformat(timespec="microseconds")
    at = text.index(".") + 7
    read = format_time(parse_time(text[:at] + more + text[at:]))
    assert datetime.fromisoformat(read) == there.astimezone(UTC)
