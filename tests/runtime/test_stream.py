"""Exports in pieces: the same bytes as the file, as of the call, and nothing held once they are closed."""

import io
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.databases import Database, open_log
from tests.runtime.world import ADA, DEPLOYED, KEY_CREATED, LONG_AGO, MODEL, form, record

from auditwright import AccountLog, Actor, AuditLog, Filter, FilterError, StorageError
from auditwright.export import csv_header

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
def test_a_stream_is_the_file_that_an_export_writes(
    log: AuditLog, acme: AccountLog, form: Form, count: int
) -> None:
    fill(log, count)
    pieces = list(acme.stream(form))
    assert b"".join(pieces) == file_of(acme, form)
    assert all(pieces)


def test_full_and_a_selection_are_as_in_an_export(log: AuditLog, acme: AccountLog) -> None:
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


def test_an_empty_csv_is_its_header_and_empty_json_lines_are_empty(log: AuditLog, acme: AccountLog) -> None:
    for full in (False, True):
        assert b"".join(acme.stream("csv", full=full)).decode() == csv_header(log.catalog, full)
    assert b"".join(acme.stream("jsonl")) == b""


@pytest.mark.parametrize("form", FORMS)
def test_what_is_recorded_after_the_call_is_not_in_it(log: AuditLog, acme: AccountLog, form: Form) -> None:
    fill(log, 1500)
    wanted = file_of(acme, form)
    stream = acme.stream(form)
    record(log, DEPLOYED, MODEL, occurred_at=LONG_AGO)
    record(log, DEPLOYED, MODEL)
    assert b"".join(stream) == wanted


@pytest.mark.parametrize("form", FORMS)
def test_what_is_recorded_after_the_call_is_not_in_it_though_nothing_was_there(
    log: AuditLog, acme: AccountLog, form: Form
) -> None:
    wanted = file_of(acme, form)
    stream = acme.stream(form)
    record(log, KEY_CREATED)
    assert b"".join(stream) == wanted


@pytest.mark.parametrize("form", ["xml", "CSV", "", None, 5])
def test_a_form_that_there_is_not_is_refused_by_the_call(acme: AccountLog, form: Any) -> None:
    with pytest.raises(FilterError) as caught:
        acme.stream(form)
    assert str(caught.value) == f"an export is csv or jsonl, not {form!r}"


@pytest.mark.parametrize("form", FORMS)
def test_what_cannot_begin_raises_from_the_call(acme: AccountLog, path: Path, form: Form) -> None:
    with pytest.raises(FilterError, match="is no category"):
        acme.stream(form, Filter.parse(["category:is:x"]))
    path.rename(path.with_suffix(".gone"))
    with pytest.raises(StorageError, match="the file was removed or replaced"):
        acme.stream(form)


@pytest.mark.parametrize("form", FORMS)
def test_what_fails_midway_raises_from_the_iterator(
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
def test_closing_early_lets_go_of_the_database(
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
def test_a_stream_that_is_through_has_let_go(
    log: AuditLog, acme: AccountLog, database: Database, form: Form
) -> None:
    fill(log, 1500)
    stream = acme.stream(form)
    record(log, KEY_CREATED)
    for _ in stream:
        pass
    assert not database.is_read()


def test_a_stream_over_several_statements_lets_go_too(
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
def test_threads_may_take_turns(log: AuditLog, acme: AccountLog, form: Form) -> None:
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


def test_streams_of_one_log_do_not_mix(log: AuditLog, acme: AccountLog) -> None:
    fill(log, 2500)
    with log.acting(Actor.user("u-2")):
        log.record_many({"event": KEY_CREATED, "metadata": {}, "account_id": "other"} for _ in range(2500))
    other = log.account("other")
    pairs = list(zip(acme.stream("csv"), other.stream("csv"), strict=True))
    assert b"".join(one for one, _ in pairs) == file_of(acme, "csv")
    assert b"".join(two for _, two in pairs) == file_of(other, "csv")
