"""All artifacts of each of the 78 events, and entries that are recorded, exported and imported."""

import ast
import csv
import importlib
import inspect
import io
import json
import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from sqlmodel import Session, col, create_engine, select
from tests.generator.run_command import run
from tests.support.paths import ROOT
from tests.support.sample_events import without_imports

import audit_events
from audit_events.tables import AuditCatalog, AuditCategory, AuditEntry, AuditEvent, AuditTable, EventView
from audit_events.tables.account.models import ModelDeployed
from auditwright import Actor, AuditLog, Entry, Filter, SecretKey
from auditwright.catalog import Event
from auditwright_generator import cli
from auditwright_generator.check import read_catalog
from auditwright_generator.generate import render

CATALOG = audit_events.CATALOG
EVENTS = list(CATALOG.events.values())
SCHEMAS = ROOT / "generated" / "audit_events" / "json_schema"
KEY = SecretKey("test", bytes(range(32)))

each_event = pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.key)


def emit(log: AuditLog, event: Event) -> Entry:
    emitter: Any = audit_events.AuditEvents(log)
    for part in event.key.split("."):
        emitter = getattr(emitter, part)
    entry: Entry = emitter(**event.example)
    return entry


def as_stored(event: Event) -> dict[str, Any]:
    """The example as stored: secrets are fingerprints."""
    secrets = {field.name for field in event.metadata if field.sensitivity == "secret"}
    return {
        name: KEY.fingerprint(value, account_id="acme", field=name) if name in secrets else value
        for name, value in event.example.items()
    }


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "audit.db"


@pytest.fixture(scope="module")
def log(path: Path) -> Iterator[AuditLog]:
    with AuditLog.open(f"sqlite:///{path}", account_id="acme", catalog=CATALOG, secret_key=KEY) as log:
        yield log


@pytest.fixture(scope="module")
def entries(log: AuditLog) -> dict[str, Entry]:
    """One entry of each event, by its key."""
    with log.acting(Actor.user("u-17", "Ada Lovelace"), ip_address="203.0.113.7"):
        return {event.key: emit(log, event) for event in EVENTS}


@pytest.fixture(scope="module")
def session(path: Path, entries: dict[str, Entry]) -> Iterator[Session]:
    engine = create_engine(f"sqlite:///{path}")
    with Session(engine) as session:
        yield session
    engine.dispose()


# --- what there is -------------------------------------------------------------------------------


def test_catalog_has_78_events_in_18_categories_of_2_levels() -> None:
    content = json.loads((ROOT / "generated" / "audit_events" / "catalog.json").read_text("utf-8"))
    categories = [category for level in content["levels"] for category in level["categories"]]
    keys = [event["key"] for category in categories for event in category["events"]]
    assert (len(content["levels"]), len(categories), len(keys)) == (2, 18, 78)
    assert keys == list(CATALOG.events)


@each_event
def test_schema_is_valid_and_takes_the_example(event: Event) -> None:
    schema = CATALOG.schema(event)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)
    # The metaschema checks neither patterns nor formats.
    validator = Draft202012Validator(schema)
    form = {"event": event.key, "metadata": event.example}
    assert schema["examples"] == [form]
    assert validator.is_valid(form)
    assert not validator.is_valid({**form, "event": "account.models.no_such_event"})
    assert not validator.is_valid({**form, "description": "x"})
    assert not validator.is_valid({"event": event.key})


def test_schema_ids_are_unique_and_name_the_event_only() -> None:
    ids = {event.key: CATALOG.schema(event)["$id"] for event in EVENTS}
    assert ids == {event.key: f"urn:auditwright:audit_events:{event.key}" for event in EVENTS}
    assert len(set(ids.values())) == 78


def test_index_lists_every_schema_file() -> None:
    index = json.loads((SCHEMAS / "index.json").read_text("utf-8"))["schemas"]
    assert list(index) == list(CATALOG.events)
    files = {path.relative_to(SCHEMAS).as_posix() for path in SCHEMAS.rglob("*.json")} - {"index.json"}
    assert set(index.values()) == files
    for key, file in index.items():
        schema = json.loads((SCHEMAS / file).read_text("utf-8"))
        assert schema["properties"]["event"] == {"const": key}


@each_event
def test_model_is_of_its_event_and_holds_the_example(event: Event) -> None:
    model = CATALOG.model(event)
    assert model.event_key() == event.key
    assert model.__doc__
    assert list(model.model_fields) == [field.name for field in event.metadata]
    made = model(**event.example)
    given = {name: value for name, value in made.model_dump().items() if value is not None}
    assert given == event.example


@each_event
def test_docstrings_of_models_are_the_catalogs_descriptions(event: Event) -> None:
    model = CATALOG.model(event)
    [definition] = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(definition, ast.ClassDef)
    texts = [
        " ".join(str(node.value.value).split())
        for node in definition.body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    assert texts == [event.description, *(field.description for field in event.metadata)]


def test_docs_have_a_section_for_every_event() -> None:
    sections = 0
    for event in EVENTS:
        page = (ROOT / "generated" / "docs" / f"{event.category.replace('.', '/')}.md").read_text("utf-8")
        assert page.count(f'<a id="{event.name}"></a>\n\n### {event.title}\n\n`{event.key}`') == 1
        assert f"| [{event.title}](#{event.name}) | {event.description} |" in page
        section = page.partition(f'<a id="{event.name}"></a>')[2].partition("<a id=")[0]
        call = section.partition("```python\n")[2].partition("```")[0]
        assert call.startswith(f"audit.{event.key}(")
        example = json.loads(section.partition("```json\n")[2].partition("```")[0])
        assert (example["event"], example["metadata"]) == (event.key, event.example)
        for field in event.fields:
            assert f"\n| {field.title} | `{field.name}` | " in section
        sections += 1
    assert sections == 78


# --- recorded, read back -------------------------------------------------------------------------


@each_event
def test_emitter_records_the_example(event: Event, log: AuditLog, entries: dict[str, Entry]) -> None:
    entry = entries[event.key]
    assert entry.event == event.key
    assert entry.metadata == as_stored(event)
    assert list(entry.metadata) == [field.name for field in event.metadata if field.name in event.example]
    assert entry.actor == Actor.user("u-17", "Ada Lovelace")
    assert "{" not in entry.description
    found = log.account("acme").get(entry.id)
    assert found is not None
    assert found == entry
    assert found.typed == CATALOG.model(event)(**as_stored(event))


def view_class(event: Event) -> type[Any]:
    module = importlib.import_module(f"audit_events.tables.{event.category}")
    name = "".join(part.capitalize() for part in event.name.split("_"))
    found: type[Any] = getattr(module, name)
    assert issubclass(found, EventView)
    return found


PYTHON = {"integer": int, "number": float, "boolean": bool, "timestamp": datetime}


@each_event
def test_view_class_returns_the_entry_typed(
    event: Event, session: Session, entries: dict[str, Entry]
) -> None:
    cls, entry = view_class(event), entries[event.key]
    [row] = session.exec(select(cls)).all()
    assert type(row) is cls
    envelope = ("account_id", "id", "occurred_at", "recorded_at", "level", "category", "event", "description")
    for name in (*envelope, "ip_address", "catalog_version"):
        assert getattr(row, name) == getattr(entry, name)
    assert (row.actor_type, row.actor_id, row.actor_name) == ("user", "u-17", "Ada Lovelace")
    values = {field.name: getattr(row, field.name) for field in event.metadata}
    assert values == {field.name: as_stored(event).get(field.name) for field in event.metadata}
    for field in event.metadata:
        value = values[field.name]
        if value is not None:
            assert type(value) is (list if field.many else PYTHON.get(field.kind, str)), field.name
            annotation = cls.model_fields[field.name].annotation
            assert type(None) in get_args(annotation)


def test_there_are_78_view_classes_and_a_view_for_each_event(path: Path, entries: dict[str, Entry]) -> None:
    classes = {view_class(event) for event in EVENTS}
    assert len(classes) == 78
    with sqlite3.connect(path) as connection:
        views = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'view'")}
    connection.close()
    own = {key.replace(".", "_") for key in CATALOG.every_event.keys() - CATALOG.events.keys()}
    assert views == {cls.__tablename__ for cls in classes} | own


def test_view_class_is_filtered_by_typed_columns(session: Session) -> None:
    [warm] = session.exec(select(ModelDeployed).where(col(ModelDeployed.temperature) > 0.5)).all()
    assert warm.temperature == 0.7
    assert warm.stop_sequence == ["###", "END"]
    assert session.exec(select(ModelDeployed).where(ModelDeployed.temperature > 1)).all() == []  # type: ignore[operator]


def test_entries_are_read_through_their_own_class(session: Session, entries: dict[str, Entry]) -> None:
    rows = session.exec(select(AuditEntry).order_by(col(AuditEntry.id))).all()
    assert [row.event for row in rows] == list(entries)
    for row in rows:
        entry = entries[row.event]
        assert (row.id, row.occurred_at, row.recorded_at) == (entry.id, entry.occurred_at, entry.recorded_at)
        assert row.occurred_at.tzinfo is UTC
        assert (row.digest, row.alterations) == (entry.digest, None)
        tool = {} if row.tool_id is None else {"tool_id": row.tool_id}
        assert tool | row.data == entry.metadata


def test_one_entry_is_found_by_its_key(session: Session, entries: dict[str, Entry]) -> None:
    entry = entries["account.dataset.dataset_uploaded"]
    row = session.get(AuditEntry, ("acme", entry.id))
    assert row is not None
    assert (row.event, row.data) == (entry.event, {"file_type": "csv"})
    assert session.get(AuditEntry, ("other", entry.id)) is None


def test_reference_tables_hold_the_catalog(session: Session) -> None:
    events = session.exec(select(AuditEvent)).all()
    assert {(row.key, row.level, row.category, row.title, row.description) for row in events} == {
        (event.key, event.level, event.category, event.title, event.description)
        for event in CATALOG.every_event.values()
    }
    categories = session.exec(select(AuditCategory)).all()
    assert {(row.key, row.level, row.title, row.description) for row in categories} == {
        (each.key, each.level, each.title, each.description) for each in CATALOG.every_category
    }
    [known] = session.exec(select(AuditCatalog)).all()
    assert known.version == CATALOG.version
    assert known.content.encode() == CATALOG.json


def test_tables_join(session: Session) -> None:
    statement = (
        select(AuditCategory.title, AuditEvent.title)
        .join(AuditEntry, col(AuditEntry.event) == AuditEvent.key)
        .join(AuditCategory, col(AuditEvent.category) == AuditCategory.key)
    )
    titles = sorted(session.exec(statement).all())
    assert titles == sorted((event.category_title, event.title) for event in EVENTS)


# --- filtered, exported, read back ---------------------------------------------------------------


@each_event
def test_recorded_filtered_exported_and_read_back_equal(
    event: Event, log: AuditLog, entries: dict[str, Entry]
) -> None:
    entry = entries[event.key]
    where = Filter.parse([f"event:is:{event.key}"])
    account = log.account("acme")
    page = account.entries(where)
    assert page.entries == (entry,)

    table = io.BytesIO()
    assert account.export_csv(table, where, full=True) == 1
    [row] = csv.DictReader(io.StringIO(table.getvalue().decode(), newline=""))
    milliseconds = entry.occurred_at.microsecond // 1000
    assert row["Date and Time (UTC)"] == f"{entry.occurred_at:%Y-%m-%d %H:%M:%S}.{milliseconds:03}"
    assert row["Event Name"] == event.title
    assert row["Category"] == event.category_title
    assert row["Description"] == entry.description
    assert row["User or App Name"] == "Ada Lovelace"
    assert row["IP Address"] == "203.0.113.7"
    assert (row["Event Key"], row["Entry ID"]) == (event.key, str(entry.id))
    tool = {"tool_id": row["Tool ID"]} if row["Tool ID"] else {}
    assert tool | json.loads(row["Metadata"]) == as_stored(event)

    lines = io.BytesIO()
    assert account.export_jsonl(lines, where) == 1
    form = json.loads(lines.getvalue())
    assert form == entry.to_json()
    model = CATALOG.model(event)
    assert model(**form["metadata"]) == entry.typed == model(**as_stored(event))
    fields = {name: type(value) for name, value in form["metadata"].items()}
    for field in event.metadata:
        if field.name in fields and not field.many:
            assert fields[field.name] is PYTHON.get(field.kind, str), field.name


def test_exported_then_imported_elsewhere_gives_equal_rows(
    log: AuditLog, entries: dict[str, Entry], tmp_path: Path
) -> None:
    lines = io.BytesIO()
    assert log.account("acme").export_jsonl(lines) == 78
    refused: list[tuple[int, Exception]] = []
    with AuditLog.open(f"sqlite:///{tmp_path}/other.db", catalog=CATALOG, secret_key=KEY) as other:
        other.import_jsonl(
            lines.getvalue().splitlines(), lambda number, error: refused.append((number, error))
        )
        assert refused == []
        assert without_imports(other.account("acme").all()) == list(reversed(entries.values()))


# --- the SQLModel classes and the storage are one layout -------------------------------------------

TABLES = ("audit_entry", "audit_target", "audit_category", "audit_event", "audit_catalog")


def layout(path: Path) -> dict[str, Any]:
    """The tables in SQLite: columns with types and keys, STRICT, indexes with columns and conditions."""
    connection = sqlite3.connect(path)
    found: dict[str, Any] = {}
    for table in TABLES:
        indexes = {
            (name if origin == "c" else origin): (
                unique,
                partial,
                [tuple(column[1:]) for column in connection.execute(f"PRAGMA index_xinfo({name})")],
                condition(connection, name),
            )
            for _, name, unique, origin, partial in connection.execute(f"PRAGMA index_list({table})")
        }
        [kind] = connection.execute(f"PRAGMA table_list({table})").fetchall()
        columns = connection.execute(f"PRAGMA table_xinfo({table})").fetchall()
        foreign = connection.execute(f"PRAGMA foreign_key_list({table})").fetchall()
        found[table] = {"kind": kind, "columns": columns, "indexes": indexes, "foreign": foreign}
    connection.close()
    return found


def condition(connection: sqlite3.Connection, index: str) -> str:
    """What the WHERE of an index says; empty for one that has all rows."""
    statement = "SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = ?"
    found: tuple[str | None] | None = connection.execute(statement, (index,)).fetchone()
    return ((found and found[0]) or "").partition(" WHERE ")[2]


def make_with_sqlmodel(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    AuditTable.metadata.create_all(engine)
    engine.dispose()


def test_create_all_makes_the_tables_that_the_log_makes(path: Path, log: AuditLog, tmp_path: Path) -> None:
    other = tmp_path / "sqlmodel.db"
    make_with_sqlmodel(other)
    ours, theirs = layout(path), layout(other)
    for table in TABLES:
        assert theirs[table] == ours[table], table
    assert {name: each[-1] for name, each in ours["audit_entry"]["indexes"].items()} == {
        "pk": "",
        "audit_entry_event": "",
        "audit_entry_failure": "outcome = 'failure'",
        "audit_entry_on_behalf_of": "on_behalf_of_id IS NOT NULL",
        "audit_entry_user": "",
    }
    assert len(ours["audit_entry"]["columns"]) == len(AuditEntry.model_fields) == 24


def test_create_all_makes_no_views_into_tables() -> None:
    for event in EVENTS:
        view_class(event)
    assert set(AuditTable.metadata.tables) == set(TABLES)


def test_log_completes_tables_made_by_create_all(tmp_path: Path) -> None:
    path = tmp_path / "sqlmodel.db"
    make_with_sqlmodel(path)
    with AuditLog.open(f"sqlite:///{path}", account_id="acme", catalog=CATALOG, secret_key=KEY) as log:
        with log.acting(Actor.user("u-17")):
            made = [emit(log, event) for event in EVENTS]
        assert list(log.account("acme").all()) == made[::-1]
    engine = create_engine(f"sqlite:///{path}")
    with Session(engine) as session:
        [deployed] = session.exec(select(ModelDeployed)).all()
        assert deployed.model_name == "Llama"
    engine.dispose()


# --- the files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("catalog", "out"), [("catalog", "generated"), ("runtime/catalog", "generated/runtime")]
)
def test_committed_files_are_current(
    catalog: str, out: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    code = run(cli.generate, "--catalog", catalog, "--out", out, "--check")
    printed, problems = capsys.readouterr()
    assert (code, problems) == (0, ""), printed
    assert printed.endswith(f" files in {out} are current\n")


def test_every_generated_file_says_that_it_is_generated() -> None:
    for file in sorted((ROOT / "generated").rglob("*")):
        if file.is_file() and file.suffix in (".py", ".json", ".md", ".yml"):
            head = file.read_text("utf-8")[:1000]
            if file.name != "README.md" or file.parent.name != "generated":
                assert "Code generated by auditwright from catalog/" in head, file
                assert "DO NOT EDIT" in head, file
                assert "`auditwright generate` makes it." in head, file


def test_generated_files_have_no_local_path_or_time() -> None:
    for file in sorted((ROOT / "generated").rglob("*")):
        if file.is_file() and file.suffix != ".pyc":
            text = file.read_text("utf-8")
            assert str(ROOT) not in text
            assert f"{datetime.now(UTC):%Y-%m-%d}" not in text


RENDER = """
import hashlib, sys
from pathlib import Path
from auditwright_generator.check import read_catalog
from auditwright_generator.generate import render
files = render(read_catalog(Path(sys.argv[1])).catalog)
for path in sorted(files):
    print(hashlib.sha256(files[path].encode()).hexdigest(), path)
"""


def digests(folder: Path, seed: str, **environment: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-c", RENDER, str(ROOT / "catalog")],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(ROOT / "generator"), "PYTHONHASHSEED": seed, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_same_catalog_gives_the_same_bytes_everywhere(tmp_path: Path) -> None:
    catalog = read_catalog(ROOT / "catalog").catalog
    assert catalog is not None
    files = render(catalog)
    assert render(catalog) == files
    (tmp_path / "pyproject.toml").write_text(
        "[tool.black]\nline-length = 30\nskip-string-normalization = true\n"
        "[tool.isort]\nprofile = 'black'\nline_length = 30\n"
        "[tool.ruff]\nline-length = 30\n",
        "utf-8",
    )
    first = digests(tmp_path, "1", LC_ALL="C", TZ="Asia/Tokyo")
    assert first == digests(ROOT, "4242", LC_ALL="C.UTF-8", TZ="UTC", COLUMNS="30")
    manifest = [line for line in first.splitlines() if not line.endswith(" manifest.sha256")]
    named = files["manifest.sha256"].splitlines()
    assert sorted(line.replace(" ", "  ") for line in manifest) == sorted(named)
    assert len(named) == len(files) - 1 > 160
