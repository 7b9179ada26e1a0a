"""Random catalogs over the whole language: their code is imported, records on both engines and reads back."""

from __future__ import annotations

import csv
import importlib
import io
import itertools
import sys
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import jsonschema_rs
import pyarrow.parquet  # type: ignore[import-untyped]
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, create_engine, select
from tests.generator.run_command import run
from tests.support.campaigns import examples
from tests.support.databases import Database, PostgreSQLServer, SQLiteDatabase
from tests.support.random_catalogs import catalogs, metadata, write_catalog
from tests.support.sample_events import without_imports
from tests.support.type_check import run_mypy

from auditwright import Actor, AuditLog, Catalog, Change, Entry
from auditwright.catalog import Event, Field
from auditwright_generator import cli

_numbers = itertools.count()
PHASES = (Phase.reuse, Phase.generate)
"""Without shrinking: an example takes long, and the catalog that fails is small anyway."""


class Generated:
    """The package that is generated from random files, imported until the end of the block."""

    def __init__(self, folder: Path, data: st.DataObject) -> None:
        self.package = f"random_{next(_numbers)}_events"
        self.out = folder / self.package / "generated"
        files = data.draw(catalogs(self.package))
        write_catalog(folder / self.package / "catalog", files)
        source = ("--catalog", str(folder / self.package / "catalog"))
        assert run(cli.generate, *source, "--out", str(self.out)) == 0

    def __enter__(self) -> Catalog:
        sys.path.insert(0, str(self.out))
        importlib.invalidate_caches()
        module: Any = importlib.import_module(self.package)
        catalog: Catalog = module.CATALOG
        assert get_args(getattr(module, "TargetType", None)) == catalog.target_types
        return catalog

    def __exit__(self, *_: object) -> None:
        sys.path.remove(str(self.out))
        for name in [name for name in sys.modules if name.partition(".")[0] == self.package]:
            del sys.modules[name]


def python_value(field: Field, value: Any) -> Any:
    """A value of the JSON form as emitters and models have it."""

    def item(value: Any) -> Any:
        if field.kind == "bigint":
            return int(value)
        return field.identifiers.get(value, value) if field.kind == "enum" else value

    if field.change:
        sides = (None if value[side] is None else item(value[side]) for side in ("from", "to"))
        return Change(*sides)
    return [item(each) for each in value] if field.many else item(value)


def typed_value(field: Field, value: Any) -> Any:
    """A value of the JSON form as the class of a view has it."""
    if value is None:
        return None
    if field.many:
        return python_value(field, value) if field.kind != "bigint" else value
    made = python_value(field, value)
    types: dict[str, Callable[[str], object]] = {
        "uuid": uuid.UUID,
        "date": date.fromisoformat,
        "timestamp": _moment,
    }
    return types[field.kind](made) if field.kind in types else made


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def in_view(field: Field, value: Any) -> dict[str, Any]:
    """The columns of a view for a value of the JSON form."""
    if not field.change:
        return {field.identifier: typed_value(field, value)}
    plain = replace(field, change=False)
    sides = value or {"from": None, "to": None}
    return {f"{field.identifier}_{side}": typed_value(plain, sides[side]) for side in ("from", "to")}


def record(log: AuditLog, event: Event, values: dict[str, Any], **options: Any) -> Entry:
    """Records by JSON, by the emitter and by the model; the entries are equal but for their ids."""
    fields = {field.name: field for field in event.metadata}
    arguments = {fields[name].identifier: python_value(fields[name], each) for name, each in values.items()}
    emitter: Any = importlib.import_module(event.package).AuditEvents(log)
    for part in (*event.module.split("."), event.name):
        emitter = getattr(emitter, part)
    nulls = {field.name: None for field in event.metadata if not field.always}
    by_json = log.record_form({"event": event.key, **options, "metadata": nulls | values})
    model = log.catalog.model(event)(**arguments)
    for entry in (emitter(**arguments, **options), log.record(model, **options)):
        assert entry.metadata == by_json.metadata
        assert (entry.description, entry.outcome) == (by_json.description, by_json.outcome)
    return by_json


def assert_read_back(log: AuditLog, database: Database, event: Event, recorded: Entry) -> None:
    found = log.account("acme").get(recorded.id)
    assert found is not None
    assert found == recorded
    stored = found.metadata
    fields = {field.name: field for field in event.metadata}
    typed = {field.identifier: stored.get(field.name) for field in event.metadata}
    for field in event.metadata:
        if typed[field.identifier] is not None:
            typed[field.identifier] = python_value(field, stored[field.name])
    assert vars(found.typed) == typed
    module = importlib.import_module(f"{event.package}.tables.{event.module}")
    view = getattr(module, log.catalog.model(event).__name__)
    engine = create_engine(database.sqlalchemy_url)
    with Session(engine) as session:
        row = session.exec(select(view).where(view.id == recorded.id)).one()
    engine.dispose()
    columns = [in_view(field, stored.get(field.name)) for field in fields.values()]
    for name, value in ((name, value) for each in columns for name, value in each.items()):
        assert getattr(row, name) == value, name


def assert_exported(log: AuditLog, other: AuditLog, folder: Path) -> None:
    account = log.account("acme")
    entries = list(account.all())
    lines = io.BytesIO()
    account.export_jsonl(lines)
    problems: list[object] = []
    other.import_jsonl(lines.getvalue().splitlines(), lambda *problem: problems.append(problem))
    assert problems == []
    assert [entry.to_json() for entry in without_imports(other.account("acme").all())] == [
        entry.to_json() for entry in entries
    ]
    account.export_parquet(folder / "log.parquet")
    assert pyarrow.parquet.read_table(folder / "log.parquet").num_rows == len(entries)
    cells = io.BytesIO()
    account.export_csv(cells, full=True)
    assert len(list(csv.reader(io.StringIO(cells.getvalue().decode("utf-8-sig"))))) == len(entries) + 1


def check_catalog(data: st.DataObject, folder: Path, database: Database) -> None:
    """One random catalog: record each of its events with random values, and read everything back."""
    with Generated(folder, data) as catalog:
        database.prepare(catalog)
        with (
            AuditLog.open(database.url, account_id="acme", catalog=catalog) as log,
            AuditLog.open(f"sqlite:///{folder}/{catalog.package}.db", catalog=catalog) as other,
            log.acting(Actor.user("u-1", "Ada")),
        ):
            for event in catalog.events.values():
                validator = jsonschema_rs.validator_for(catalog.schema(event))
                for values in (event.example, data.draw(metadata(event))):
                    validator.validate({"event": event.key, "metadata": values})
                    assert_read_back(log, database, event, record(log, event, values))
                if event.can_fail:
                    values = data.draw(metadata(event, "failure"))
                    validator.validate({"event": event.key, "outcome": "failure", "metadata": values})
                    failed = record(log, event, values, outcome="failure", failure_reason="No.")
                    assert_read_back(log, database, event, failed)
            assert_exported(log, other, folder)


@settings(max_examples=examples(30), phases=PHASES)
@given(data=st.data())
def test_random_catalogs_work_on_sqlite(data: st.DataObject, tmp_path: Path) -> None:
    with TemporaryDirectory(dir=tmp_path) as folder:
        check_catalog(data, Path(folder), SQLiteDatabase(Path(folder) / "audit.db"))


@settings(max_examples=examples(10), phases=PHASES)
@given(data=st.data())
def test_random_catalogs_work_on_postgresql(
    data: st.DataObject, tmp_path: Path, postgresql: PostgreSQLServer
) -> None:
    database = postgresql.bare()
    try:
        with TemporaryDirectory(dir=tmp_path) as folder:
            check_catalog(data, Path(folder), database)
    finally:
        postgresql.drop(database)


def test_code_of_random_catalogs_type_checks(tmp_path: Path) -> None:
    found: list[Generated] = []

    @settings(max_examples=examples(10), phases=[Phase.generate])
    @given(data=st.data())
    def generate(data: st.DataObject) -> None:
        found.append(Generated(tmp_path, data))

    generate()
    assert len(found) >= examples(10)
    assert run_mypy(*(each.out / each.package for each in found), roots=[each.out for each in found]) == ""
