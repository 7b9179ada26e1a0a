"""Fields and enum values that JSON has under other names: recorded, stored, read, exported and described."""

import asyncio
import csv
import importlib
import io
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from sqlmodel import Session, create_engine, select
from tests.conftest import import_view
from tests.support.command_line import Auditwright
from tests.support.databases import Database, open_log
from tests.support.type_check import run_mypy

import audit_events
from auditwright import Actor, AuditLog, Catalog, Entry, SecretKey, ValidationError
from auditwright.catalog import is_stored_name
from auditwright.contrib.pytest_audit import Audit, OwnLog
from auditwright.contrib.pytest_watching import watching
from auditwright.server.metadata_rows import metadata_rows
from auditwright_generator.source import structure

KEY = SecretKey("test", bytes(range(32)))
PACKAGE = "stored_names_events"
ENDED = "build.runs.run_ended"

GIVEN: dict[str, Any] = {
    "exit_code": 1, "state": "half", "priority": "high", "why": "It {broke} 100%",
    "started_at": "2026-01-31T10:30:00+01:00", "pull_request": "17", "plain": "as it is",
    "remote_address": "2001:db8::1", "second_factor": True, "api_key": "not-a-real-key",
    "log_times": ["2026-01-31T10:30:00+01:00"], "states": ["ready", "todo"], "codes": ["bad", "ok"],
    "issue_number": "9",
}  # fmt: skip
STORED: dict[str, Any] = {
    "exitCode": 1, "state/now": "50% o'clock {x}", "@priority": 1, "actor": "It {broke} 100%",
    "startedAt": "2026-01-31T09:30:00.000000Z", "id": "17", "plain": "as it is",
    "addr.remote": "2001:db8::1", "0": True,
    "apiKey": KEY.fingerprint("not-a-real-key", account_id="acme", field="apiKey"),
    "log:times": ["2026-01-31T09:30:00.000000Z"], "$states": ["READY", "todo"], "account_id": [1, 0],
    "#": "9",
}  # fmt: skip
NAMES = (
    "exitCode, state/now, @priority, actor, startedAt, id, plain, addr.remote, 0, apiKey, log:times, "
    "$states, account_id, event, #"
)
TYPED = {
    **GIVEN,
    "started_at": STORED["startedAt"],
    "log_times": STORED["log:times"],
    "api_key": STORED["apiKey"],
    "retry_of": None,
}


@pytest.fixture
def catalog(stored_names: Path) -> Catalog:
    found: Catalog = importlib.import_module(PACKAGE).CATALOG
    return found


@pytest.fixture
def log(catalog: Catalog, database: Database) -> Iterator[AuditLog]:
    with (
        open_log(database, catalog, secret_key=KEY) as log,
        log.acting(Actor.user("u-17", "Ada"), account_id="acme"),
    ):
        yield log


def emit(log: AuditLog, **values: Any) -> Entry:
    entry: Entry = importlib.import_module(PACKAGE).AuditEvents(log).build.runs.run_ended(**values)
    return entry


def model(log: AuditLog, values: dict[str, Any]) -> Any:
    return log.catalog.model(log.catalog.events[ENDED]).model_validate(values)


def metadata(log: AuditLog, entry: Entry) -> dict[str, Any]:
    found = log.account("acme").get(entry.id)
    assert found is not None
    return found.metadata


def test_every_way_of_recording_stores_the_same(log: AuditLog) -> None:
    entry = emit(log, **GIVEN)
    assert metadata(log, entry) == STORED
    assert entry.description == (
        'Ada saw Half "done" and High with 1 at 2026-01-31T09:30:00.000000Z: It {broke} 100%.'
    )
    assert metadata(log, log.record(model(log, GIVEN))) == STORED
    stored = {**STORED, "apiKey": "not-a-real-key"}
    assert metadata(log, log.record(model(log, stored))) == STORED
    form = {"event": ENDED, "metadata": stored}
    assert metadata(log, log.record_json(json.dumps(form))) == STORED
    assert metadata(log, log.record_event(ENDED, GIVEN, {})) == STORED
    assert metadata(log, asyncio.run(log.record_event_async(ENDED, vars(model(log, GIVEN)), {}))) == STORED
    assert log.record_many([model(log, GIVEN), form]) == 2
    everything = log.account("acme").entries().entries
    assert len(everything) == 8
    assert all(each.metadata == STORED for each in everything)
    assert "not-a-real-key" not in str([each.row for each in everything])


def test_stored_entry_is_read_typed(log: AuditLog, database: Database) -> None:
    entry = emit(log, **GIVEN)
    assert vars(entry.typed) == TYPED
    assert "not-a-real-key" not in repr(model(log, GIVEN))
    [row] = rows(database, ENDED)
    assert {name: getattr(row, name) for name in TYPED} == TYPED | {"started_at": row.started_at}
    assert row.started_at.isoformat() == "2026-01-31T09:30:00+00:00"


def rows(database: Database, event: str) -> list[Any]:
    engine = create_engine(database.sqlalchemy_url)
    try:
        with Session(engine) as session:
            return list(session.exec(select(import_view(PACKAGE, event))).all())
    finally:
        engine.dispose()


def test_fields_with_one_stored_name_are_told_apart(log: AuditLog, database: Database) -> None:
    emit(log, **GIVEN)
    audit = importlib.import_module(PACKAGE).AuditEvents(log)
    noted = audit.build.runs.run_noted(ticket="T-1", state="todo")
    assert metadata(log, noted) == {"plain": "T-1", "state/now": "todo"}
    assert [(row.ticket, row.state) for row in rows(database, "build.runs.run_noted")] == [("T-1", "todo")]
    assert [row.plain for row in rows(database, ENDED)] == ["as it is"]
    exported = [json.loads(line) for line in b"".join(lines(log)).splitlines()]
    assert [each["metadata"] for each in exported] == [STORED, {"plain": "T-1", "state/now": "todo"}]


def lines(log: AuditLog) -> list[bytes]:
    found = io.BytesIO()
    log.account("acme").export_jsonl(found)
    return [found.getvalue()]


def test_exports_have_stored_names_and_parquet_identifiers(log: AuditLog, tmp_path: Path) -> None:
    emit(log, **GIVEN)
    importlib.import_module(PACKAGE).AuditEvents(log).build.runs.run_noted(ticket="T-1")
    path = tmp_path / "log.parquet"
    log.account("acme").export_parquet(path)
    parquet: Any = importlib.import_module("pyarrow.parquet")
    noted, ended = parquet.read_table(path).to_pylist()
    assert [(row["ticket"], row["plain"]) for row in (noted, ended)] == [("T-1", None), (None, "as it is")]
    assert (ended["exit_code"], ended["state"], ended["priority"]) == (1, "50% o'clock {x}", 1)
    assert (ended["states"], ended["codes"]) == (["READY", "todo"], [1, 0])
    assert json.loads(ended["metadata"]) == STORED
    full = io.BytesIO()
    log.account("acme").export_csv(full, full=True)
    first, second = csv.DictReader(io.StringIO(full.getvalue().decode()))
    assert (first["Ticket"], second["Pull request"], second["Issue"]) == ("T-1", "17", "9")
    assert json.loads(first["Metadata"]) == {}
    assert json.loads(second["Metadata"]) == {k: v for k, v in STORED.items() if k not in ("id", "#")}


def test_export_is_imported_as_it_was(log: AuditLog, catalog: Catalog, tmp_path: Path) -> None:
    emit(log, **GIVEN)
    importlib.import_module(PACKAGE).AuditEvents(log).build.runs.run_noted(ticket="T-1", state="ready")
    [exported] = lines(log)
    with AuditLog.open(f"sqlite:///{tmp_path}/copy.db", catalog=catalog, secret_key=KEY) as copy:
        refused: list[object] = []
        copy.import_jsonl(io.BytesIO(exported), lambda *why: refused.append(why))
        assert refused == []
        kept = [
            each for each in copy.account("acme").entries().entries if not each.event.startswith("audit.")
        ]
    assert [each.metadata for each in kept] == [{"plain": "T-1", "state/now": "READY"}, STORED]


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"exitCode": 256}, "metadata.exitCode: expected an integer of at least 0 and at most 255, got 256"),
        (
            {"exit_code": 1},
            f'metadata.exit_code: expected one of {NAMES}, got an unknown field; did you mean "exitCode"?',
        ),
        ({"@priority": True}, "metadata.@priority: expected one of 0, 1, 99, got True"),
        (
            {"state/now": "READY"},
            "metadata.event: expected a string, because @priority is 1 or 99 and state/now is READY, "
            "got nothing",
        ),
        ({"addr.remote": "x"}, "metadata.addr.remote: expected an IP address, got a string"),
        ({"#": 5}, "metadata.#: expected a string, got 5"),
        ({"$states": "READY"}, "metadata.$states: expected a list of one of READY, todo, got 'READY'"),
        ({"$states": ["READY", 0]}, "metadata.$states[1]: expected one of READY, todo, got 0"),
    ],
)  # fmt: skip
def test_problems_name_stored_paths(log: AuditLog, changes: dict[str, Any], text: str) -> None:
    values = {**STORED, **changes}
    with pytest.raises(ValidationError) as raised:
        log.record_json(json.dumps({"event": ENDED, "metadata": values}))
    assert str(raised.value) == f"{ENDED}: {text}"
    with pytest.raises(ValidationError) as raised:
        log.record_event(ENDED, values, {})
    assert str(raised.value) == f"{ENDED}: {text}"


@pytest.mark.sqlite_only
def test_problem_of_a_stored_name_of_digits(log: AuditLog) -> None:
    with pytest.raises(ValidationError, match=r"metadata\.0: expected true or false, got 5"):
        log.record_json(json.dumps({"event": ENDED, "metadata": {**STORED, "0": 5}}))


@pytest.mark.sqlite_only
def test_emitter_names_stored_paths_too(log: AuditLog) -> None:
    with pytest.raises(ValidationError, match=r"metadata\.exitCode: expected an integer .* got 256"):
        emit(log, **GIVEN | {"exit_code": 256})
    with pytest.raises(ValidationError, match=r"metadata\.startedAt: expected a datetime with a time zone"):
        emit(log, **GIVEN | {"started_at": datetime(2026, 1, 2)})
    with pytest.raises(ValidationError, match=r"metadata\.state/now: expected one of READY, 50%"):
        emit(log, **GIVEN | {"state": "done"})
    with pytest.raises(ValidationError, match=r"metadata\.\$states: expected a list .*, got 'ready'"):
        emit(log, **GIVEN | {"states": "ready"})
    with pytest.raises(ValidationError, match=r"metadata\.event: .* because @priority is 1 or 99"):
        emit(log, **GIVEN | {"state": "ready"})


@pytest.mark.sqlite_only
def test_views_show_values_of_older_entries_as_stored(log: AuditLog, database: Database) -> None:
    emit(log, **GIVEN)
    older = {"state/now": "GONE", "@priority": 7, "$states": ["GONE", 1, "READY"], "account_id": ["old", 1]}
    text = json.dumps(older).replace("'", "''")
    database.change("DROP TRIGGER audit_entry_no_update", f"UPDATE audit_entry SET metadata = '{text}'")
    [row] = rows(database, ENDED)
    assert (row.state, row.priority, row.states, row.codes) == (
        "GONE",
        "7",
        ["GONE", 1, "ready"],
        ["old", "bad"],
    )


def test_generated_code_is_typed_by_identifiers(stored_names: Path, tmp_path: Path) -> None:
    package = stored_names / PACKAGE
    uses = tmp_path / "uses.py"
    uses.write_text(
        f"from {PACKAGE} import AuditEvents\n"
        f"from {PACKAGE}.models.build.runs import RunNoted\n\n\n"
        "def use(audit: AuditEvents) -> str | None:\n"
        '    audit.build.runs.run_noted(ticket="T-1", state="todo")\n'
        '    return RunNoted(ticket="T-1", state="ready").state\n',
        "utf-8",
    )
    assert run_mypy(package, uses, roots=[stored_names]) == ""


@pytest.mark.sqlite_only
def test_details_of_an_entry_have_titles(log: AuditLog, catalog: Catalog) -> None:
    shown = {row.label: row.values for row in metadata_rows(emit(log, **GIVEN), catalog)}
    assert (shown["State"], shown["Priority"]) == (('Half "done"',), ("High",))
    assert (shown["States"], shown["Codes"]) == (("Ready", "To do"), ("Broken", "Fine"))
    notes = {row.label: row.note for row in metadata_rows(emit(log, **GIVEN), catalog)}
    assert notes["Retry of"] == "only where Priority is High or Other and State is Ready"


def test_reference_shows_both_names(stored_names: Path) -> None:
    text = (stored_names / "docs" / "build" / "runs.md").read_text("utf-8")
    assert "| Exit code | `exit_code`, in JSON `exitCode` |" in text
    assert "One of: Ready (`ready`, in JSON `READY`), " in text
    assert "None (`none`, in JSON `0`), High (`high`, in JSON `1`)" in text
    assert '    priority="high",\n' in text
    assert '    "@priority": 1,\n' in text
    assert '    "plain": "T-1",\n' in text


@pytest.mark.sqlite_only
def test_assertions_of_pytest_take_what_the_code_gave(
    log: AuditLog, catalog: Catalog, tmp_path: Path
) -> None:
    with watching() as watch:
        emit(log, **GIVEN)
        own = OwnLog(lambda: catalog, "acme", lambda _: tmp_path, lambda: tmp_path)
        audit = Audit(watch, own)
        assert audit.recorded(ENDED, **GIVEN).metadata == STORED
        audit.recorded(ENDED, priority=1, metadata={"exitCode": 1, "state/now": "half", "$states": ANY})
        with pytest.raises(AssertionError, match="priority: expected 0, got 1"):
            audit.recorded(ENDED, priority="none")
        with pytest.raises(ValidationError, match=r'metadata\.state/now: .*; did you mean "ready"'):
            audit.recorded(ENDED, state="redy")


def test_check_of_the_database_finds_nothing(
    log: AuditLog, database: Database, auditwright: Auditwright
) -> None:
    emit(log, **GIVEN)
    importlib.import_module(PACKAGE).AuditEvents(log).build.runs.run_noted(ticket="T-1")
    done = auditwright("database", "check", "--catalog-package", PACKAGE, "--database", database.url)
    assert (done.code, done.err) == (0, "")
    assert "2 entries, against stored_names_events 9.0.0" in done.out
    assert done.out.endswith("\n\nCovered: all entries.\n")
    assert "Views" not in done.out


def test_another_catalog_reads_columns_by_stored_names(log: AuditLog, database: Database) -> None:
    emit(log, **GIVEN)
    importlib.import_module(PACKAGE).AuditEvents(log).build.runs.run_noted(ticket="T-1")
    with open_log(database, audit_events.CATALOG) as other:
        noted, ended = (each.metadata for each in other.account("acme").entries().entries)
        assert (noted, ended) == ({"plain": "T-1"}, STORED)
        exported = [json.loads(line)["metadata"] for line in b"".join(lines(other)).splitlines()]
        assert exported == [STORED, {"plain": "T-1"}]


def test_generator_and_runtime_accept_the_same_stored_names() -> None:
    for character in map(chr, (*range(129), 0xE9)):
        for text in (character, f"a{character}b", character * 63, character * 64):
            assert is_stored_name(text) == structure.is_stored_name(text), text
