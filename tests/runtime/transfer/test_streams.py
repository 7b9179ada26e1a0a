"""Exports as streams: equal to the file, a snapshot as of the call, released when closed."""

import csv
import io
import json
import sqlite3
import traceback
import uuid
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import psycopg
import pytest
from tests.support.databases import Database, insert_row, open_log
from tests.support.sample_events import ADA, DEPLOYED, KEY_CREATED, LONG_AGO, MODEL, form, record

from auditwright import AccountLog, Actor, AuditLog, Filter, FilterError, StorageError
from auditwright.entry import Entry
from auditwright.ids import format_time, to_microseconds
from auditwright.storage.postgresql import export_sql as storage_export
from auditwright.storage.sqlite import export_worker
from auditwright.storage.sqlite.connections import Connections
from auditwright.transfer.text_export import csv_header

Form = Literal["csv", "jsonl"]
FORMS: tuple[Form, ...] = ("csv", "jsonl")


def fill(log: AuditLog, count: int) -> None:
    with log.acting(ADA):
        log.record_many(form(KEY_CREATED, {}) for _ in range(count))


def file_of(acme: AccountLog, form: Form, where: Filter | None = None, **options: Any) -> bytes:
    stream = io.BytesIO()
    export = acme.export_csv if form == "csv" else acme.export_jsonl
    export(stream, where, **options)
    return stream.getvalue()


@pytest.mark.parametrize("count", [1, 999, 1000, 1001, 2500])
@pytest.mark.parametrize("form", FORMS)
def test_stream_equals_the_exported_file(log: AuditLog, acme: AccountLog, form: Form, count: int) -> None:
    fill(log, count)
    pieces = list(acme.stream(form))
    assert b"".join(pieces) == file_of(acme, form)
    assert all(pieces)


def test_stream_takes_the_options_of_an_export(log: AuditLog, acme: AccountLog) -> None:
    record(log, DEPLOYED, MODEL)
    record(log, DEPLOYED, MODEL | {"model_name": "Qwen"})
    record(log, KEY_CREATED)
    where = Filter.parse(["category:is:account.models"])
    whole = b"".join(acme.stream("csv", where, since=LONG_AGO, search="qwen", full=True))
    assert whole == file_of(acme, "csv", where, since=LONG_AGO, search="qwen", full=True)
    assert whole.count(b"\r\n") == 2
    lines = b"".join(acme.stream("jsonl", where, search="qwen"))
    assert lines == b"".join(acme.stream("jsonl", where, search="qwen", full=True))
    assert lines == file_of(acme, "jsonl", where, search="qwen")


def test_stream_of_an_empty_account(log: AuditLog, acme: AccountLog) -> None:
    for full in (False, True):
        assert b"".join(acme.stream("csv", full=full)).decode() == csv_header(log.catalog, full)
    assert b"".join(acme.stream("jsonl")) == b""


@pytest.mark.parametrize("form", FORMS)
def test_stream_is_a_snapshot_as_of_the_call(log: AuditLog, acme: AccountLog, form: Form) -> None:
    fill(log, 1500)
    wanted = file_of(acme, form)
    stream = acme.stream(form)
    record(log, DEPLOYED, MODEL, occurred_at=LONG_AGO)
    record(log, DEPLOYED, MODEL)
    assert b"".join(stream) == wanted


@pytest.mark.parametrize("form", FORMS)
def test_stream_of_an_empty_account_is_a_snapshot_too(log: AuditLog, acme: AccountLog, form: Form) -> None:
    wanted = file_of(acme, form)
    stream = acme.stream(form)
    record(log, KEY_CREATED)
    assert b"".join(stream) == wanted


@pytest.mark.parametrize("form", ["xml", "CSV", "", None, 5])
def test_unknown_format_is_refused_by_the_call(acme: AccountLog, form: Any) -> None:
    with pytest.raises(FilterError) as caught:
        acme.stream(form)
    assert str(caught.value) == f"an export is csv or jsonl, not {form!r}"


@pytest.mark.parametrize("form", FORMS)
def test_failure_at_the_start_raises_from_the_call(acme: AccountLog, path: Path, form: Form) -> None:
    with pytest.raises(FilterError, match="is not a category"):
        acme.stream(form, Filter.parse(["category:is:x"]))
    path.rename(path.with_suffix(".gone"))
    with pytest.raises(StorageError, match="the file was removed or replaced"):
        acme.stream(form)


@pytest.mark.parametrize("form", FORMS)
def test_failure_midway_raises_from_the_iterator(
    log: AuditLog, database: Database, path: Path, form: Form
) -> None:
    fill(log, 5000)
    log.close()  # which takes the write-ahead log into the file
    with open_log(database) as again:
        stream = again.account("acme").stream(form)
        data = path.read_bytes()
        path.write_bytes(data[:4096] + b"\xee" * (len(data) - 4096))
        with pytest.raises(StorageError, match="SQLITE_CORRUPT"):
            list(stream)
        assert list(stream) == []


@pytest.mark.parametrize("read", [0, 1, 2])
@pytest.mark.parametrize("form", FORMS)
def test_closing_early_releases_the_database(
    log: AuditLog, acme: AccountLog, database: Database, form: Form, read: int
) -> None:
    fill(log, 4500)
    stream = acme.stream(form)
    for _ in range(read):
        assert next(stream)
    record(log, KEY_CREATED)
    assert database.is_read()
    stream.close()
    assert not database.is_read()
    assert list(stream) == []


@pytest.mark.parametrize("form", FORMS)
def test_exhausted_stream_releases_the_database(
    log: AuditLog, acme: AccountLog, database: Database, form: Form
) -> None:
    fill(log, 1500)
    stream = acme.stream(form)
    record(log, KEY_CREATED)
    for _ in stream:
        pass
    assert not database.is_read()


def test_stream_of_several_statements_releases_the_database(
    log: AuditLog, acme: AccountLog, database: Database
) -> None:
    users = [f"u-{number}" for number in range(20)]
    events = [event for event in log.catalog.events.values() if event.level == "account"][:30]
    log.record_many(
        {"event": event.key, "actor": {"type": "user", "id": user}, "metadata": event.example}
        for event in events
        for user in users
        for _ in range(4)
    )
    where = Filter.parse([f"user:is:{user}" for user in users], match="any")
    stream = acme.stream("csv", where)
    assert next(stream).count(b"\r\n") == 1001
    record(log, KEY_CREATED)
    assert database.is_read()
    stream.close()
    assert not database.is_read()


@pytest.mark.parametrize("form", FORMS)
def test_threads_can_take_turns(log: AuditLog, acme: AccountLog, form: Form) -> None:
    fill(log, 5500)

    def take(stream: Generator[bytes, None, None]) -> bytes | None:
        return next(stream, None)

    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second, ThreadPoolExecutor(1) as third:
        stream = first.submit(acme.stream, form).result()
        found: list[bytes] = []
        while (piece := (second, third)[len(found) % 2].submit(take, stream).result()) is not None:
            found.append(piece)
        stopped = first.submit(acme.stream, form).result()
        second.submit(take, stopped).result()
        third.submit(stopped.close).result()
    assert len(found) >= 5
    assert b"".join(found) == file_of(acme, form)


def test_streams_of_one_log_are_independent(log: AuditLog, acme: AccountLog) -> None:
    fill(log, 2500)
    with log.acting(Actor.user("u-2")):
        log.record_many({"event": KEY_CREATED, "metadata": {}, "account_id": "other"} for _ in range(2500))
    other = log.account("other")
    pairs = list(zip(acme.stream("csv"), other.stream("csv"), strict=True))
    assert b"".join(one for one, _ in pairs) == file_of(acme, "csv")
    assert b"".join(two for _, two in pairs) == file_of(other, "csv")


# --- chunks -----------------------------------------------------------------------------------------


def many(log: AuditLog, users: int, times: int) -> None:
    """Entries of thirty events by a number of users."""
    events = [event for event in log.catalog.events.values() if event.level == "account"][:30]
    log.record_many(
        {"event": event.key, "actor": {"type": "user", "id": f"u-{user}"}, "metadata": event.example}
        for _ in range(times)
        for event in events
        for user in range(users)
    )


def ids_of(acme: AccountLog, form: Form, where: Filter | None = None, **options: Any) -> list[str]:
    """The ids in an export, in order."""
    data = b"".join(acme.stream(form, where, full=True, **options)).decode()
    if form == "jsonl":
        return [json.loads(line)["id"] for line in data.splitlines()]
    return [row[11] for row in csv.reader(io.StringIO(data, newline=""), strict=True)][1:]


@pytest.mark.parametrize(
    "conditions",
    [
        (),
        ("category:is:account.models", "event:is:account.login_logout.login"),
        tuple(f"user:is:u-{number}" for number in range(5)),
        tuple(f"user:is:u-{number}" for number in range(20)),  # more branches than one statement allows
        ("user:is_not:u-1",),
    ],
    ids=["all", "events", "branches", "statements", "not"],
)
@pytest.mark.parametrize("form", FORMS)
def test_chunks_join_without_gap_or_duplicate(
    log: AuditLog, acme: AccountLog, form: Form, conditions: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    many(log, users=20, times=1)
    where = Filter.parse(list(conditions), match="any")
    wanted = [str(entry.id) for entry in acme.all(where)]
    assert wanted
    monkeypatch.setattr("auditwright.transfer.text_export.CHUNK", 7)
    found = ids_of(acme, form, where)
    assert found == (wanted if form == "csv" else wanted[::-1])


@pytest.mark.parametrize("limit", [1, 6, 7, 8, 14, 599, 600, 601])
def test_limit_can_end_at_any_line(
    log: AuditLog, acme: AccountLog, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(log, users=20, times=1)
    monkeypatch.setattr("auditwright.transfer.text_export.CHUNK", 7)
    whole = file_of(acme, "csv").split(b"\r\n")
    for where in (None, Filter.parse([f"user:is:u-{number}" for number in range(20)], match="any")):
        assert file_of(acme, "csv", where, limit=limit) == b"\r\n".join([*whole[: min(limit, 600) + 1], b""])


@pytest.mark.parametrize("form", FORMS)
def test_entries_recorded_between_chunks_are_not_in_it(
    log: AuditLog, acme: AccountLog, database: Database, form: Form
) -> None:
    fill(log, 3500)
    wanted = file_of(acme, form)
    stream = acme.stream(form)
    with open_log(database) as other:
        found = []
        for piece in stream:
            found.append(piece)
            record(other, DEPLOYED, MODEL, occurred_at=LONG_AGO)
            record(other, DEPLOYED, MODEL)
    assert len(found) == 4
    assert b"".join(found) == wanted


@pytest.mark.parametrize("form", FORMS)
def test_each_line_has_its_own_date(
    log: AuditLog, acme: AccountLog, database: Database, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [datetime(1970, 1, 1), datetime(1999, 12, 31, 23, 59, 59, 999_999), datetime(2024, 2, 29)]
    for day in days:
        record(log, KEY_CREATED, occurred_at=day.replace(tzinfo=UTC))
    insert_row(database, log.catalog, id=bytes(15) + b"\1", occurred_at=to_microseconds(LONG_AGO))
    monkeypatch.setattr("auditwright.transfer.text_export.CHUNK", 1)
    data = b"".join(acme.stream(form)).decode()
    if form == "jsonl":
        found = [json.loads(line)["occurred_at"] for line in data.splitlines()]
        assert found == [format_time(to_microseconds(entry.occurred_at)) for entry in acme.all()][::-1]
    else:
        found = [row[:23] for row in data.split("\r\n")[1:-1]]
        assert found == [f"{entry.occurred_at:%Y-%m-%d %H:%M:%S.%f}"[:-3] for entry in acme.all()]


@pytest.mark.sqlite_only
def test_nul_characters_do_not_end_a_cell(log: AuditLog, acme: AccountLog, database: Database) -> None:
    insert_row(database, log.catalog, description='"a\0b"', actor_name="c\0d")
    assert b',"""a\0b""","c\0d",' in file_of(acme, "csv")
    line = json.loads(file_of(acme, "jsonl"))
    assert (line["description"], line["actor"]["name"]) == ('"a\0b"', "c\0d")


@pytest.mark.sqlite_only
def test_foreign_metadata_with_newlines_is_one_line(
    log: AuditLog, acme: AccountLog, database: Database
) -> None:
    insert_row(database, log.catalog, metadata='{\n  "a": 1\n}')
    assert file_of(acme, "jsonl").count(b"\n") == 1
    assert json.loads(file_of(acme, "jsonl"))["metadata"] == {"a": 1}


@pytest.mark.parametrize("form", FORMS)
def test_foreign_alterations_with_newlines_are_one_line(
    log: AuditLog, acme: AccountLog, database: Database, form: Form
) -> None:
    insert_row(database, log.catalog, alterations='{\r\n  "a":\n {"cleaned": 1}\n}')
    data = file_of(acme, form)
    assert data.count(b"\n") == (2 if form == "csv" else 1)
    if form == "jsonl":
        assert json.loads(data)["alterations"] == {"a": {"cleaned": 1}}


@pytest.mark.postgresql_only
@pytest.mark.parametrize("form", FORMS)
def test_chunk_of_long_lines_has_fewer_lines(
    log: AuditLog, acme: AccountLog, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(20):
        record(log, KEY_CREATED, details="x" * 1000)
    wanted = file_of(acme, form)
    monkeypatch.setattr(storage_export, "PIECE", 3000)
    pieces = list(acme.stream(form))
    assert b"".join(pieces) == wanted
    assert [piece.count(b"x" * 1000) for piece in pieces] == [3, 3, 3, 3, 3, 3, 2]


BRANCHES = Filter.parse([f"event:is:{KEY_CREATED}", f"event:is:{DEPLOYED}"], "any")
"""A filter that merges several index branches."""


@pytest.mark.sqlite_only
@pytest.mark.parametrize("where", [None, BRANCHES], ids=["all", "branches"])
@pytest.mark.parametrize("form", FORMS)
def test_chunk_after_long_lines_has_fewer_lines(
    log: AuditLog, acme: AccountLog, form: Form, where: Filter | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(20):
        record(log, KEY_CREATED, details="x" * 1000)
    wanted = file_of(acme, form)
    monkeypatch.setattr(export_worker, "MAX_LINES", 4)
    monkeypatch.setattr(export_worker, "MAX_BYTES", 3000)
    pieces = list(acme.stream(form, where))
    assert b"".join(pieces) == wanted
    assert [piece.count(b"x" * 1000) for piece in pieces] == [4, *[2] * 8]


@pytest.mark.sqlite_only
@pytest.mark.parametrize("where", [None, BRANCHES], ids=["all", "branches"])
@pytest.mark.parametrize("form", FORMS)
def test_chunks_of_large_entries_are_bounded(
    log: AuditLog, acme: AccountLog, database: Database, form: Form, where: Filter | None
) -> None:
    large = json.dumps({"a": "😀" * 9_000}, ensure_ascii=False, separators=(",", ":"))
    for _ in range(300):
        insert_row(database, log.catalog, metadata=large)
    sizes = [len(piece) for piece in acme.stream(form, where, full=True)]
    assert sum(sizes) > 300 * 36_000
    assert max(sizes) <= export_worker.MAX_LINES * 37_000
    assert max(sizes[1:]) <= export_worker.MAX_BYTES


@pytest.mark.sqlite_only
@pytest.mark.parametrize("form", FORMS)
def test_index_branches_are_merged_once(
    log: AuditLog, database: Database, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(log, users=5, times=2)
    connect = Connections._connect
    merges: list[str] = []

    def noted(statement: str) -> None:
        if "UNION ALL SELECT" in statement:
            merges.append(statement)

    def watched(connections: Connections, *arguments: str) -> sqlite3.Connection:
        connection = connect(connections, *arguments)
        connection.set_trace_callback(noted)
        return connection

    monkeypatch.setattr(Connections, "_connect", watched)
    monkeypatch.setattr("auditwright.transfer.text_export.CHUNK", 10)
    with open_log(database) as other:
        where = Filter.parse(["user:is:u-1", "user:is:u-2"], match="any")
        pieces = list(other.account("acme").stream(form, where))
    assert len(pieces) == 12
    assert len(merges) == 1
    assert "metadata" not in merges[0]


NUL = "=a\0b"


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("column", "at"),
    [
        ("event", 6), ("category", 7), ("level", 8), ("actor_type", 9), ("actor_id", 10), ("actor_name", 4),
        ("ip_address", 5), ("description", 3), ("tool_id", 19), ("metadata", -1),
    ],
)  # fmt: skip
def test_nul_characters_do_not_end_a_line(
    log: AuditLog, acme: AccountLog, database: Database, column: str, at: int
) -> None:
    insert_row(database, log.catalog, **{"event": "gone", column: NUL})
    escaped = f"'{NUL}"
    for full in (False, True):
        data = file_of(acme, "csv", full=full).decode()
        head, row = csv.reader(io.StringIO(data, newline=""), strict=True)
        assert len(row) == len(head)
        if full:
            assert row[at] == escaped
        if column in ("event", "category"):
            assert row[1 if column == "event" else 2] == escaped


@pytest.mark.sqlite_only
@pytest.mark.parametrize("metadata", ["not json\r\n", "{oops", "", "[1]", "{'a': 1}"])
@pytest.mark.parametrize("more", [{}, {"tool_id": "t-1"}])
def test_metadata_that_is_not_an_object_is_wrapped(
    log: AuditLog, acme: AccountLog, database: Database, metadata: str, more: dict[str, str]
) -> None:
    insert_row(database, log.catalog, metadata=metadata, **more)
    (line,) = file_of(acme, "jsonl").splitlines()
    assert json.loads(line)["metadata"] == {"metadata": metadata, **more}


@pytest.mark.sqlite_only
def test_alterations_that_are_not_json_are_wrapped(
    log: AuditLog, acme: AccountLog, database: Database
) -> None:
    insert_row(database, log.catalog, alterations="{oops")
    assert json.loads(file_of(acme, "jsonl"))["alterations"] == {"alterations": "{oops"}


@pytest.mark.sqlite_only
@pytest.mark.parametrize("where", [None, BRANCHES], ids=["all", "branches"])
@pytest.mark.parametrize("form", FORMS)
def test_error_for_invalid_utf_8_names_the_entry_only(
    log: AuditLog, acme: AccountLog, database: Database, path: Path, form: Form, where: Filter | None
) -> None:
    fill(log, 20)
    entry_id = uuid.UUID(bytes=insert_row(database, log.catalog, description="personal")["id"])
    database.change(
        "DROP TRIGGER audit_entry_no_update",
        "UPDATE audit_entry SET description = CAST(x'706572736f6e616cff' AS TEXT) "
        "WHERE description = 'personal'",
    )
    with pytest.raises(StorageError) as caught:
        list(acme.stream(form, where))
    assert str(caught.value) == (
        f"{path}: cannot read: entry {entry_id} has text that is not UTF-8 (DataError)"
    )
    with pytest.raises(StorageError) as caught:
        list(acme.all(where))
    assert str(caught.value) == (
        f"{path}: cannot read: an entry has text that is not UTF-8; run "
        "`auditwright export --format csv` to find its id"
    )
    assert "personal" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("full", [False, True])
def test_cells_can_be_long(log: AuditLog, acme: AccountLog, database: Database, full: bool) -> None:
    long = ',\x03,"{}' + 'é"\n\x03' * 50_000
    metadata = json.dumps({"a": long}, ensure_ascii=False, separators=(",", ":"))
    insert_row(database, log.catalog, description=long, ip_address="::5", metadata=metadata)
    with csv_limit(10**7):
        _, row = csv.reader(io.StringIO(file_of(acme, "csv", full=full).decode(), newline=""), strict=True)
    assert row[3] == f"[damaged: texts] {long}"
    assert row[5] == "::5"
    if full:
        assert json.loads(row[-1]) == {"a": long}
    assert json.loads(file_of(acme, "jsonl"))["metadata"] == {"a": long}


@contextmanager
def csv_limit(characters: int) -> Iterator[None]:
    """Raise the limit of Python's CSV reader."""
    before = csv.field_size_limit(characters)
    try:
        yield
    finally:
        csv.field_size_limit(before)


# --- partitions -------------------------------------------------------------------------------------

MONTHS = [datetime(2024, 5, 6, tzinfo=UTC), *(datetime.now(UTC) + timedelta(31 * n) for n in range(3))]
"""Times in four partitions."""


def in_months(log: AuditLog, database: Database) -> None:
    """Entries of three users and two events, and one without a user, in each of `MONTHS`."""
    for moment in MONTHS:
        for event in (KEY_CREATED, DEPLOYED):
            for user in ("u-1", "u-2", "u-3"):
                insert_row(database, log.catalog, occurred_at=moment, event=event, actor_id=user)
        insert_row(
            database, log.catalog, occurred_at=moment, event=DEPLOYED, actor_type="system", actor_id=None
        )


@pytest.mark.postgresql_only
@pytest.mark.parametrize("since", [None, MONTHS[1] + timedelta(1)])
@pytest.mark.parametrize(
    ("match", "conditions"),
    [
        ("all", ["user:is:u-1"]),
        ("any", ["user:is:u-1", "user:is:u-2"]),
        ("any", ["user:is:u-1", f"event:is:{DEPLOYED}"]),
        ("all", ["user:is_not:u-1", f"event:is:{DEPLOYED}"]),
        ("all", [f"event:is:{DEPLOYED}"]),
    ],
)
def test_filtered_entries_are_ordered_over_partitions(
    log: AuditLog, acme: AccountLog, database: Database, match: str, conditions: list[str],
    since: datetime | None, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    in_months(log, database)
    where = Filter.parse(conditions, match)
    wanted = [str(entry.id) for entry in acme.all(since=since) if matches(entry, match, conditions)]
    assert len(wanted) >= (2 if since else 8)
    monkeypatch.setattr("auditwright.storage.postgresql.queries.MAX_PROBED", 1)
    assert ids_of(acme, "csv", where, since=since) == wanted
    assert ids_of(acme, "jsonl", where, since=since) == wanted[::-1]
    for limit in range(1, len(wanted) + 2):
        data = file_of(acme, "csv", where, since=since, limit=limit, full=True).decode()
        assert [row[11] for row in csv.reader(io.StringIO(data, newline=""))][1:] == wanted[:limit]


@pytest.mark.postgresql_only
def test_partitions_are_found_with_any_string_setting(
    log: AuditLog, acme: AccountLog, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_months(log, database)
    where = Filter.parse(["user:is:u-1"])
    wanted = file_of(acme, "csv", where)
    monkeypatch.setattr("auditwright.storage.postgresql.queries.MAX_PROBED", 1)
    url = f"{database.url}&options=-cstandard_conforming_strings%3Doff"
    with AuditLog.open(url, catalog=log.catalog) as other:
        assert file_of(other.account("acme"), "csv", where) == wanted


def matches(entry: Entry, match: str, conditions: list[str]) -> bool:
    """Evaluate the conditions in Python."""
    found = []
    for condition in conditions:
        field, operator, value = condition.split(":")
        given = entry.event if field == "event" else entry.actor.id
        found.append((given == value) == (operator == "is"))
    return all(found) if match == "all" else any(found)


@pytest.mark.postgresql_only
@pytest.mark.parametrize("address", ["::5", "::1", "::ffff:1.2.3.4", "::1:2", "2001:db8::1", "203.0.113.7"])
@pytest.mark.parametrize("full", [False, True])
def test_addresses_are_exported_as_recorded(
    log: AuditLog, acme: AccountLog, address: str, full: bool
) -> None:
    entry = record(log, KEY_CREATED, ip_address=address, details='\x03::5,"\n')
    (row,) = list(csv.reader(io.StringIO(file_of(acme, "csv", full=full).decode(), newline="")))[1:]
    assert row[3] == entry.description
    assert row[5] == entry.ip_address
    assert json.loads(file_of(acme, "jsonl"))["ip_address"] == entry.ip_address


@pytest.mark.postgresql_only
@pytest.mark.parametrize("form", FORMS)
def test_sparse_export_does_not_read_all_entries(log: AuditLog, acme: AccountLog, form: Form) -> None:
    fill(log, 3000)
    entry = record(log, DEPLOYED, MODEL, occurred_at=LONG_AGO)
    storage: Any = log._storage
    seen: list[str] = []
    copied = storage_export.copy_statement

    def watched(*arguments: Any) -> Any:
        statement, values = copied(*arguments)
        seen.append(statement.removeprefix("COPY (").partition(") TO STDOUT")[0])
        with storage.connections.reading("acme") as connection, psycopg.ClientCursor(connection) as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF) {seen[-1]}".encode(), values)
            seen[-1] = "\n".join(row[0] for row in cursor)
        return statement, values

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage_export, "copy_statement", watched)
        assert ids_of(acme, form, Filter.parse([f"event:is:{DEPLOYED}"])) == [str(entry.id)]
    (plan,) = seen
    assert "Seq Scan on audit_entry" not in plan
    assert "rows=3000" not in plan
    assert "Rows Removed by Filter" not in plan


@pytest.mark.postgresql_only
@pytest.mark.parametrize("limit", [None, 5])
def test_times_do_not_depend_on_database_settings(
    log: AuditLog, acme: AccountLog, database: Database, limit: int | None
) -> None:
    record(log, KEY_CREATED, occurred_at=LONG_AGO)
    wanted = file_of(acme, "csv", limit=limit)
    assert b"2024-05-06 07:08:09.123," in wanted
    url = f"{database.url}&options=-cdatestyle%3DGerman%20-ctimezone%3DAsia/Tokyo"
    with AuditLog.open(url, catalog=log.catalog) as other:
        assert file_of(other.account("acme"), "csv", limit=limit) == wanted
        assert file_of(other.account("acme"), "jsonl") == file_of(acme, "jsonl")
