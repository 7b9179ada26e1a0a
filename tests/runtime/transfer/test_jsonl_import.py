"""Imports of JSON Lines: exports survive the round trip, bad lines are reported, good ones stored."""

import gzip
import io
import itertools
import json
import re
import sys
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import orjson
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.campaigns import examples
from tests.support.databases import Database, open_log
from tests.support.sample_events import (
    ADA,
    ASYNC,
    DEPLOYED,
    GRACE,
    KEY_CREATED,
    LONG_AGO,
    MODEL,
    any_text,
    form,
    record,
    without_imports,
)

from auditwright import (
    Actor,
    AuditLog,
    AuditwrightError,
    IdConflict,
    SecretKey,
    SourceError,
    StorageError,
    ValidationError,
)
from auditwright.entry import Row
from auditwright.ids import format_time, to_microseconds
from auditwright.transfer.jsonl_import import MAX_LINE, Imported, read_lines

INVITED = "account.users_management.user_invited"


def exported(log: AuditLog, account: str = "acme") -> list[bytes]:
    """The lines of an export, without those that record an import."""
    stream = io.BytesIO()
    log.account(account).export_jsonl(stream)
    return without_imports(io.BytesIO(stream.getvalue()))


def import_all(log: AuditLog, lines: Iterable[bytes]) -> Imported:
    """Import lines without errors."""

    def fail(number: int, error: AuditwrightError) -> None:
        raise AssertionError(f"line {number}: {error}")

    return log.import_jsonl(lines, fail)


def import_lines_of(log: AuditLog, lines: list[bytes]) -> tuple[Imported, dict[int, AuditwrightError]]:
    """Import lines; returns the errors by line number."""
    bad: dict[int, AuditwrightError] = {}
    return log.import_jsonl(lines, bad.__setitem__), bad


def line(content: Any) -> bytes:
    return json.dumps(content).encode() + b"\n"


@pytest.fixture
def empty(other_database: Database) -> Iterator[AuditLog]:
    """Another log, in another database, with another key and no default account."""
    with open_log(other_database, account_id=None, secret_key=SecretKey.generate("other")) as log:
        yield log


# --- round trip ------------------------------------------------------------------------------


def test_every_event_survives_export_and_import(
    log: AuditLog, empty: AuditLog, database: Database, other_database: Database
) -> None:
    for event in log.catalog.events.values():
        log.record_form(form(event.key, event.example))
    assert import_all(empty, exported(log)) == Imported(78, 0, 0)
    assert without_imports(other_database.rows()) == database.rows()


texts = any_text(8, least=1)
long_texts = st.builds(lambda text, times: text * times, texts, st.sampled_from([1, 1, 1, 40, 600]))
actors = st.one_of(
    st.builds(Actor.user, texts, st.none() | long_texts),
    st.builds(Actor.app, texts, st.none() | st.just("")),
    st.builds(Actor.system, st.none() | texts),
)
times = st.none() | st.datetimes(datetime(1970, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC))
events = st.one_of(
    st.tuples(
        st.just(INVITED),
        st.fixed_dictionaries(
            {
                "added_user_ids": st.lists(long_texts, min_size=1, max_size=30),
                "role_name": texts,
                "role_id": texts,
            }
        ),
    ),
    st.tuples(
        st.just(ASYNC),
        st.fixed_dictionaries(
            {"tool_id": texts, "version_id": texts, "timeout": st.just(True)},
            optional={"access_token": long_texts},
        ).flatmap(
            lambda values: st.floats(0, allow_infinity=False).map(
                lambda each: values | {"timeout_value": each}
            )
        ),
    ),
    st.tuples(
        st.just("account.models.model_fine_tuning"),
        st.fixed_dictionaries(
            {"model_id": texts, "model_name": texts, "model_type": st.just("commercial")},
            optional={
                "epochs": st.integers(1, 2**53 - 1),
                "learning_rate": st.integers(0, 10**30) | st.floats(0, allow_infinity=False),
            },
        ),
    ),
)
counter = itertools.count()


@pytest.fixture(scope="module")
def pair(lasting_database: Database, other_lasting_database: Database) -> Iterator[tuple[AuditLog, AuditLog]]:
    key = SecretKey.generate("k1")
    with (
        open_log(lasting_database, secret_key=key) as one,
        open_log(other_lasting_database) as two,
    ):
        yield one, two


def account_rows(log: AuditLog, account: str) -> list[Row]:
    return [entry.row for entry in without_imports(log.account(account).all())]


@given(
    st.lists(
        st.tuples(events, actors, times, st.sampled_from([None, "203.0.113.7", "::1"]), long_texts),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=examples(80))
def test_any_recorded_entry_survives_export_and_import(
    pair: tuple[AuditLog, AuditLog], made: list[tuple[Any, ...]]
) -> None:
    one, two = pair
    account = f"a{next(counter)}"
    for (key, values), actor, moment, address, details in made:
        options = {"occurred_at": moment, "ip_address": address, "details": details[:2000]}
        record(
            one, key, values, actor=actor, account_id=account,
            **{name: value for name, value in options.items() if value is not None},
        )  # fmt: skip
    lines = exported(one, account)
    assert import_all(two, lines) == Imported(len(made), 0, 0)
    assert account_rows(two, account) == account_rows(one, account)
    assert exported(two, account) == lines
    assert import_all(two, lines) == Imported(0, len(made), 0)


def test_context_does_not_affect_an_import(
    log: AuditLog, empty: AuditLog, database: Database, other_database: Database
) -> None:
    record(log, KEY_CREATED)
    record(log, KEY_CREATED, actor=Actor.system())
    with empty.acting(ADA, account_id="other", ip_address="203.0.113.7"):
        import_all(empty, exported(log))
    assert without_imports(other_database.rows()) == database.rows()


def test_import_into_the_same_log_is_idempotent(log: AuditLog, database: Database) -> None:
    for _ in range(3):
        record(log, DEPLOYED, MODEL)
    before = database.rows()
    assert import_all(log, exported(log)) == Imported(0, 3, 0)
    assert database.rows() == before


def test_import_of_several_batches_is_complete(log: AuditLog, empty: AuditLog) -> None:
    with log.acting(ADA):
        log.record_many(form(KEY_CREATED, {}) for _ in range(2345))
    lines = exported(log)
    assert import_all(empty, lines) == Imported(2345, 0, 0)
    assert exported(empty) == lines
    assert import_all(empty, lines) == Imported(0, 2345, 0)


LOGIN = "account.login_logout.login"
EMAIL = {"email_id": "ada@example.com"}


def test_outcome_and_context_are_imported(log: AuditLog, empty: AuditLog) -> None:
    context = {"request_id": "r-1", "submitted_by": "app:billing"}
    first = {"actor": {"type": "anonymous"}, "outcome": "failure", "failure_reason": "No."}
    lines = [
        line(form(LOGIN, EMAIL, context=context, **first)),
        line(form(KEY_CREATED, {}, outcome="success", on_behalf_of={"type": "app", "id": "a"})),
    ]
    assert import_all(log, lines) == Imported(2, 0, 0)
    written = [
        entry.to_json()
        for entry in log.account("acme").entries().entries
        if entry.event in (LOGIN, KEY_CREATED)
    ]
    assert import_all(empty, map(line, written)) == Imported(2, 0, 0)
    by_event = {entry.event: entry for entry in empty.account("acme").entries().entries}
    login, created = by_event[LOGIN], by_event[KEY_CREATED]
    assert (login.context, created.on_behalf_of) == (context, Actor.app("a"))
    assert {name: login.to_json()[name] for name in first} == first
    assert [by_event[each["event"]].to_json() for each in written] == written


def test_a_failure_of_before_is_kept_when_it_can_no_longer_fail(log: AuditLog) -> None:
    parts = {"outcome": "failure", "failure_reason": "No.", "catalog_version": "0.9.0"}
    lines = [line(form(KEY_CREATED, {}, description="It failed.", **parts))]
    assert import_all(log, lines) == Imported(1, 0, 0)
    (entry,) = (each for each in log.account("acme").entries().entries if each.event == KEY_CREATED)
    assert (entry.outcome, entry.failure_reason, entry.description) == ("failure", "No.", "It failed.")


def test_a_bad_outcome_or_context_is_reported(log: AuditLog) -> None:
    lines = [
        line(form(LOGIN, EMAIL, outcome="perhaps")),
        line(form(LOGIN, EMAIL, outcome=7)),
        line(form(LOGIN, EMAIL, failure_reason="No.")),
        line(form(LOGIN, EMAIL, outcome="failure", failure_reason="x" * 301)),
        line(form(LOGIN, EMAIL, context={"trace_id": "abc"})),
        line(form(LOGIN, EMAIL, context={"submitted_by": 7})),
        line(form(LOGIN, EMAIL, context="r-1")),
        line(form(LOGIN, EMAIL, on_behalf_of={"type": "system", "id": "s"})),
    ]
    imported, bad = import_lines_of(log, lines)
    assert (imported, sorted(bad)) == (Imported(0, 0, 8), list(range(1, 9)))
    paths = [error.problems[0].path for error in bad.values() if isinstance(error, ValidationError)]
    assert paths == [
        *("outcome", "outcome", "failure_reason", "failure_reason"),
        *("context.trace_id", "context.submitted_by", "context", "on_behalf_of.type"),
    ]


def test_missing_parts_of_lines_are_completed(log: AuditLog, database: Database) -> None:
    with log.acting(ADA):
        assert import_all(log, [line({"event": KEY_CREATED, "metadata": {}}), b"\n", b"  \n"]).stored == 1
    assert len(without_imports(database.rows())) == 1
    (entry,) = without_imports(log.account("acme").all())
    assert (entry.actor, entry.description) == (ADA, "Ada Lovelace created an App API key.")


# --- bad lines -----------------------------------------------------------------------------------


def test_bad_lines_are_reported_and_others_stored(log: AuditLog, database: Database) -> None:
    good = line(form(KEY_CREATED, {}))
    lines = [
        good,
        b"{}\n",
        b'{"event":\n',
        b"[1]\n",
        b"\xff\xfe\n",
        line(form(DEPLOYED, MODEL | {"temperature": 5})),
        b"\n",
        line(form("account.models.model_aded", {})),
        line(form(KEY_CREATED, {}, account="x")),
        b" " * MAX_LINE + good,
        good,
    ]
    done, bad = import_lines_of(log, lines)
    assert done == Imported(2, 0, 8)
    assert len(without_imports(database.rows())) == 2
    invalid_json = "entry: expected a JSON object, got invalid JSON"  # followed by orjson's message
    assert {
        number: invalid_json if invalid_json in str(error) else str(error) for number, error in bad.items()
    } == {
        2: "entry: event: expected the key of an event, got nothing",
        3: invalid_json,
        4: "entry: expected a JSON object, got a list",
        5: invalid_json,
        6: f"{DEPLOYED}: metadata.temperature: expected a number of at least 0 and at most 2, got 5",
        8: "account.models.model_aded: event: expected an event of audit_events 1.1.0, got an unknown one; "
        'did you mean "account.models.model_added"?',
        9: f"{KEY_CREATED}: account: expected one of id, account_id, event, occurred_at, actor, "
        "on_behalf_of, ip_address, outcome, failure_reason, context, metadata, got an unknown name; did you "
        'mean "account_id"?',
        10: "entry: line: expected at most 1048576 bytes, got a longer line",
    }


def test_conflict_is_reported_and_others_stored(log: AuditLog, empty: AuditLog) -> None:
    entries = [record(log, KEY_CREATED) for _ in range(3)]
    lines = exported(log)
    forged = json.loads(lines[1]) | {"actor": {"type": "user", "id": GRACE.id}}
    import_all(empty, [line(forged)])
    done, bad = import_lines_of(empty, lines)
    assert done == Imported(2, 0, 1)
    assert isinstance(bad[2], IdConflict)
    assert str(bad[2]) == "an entry with this id and other content is stored already; it is unchanged"
    kept = empty.account("acme").get(entries[1].id)
    assert kept is not None
    assert kept.actor.id == "u-18"


def test_conflict_within_one_import_is_reported(log: AuditLog, database: Database) -> None:
    given_id = "018f4c1e-7a03-7ecc-8000-000000000001"
    lines = [
        line(form(KEY_CREATED, {}, id=given_id)),
        line(form("account.roles.role_changed", {}, id=given_id)),
    ]
    done, bad = import_lines_of(log, lines)
    assert (done.stored, done.refused, list(bad)) == (1, 1, [2])
    assert len(without_imports(database.rows())) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("recorded_at", "yesterday"),
        ("recorded_at", 5),
        ("recorded_at", "2024-01-01T00:00:00"),
        ("recorded_at", "0001-01-01T00:00:00+14:00Z"),
        ("recorded_at", "1969-12-31T23:59:59.999999Z"),
        ("recorded_at", "0001-01-01T00:00:00Z"),
        ("level", ""),
        ("category", 5),
        ("description", None),
        ("description", "x" * 4097),
        ("catalog_version", []),
        ("alterations", "cleaned"),
        ("alterations", [1]),
    ],
)
def test_invalid_read_only_parts_are_refused(
    log: AuditLog, database: Database, name: str, value: Any
) -> None:
    done, bad = import_lines_of(log, [line(form(KEY_CREATED, {}, **{name: value}))])
    assert done.refused == 1
    error = bad[1]
    assert isinstance(error, ValidationError)
    assert [problem.path for problem in error.problems] == [name]
    assert database.rows() == []


def test_read_only_parts_are_sanitized(log: AuditLog) -> None:
    content = form(
        KEY_CREATED, {}, description="a\0b", level="old", category="old.keys", catalog_version="1\0"
    )
    import_all(log, [line(content)])
    (entry,) = without_imports(log.account("acme").all())
    assert (entry.description, entry.level, entry.category) == ("a�b", "old", "old.keys")
    assert entry.catalog_version == "1�"


@pytest.mark.parametrize("name", ["level", "category"])
@pytest.mark.parametrize("value", ['=HYPERLINK("http://x"),y', "a\r\n=1+1", "l\0", "", "A", 5])
def test_invalid_level_or_category_is_refused(log: AuditLog, name: str, value: object) -> None:
    _, bad = import_lines_of(log, [line(form(KEY_CREATED, {}, **{name: value}))])
    assert f"{name}: expected the key of a {name}" in str(bad[1])


def test_times_ahead_of_the_clock_are_kept(log: AuditLog) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    times = dict.fromkeys(("occurred_at", "recorded_at"), format_time(to_microseconds(later)))
    import_all(log, [line(form(KEY_CREATED, {}, **times))])
    (entry,) = without_imports(log.account("acme").all())
    assert (entry.occurred_at, entry.recorded_at) == (later, later)


@pytest.mark.postgresql_only
def test_line_of_a_time_without_a_partition_is_refused(log: AuditLog, database: Database) -> None:
    later = format_time(to_microseconds(datetime.now(UTC) + timedelta(days=900)))
    lines = [line(form(KEY_CREATED, {})), line(form(KEY_CREATED, {}, occurred_at=later))]
    result, bad = import_lines_of(log, lines)
    assert (result.stored, list(bad)) == (1, [2])
    assert "no partition of relation" in str(bad[2])
    assert len(without_imports(database.rows())) == 1


def test_secret_without_a_key_is_refused(tmp_path: Path) -> None:
    with AuditLog.open(f"sqlite:///{tmp_path}/a.db", account_id="acme") as log:
        values = {"tool_id": "t", "version_id": "v", "timeout": False, "access_token": "sk-1"}
        _, bad = import_lines_of(log, [line(form(ASYNC, values))])
    assert "no key is configured" in str(bad[1])
    assert "sk-1" not in str(bad[1])


def test_too_long_line_is_not_read_whole(log: AuditLog) -> None:
    good = line(form(KEY_CREATED, {}))
    stream = io.BytesIO(good + b"x" * (3 * MAX_LINE + 5) + b"\n" + good + b"y" * (MAX_LINE + 1))
    pieces = list(read_lines(stream))
    assert [len(piece) for piece in pieces] == [len(good), MAX_LINE + 1, len(good), MAX_LINE + 1]
    done, bad = import_lines_of(log, pieces)
    assert (done.stored, sorted(bad)) == (2, [2, 4])


def test_line_of_the_maximum_length_is_accepted(log: AuditLog) -> None:
    good = line(form(KEY_CREATED, {}))
    longest = b" " * (MAX_LINE - len(good)) + good
    assert list(read_lines(io.BytesIO(longest + good))) == [longest, good]
    assert import_all(log, [longest]).stored == 1


# --- read-only parts -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["recorded_at", "level", "category", "description", "catalog_version", "alterations"]
)
def test_services_cannot_set_read_only_parts(log: AuditLog, database: Database, name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        log.record_json(line(form(KEY_CREATED, {}, **{name: "x"})))
    assert (
        str(caught.value) == f"{KEY_CREATED}: {name}: expected nothing: the log itself writes it, got a value"
    )
    assert database.rows() == []


def test_exported_entry_cannot_be_recorded(log: AuditLog) -> None:
    entry = record(log, KEY_CREATED, occurred_at=LONG_AGO)
    with pytest.raises(ValidationError) as caught:
        log.record_form(entry.to_json())
    assert [problem.path for problem in caught.value.problems] == [
        "recorded_at",
        "level",
        "category",
        "description",
        "catalog_version",
    ]


def test_bad_envelope_is_reported_despite_alterations(log: AuditLog) -> None:
    many = {f"field_{number}": 5 for number in range(500)}
    content = form(KEY_CREATED, many, id="none", alterations={"metadata.x": {"cut": True}})
    _, bad = import_lines_of(log, [line(content)])
    assert str(bad[1]) == (
        f"{KEY_CREATED}: id: expected a UUID, version 7, in its usual text form, got 'none'"
    )


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "metadata.model_name: expected a string of 1 to 300 characters, got nothing"),
        (MODEL | {"model_type": "x"}, "metadata.model_type: expected one of"),
        (MODEL | {"top_k": -1}, "metadata.top_k: expected an integer of at least 0, got -1"),
    ],
)
def test_alterations_excuse_only_their_values(log: AuditLog, values: dict[str, Any], problem: str) -> None:
    content = form(DEPLOYED, values, alterations={"metadata.model_name": {"cut": True}})
    done, bad = import_lines_of(log, [line(content), line(form(KEY_CREATED, {}))])
    assert problem in str(bad[1])
    assert (done.stored, done.refused) == (1, 1)


@pytest.mark.parametrize(
    "parts", [{}, {"catalog_version": "0.0.1"}, {"alterations": {"metadata.model_name": {"cut": True}}}]
)
def test_null_in_a_line_means_not_given(log: AuditLog, parts: dict[str, Any]) -> None:
    parts = parts | {"description": "Deployed."}
    # Under an older catalog, other values need not match this one.
    values = MODEL | {"temperature": None} | ({"top_k": -1} if "catalog_version" in parts else {})
    done, bad = import_lines_of(log, [line(form(DEPLOYED, values, **parts))])
    assert (done.stored, bad) == (1, {})
    entries = log.account("acme").entries().entries
    assert ["temperature" in each.metadata for each in entries if each.event == DEPLOYED] == [False]
    done, bad = import_lines_of(log, [line(form(DEPLOYED, MODEL | {"model_name": None}, **parts))])
    assert (done.stored, list(bad)) == (0, [1])
    assert "metadata.model_name: expected a" in str(bad[1])


@pytest.mark.parametrize("alterations", ['{"metadata.\\ud800": {}}', '{"a": "\\udfff"}', "[]", "5"])
def test_invalid_alterations_are_refused(log: AuditLog, alterations: str) -> None:
    content = line(form(KEY_CREATED, {}, alterations="here")).replace(b'"here"', alterations.encode())
    _, bad = import_lines_of(log, [content])
    assert "alterations: expected an object of notes, of at most 262,144 bytes, got" in str(bad[1])


# --- hostile lines -------------------------------------------------------------------------------

OTHER = {"catalog_version": "9.9.9", "description": "Something was done."}
HOSTILE: dict[str, tuple[bytes, str]] = {
    "other version, no metadata": (
        line({name: part for name, part in form(DEPLOYED, {}, **OTHER).items() if name != "metadata"}),
        "metadata: expected an object, got nothing",
    ),
    "other version, metadata is a list": (
        line(form(DEPLOYED, MODEL, **OTHER) | {"metadata": [1]}),
        "metadata: expected an object, got a list",
    ),
    "other version, no description": (
        line(form(DEPLOYED, {"model_id": "m-1"}, catalog_version="9.9.9")),
        "description: expected the text that the other log wrote, got nothing",
    ),
    "other version, a lone surrogate": (
        line(form(DEPLOYED, MODEL | {"model_name": "\ud800"}, **OTHER, alterations={"actor.name": {}})),
        "metadata.model_name: expected a value that a log can have stored, got a string",
    ),
    "alterations and a lone surrogate": (
        line(form(DEPLOYED, MODEL | {"model_name": "\ud800"}, alterations={"actor.name": {"cut": True}})),
        "metadata.model_name: expected a value that a log can have stored, got a string",
    ),
    "alterations and NUL": (
        line(form(DEPLOYED, MODEL | {"model_name": "\0"}, alterations={"actor.name": {"cut": True}})),
        "metadata.model_name: expected a value that a log can have stored, got a string",
    ),
    "altered values that are too long": (
        line(
            form(
                DEPLOYED,
                MODEL | {"model_name": "x" * 900_000},
                description="x",
                alterations={"metadata.model_name": {"cut": True}},
            )
        ),
        "metadata.model_name: expected a value that a log can have stored, got a string",
    ),
    "a surrogate and a huge integer": (
        line(form(DEPLOYED, MODEL | {"model_name": "\ud800", "temperature": 10**400})),
        "line: expected integers of at most 64 bits, got a larger one",
    ),
    "a surrogate and an integer Python cannot read": (
        line(form(DEPLOYED, MODEL | {"model_name": "\ud800", "temperature": 0})).replace(
            b'"temperature": 0', b'"temperature": 1' + b"0" * 5000
        ),
        "entry: expected a JSON object, got invalid JSON",
    ),
    "a name twice": (
        line(form(KEY_CREATED, {})).replace(b'{"event"', b'{"event" : "x", "event"'),
        'line: expected each name of an object once, got "event" twice',
    ),
    "a name twice in the metadata": (
        line(form(DEPLOYED, MODEL)).replace(b'"model_id":', b'"model_id":":","model_id":'),
        'line: expected each name of an object once, got "model_id" twice',
    ),
    "nested too deep": (
        line(form(KEY_CREATED, {})).replace(b'"metadata": {}', b'"metadata": ' + b"[" * 900 + b"]" * 900),
        "line: expected at most 72 levels of objects and lists, got more",
    ),
    "nested too deep to read": (
        b'{"event": "\\ud800", "metadata": ' + b"[" * 90_000 + b"]" * 90_000 + b"}\n",
        "entry: expected a JSON object, got invalid JSON",
    ),
    "deep alterations": (
        line(form(KEY_CREATED, {}, alterations={"metadata.x": {"cut": [[True]]}})),
        "alterations: expected an object of notes, of at most 262,144 bytes, got an object",
    ),
    "alterations that are no notes": (
        line(form(KEY_CREATED, {}, alterations={"metadata.x": "cut"})),
        "alterations: expected an object of notes, of at most 262,144 bytes, got an object",
    ),
    "large alterations": (
        line(form(KEY_CREATED, {}, alterations={f"metadata.x{n}": {"cut": True} for n in range(10_000)})),
        "alterations: expected an object of notes, of at most 262,144 bytes, got an object",
    ),
    "a long level": (line(form(KEY_CREATED, {}, level="l" * 64)), "level: expected the key of a level, got"),
    "a long category": (
        line(form(KEY_CREATED, {}, category="a." + "l" * 900_000)),
        "category: expected the key of a category, got",
    ),
    "a long catalog version": (
        line(form(KEY_CREATED, {}, catalog_version="1" * 257)),
        "catalog_version: expected a string of 1 to 256 characters, got",
    ),
    "100,000 unknown names": (
        line(form(KEY_CREATED, {}, **OTHER) | {f"x{number}": 1 for number in range(60_000)}),
        "50 problems",
    ),
    "a long unknown event": (
        line(form("account.app_api_key." + "x" * 900_000, {})),
        "event: expected an event of audit_events 1.1.0, got an unknown one",
    ),
}


def test_hostile_lines_are_reported_one_by_one(log: AuditLog, database: Database) -> None:
    good = line(form(KEY_CREATED, {}))
    lines = [each for bad, _ in HOSTILE.values() for each in (good, bad)]
    done, bad = import_lines_of(log, lines)
    assert done == Imported(len(HOSTILE), 0, len(HOSTILE))
    assert {name: str(bad[2 * number + 2]) for number, name in enumerate(HOSTILE)} == {
        name: Containing(text) for name, (_, text) in HOSTILE.items()
    }
    assert len(without_imports(database.rows())) == len(HOSTILE)


class Containing(str):
    """Equals every text that contains it."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and str(self) in str(other)

    __hash__ = str.__hash__


def test_line_that_is_no_bytes_is_reported(log: AuditLog) -> None:
    good = line(form(KEY_CREATED, {}))
    given_lines: Any = [good, None, 5, good.decode(), bytearray(good), memoryview(good), good.split()]
    done, bad = import_lines_of(log, given_lines)
    assert (done.stored, sorted(bad)) == (4, [2, 3, 7])
    assert str(bad[2]) == "entry: line: expected bytes, got NoneType"


def test_imported_entries_can_be_read(log: AuditLog) -> None:
    notes = {f"metadata.x{n}": {"length": 2**53 - 1, "sha256": "0" * 64, "cut": True} for n in range(1800)}
    widest = form(
        DEPLOYED, MODEL, **OTHER, alterations=notes, level="l" * 63, category=f"{'a' * 63}.{'b' * 63}"
    )
    import_all(log, [line(widest)])
    (entry,) = without_imports(log.account("acme").entries().entries)
    assert len(orjson.dumps(entry.to_json())) > 200_000
    lines = exported(log)
    assert import_all(log, lines) == Imported(0, 1, 0)


# --- files ---------------------------------------------------------------------------------------


def test_byte_order_mark_is_skipped(log: AuditLog) -> None:
    good = line(form(KEY_CREATED, {})).replace(b"\n", b"\r\n")
    assert import_all(log, [b"\xef\xbb\xbf" + good, good]).stored == 2
    assert log.import_jsonl(io.BytesIO(b"\xef\xbb\xbf\n" + good), lambda *_: None).stored == 1
    done, bad = import_lines_of(log, [good, b"\xef\xbb\xbf" + good])
    assert (done.stored, sorted(bad)) == (1, [2])


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_compressed_export_is_imported(log: AuditLog, empty: AuditLog, tmp_path: Path, suffix: str) -> None:
    with log.acting(ADA):
        log.record_many(form(KEY_CREATED, {}) for _ in range(500))
    path = tmp_path / f"a.jsonl{suffix}"
    log.account("acme").export_jsonl(path)
    with path.open("rb") as stream:
        assert import_all(empty, stream) == Imported(500, 0, 0)
    assert exported(empty) == exported(log)
    twice = io.BytesIO(path.read_bytes() * 2)  # as `cat a.gz b.gz` writes it
    assert import_all(empty, twice) == Imported(0, 1000, 0)


@pytest.mark.parametrize("suffix", ["gz", "zst"])
@pytest.mark.parametrize("how", ["cut short", "damaged"])
def test_damaged_file_is_imported_up_to_a_line(
    log: AuditLog, empty: AuditLog, tmp_path: Path, suffix: str, how: str
) -> None:
    with log.acting(ADA):
        log.record_many(form(KEY_CREATED, {}) for _ in range(3000))
    path = tmp_path / f"a.jsonl.{suffix}"
    log.account("acme").export_jsonl(path)
    data = bytearray(path.read_bytes())
    if how == "cut short":
        del data[len(data) * 2 // 3 :]
    else:
        data[len(data) * 2 // 3] ^= 0xFF
        data[-3] ^= 0xFF  # of the checksum
    refused: list[int] = []
    with pytest.raises(SourceError) as caught:
        empty.import_jsonl(io.BytesIO(bytes(data)), lambda number, _: refused.append(number))
    found = re.fullmatch(
        r"the compressed data is damaged or incomplete after line ([\d,]+): .+", str(caught.value)
    )
    assert found, str(caught.value)
    read = int(found[1].replace(",", ""))
    assert read > 500
    assert caught.value.__notes__ == [f"the lines up to {found[1]} are imported, and none after it"]
    stored = len(without_imports(empty.account("acme").all()))
    # What a damaged file gives may repeat lines, which are stored once.
    assert 0 < stored <= read - len(refused)
    assert how == "damaged" or stored == read - len(refused)


@pytest.mark.sqlite_only
def test_compressed_bomb_takes_no_more_memory_than_a_line(log: AuditLog) -> None:
    size = 48 << 20
    for bomb in (gzip.compress(bytes(size), 9), zstandard.ZstdCompressor().compress(bytes(size))):
        assert len(bomb) < size // 900
        tracemalloc.start()
        try:
            done = log.import_jsonl(io.BytesIO(bomb), lambda number, error: None)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (done.stored, done.refused) == (0, 1)
        assert peak < 16 << 20


def test_zstandard_window_has_a_limit(log: AuditLog) -> None:
    made = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    )
    stream = made.compressobj()
    data = stream.compress(b"x" * 100) + stream.flush()
    with pytest.raises(SourceError, match=r"after line 0: .*too much memory"):
        log.import_jsonl(io.BytesIO(data), lambda *_: None)


def test_zst_without_the_package_is_an_error(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("zstandard", "compression", "compression.zstd"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SourceError) as caught:
        log.import_jsonl(io.BytesIO(b"\x28\xb5\x2f\xfd" + bytes(9)), lambda *_: None)
    assert str(caught.value) == '.zst needs the package zstandard: pip install "auditwright[zstd]"'


def test_error_of_the_source_is_raised_as_it_is(log: AuditLog) -> None:
    def given_lines() -> Iterator[bytes]:
        for _ in range(1500):
            yield line(form(KEY_CREATED, {}))
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as caught:
        log.import_jsonl(given_lines(), lambda *_: None)
    assert caught.value.__notes__ == ["the lines up to 1,500 are imported, and none after it"]
    assert len(without_imports(log.account("acme").all())) == 1500


def test_error_of_the_report_is_raised_as_it_is(log: AuditLog) -> None:
    def stop(number: int, error: AuditwrightError) -> None:
        raise LookupError(number)

    with pytest.raises(LookupError, match="2"):
        log.import_jsonl([line(form(KEY_CREATED, {})), b"{}\n"], stop)


def test_failing_database_says_what_is_imported(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = log._storage
    insert_new = storage.insert_new

    def fail_later(rows: Sequence[Row]) -> list[bool | IdConflict]:
        monkeypatch.setattr(storage, "insert_new", fail)
        return insert_new(rows)

    def fail(_: Sequence[Row]) -> NoReturn:
        raise StorageError("the disk is full")

    monkeypatch.setattr(storage, "insert_new", fail_later)
    with pytest.raises(StorageError) as caught:
        log.import_jsonl((line(form(KEY_CREATED, {})) for _ in range(2500)), lambda *_: None)
    assert caught.value.__notes__ == [
        "the lines before 1,001 are imported; importing all of them again is safe, and stores what is missing"
    ]
