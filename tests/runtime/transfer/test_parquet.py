"""Exports as Parquet: typed columns, and all of the metadata as JSON."""

import importlib
import io
import json
import uuid
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.campaigns import examples
from tests.support.databases import Database, insert_row, open_log
from tests.support.sample_events import (
    ADA,
    DEPLOYED,
    EXPORTED,
    KEY_CREATED,
    LONG_AGO,
    MODEL,
    TUNED,
    any_text,
    event_of,
    form,
    make_catalog,
    record,
    record_system_event,
)

from auditwright import AccountLog, Actor, AuditLog, Catalog, Entry, Filter, SecretKey
from auditwright.entry import CONTEXT, ON_BEHALF_OF_TYPE
from auditwright.transfer import parquet

ENVELOPE = [
    *("occurred_at", "recorded_at", "event_title", "category_title", "description"),
    *("actor_type", "actor_id", "actor_name", "ip_address"),
    *("event", "category", "level", "account_id", "id", "outcome", "failure_reason"),
    *("on_behalf_of_type", "on_behalf_of_id", "on_behalf_of_name", "context", "catalog_version"),
]
ON_BEHALF_OF = ("on_behalf_of_type", "on_behalf_of_id", "on_behalf_of_name")
REST = ["alterations", "metadata"]


def file_of(acme: AccountLog, where: Filter | None = None, **options: Any) -> Any:
    """An export, opened by pyarrow."""
    stream = io.BytesIO()
    count = acme.export_parquet(stream, where, **options)
    found = pyarrow.parquet.ParquetFile(stream)
    assert found.metadata.num_rows == count
    return found


def rows_of(acme: AccountLog, where: Filter | None = None, **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = file_of(acme, where, **options).read().to_pylist()
    return found


def typed(value: Any, kind: str) -> Any:
    if kind == "timestamp":
        return (
            [typed(each, kind) for each in value]
            if isinstance(value, list)
            else datetime.fromisoformat(value)
        )
    return value


def expected_row(entry: Entry, catalog: Catalog) -> dict[str, Any]:
    """The expected row of an entry, without nulls."""
    event = catalog.event(entry.event)
    kinds = {field.name: field.kind for field in event.metadata} if event else {}
    found = {
        **{name: typed(value, kinds[name]) for name, value in entry.metadata.items() if name in kinds},
        "id": str(entry.id),
        "actor_type": entry.actor.type,
        "actor_id": entry.actor.id,
        "actor_name": entry.actor.name,
        "alterations": entry.alterations or None,
        "context": entry.row[CONTEXT],
        **dict(zip(ON_BEHALF_OF, entry.row[ON_BEHALF_OF_TYPE:CONTEXT], strict=True)),
        **{
            name: getattr(entry, name)
            for name in (*ENVELOPE, *REST)
            if not name.startswith(("id", "actor_", "alterations", "context", "on_behalf_of"))
        },
    }
    return {name: value for name, value in found.items() if value is not None}


def row_without_nulls(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the file without nulls."""
    for name in REST:
        row[name] = json.loads(row[name]) if row[name] is not None else None
    return {name: value for name, value in row.items() if value is not None}


def check(acme: AccountLog, catalog: Catalog, **options: Any) -> int:
    """Compare every row of an export with its entry."""
    found = rows_of(acme, **options)
    entries = list(acme.all(**options))
    assert [row_without_nulls(row) for row in found] == [expected_row(entry, catalog) for entry in entries]
    return len(found)


def test_every_event_survives_the_export(log: AuditLog, acme: AccountLog) -> None:
    for number, event in enumerate(log.catalog.every_event.values()):
        values, details = dict(event.example), f"no. {number}"
        if event.is_system:
            record_system_event(log, event.key, values)
        elif event.name != "api_async_enabled":
            record(log, event.key, values, ip_address="2001:db8::7", details=details)
    record(log, KEY_CREATED, actor=Actor.system())
    record(
        log,
        "account.login_logout.login",
        log.catalog.events["account.login_logout.login"].example,
        actor=Actor.anonymous(),
        outcome="failure",
        failure_reason="locked",
        on_behalf_of=Actor.app("ci", "Pipeline"),
        context={"request_id": "r-1"},
    )
    newest = rows_of(acme)[0]
    assert [
        newest[name] for name in ("actor_type", "outcome", "failure_reason", "context", *ON_BEHALF_OF)
    ] == [*("anonymous", "failure", "locked", '{"request_id":"r-1"}', "app", "ci", "Pipeline")]
    assert check(acme, log.catalog) == len(log.catalog.every_event) + 1


@pytest.fixture
def sink(kitchen_sink: Path, database: Database, key: SecretKey) -> Iterator[AuditLog]:
    """A log with one entry of each event of a catalog with fields of every type."""
    catalog = importlib.import_module("kitchen_sink_events").CATALOG
    with open_log(database, catalog, secret_key=key) as log, log.acting(ADA):
        for event in catalog.events.values():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                log.record_event(event.key, event.example, {})
        yield log


def test_every_type_survives_the_export(sink: AuditLog) -> None:
    assert check(sink.account("acme"), sink.catalog) == 8
    schema = file_of(sink.account("acme")).schema_arrow
    moment = pyarrow.timestamp("us", "UTC")
    text = pyarrow.string()
    assert {
        name: schema.field(name).type for name in ("whole", "real", "flag", "moment", "state", "link")
    } == {
        "whole": pyarrow.int64(),
        "real": pyarrow.float64(),
        "flag": pyarrow.bool_(),
        "moment": moment,
        "state": text,
        "link": text,
    }
    assert {name: schema.field(name).type.value_type for name in ("wholes", "reals", "flags", "moments")} == {
        "wholes": pyarrow.int64(),
        "reals": pyarrow.float64(),
        "flags": pyarrow.bool_(),
        "moments": moment,
    }
    assert schema.field("states").type.value_type == schema.field("addresses").type.value_type == text
    assert (schema.field("site").type, schema.field("device_id").type) == (text, text)


def test_secret_is_exported_as_its_fingerprint(sink: AuditLog, key: SecretKey) -> None:
    values = {"device_id": "d-1", "state": "online", "small": 3, "armed": False, "flag": False}
    sink.record_event(
        "device.lifecycle.device_seen",
        values | {"api_key": "hunter2", "share": 1, "moments": []},
        {"actor": ADA},
    )
    row = rows_of(sink.account("acme"))[0]
    assert row["api_key"] == key.fingerprint("hunter2", account_id="acme", field="api_key")
    assert "hunter2" not in row["metadata"]


def test_columns_are_described_in_their_metadata(log: AuditLog, acme: AccountLog, sink: AuditLog) -> None:
    schema = file_of(sink.account("acme")).schema_arrow
    assert schema.field("voltage").metadata == {
        b"title": b"Voltage",
        b"description": b"At its input.",
        b"sensitivity": b"public",
        b"unit": b"volts",
    }
    assert schema.field("owner").metadata[b"sensitivity"] == b"personal"
    told = {name: value for name, value in schema.metadata.items() if name.startswith(b"auditwright.")}
    assert told == {
        b"auditwright.account_id": b"acme",
        b"auditwright.catalog": b"kitchen_sink_events",
        b"auditwright.catalog_version": b"0.3.0-beta.1",
    }


def test_columns_are_those_of_the_selected_events(log: AuditLog, acme: AccountLog) -> None:
    record(log, DEPLOYED, MODEL)
    record(log, TUNED, log.catalog.events[TUNED].example)
    for condition, keys in (
        (f"event:is:{DEPLOYED}", [DEPLOYED]),
        ("category:is:audit.log", [key for key in log.catalog.every_event if key.startswith("audit.log.")]),
    ):
        fields = [field.name for key in keys for field in log.catalog.every_event[key].metadata]
        found = file_of(acme, Filter.parse([condition])).schema_arrow.names
        assert found == [*ENVELOPE, *dict.fromkeys(fields), *REST]
    every = [f.name for event in log.catalog.every_event.values() for f in event.metadata]
    for where in (None, Filter.parse(["user:is:u-17"])):
        found = file_of(acme, where).schema_arrow.names
        assert set(found) == {*ENVELOPE, *every, *REST}
        assert len(set(found)) == len(found)


def test_alias_has_the_columns_of_its_event(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)

    def edit(content: dict[str, Any]) -> None:
        event_of(content, DEPLOYED)["aliases"] = ["account.models.model_started"]

    catalog = make_catalog(tmp_path, edit)
    with open_log(database, catalog) as log:
        insert_row(database, catalog, event="account.models.model_started", metadata=json.dumps(MODEL))
        (row,) = rows_of(log.account("acme"), Filter.parse([f"event:is:{DEPLOYED}"]))
        assert (row["event"], row["event_title"]) == ("account.models.model_started", "Model deployed")
        assert (row["model_id"], json.loads(row["metadata"])) == ("m-17", MODEL)


def test_values_of_another_type_are_only_in_the_metadata(sink: AuditLog, database: Database) -> None:
    stored = {
        "whole": 1.5,
        "small": 2.0,
        "real": "1",
        "voltage": 3,
        "share": True,
        "flag": 1,
        "moment": "yesterday",
        "plain_text": 5,
        "link": None,
        "wholes": [1, "2"],
        "flags": True,
        "moments": ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05"],
        "texts": ["a", "b"],
        "of_another_catalog": {"a": [1]},
        "id": "not the entry's",
    }
    row = insert_row(
        database, sink.catalog, level="workspace", event="workspace.gone.done", metadata=json.dumps(stored)
    )
    (found,) = rows_of(sink.account("acme"), until=LONG_AGO.replace(year=2025))
    assert json.loads(found["metadata"]) == stored
    assert found["id"] == str(uuid.UUID(bytes=row["id"]))
    kept = {name: found[name] for name in stored if name in found and name != "id"}
    assert {name: value for name, value in kept.items() if value is not None} == {
        "small": 2,
        "voltage": 3.0,
        "texts": ["a", "b"],
    }


def test_field_with_the_name_of_a_column_is_in_the_metadata(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A field with the name of a column, and one that Auditwright defines with another type."""
    monkeypatch.syspath_prepend(tmp_path)

    def edit(content: dict[str, Any]) -> None:
        event = event_of(content, DEPLOYED)
        first, second = event["fields"][-2:]
        event["example"] = {}
        first |= {"name": "event_title"}
        second |= {"name": "format", "kind": "integer"}

    catalog = make_catalog(tmp_path, edit)
    stored = {"event_title": "other", "format": 5}
    with open_log(database, catalog) as log:
        insert_row(database, catalog, metadata=json.dumps(stored))
        record_system_event(log, EXPORTED, {"format": "csv"})
        exported, deployed = rows_of(log.account("acme"))
        assert (exported["format"], deployed["format"]) == ("csv", "5")
        assert (deployed["event_title"], json.loads(deployed["metadata"])) == ("Model deployed", stored)


def test_entries_of_removed_events_are_exported(log: AuditLog, acme: AccountLog, database: Database) -> None:
    metadata = '{"thing":1}'
    insert_row(
        database, log.catalog, event="account.gone.thing_done", category="account.gone", metadata=metadata
    )
    assert check(acme, log.catalog) == 1
    (row,) = rows_of(acme)
    assert (row["event_title"], row["category_title"]) == ("account.gone.thing_done", "account.gone")
    assert row["metadata"] == metadata


def test_empty_account_has_no_rows(acme: AccountLog) -> None:
    found = file_of(acme)
    assert found.metadata.num_rows == 0
    assert found.schema_arrow.names[:2] == ["occurred_at", "recorded_at"]


def test_row_groups_are_newest_first(
    log: AuditLog, acme: AccountLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 2000)
    with log.acting(ADA):
        log.record_many(form(KEY_CREATED, {}) for _ in range(4500))
    seen: list[int] = []
    found = file_of(acme, progress=seen.append)
    assert found.read()["id"].to_pylist() == [str(entry.id) for entry in acme.all()]
    assert seen == [2000, 4000, 4500]
    groups = range(found.metadata.num_row_groups)
    assert [found.metadata.row_group(number).num_rows for number in groups] == [2000, 2000, 500]


def test_large_entries_make_small_row_groups(
    log: AuditLog, acme: AccountLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "GROUP_BYTES", 1_000_000)
    with log.acting(ADA):
        event = log.catalog.events["account.users_management.user_invited"]
        values = event.example | {"added_user_ids": ["x" * 200] * 10}
        log.record_many(form(event.key, values) for _ in range(2500))
    found = file_of(acme).metadata
    groups = [found.row_group(number).num_rows for number in range(found.num_row_groups)]
    assert len(groups) > 3
    assert max(groups) < 500


def test_row_groups_do_not_end_for_columns_without_values(
    log: AuditLog, acme: AccountLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "CHUNK", 10)
    monkeypatch.setattr(parquet, "GROUP_BYTES", 20_000)
    with log.acting(ADA):
        log.record_many(form(KEY_CREATED, {}) for _ in range(40))
    found = file_of(acme)
    assert found.read().nbytes > 20_000
    assert found.metadata.num_row_groups == 1


def test_large_entries_make_small_batches(
    log: AuditLog, acme: AccountLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "GROUP_BYTES", 1)
    monkeypatch.setattr(parquet, "BATCH_CHARACTERS", 5000)
    for _ in range(6):
        record(log, KEY_CREATED, details="x" * 2000)
    found = file_of(acme).metadata
    assert [found.row_group(number).num_rows for number in range(found.num_row_groups)] == [3, 3]


@pytest.mark.sqlite_only
@pytest.mark.parametrize("metadata", ["not json", "{oops", "[1]"])
@pytest.mark.parametrize("more", [{}, {"tool_id": "t-1"}])
def test_metadata_that_is_not_an_object_is_wrapped(
    log: AuditLog, acme: AccountLog, database: Database, metadata: str, more: dict[str, str]
) -> None:
    insert_row(database, log.catalog, metadata=metadata, **more)
    (row,) = rows_of(acme)
    assert json.loads(row["metadata"]) == {"metadata": metadata, **more}


class RecordingStream(io.BytesIO):
    """A stream that records entries during its writes."""

    def __init__(self, log: AuditLog) -> None:
        super().__init__()
        self.log = log

    def write(self, data: Any) -> int:
        record(self.log, DEPLOYED, MODEL)
        record(self.log, DEPLOYED, MODEL, occurred_at=LONG_AGO)
        return super().write(data)


def test_export_is_consistent_as_of_its_start(
    log: AuditLog, acme: AccountLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 1000)
    with log.acting(ADA):
        log.record_many(form(KEY_CREATED, {}) for _ in range(2500))
    stream = RecordingStream(log)
    begin = [lambda: record(log, DEPLOYED, MODEL)]
    assert acme.export_parquet(stream, begin=begin[0]) == 2500
    found = pyarrow.parquet.ParquetFile(stream).read()
    assert set(found["event"].to_pylist()) == {KEY_CREATED}
    assert acme.count() > 2503


def test_parquet_file_is_written_atomically(log: AuditLog, acme: AccountLog, tmp_path: Path) -> None:
    record(log, KEY_CREATED)
    target = tmp_path / "out.parquet"
    assert acme.export_parquet(target) == 1
    assert target.stat().st_mode & 0o777 == 0o600
    assert pyarrow.parquet.read_table(target).num_rows == 1

    def fail(_: int) -> None:
        raise KeyboardInterrupt

    before = target.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        acme.export_parquet(target, progress=fail)
    assert target.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir() if "audit.db" not in each.name] == ["out.parquet"]


texts = any_text(12, often="\n\r\t\",'")


@given(st.lists(st.tuples(texts, texts, st.none() | texts.filter(bool)), min_size=1, max_size=4))
@settings(max_examples=examples(40))
def test_any_text_survives_the_export(log: AuditLog, made: list[tuple[str, str, str | None]]) -> None:
    account = f"a{len(log.accounts(1000))}"
    for name, details, model_id in made:
        values = MODEL | ({"model_id": model_id} if model_id else {})
        record(log, DEPLOYED, values, actor=Actor.user("u-1", name), details=details, account_id=account)
    assert check(log.account(account), log.catalog) == len(made)


@given(
    st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 12, 30)),
    st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2026, 1, 1)),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.booleans(), max_size=4),
)
@settings(max_examples=examples(40))
def test_any_value_survives_the_export(
    sink: AuditLog,
    database: Database,
    moment: datetime,
    occurred: datetime,
    whole: int,
    real: float,
    flags: list[bool],
) -> None:
    account = f"a{len(sink.accounts(1000))}"
    stored = {"moment": f"{moment.isoformat()}Z", "whole": whole, "real": real, "flags": flags}
    insert_row(
        database,
        sink.catalog,
        account_id=account,
        occurred_at=occurred.replace(tzinfo=UTC),
        metadata=json.dumps(stored),
    )
    (row,) = rows_of(sink.account(account))
    assert row["moment"] == moment.replace(tzinfo=UTC)
    assert row["occurred_at"] == occurred.replace(tzinfo=UTC)
    assert (row["whole"], row["real"], row["flags"]) == (whole, real, flags)
    assert type(row["whole"]) is int
    (entry,) = sink.account(account).all()
    assert json.loads(row["metadata"]) == entry.metadata
