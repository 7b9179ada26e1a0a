"""Exports: CSV and JSON Lines, and atomic writing of files."""

import csv
import errno
import io
import json
import os
import re
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.campaigns import examples
from tests.support.databases import Database, insert_row
from tests.support.sample_events import ADA, DEPLOYED, KEY_CREATED, LONG_AGO, MODEL, any_text, form, record

from audit_events import CATALOG
from auditwright import AccountLog, Actor, AuditLog, Entry, ExportError, Filter, FilterError
from auditwright.limits import sanitize

HEADER = ["Date and Time (UTC)", "Event Name", "Category", "Description", "User or App Name", "IP Address"]
FULL = [
    *HEADER,
    "Event Key",
    "Category Key",
    "Level",
    "Actor Type",
    "Actor ID",
    "Entry ID",
    "Account ID",
    *("Outcome", "Failure Reason", "On Behalf Of Type", "On Behalf Of ID", "On Behalf Of Name", "Context"),
    "Tool ID",
    "Metadata",
]
DANGEROUS = "=+-@\t\n\r＝＋－＠'"


def export(acme: AccountLog, **options: Any) -> list[list[str]]:
    """The cells of an export with its header."""
    stream = io.BytesIO()
    count = acme.export_csv(stream, **options)
    table = list(csv.reader(io.StringIO(stream.getvalue().decode(), newline=""), strict=True))
    assert len(table) == count + 1
    return table


def unescaped(cell: str) -> str:
    """The text of a cell without the guards, as the guide of exports removes them."""
    return re.sub(r"(^|[;|\t\r\n])'", r"\1", cell)


def test_csv_has_the_columns_of_the_page(log: AuditLog, acme: AccountLog) -> None:
    record(log, DEPLOYED, MODEL, occurred_at=LONG_AGO, ip_address="203.0.113.7")
    assert export(acme) == [
        HEADER,
        [
            "2024-05-06 07:08:09.123",
            "Model deployed",
            "Models",
            "Ada Lovelace deployed model Llama.",
            "Ada Lovelace",
            "203.0.113.7",
        ],
    ]


def test_csv_is_rfc_4180_in_utf_8(log: AuditLog, acme: AccountLog) -> None:
    record(log, KEY_CREATED, occurred_at=LONG_AGO, actor=Actor.user("ü", 'Ad"a'), details="a,b\r\nc")
    stream = io.BytesIO()
    acme.export_csv(stream)
    assert stream.getvalue().decode() == (
        ",".join(HEADER) + "\r\n"
        "2024-05-06 07:08:09.123,App API Key created,App API Key,"
        '"Ad""a created an App API key. a,b\r\nc","Ad""a",\r\n'
    )


def test_csv_of_an_empty_account_is_its_header(acme: AccountLog) -> None:
    assert export(acme) == [HEADER]
    assert export(acme, full=True) == [FULL]


def test_full_csv_adds_keys_ids_and_metadata(log: AuditLog, acme: AccountLog) -> None:
    entry = record(log, "tool.guardrails.input_scanner_added", {"tool_id": "t-4"}, occurred_at=LONG_AGO)
    second = record(log, DEPLOYED, MODEL | {"model_name": "=1"}, actor=Actor.system())
    assert export(acme, full=True) == [
        FULL,
        [
            second.occurred_at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
            "Model deployed",
            "Models",
            "System deployed model =1.",
            "System",
            "",
            DEPLOYED,
            "account.models",
            "account",
            "system",
            "",
            str(second.id),
            *("acme", "success", "", "", "", "", ""),
            "",
            '{"model_id":"m-17","model_name":"=1","model_type":"open_source"}',
        ],
        [
            "2024-05-06 07:08:09.123",
            "Input scanner added",
            "Guardrails",
            "Ada Lovelace added an input scanner to tool t-4.",
            "Ada Lovelace",
            "",
            "tool.guardrails.input_scanner_added",
            "tool.guardrails",
            "tool",
            "user",
            "u-17",
            str(entry.id),
            *("acme", "success", "", "", "", "", ""),
            "t-4",
            "{}",
        ],
    ]


@pytest.mark.parametrize(
    ("actor", "name"),
    [
        (Actor.user("u-1"), "u-1"),
        (Actor.user("u-1", ""), "u-1"),
        (Actor.app("a-1", "Nightly"), "Nightly"),
        (Actor.system(), "System"),
        (Actor.system("Retention"), "Retention"),
        (Actor.anonymous(), "Anonymous"),
    ],
)
def test_name_column_has_the_label_of_the_actor(
    log: AuditLog, acme: AccountLog, actor: Actor, name: str
) -> None:
    record(log, KEY_CREATED, actor=actor)
    assert export(acme)[1][4] == name == actor.label


def test_times_are_truncated_to_milliseconds(log: AuditLog, acme: AccountLog) -> None:
    for micros in (0, 999, 1000, 999_999):
        record(log, KEY_CREATED, occurred_at=LONG_AGO.replace(microsecond=micros))
    record(log, KEY_CREATED, occurred_at=datetime(1970, 1, 1, tzinfo=UTC))
    assert [row[0][-6:] for row in export(acme)[1:]] == ["09.999", "09.001", "09.000", "09.000", "00.000"]


@pytest.mark.parametrize("first", DANGEROUS)
def test_formula_cells_are_escaped(log: AuditLog, acme: AccountLog, first: str) -> None:
    name = f"{first}cmd|' /C calc'!A0"
    record(
        log,
        "tool.guardrails.input_scanner_added",
        {"tool_id": name},
        actor=Actor.user(name, name),
        account_id="acme",
    )
    row = export(acme, full=True)[1]
    guarded = name.replace("|", "|'")  # a ' behind a separator is one that was there
    assert row[3] == f"'{guarded} added an input scanner to tool {guarded}."
    assert row[4] == row[10] == row[19] == f"'{guarded}"
    assert export(acme) == [HEADER, row[:6]]


@pytest.mark.parametrize("first", DANGEROUS)
def test_keys_of_another_catalog_are_quoted_and_escaped(
    log: AuditLog, acme: AccountLog, database: Database, first: str
) -> None:
    event, category, level = f'{first}cmd|"x",1', f"{first}a,\r\nb", f"{first}1,2"
    insert_row(database, log.catalog, event=event, category=category, level=level)
    row = export(acme, full=True)[1]
    assert len(row) == len(FULL)
    assert row[6:9] == [f"'{event}", f"'{category}", f"'{level}"]
    assert row[1:3] == row[6:8]  # instead of titles, which this catalog does not have
    assert export(acme) == [HEADER, row[:6]]


def test_plain_cells_are_not_escaped(log: AuditLog, acme: AccountLog) -> None:
    record(log, KEY_CREATED, actor=Actor.user("u", "a=1"))
    record(log, KEY_CREATED, actor=Actor.user("u", "“quoted”"))
    assert [row[4] for row in export(acme)[1:]] == ["“quoted”", "a=1"]


texts = any_text(12, often=DANGEROUS + ',"')


@given(st.lists(st.tuples(texts, texts.filter(bool), texts), min_size=1, max_size=4))
@settings(max_examples=examples(60))
def test_escaping_of_any_cell_is_reversible(log: AuditLog, made: list[tuple[str, str, str]]) -> None:
    account = f"a{len(log.accounts(1000))}"
    written = []
    for name, actor_id, details in made:
        entry = record(
            log, KEY_CREATED, actor=Actor.user(actor_id, name), details=details, account_id=account
        )
        written.append((entry.description, sanitize(name) or sanitize(actor_id), sanitize(actor_id)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("auditwright.transfer.text_export.CHUNK", 2)
        table = export(log.account(account), full=True)[1:]
        assert export(log.account(account))[1:] == [row[:6] for row in table]
    assert [tuple(map(unescaped, (row[3], row[4], row[10]))) for row in table[::-1]] == written


def test_filter_applies_to_exports(log: AuditLog, acme: AccountLog) -> None:
    record(log, KEY_CREATED, occurred_at=LONG_AGO)
    record(log, KEY_CREATED)
    record(log, DEPLOYED, MODEL)
    where = Filter.parse(["category:is:account.models"])
    assert [row[1] for row in export(acme, where=where)] == ["Event Name", "Model deployed"]
    assert len(export(acme, until=LONG_AGO.replace(year=2025))) == 2


def test_entries_of_removed_events_are_exported(log: AuditLog, acme: AccountLog, database: Database) -> None:
    insert_row(database, log.catalog, event="account.gone.thing_done", category="account.gone")
    (entry,) = acme.all()
    row = export(acme)[1]
    assert row == [
        "2024-05-06 07:08:09.123",
        entry.event_title,
        entry.category_title,
        "Something was done.",
        "u-17",
        "",
    ]
    assert row[1:3] == ["account.gone.thing_done", "account.gone"]


def test_csv_is_newest_first_and_reports_progress(log: AuditLog, acme: AccountLog) -> None:
    with log.acting(ADA):
        log.record_many(form(KEY_CREATED, {}) for _ in range(2500))
    seen: list[int] = []
    table = export(acme, full=True, progress=seen.append)
    assert [row[11] for row in table[1:]] == [str(entry.id) for entry in acme.all()]
    assert seen == [1000, 2000, 2500]


class RecordingStream(io.BytesIO):
    """A stream that records entries during its writes."""

    def __init__(self, log: AuditLog) -> None:
        super().__init__()
        self.log = log
        self.writes = 0

    def write(self, data: Any) -> int:
        if self.writes:  # the first chunk is read by then
            record(self.log, DEPLOYED, MODEL)
            record(self.log, DEPLOYED, MODEL, occurred_at=LONG_AGO)
        self.writes += 1
        return super().write(data)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("conditions", [[], ["event:is_not:account.roles.role_edited", "user:is:u-17"]])
def test_export_is_consistent_as_of_its_start(
    log: AuditLog, acme: AccountLog, kind: str, conditions: list[str]
) -> None:
    with log.acting(ADA):
        log.record_many(form(KEY_CREATED, {}) for _ in range(2500))
    record(log, DEPLOYED, MODEL, actor=ADA)
    stream = RecordingStream(log)
    write = acme.export_csv if kind == "csv" else acme.export_jsonl
    assert write(stream, Filter.parse(conditions)) == 2501
    assert stream.writes >= 3
    assert acme.count() > 2501


def test_file_is_readable_by_its_owner_only(log: AuditLog, acme: AccountLog, tmp_path: Path) -> None:
    record(log, KEY_CREATED)
    target = tmp_path / "out.csv"
    assert acme.export_csv(target) == 1
    assert target.stat().st_mode & 0o777 == 0o600
    assert acme.export_jsonl(str(tmp_path / "out.jsonl")) == 1
    assert sorted(each.name for each in tmp_path.iterdir() if "audit.db" not in each.name) == [
        "out.csv",
        "out.jsonl",
    ]


def test_failed_export_keeps_the_previous_file(log: AuditLog, acme: AccountLog, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("the older one")
    record(log, KEY_CREATED)

    def fail(_: int) -> None:
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError):
        acme.export_csv(target, progress=fail)
    assert target.read_text() == "the older one"
    assert acme.export_csv(target) == 1
    assert target.read_text().startswith("Date and Time")
    assert not list(tmp_path.glob(".out.csv*"))


@pytest.mark.parametrize(
    ("name", "reason"),
    [("none/out.csv", "No such file or directory"), ("", "it is a folder; name a file")],
)
def test_error_names_the_unwritable_target(acme: AccountLog, tmp_path: Path, name: str, reason: str) -> None:
    target = tmp_path / name
    with pytest.raises(ExportError) as caught:
        acme.export_csv(target)
    assert str(caught.value) == f"{target}: the export was not written: {reason}"
    assert [each.name for each in tmp_path.iterdir() if "audit.db" not in each.name] == []


def test_full_disk_leaves_no_file(log: AuditLog, acme: AccountLog) -> None:
    record(log, KEY_CREATED)
    with pytest.raises(OSError, match="No space left") as caught, Path("/dev/full").open("wb") as stream:
        acme.export_csv(stream)
    assert caught.value.errno == errno.ENOSPC


def test_pipe_is_written_in_place(log: AuditLog, acme: AccountLog, tmp_path: Path) -> None:
    record(log, KEY_CREATED)
    target = tmp_path / "pipe"
    os.mkfifo(target)
    reader = os.open(target, os.O_RDONLY | os.O_NONBLOCK)  # the pipe buffers the data
    try:
        assert acme.export_csv(target) == 1
        assert target.is_fifo()
        stream = io.BytesIO()
        acme.export_csv(stream)
        assert os.read(reader, 65536) == stream.getvalue()
    finally:
        os.close(reader)


def test_concurrent_exports_leave_a_whole_file(log: AuditLog, acme: AccountLog, tmp_path: Path) -> None:
    with log.acting(ADA):
        log.record_many(form(KEY_CREATED, {}) for _ in range(2500))
    target = tmp_path / "out.csv"
    meet = threading.Barrier(2, timeout=30)

    def wait(_: int) -> None:  # after each chunk, so that both exports overlap
        meet.wait()

    with ThreadPoolExecutor(2) as pool:
        writing = [pool.submit(acme.export_csv, target, progress=wait) for _ in range(2)]
        assert [each.result(timeout=60) for each in writing] == [2500, 2500]
    stream = io.BytesIO()
    acme.export_csv(stream)
    assert target.read_bytes() == stream.getvalue()
    assert [each.name for each in tmp_path.iterdir() if "out.csv" in each.name] == ["out.csv"]


def test_abandoned_partial_file_does_no_harm(log: AuditLog, acme: AccountLog, tmp_path: Path) -> None:
    record(log, KEY_CREATED)
    left = tmp_path / ".out.csv.partial"
    left.write_text("left behind")
    assert acme.export_csv(tmp_path / "out.csv") == 1
    assert (tmp_path / "out.csv").read_text().startswith("Date and Time")
    assert left.read_text() == "left behind"


@pytest.mark.parametrize("limit", [0, -1, "5", True, False, 2.0])
def test_invalid_limit_is_refused(acme: AccountLog, limit: Any) -> None:
    stream = io.BytesIO()
    with pytest.raises(FilterError) as caught:
        acme.export_csv(stream, limit=limit)
    assert str(caught.value) == f"limit is at least 1, not {limit!r}"
    assert stream.getvalue() == b""


def test_error_of_the_stream_is_raised(log: AuditLog, acme: AccountLog) -> None:
    class Broken(io.BytesIO):
        def write(self, data: Any) -> int:
            raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        acme.export_csv(Broken())
    record(log, KEY_CREATED)  # the log still works
    assert acme.count() == 1


def test_stream_stays_open(log: AuditLog, acme: AccountLog) -> None:
    stream = io.BytesIO()
    acme.export_csv(stream)
    assert not stream.closed


def test_json_lines_are_oldest_first(log: AuditLog, acme: AccountLog) -> None:
    entries = [record(log, KEY_CREATED), record(log, DEPLOYED, MODEL | {"model_name": "ü\n\u2028"})]
    stream = io.BytesIO()
    assert acme.export_jsonl(stream) == 2
    lines = stream.getvalue().split(b"\n")
    assert lines.pop() == b""
    assert [json.loads(line) for line in lines] == [entry.to_json() for entry in entries]


REST: dict[str, Any] = {
    "outcome": "failure",
    "failure_reason": '=wrong "password"\n;+1, \\ ü',
    "on_behalf_of_type": "app",
    "on_behalf_of_id": "-1",
    "on_behalf_of_name": "@Grace,\t'Hopper'",
    "context": '{"request_id":"r-1, \\"2\\" |=","user_agent":"=cmd"}',
}


def test_exports_have_outcome_context_and_others(database: Database, log: AuditLog, acme: AccountLog) -> None:
    anonymous = {"actor_type": "anonymous", "actor_id": None}
    shapes: list[dict[str, Any]] = [
        {},
        REST | anonymous,
        {"outcome": "failure"},
        {"on_behalf_of_type": "user", "on_behalf_of_id": "u-1"},
        {"context": REST["context"]},
        {
            "context": ' {\n "user_agent" : "x" } '
            if database.engine == "postgresql"
            else '{\n"user_agent":"x"}'
        },
        {"context": "{ }", "failure_reason": "late\r\n", "outcome": "failure"},
    ]
    for seconds, shape in enumerate(shapes):
        insert_row(database, CATALOG, occurred_at=LONG_AGO + timedelta(seconds=seconds), **shape)
    entries = list(acme.all())
    lines = [json.loads(line) for line in b"".join(acme.stream("jsonl")).splitlines()]
    assert lines == [entry.to_json() for entry in reversed(entries)]
    assert [entry.damaged for entry in entries] == [()] * len(shapes)
    head, *rows = export(acme, full=True)
    rows.reverse()
    assert head[13:19] == FULL[13:19]
    assert rows[0][13:19] == ["success", "", "", "", "", ""]
    assert rows[1][13:19] == [
        *("failure", "'=wrong \"password\"\n;'+1, \\ ü", "app", "'-1", "'@Grace,\t''Hopper'"),
        '{"request_id":"r-1, \\"2\\" |\'=","user_agent":"=cmd"}',
    ]
    assert [row[4] for row in rows[:2]] == ["u-17", "Anonymous"]
    assert [row[13] for row in rows] == [entry.outcome for entry in reversed(entries)]


def collected(entries: Iterable[Entry], what: Callable[[Entry], str]) -> list[str]:
    return [what(entry) for entry in entries]


def test_cells_equal_the_values_of_the_entries(log: AuditLog, acme: AccountLog) -> None:
    for event in log.catalog.events.values():
        if event.name != "api_async_enabled":
            log.record_form(form(event.key, event.example))
    table = export(acme)[1:]
    entries = list(acme.all())
    assert [row[1] for row in table] == collected(entries, lambda entry: entry.event_title)
    assert [row[2] for row in table] == collected(entries, lambda entry: entry.category_title)
    assert [row[3] for row in table] == collected(entries, lambda entry: entry.description)
