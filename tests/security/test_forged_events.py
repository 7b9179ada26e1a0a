"""Forged events of Auditwright's own: every public way to record refuses them, and an import is recorded."""

import asyncio
import importlib
import io
import json
import signal
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import pytest
from anyio.from_thread import BlockingPortal
from jsonschema import Draft202012Validator
from tests.support.command_line import OS_USER, Auditwright
from tests.support.databases import Database, open_log
from tests.support.paths import ROOT
from tests.support.sample_events import (
    ADA,
    EXPORTED,
    IMPORTED,
    KEY_CREATED,
    form,
    record,
    record_system_event,
)
from tests.support.web import Client, authorize

import audit_events
from auditwright import Actor, AuditLog, AuditwrightError, Entry, StorageError, ValidationError
from auditwright.catalog import SYSTEM_PACKAGE, find_catalog
from auditwright.commands import import_jsonl
from auditwright.entry import Row
from auditwright.operations.retention import place_hold, prune, remove_hold
from auditwright.server import create_app
from auditwright.system_events import OPERATOR_ACCOUNT, ReadRecord

CEO = Actor.user("u-1", "CEO")
CATALOG = audit_events.CATALOG
SYSTEM_EVENTS = [event for event in CATALOG.every_event.values() if event.is_system]
REFUSED = "event: expected an event of the service's catalog, got one that Auditwright alone records"


@pytest.fixture
def log(database: Database) -> Iterator[AuditLog]:
    """A log of the account "acme" on each engine."""
    with open_log(database) as log:
        yield log


@pytest.fixture
def empty(other_database: Database) -> Iterator[AuditLog]:
    """Another log, in another database."""
    with open_log(other_database) as log:
        yield log


def form_of(key: str, metadata: dict[str, Any]) -> dict[str, Any]:
    return {"event": key, "actor": {"type": "user", "id": CEO.id, "name": CEO.name}, "metadata": metadata}


# --- recording -------------------------------------------------------------------------------------

WAYS: dict[str, Callable[[AuditLog, str, dict[str, Any]], object]] = {
    "record_event": lambda log, key, values: log.record_event(key, values, {"actor": CEO}),
    "record_event_async": lambda log, key, values: asyncio.run(
        log.record_event_async(key, values, {"actor": CEO})
    ),
    "record": lambda log, key, values: log.record(model_of(log, key, values), actor=CEO),
    "record_json": lambda log, key, values: log.record_json(json.dumps(form_of(key, values))),
    "record_form": lambda log, key, values: log.record_form(form_of(key, values)),
    "record_form with options": lambda log, key, values: log.record_form(
        {"event": key, "metadata": values}, actor=CEO, occurred_at=datetime(2026, 1, 2, tzinfo=UTC)
    ),
    "record_forms": lambda log, key, values: raise_first(log.record_forms([form_of(key, values)])),
    "record_many of forms": lambda log, key, values: log.record_many([form_of(key, values)]),
    "record_many of models": lambda log, key, values: log.record_many([model_of(log, key, values)]),
    "emitter": lambda log, key, values: emitter_of("AuditEvents", log, key)(**values, actor=CEO),
    "emitter of asyncio": lambda log, key, values: asyncio.run(
        emitter_of("AsyncAuditEvents", log, key)(**values, actor=CEO)
    ),
}


def model_of(log: AuditLog, key: str, values: dict[str, Any]) -> Any:
    return log.catalog.model(log.catalog.every_event[key]).model_validate(values)


def emitter_of(emitters: str, log: AuditLog, key: str) -> Any:
    found = getattr(importlib.import_module(SYSTEM_PACKAGE), emitters)(log)
    for name in key.split("."):
        found = getattr(found, name)
    return found


def raise_first(results: Sequence[Entry | AuditwrightError]) -> None:
    if isinstance(results[0], AuditwrightError):
        raise results[0]


@pytest.mark.parametrize("way", WAYS)
def test_no_way_to_record_takes_a_system_event(way: str, log: AuditLog, path: Path) -> None:
    assert len(SYSTEM_EVENTS) == 11
    for event in SYSTEM_EVENTS:
        with log.acting(CEO), pytest.raises(ValidationError) as caught:
            WAYS[way](log, event.key, event.example)
        assert str(caught.value) == f"{event.key}: {REFUSED}"
    assert log.accounts() == []


def test_transaction_of_a_service_takes_no_system_event(log: AuditLog, path: Path) -> None:
    with closing(sqlite3.connect(path)) as session, pytest.raises(ValidationError, match=REFUSED):
        log.record_event(EXPORTED, {"format": "csv"}, {"actor": CEO, "session": session})
    assert log.accounts() == []


def test_refusal_is_about_the_event_and_not_its_metadata(log: AuditLog, path: Path) -> None:
    with pytest.raises(ValidationError) as caught:
        log.record_json(json.dumps(form_of("audit.log.pruned", {"entries": "many"})))
    assert str(caught.value) == f"audit.log.pruned: {REFUSED}"


def test_log_of_the_system_events_alone_refuses_them_too(tmp_path: Path) -> None:
    system = find_catalog(SYSTEM_PACKAGE)
    with AuditLog.open(f"sqlite:///{tmp_path}/a.db", account_id="acme", catalog=system) as log:
        for event in system.events.values():
            for way in ("record_event", "record_json", "record_many of models", "emitter"):
                with log.acting(CEO), pytest.raises(ValidationError, match=REFUSED):
                    WAYS[way](log, event.key, event.example)
        assert log.accounts() == []


def test_api_refuses_system_events_and_stores_the_others(
    log: AuditLog, portal: BlockingPortal, path: Path
) -> None:
    client = Client(create_app(log, authorize), portal)
    forged, good = ({"event": EXPORTED, "metadata": {"format": "csv"}}, form(KEY_CREATED, {}))
    alone = client.post("/api/entries", json=forged, user="service")
    assert (alone.status_code, alone.json()["errors"][0]["path"]) == (422, "event")
    several = client.post("/api/entries", json=[forged, good, forged], user="service").json()["results"]
    assert [each["status"] for each in several] == [422, 201, 422]
    assert [entry.event for entry in log.account("acme").all()] == [KEY_CREATED]


def test_openapi_does_not_offer_system_events(log: AuditLog, portal: BlockingPortal, path: Path) -> None:
    document = Client(create_app(log, authorize), portal).get("/api/openapi.json").json()
    schema = document["components"]["schemas"]["NewEntry"]
    validator = Draft202012Validator({**schema, "components": document["components"]})
    for event in CATALOG.every_event.values():
        assert validator.is_valid({"event": event.key, "metadata": {}}) is not event.is_system


def test_command_refuses_system_events(auditwright: Auditwright) -> None:
    done = auditwright("record", EXPORTED, "--metadata", '{"format": "csv"}', "--actor", "user:u-1:CEO")
    assert (done.code, done.out, done.err) == (1, "", f"auditwright: {EXPORTED}: {REFUSED}\n")


def test_auditwright_records_each_of_its_events(log: AuditLog, empty: AuditLog, database: Database) -> None:
    record(log, KEY_CREATED, occurred_at=datetime(2020, 1, 31, tzinfo=UTC))
    record_system_event(log, EXPORTED, {"format": "jsonl"})
    import_lines(log, [line(form(KEY_CREATED, {}))])
    assert place_hold(database.url, CATALOG, "acme", "Case 17", ADA)
    assert remove_hold(database.url, CATALOG, "acme", ADA)
    ReadRecord(log).record("acme", ADA, "page")
    prune(database.url, CATALOG, datetime(2021, 1, 1, tzinfo=UTC), ADA)
    recorded = {entry.event for entry in log.account("acme").all()}
    of_accounts = {event.key for event in SYSTEM_EVENTS if event.category == "audit.log"}
    assert recorded == {KEY_CREATED, *of_accounts}
    # The others are recorded in tests/runtime/operations/test_setup_events.py.
    assert [entry.event for entry in log.account(OPERATOR_ACCOUNT).all()] == ["audit.setup.retained"]


def test_reference_offers_no_call_of_a_system_event() -> None:
    folder = ROOT / "generated" / "runtime" / "docs" / "audit"
    page = "".join((folder / f"{name}.md").read_text("utf-8") for name in ("log", "setup"))
    assert page.count("Auditwright alone records it.") == len(SYSTEM_EVENTS)
    assert "**Python**" not in page


# --- imports ---------------------------------------------------------------------------------------


def line(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode() + b"\n"


def exported(log: AuditLog, account: str = "acme") -> list[bytes]:
    stream = io.BytesIO()
    log.account(account).export_jsonl(stream)
    return list(io.BytesIO(stream.getvalue()))


def import_lines(log: AuditLog, lines: Any, **options: Any) -> dict[int, str]:
    """Import lines; the errors of the refused ones."""
    bad: dict[int, str] = {}
    log.import_jsonl(lines, lambda number, error: bad.update({number: str(error)}), **options)
    return bad


def records(log: AuditLog, account: str = "acme") -> list[tuple[int, int]]:
    """The entries and system entries of the account's records of imports, oldest first."""
    found = [entry for entry in log.account(account).all() if entry.event == IMPORTED][::-1]
    return [(entry.metadata["entries"], entry.metadata["system_entries"]) for entry in found]


def test_import_keeps_system_entries_and_says_so(log: AuditLog, empty: AuditLog) -> None:
    record(log, KEY_CREATED)
    forged = record_system_event(log, EXPORTED, {"format": "csv"}, CEO)
    assert import_lines(empty, exported(log), actor=ADA, source="copy of Monday") == {}
    mark, kept, _ = empty.account("acme").all()
    assert kept == forged
    assert (mark.event, mark.actor, mark.level) == (IMPORTED, ADA, "audit")
    assert mark.metadata == {"source": "copy of Monday", "entries": 2, "system_entries": 1}
    assert mark.description == (
        "Ada Lovelace imported entries; number of entries: 2, of the audit log itself: 1."
    )


def test_each_account_has_the_count_of_its_new_entries(log: AuditLog, empty: AuditLog) -> None:
    for account, count in (("acme", 3), ("globex", 2), ("initech", 1)):
        for _ in range(count):
            record(log, KEY_CREATED, account_id=account)
    lines = [each for account in ("acme", "globex", "initech") for each in exported(log, account)]
    import_lines(empty, [lines[5], lines[0]])
    import_lines(empty, [*lines[1:], *lines])
    found = {account: records(empty, account) for account in empty.accounts()}
    assert found == {"acme": [(1, 0), (2, 0)], "globex": [(2, 0)], "initech": [(1, 0)]}


def test_import_without_new_entries_records_nothing(log: AuditLog, empty: AuditLog) -> None:
    record(log, KEY_CREATED)
    lines = exported(log)
    assert import_lines(log, lines) == {}
    assert records(log) == []
    for _ in range(2):
        import_lines(empty, [*lines, b"{}\n"])
    assert import_lines(empty, []) == {}
    assert records(empty) == [(1, 0)]


def test_conflicts_are_not_counted_as_new(log: AuditLog, empty: AuditLog) -> None:
    record(log, KEY_CREATED)
    record(log, KEY_CREATED)
    lines = exported(log)
    other = json.loads(lines[0]) | {"actor": {"type": "system"}}
    import_lines(empty, [line(other)])
    assert list(import_lines(empty, lines)) == [1]
    assert records(empty) == [(1, 0), (1, 0)]


def test_record_of_an_import_is_imported_like_any_entry(log: AuditLog, empty: AuditLog) -> None:
    record(log, KEY_CREATED)
    import_lines(empty, exported(log))
    copied = exported(empty)
    assert import_lines(log, copied) == {}
    assert records(log) == [(1, 0), (1, 1)]
    assert import_lines(log, copied) == {}
    assert exported(log)[:-1] == copied


def test_compressed_import_is_recorded_by_its_name(log: AuditLog, empty: AuditLog, tmp_path: Path) -> None:
    record(log, KEY_CREATED)
    path = tmp_path / "audit-log.jsonl.gz"
    log.account("acme").export_jsonl(path)
    with path.open("rb") as stream:
        import_lines(empty, stream)
    mark = next(iter(empty.account("acme").all()))
    assert (mark.metadata["source"], mark.actor) == (str(path), Actor.system())


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"level": "audit"}, 'level: expected one of the level account, as the event is, got "audit"'),
        (
            {"category": "audit.log"},
            'category: expected one of the level account, as the event is, got "audit.log"',
        ),
        (
            {"event": EXPORTED, "metadata": {"format": "csv"}, "level": "account"},
            'level: expected one of the level audit, as the event is, got "account"',
        ),
        (
            {"event": EXPORTED, "metadata": {"format": "csv"}, "level": "audit", "category": "account.log"},
            'category: expected one of the level audit, as the event is, got "account.log"',
        ),
    ],
    ids=["level", "category", "level of a system event", "category of a system event"],
)
def test_line_of_another_level_than_its_event_is_refused(
    log: AuditLog, path: Path, changes: dict[str, Any], problem: str
) -> None:
    content = form(KEY_CREATED, {}) | changes
    assert import_lines(log, [line(content)]) == {1: f"{content['event']}: {problem}"}
    assert log.accounts() == []


def test_line_without_a_level_counts_by_its_event(log: AuditLog, path: Path) -> None:
    assert import_lines(log, [line(form_of(EXPORTED, {"format": "csv"}))]) == {}
    assert records(log) == [(1, 1)]


def test_actor_of_an_import_is_that_of_the_context(log: AuditLog, path: Path) -> None:
    good = line(form(KEY_CREATED, {}))
    import_lines(log, [good])
    with log.acting(ADA, ip_address="203.0.113.7"):
        import_lines(log, [good])
        import_lines(log, [good], actor=CEO)
    marks = [entry for entry in log.account("acme").all() if entry.event == IMPORTED][::-1]
    assert [(each.actor, each.ip_address) for each in marks] == [
        (Actor.system(), None),
        (ADA, "203.0.113.7"),
        (CEO, None),
    ]


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"actor": "CEO"}, "actor: expected an Actor, got 'CEO'"),
        ({"source": 7}, "source: expected a string, got 7"),
    ],
)
def test_wrong_actor_or_source_imports_nothing(
    log: AuditLog, path: Path, wrong: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        import_lines(log, [line(form(KEY_CREATED, {}))], **wrong)
    assert str(caught.value) == problem
    assert log.accounts() == []


def test_any_text_names_the_source(log: AuditLog, path: Path) -> None:
    for source in ("", "\0\ud800", "x" * 60_000, "=1+1\n"):
        import_lines(log, [line(form(KEY_CREATED, {}))], source=source)
    marks = [entry for entry in log.account("acme").all() if entry.event == IMPORTED][::-1]
    sources = [each.metadata.get("source", "none") for each in marks]
    assert sources == ["none", "\ufffd\ufffd", sources[2], "=1+1\n"]
    assert "xxx" in sources[2]
    assert len(sources[2]) < 5_000


# --- interrupted imports ---------------------------------------------------------------------------


class Stop(BaseException):
    """What ends an import, as Ctrl-C does."""


def raising(count: int, error: BaseException) -> Iterator[bytes]:
    for _ in range(count):
        yield line(form(KEY_CREATED, {}))
    raise error


def test_import_that_is_stopped_records_what_it_stored(log: AuditLog) -> None:
    for error, stored in ((Stop(), 1000), (KeyboardInterrupt(), 1000), (OSError("gone"), 1500)):
        before = len(records(log))
        with pytest.raises(type(error)):
            import_lines(log, raising(1500, error))
        assert records(log)[before:] == [(stored, 0)]
    assert log.account("acme").count() == 3500 + 3


def test_error_of_the_report_does_not_hide_what_was_stored(log: AuditLog, path: Path) -> None:
    first = record(log, KEY_CREATED)
    conflict = line(first.to_json() | {"actor": {"type": "system"}, "description": "Nothing."})

    def stop(number: int, _: AuditwrightError) -> NoReturn:
        raise LookupError(number)

    with pytest.raises(LookupError):
        log.import_jsonl([conflict, line(form(KEY_CREATED, {}))], stop)
    assert records(log) == [(1, 0)]


def test_import_that_cannot_be_recorded_is_an_error(
    log: AuditLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Sequence[Row]) -> NoReturn:
        raise StorageError("the disk is full")

    monkeypatch.setattr(log._storage, "insert", fail)
    note = "the new entries, 1, are stored, but not that they were imported"
    with pytest.raises(StorageError) as caught:
        import_lines(log, [line(form(KEY_CREATED, {}))])
    assert (str(caught.value), caught.value.__notes__) == ("the disk is full", [note])
    with pytest.raises(KeyError) as stopped:
        import_lines(log, raising(1, KeyError("mine")))
    assert stopped.value.__notes__ == [
        "the lines up to 1 are imported, and none after it",
        note,
        "the disk is full",
    ]


# --- the command -----------------------------------------------------------------------------------


def marks_of(auditwright: Auditwright, *options: str) -> list[dict[str, Any]]:
    where = ("--where", f"event:is:{IMPORTED}", "--format", "json")
    found: list[dict[str, Any]] = json.loads(auditwright("list", "--account", "acme", *where, *options).out)
    return found


def test_command_records_who_imported_which_file(recorded: Auditwright) -> None:
    recorded("export", "--account", "acme", "--output", "a.jsonl")
    stdin = Path("a.jsonl").read_text()
    into_a, into_b = ("--database", "sqlite:///a.db"), ("--database", "sqlite:///b.db")
    for _ in range(2):  # the second time nothing is new
        assert recorded("import", "a.jsonl", *into_a).code == 0
        assert recorded("import", "-", "--actor", "app:restore", *into_b, stdin=stdin).code == 0
    (by_name,), (by_stdin,) = marks_of(recorded, *into_a), marks_of(recorded, *into_b)
    assert (by_name["actor"]["id"], by_name["metadata"]["source"]) == (OS_USER.id, "a.jsonl")
    assert (by_stdin["actor"], by_stdin["metadata"]["source"]) == ({"type": "app", "id": "restore"}, "stdin")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_command_and_the_import_is_recorded(
    auditwright: Auditwright, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def stopped(*given: object) -> Iterator[bytes]:
        for _ in range(1500):
            yield line(form(KEY_CREATED, {}))
        signal.raise_signal(number)

    monkeypatch.setattr(import_jsonl, "read_lines", stopped)
    (tmp_path / "a.jsonl").write_text("")
    # A shell starts its background jobs with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert auditwright("import", "a.jsonl", "--account", "acme").code == {15: 143, 2: 130}[number]
    finally:
        signal.signal(signal.SIGINT, before)
    (mark,) = marks_of(auditwright)
    assert mark["metadata"] == {"source": "a.jsonl", "entries": 1000, "system_entries": 0}
