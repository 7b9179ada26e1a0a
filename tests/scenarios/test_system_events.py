"""The system events: in every log beside the service's events, and not part of the service's catalog."""

import csv
import importlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, create_engine, select
from tests.conftest import import_view
from tests.support.processes import run_python
from tests.support.sample_events import (
    ADA,
    EXPORTED,
    IMPORTED,
    change,
    make_catalog,
    record,
    record_system_event,
    rows,
    without_imports,
)

import audit_events
from auditwright import AuditLog, Catalog, Entry, Filter
from auditwright.catalog import SYSTEM_PACKAGE, find_catalog
from auditwright.transfer.export_file import FORMATS

CATALOG = audit_events.CATALOG
EVENTS = [
    "audit.log.viewed",
    EXPORTED,
    IMPORTED,
    *(f"audit.log.{name}" for name in ("pruned", "held", "released")),
    *(f"audit.setup.{name}" for name in ("created", "upgraded", "adopted", "granted", "retained")),
]
GIVEN = {"format": "csv", "selection": "match=any&where=user%3Ais%3Au-17"}
LOGIN = "account.login_logout.login"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


@pytest.fixture
def log(path: Path) -> Iterator[AuditLog]:
    with (
        AuditLog.open(f"sqlite:///{path}", account_id="acme", catalog=CATALOG) as log,
        log.acting(ADA, ip_address="203.0.113.7"),
    ):
        yield log


@pytest.fixture
def entry(log: AuditLog) -> Entry:
    """An export event after an event of the service."""
    record(log, LOGIN, {"email_id": "ada@example.com"})
    return record_system_event(log, EXPORTED, GIVEN)


# --- beside the service's catalog ------------------------------------------------------------------


def test_system_events_are_not_in_the_services_events() -> None:
    assert (len(CATALOG.events), len(CATALOG.categories)) == (78, 18)
    assert EXPORTED not in CATALOG.events
    assert list(CATALOG.every_event) == [*CATALOG.events, *EVENTS]
    assert [category.key for category in CATALOG.every_category[18:]] == ["audit.log", "audit.setup"]
    assert {event.package for event in CATALOG.events.values()} == {"audit_events"}
    assert CATALOG.every_event[EXPORTED].package == SYSTEM_PACKAGE == "auditwright_events"


def test_every_export_format_can_be_recorded() -> None:
    formats = {field.name: field for field in CATALOG.every_event[EXPORTED].fields}["format"]
    assert tuple(formats.values) == FORMATS


def test_system_event_is_found_by_key() -> None:
    event = CATALOG.event(EXPORTED)
    assert event is CATALOG.every_event[EXPORTED]
    assert event is not None
    assert CATALOG.current[EXPORTED] == EXPORTED
    assert CATALOG.model(event).event_key() == EXPORTED
    assert CATALOG.schema(event)["properties"]["event"] == {"const": EXPORTED}
    assert CATALOG.unknown_event("audit.log.export") == (
        '"audit.log.export" is not an event of audit_events 1.1.0; did you mean "audit.log.exported"?'
    )


def test_system_catalog_includes_no_other() -> None:
    system = find_catalog(SYSTEM_PACKAGE)
    assert system.package == SYSTEM_PACKAGE
    assert system.every_event == system.events
    assert system.every_category == system.categories
    assert list(system.events) == EVENTS


def test_system_events_work_in_every_log() -> None:
    """The rules that `runtime/catalog/catalog.yaml` states."""
    system = find_catalog(SYSTEM_PACKAGE)
    assert system.columns == {}
    for key, event in system.events.items():
        assert re.fullmatch(r"audit\.[a-z]+\.[a-z]+", key)
        assert {field.sensitivity for field in event.metadata} <= {"public", "personal"}


def test_every_catalog_has_the_system_events(kitchen_sink: Path, path: Path) -> None:
    catalog: Catalog = importlib.import_module("kitchen_sink_events").CATALOG
    assert len(catalog.events) == 8
    with AuditLog.open(f"sqlite:///{path}", account_id="acme", catalog=catalog) as log:
        entry = record_system_event(log, EXPORTED, GIVEN)
        assert entry.catalog_version == catalog.version
        assert log.account("acme").entries(Filter.parse(["category:is:audit.log"])).entries == (entry,)


def test_joining_loads_no_model_and_recording_no_table(path: Path) -> None:
    script = """
import sys
import audit_events
from auditwright import Actor, AuditLog
from auditwright.system_events import record_export
print(*sorted(name for name in sys.modules if name.startswith("auditwright_events.")))
with AuditLog.open(f"sqlite:///{sys.argv[1]}", account_id="acme") as log:
    record_export(log, "acme", Actor.system(), "csv", "")
print("auditwright_events.models.audit.log" in sys.modules)
print(*[name for name in sys.modules if name.startswith(("auditwright_events.tables", "sqlmodel"))])
"""
    assert run_python(script, str(path)).splitlines() == [
        "auditwright_events._catalog auditwright_events.audit",
        "True",
        "",
    ]


# --- recorded --------------------------------------------------------------------------------------


def test_system_event_has_the_version_of_the_services_catalog(entry: Entry) -> None:
    assert (entry.level, entry.category, entry.event) == ("audit", "audit.log", EXPORTED)
    assert (entry.category_title, entry.event_title) == ("Audit log", "Audit log exported")
    assert entry.description == "Ada Lovelace exported the audit log as CSV."
    assert entry.metadata == GIVEN
    assert entry.catalog_version == CATALOG.version
    assert vars(entry.typed) == GIVEN


def test_long_selection_is_truncated_and_not_refused(log: AuditLog) -> None:
    selection = "where=user%3Ais%3A" + "x" * 60_000
    entry = record_system_event(log, EXPORTED, {"format": "csv", "selection": selection})
    assert list(entry.alterations) == ["metadata.selection"]
    assert len(entry.metadata["selection"]) < 5_000


# --- read, filtered, exported, imported ------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "events"),
    [
        ("category:is:audit.log", [EXPORTED]),
        ("category:is_not:audit.log", [LOGIN]),
        ("event:is:audit.log.exported", [EXPORTED]),
        ("event:is_not:audit.log.exported", [LOGIN]),
        ("event:is_not:account.login_logout.login", [EXPORTED]),
        ("user:is:u-17", [EXPORTED, LOGIN]),
    ],
)
def test_system_entry_is_listed_and_filtered(
    log: AuditLog, entry: Entry, condition: str, events: list[str]
) -> None:
    page = log.account("acme").entries(Filter.parse([condition]))
    assert [each.event for each in page.entries] == events
    assert log.account("acme").get(entry.id) == entry


def test_system_entry_is_exported_with_its_titles(log: AuditLog, entry: Entry) -> None:
    table = io.BytesIO()
    assert log.account("acme").export_csv(table, full=True) == 2
    system, _ = csv.DictReader(io.StringIO(table.getvalue().decode(), newline=""))
    assert (system["Event Name"], system["Category"]) == ("Audit log exported", "Audit log")
    assert (system["Event Key"], system["Level"], system["Tool ID"]) == (EXPORTED, "audit", "")
    assert json.loads(system["Metadata"]) == GIVEN


def test_system_entry_is_equal_after_export_and_import(log: AuditLog, entry: Entry, tmp_path: Path) -> None:
    lines = io.BytesIO()
    assert log.account("acme").export_jsonl(lines) == 2
    errors: list[Exception] = []
    with AuditLog.open(f"sqlite:///{tmp_path}/other.db", catalog=CATALOG) as other:
        other.import_jsonl(lines.getvalue().splitlines(), lambda _, error: errors.append(error))
        assert errors == []
        assert without_imports(other.account("acme").all()) == list(log.account("acme").all())
        assert other.account("acme").get(entry.id) == entry


# --- in SQL ----------------------------------------------------------------------------------------


def test_view_gives_typed_columns(entry: Entry, path: Path) -> None:
    found = rows(path, "SELECT event, format, selection, actor_id FROM audit_log_exported")
    assert found == [(EXPORTED, "csv", GIVEN["selection"], "u-17")]
    view = import_view(SYSTEM_PACKAGE, EXPORTED)
    engine = create_engine(f"sqlite:///{path}")
    with Session(engine) as session:
        [row] = session.exec(select(view).where(view.format == "csv")).all()
        assert (row.id, row.occurred_at, row.selection) == (entry.id, entry.occurred_at, GIVEN["selection"])
    engine.dispose()


def test_reference_rows_join_and_catalog_is_the_services(entry: Entry, path: Path) -> None:
    joined = rows(
        path,
        "SELECT audit_category.level, audit_category.title, audit_event.title FROM audit_entry "
        "JOIN audit_event ON audit_event.key = audit_entry.event "
        "JOIN audit_category ON audit_category.key = audit_event.category ORDER BY audit_entry.id",
    )
    assert joined == [("account", "Login/Logout", "Login"), ("audit", "Audit log", "Audit log exported")]
    assert rows(path, "SELECT version, json FROM audit_catalog") == [("1.1.0", CATALOG.json.decode())]


def test_older_file_gets_the_system_events(log: AuditLog, path: Path) -> None:
    change(
        path,
        "DROP VIEW audit_log_exported",
        "DELETE FROM audit_event WHERE level = 'audit'",
        "DELETE FROM audit_category WHERE level = 'audit'",
    )
    AuditLog.open(f"sqlite:///{path}", catalog=CATALOG).close()
    assert rows(path, "SELECT * FROM audit_log_exported") == []
    assert rows(path, "SELECT key FROM audit_event WHERE level = 'audit'") == [(key,) for key in EVENTS]
    assert rows(path, "SELECT key FROM audit_category WHERE level = 'audit'") == [
        ("audit.log",),
        ("audit.setup",),
    ]


def test_system_event_field_named_like_a_column_is_stored(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edit(content: dict[str, Any]) -> None:
        field = content["levels"][0]["categories"][0]["events"][0]["fields"][-1]
        field |= {"name": "selection", "title": "Choice", "column": True}

    monkeypatch.syspath_prepend(str(tmp_path))
    catalog = make_catalog(tmp_path, edit)
    assert "selection" in catalog.columns
    with AuditLog.open(f"sqlite:///{path}", account_id="acme", catalog=catalog) as log:
        entry = record_system_event(log, EXPORTED, GIVEN)
        assert log.account("acme").get(entry.id) == entry
        assert entry.metadata == GIVEN
        table = io.BytesIO()
        log.account("acme").export_csv(table, full=True)
        assert "Choice" in table.getvalue().decode().splitlines()[0]
    assert rows(path, "SELECT format, selection FROM audit_log_exported") == [("csv", GIVEN["selection"])]
