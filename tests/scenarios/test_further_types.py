"""UUIDs, dates, whole numbers of 64 bits and changes: recorded, stored, read, exported and described."""

import csv
import importlib
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock
from uuid import UUID

import pyarrow.parquet  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import StatementError
from sqlmodel import Session, col, create_engine, select
from tests.conftest import import_view
from tests.generator.run_command import run
from tests.support.databases import Database, open_log
from tests.support.paths import TEST_CATALOGS
from tests.support.sample_events import without_imports
from tests.support.type_check import run_mypy

from auditwright import Actor, AuditLog, Catalog, Change, Entry, Filter, ValidationError
from auditwright.contrib.pytest_wanted import Wanted
from auditwright.server.metadata_rows import metadata_rows
from auditwright_generator import cli
from auditwright_generator.check import read_catalog
from auditwright_generator.findings import Finding

PACKAGE = "typed_events"
UPDATED, ENDED = "store.change.item_updated", "store.values.run_ended"
RUN = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")

GIVEN: dict[str, Any] = {
    "name_change": Change("Draft", "Ready"),
    "code_change": Change(None, "AB-0001"),
    "count_change": Change(0, 99),
    "share_change": Change(0.5, 1.0),
    "flag_change": Change(False, True),
    "moment_change": Change(datetime(2026, 1, 31, 9, 30, tzinfo=UTC), None),
    "date_change": Change(date(2026, 1, 31), date.max),
    "address_change": Change("203.0.113.7", "2001:db8::1"),
    "link_change": Change(None, "https://example.com/a"),
    "mail_change": Change("ada@example.com", None),
    "owner_change": Change(RUN, None),
    "offset_change": Change(2**53 + 1, -(2**63)),
    "role": Change("viewer", "owner"),
    "tier": Change("free", "paid"),
}
STORED: dict[str, Any] = {
    "name_change": {"from": "Draft", "to": "Ready"},
    "code_change": {"from": None, "to": "AB-0001"},
    "count_change": {"from": 0, "to": 99},
    "share_change": {"from": 0.5, "to": 1.0},
    "flag_change": {"from": False, "to": True},
    "moment_change": {"from": "2026-01-31T09:30:00.000000Z", "to": None},
    "date_change": {"from": "2026-01-31", "to": "9999-12-31"},
    "address_change": {"from": "203.0.113.7", "to": "2001:db8::1"},
    "link_change": {"from": None, "to": "https://example.com/a"},
    "mail_change": {"from": "ada@example.com", "to": None},
    "owner_change": {"from": str(RUN), "to": None},
    "offset_change": {"from": "9007199254740993", "to": "-9223372036854775808"},
    "role": {"from": "viewer", "to": "owner"},
    "account.tier": {"from": "FREE-1", "to": "2"},
}
DESCRIPTION = (
    "Ada updated: Draft -> Ready; not set -> AB-0001; 0 -> 99; 0.5 -> 1.0; no -> yes; "
    "2026-01-31T09:30:00.000000Z -> not set; 2026-01-31 -> 9999-12-31; 203.0.113.7 -> 2001:db8::1; "
    "not set -> https://example.com/a; ada@example.com -> not set; "
    "6ba7b810-9dad-11d1-80b4-00c04fd430c8 -> not set; 9007199254740993 -> -9223372036854775808; "
    "Viewer -> Owner of everything; Free -> Paid."
)


@pytest.fixture(scope="module")
def catalog(further_types: Path) -> Catalog:
    found: Catalog = importlib.import_module(PACKAGE).CATALOG
    return found


@pytest.fixture
def log(catalog: Catalog, database: Database) -> Iterator[AuditLog]:
    with open_log(database, catalog) as log, log.acting(Actor.user("u-17", "Ada"), account_id="acme"):
        yield log


def emitters(log: AuditLog) -> Any:
    return importlib.import_module(PACKAGE).AuditEvents(log).store


def rows(database: Database, event: str, *conditions: Any) -> list[Any]:
    engine = create_engine(database.sqlalchemy_url)
    try:
        with Session(engine) as session:
            return list(session.exec(select(import_view(PACKAGE, event)).where(*conditions)).all())
    finally:
        engine.dispose()


def metadata(log: AuditLog, entry: Entry) -> dict[str, Any]:
    found = log.account("acme").get(entry.id)
    assert found is not None
    return found.metadata


# --- recorded and read back ------------------------------------------------------------------------


def test_changes_of_every_type_are_stored_alike(log: AuditLog) -> None:
    entry = emitters(log).change.item_updated(**GIVEN)
    assert metadata(log, entry) == STORED
    assert entry.description == DESCRIPTION
    assert log.record(entry.typed).metadata == STORED
    assert log.record_json(json.dumps({"event": UPDATED, "metadata": STORED})).metadata == STORED
    typed = vars(entry.typed)
    texts = {"moment_change", "date_change", "owner_change"}
    assert {name: value for name, value in typed.items() if name not in texts} == {
        name: value for name, value in GIVEN.items() if name not in texts
    }
    assert typed["date_change"] == Change("2026-01-31", "9999-12-31")
    assert entry.typed == log.catalog.model(log.catalog.events[UPDATED]).model_validate(STORED)


def test_changes_of_every_type_are_two_typed_columns(log: AuditLog, database: Database) -> None:
    emitters(log).change.item_updated(**GIVEN)
    [row] = rows(database, UPDATED)
    for name, change in GIVEN.items():
        sides = getattr(row, f"{name}_from"), getattr(row, f"{name}_to")
        assert sides == (change.before, change.after), name
        assert list(map(type, sides)) == [type(change.before), type(change.after)], name
    table = import_view(PACKAGE, UPDATED)
    for condition, count in (
        (table.role_to == "owner", 1),
        (table.role_to == "editor", 0),
        (table.tier_from == "free", 1),
        (table.owner_change_from == RUN, 1),
        (table.date_change_from < date(2026, 2, 1), 1),
        (table.offset_change_to < 0, 1),
        (col(table.code_change_from).is_(None), 1),
    ):
        assert len(rows(database, UPDATED, condition)) == count, str(condition)


def test_values_of_every_type_are_read_back(log: AuditLog, database: Database) -> None:
    entry = emitters(log).values.run_ended(
        run_id=str(RUN).upper(),
        run_ids=[UUID(int=0), "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"],
        due=date(2026, 1, 31),
        dates=[date.min, "2024-02-29"],
        offset=-(2**63),
        offsets=[2**63 - 1, 0],
    )
    assert metadata(log, entry) == {
        "run_id": str(RUN),
        "run_ids": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
        "due": "2026-01-31",
        "dates": ["0001-01-01", "2024-02-29"],
        "offset": "-9223372036854775808",
        "offsets": ["9223372036854775807", "0"],
    }
    typed: Any = entry.typed
    assert (typed.offset, typed.offsets, typed.due) == (-(2**63), [2**63 - 1, 0], "2026-01-31")
    [row] = rows(database, ENDED)
    assert (row.run_id, row.due, row.offset) == (RUN, date(2026, 1, 31), -(2**63))
    assert (row.dates, row.offsets) == (["0001-01-01", "2024-02-29"], ["9223372036854775807", "0"])
    table = import_view(PACKAGE, ENDED)
    assert len(rows(database, ENDED, table.run_id == RUN, table.due == date(2026, 1, 31))) == 1
    with pytest.raises(StatementError, match="a date is compared with a date, not datetime"):
        rows(database, ENDED, table.due == datetime(2026, 1, 31, tzinfo=UTC))


@settings(max_examples=60)
@given(
    before=st.none() | st.integers(-(2**63), 2**63 - 1),
    after=st.integers(-(2**63), 2**63 - 1),
    moment=st.none() | st.datetimes(timezones=st.just(UTC)),
    day=st.none() | st.dates(),
    owner=st.none() | st.uuids(allow_nil=True),
)
def test_any_change_is_read_back_as_it_was_given(
    catalog: Catalog, before: Any, after: Any, moment: Any, day: Any, owner: Any
) -> None:
    given = {
        **GIVEN,
        "offset_change": Change(before, after),
        "moment_change": Change(moment, None),
        "date_change": Change(None, day),
        "owner_change": Change(owner, owner),
    }
    with (
        TemporaryDirectory() as folder,
        AuditLog.open(f"sqlite:///{folder}/a.db", account_id="acme", catalog=catalog) as log,
        log.acting(Actor.system()),
    ):
        entry = emitters(log).change.item_updated(**given)
        assert vars(entry.typed)["offset_change"] == Change(before, after)
        stored = entry.metadata
        assert stored["date_change"]["to"] == (None if day is None else day.isoformat())
        assert stored["owner_change"] == dict.fromkeys(("from", "to"), None if owner is None else str(owner))
        again = log.record_json(json.dumps({"event": UPDATED, "metadata": stored}))
        assert (again.metadata, again.description) == (stored, entry.description)


# --- refused and altered ---------------------------------------------------------------------------

OR_NULL = ", or null if it is not set"
ROLE = f"an object with from and to, each of them one of viewer, editor{OR_NULL}"
BIGINT = "a whole number of 64 bits, which is text in JSON"
WRONG_CHANGES: list[tuple[str, Any, str]] = [
    ("role", {"from": "x", "to": None}, f"role.from: expected one of viewer, editor{OR_NULL}, got 'x'"),
    ("role", {"from": None, "to": 7}, f"role.to: expected one of viewer, editor{OR_NULL}, got 7"),
    ("role", {"from": "viewer"}, f"role: expected {ROLE}, got an object without to"),
    ("role", {"from": None, "to": None, "x": 1}, f"role: expected {ROLE}, got an object with other members"),
    ("role", {"from": [[]], "to": None}, f"role.from: expected one of viewer, editor{OR_NULL}, got a list"),
    ("role", "editor", f"role: expected {ROLE}, got 'editor'"),
    (
        "count_change",
        {"from": 10, "to": 1},
        f"count_change.from: expected an integer of at least 0 and at most 9{OR_NULL}, got 10",
    ),
    (
        "name_change",
        {"from": "", "to": "a"},
        f"name_change.from: expected a string of 1 to 5000 characters{OR_NULL}, got a string",
    ),
    (
        "offset_change",
        {"from": "1", "to": "9223372036854775808"},
        f"offset_change.to: expected {BIGINT}{OR_NULL}, got '9223372036854775808'",
    ),
]


def test_wrong_change_is_refused_everywhere_alike(catalog: Catalog, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    with AuditLog.open(url, account_id="acme", catalog=catalog) as log, log.acting(Actor.system()):
        for field, value, problem in WRONG_CHANGES:
            values = {"parent_id": str(RUN), field: value}
            with pytest.raises(ValidationError) as by_json:
                log.record_json(json.dumps({"event": "store.change.item_noted", "metadata": values}))
            with pytest.raises(ValidationError) as by_form:
                emitters(log).change.item_noted(**values)
            said = [str(by_json.value), str(by_form.value)]
            if type(value) is dict and value.keys() == {"from", "to"}:
                with pytest.raises(ValidationError) as by_change:
                    emitters(log).change.item_noted(**{**values, field: Change(value["from"], value["to"])})
                said.append(str(by_change.value))
            assert said == [f"store.change.item_noted: metadata.{problem}"] * len(said)
        cyclic: dict[str, Any] = {"to": None}
        cyclic["from"] = cyclic
        with pytest.raises(ValidationError, match=r"metadata\.role\.from: expected .*, got an object"):
            emitters(log).change.item_noted(parent_id=RUN, role=cyclic)


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("offset", "007", f"{BIGINT}, got '007'"),
        ("offset", 1.0, f"{BIGINT}, got 1.0"),
        ("offset", 2**63, f"{BIGINT}, got 9223372036854775808"),
        ("date", datetime(2026, 1, 31, tzinfo=UTC), "a date such as 2026-01-02, got datetime"),
        ("date", "2026-02-29", "a date such as 2026-01-02, got '2026-02-29'"),
        ("run_id", "x", "a UUID, got 'x'"),
    ],
)
def test_wrong_value_says_what_is_expected(
    catalog: Catalog, tmp_path: Path, field: str, value: Any, problem: str
) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    with (
        AuditLog.open(url, account_id="acme", catalog=catalog) as log,
        log.acting(Actor.system()),
        pytest.raises(ValidationError) as error,
    ):
        emitters(log).values.run_noted(**{field: value})
    assert str(error.value) == f"store.values.run_noted: metadata.{field}: expected {problem}"


def test_long_and_unprintable_sides_are_altered(log: AuditLog, other_database: Database) -> None:
    entry = emitters(log).change.item_noted(parent_id=RUN, name_change=Change("a\0b", "x" * 5000))
    sides = metadata(log, entry)["name_change"]
    assert sides == {"from": "a\ufffdb", "to": "x" * 4093 + "…"}
    assert {path: sorted(note) for path, note in entry.alterations.items()} == {
        "metadata.name_change.from": ["cleaned", "length", "sha256"],
        "metadata.name_change.to": ["cut", "length", "sha256"],
    }
    shown = {row.label: (row.values, row.altered) for row in metadata_rows(entry, log.catalog)}
    assert shown["Name"] == ((f"{sides['from']} -> {sides['to']}",), True)
    assert shown["Role"] == ((), False)
    lines = io.BytesIO()
    log.account("acme").export_jsonl(lines)
    said: list[object] = []
    with open_log(other_database, log.catalog) as other:
        other.import_jsonl(lines.getvalue().splitlines(), lambda *problem: said.append(problem))
        assert without_imports(other.account("acme").all()) == [entry]
    assert said == []


def test_pytest_fixture_compares_values_of_every_type(catalog: Catalog) -> None:
    def wanted(key: str, **fields: Any) -> dict[str, Any]:
        event = catalog.events[key]
        return Wanted(event, catalog.model(event), {}, fields).fields

    anything: Any = mock.ANY
    assert wanted(UPDATED, **GIVEN) == {
        name: STORED["account.tier" if name == "tier" else name] for name in GIVEN
    }
    assert wanted(UPDATED, role=Change(anything, "owner"))["role"]["to"] == "owner"
    assert wanted(UPDATED, role=anything)["role"] is anything
    assert wanted(ENDED, run_id=RUN, offset=5, offsets=[5], due=date(2026, 1, 31)) == {
        "run_id": str(RUN),
        "offset": "5",
        "offsets": ["5"],
        "due": "2026-01-31",
    }
    for key, name, value in (
        (UPDATED, "role", Change("viewer", "nobody")),
        (UPDATED, "role", "viewer"),
        (UPDATED, "count_change", Change(1, 100)),
        (ENDED, "run_id", "x"),
        (ENDED, "offset", 2**63),
    ):
        with pytest.raises(ValidationError, match=f"metadata.{name}: expected"):
            wanted(key, **{name: value})


# --- exported and described ------------------------------------------------------------------------


def test_exports_have_both_sides(log: AuditLog, other_database: Database, tmp_path: Path) -> None:
    emitters(log).change.item_updated(**GIVEN)
    emitters(log).values.run_noted(offset=2**53 + 1, date=date(2026, 1, 31), run_id=RUN)
    account = log.account("acme")
    account.export_parquet(tmp_path / "log.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "log.parquet")
    noted, updated = table.to_pylist()
    for name, change in GIVEN.items():
        if name not in ("owner_change", "tier"):
            assert (updated[f"{name}_from"], updated[f"{name}_to"]) == (change.before, change.after), name
    assert (updated["tier_from"], updated["tier_to"]) == ("FREE-1", "2")
    assert (noted["offset"], noted["date"], noted["run_id"]) == (2**53 + 1, date(2026, 1, 31), str(RUN))
    types = {name: str(table.schema.field(name).type) for name in ("offset", "date", "run_id", "dates")}
    assert types == {
        "offset": "int64",
        "date": "date32[day]",
        "run_id": "string",
        "dates": "list<element: date32[day]>",
    }
    account.export_csv(tmp_path / "log.csv", full=True)
    with (tmp_path / "log.csv").open(newline="", encoding="utf-8-sig") as file:
        records = list(csv.DictReader(file))
    assert json.loads(records[1]["Metadata"]) == STORED
    lines = io.BytesIO()
    account.export_jsonl(lines)
    with open_log(other_database, log.catalog) as other:
        assert other.import_jsonl(lines.getvalue().splitlines(), lambda *_: None).stored == 2
        assert without_imports(other.account("acme").all()) == list(account.all())


def test_a_text_that_is_no_bigint_is_null_in_columns(
    log: AuditLog, other_database: Database, tmp_path: Path
) -> None:
    noted = "store.values.run_noted"
    emitters(log).values.run_noted(offset=7)
    lines = io.BytesIO()
    log.account("acme").export_jsonl(lines)
    form = json.loads(lines.getvalue())
    form |= {"metadata": {"offset": "007"}, "catalog_version": "0.0.1"}
    with open_log(other_database, log.catalog) as other:
        other.import_jsonl([json.dumps(form).encode()], lambda *_: None)
        chosen = Filter.parse([f"event:is:{noted}"])
        other.account("acme").export_parquet(tmp_path / "a.parquet", chosen)
    [row] = rows(other_database, noted)
    table = pyarrow.parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert (row.offset, table[0]["offset"], table[0]["metadata"]) == (None, None, '{"offset":"007"}')


def test_reference_shows_changes_as_the_log_does(further_types: Path) -> None:
    page = (further_types / "docs/store/change.md").read_text("utf-8")
    assert (
        "| Role | `role` | Change of one of: Viewer (`viewer`), Editor (`editor`), Owner of everything"
        in page
    )
    assert "| Count | `count_change` | Change of whole number, from 0 to 99, in pieces |" in page
    assert "| Link | `link_change` | Change of URL |" in page
    assert "from auditwright import Change\n\naudit.store.change.item_updated(" in page
    assert '    role=Change("viewer", "owner"),\n' in page
    assert "    offset_change=Change(9007199254740993, -9223372036854775808),\n" in page
    assert "Viewer -&gt; Owner of everything" in page or "Viewer -> Owner of everything" in page


def test_generated_code_of_every_type_is_typed(further_types: Path, tmp_path: Path) -> None:
    uses = tmp_path / "uses.py"
    uses.write_text(USES)
    # Without the path: mypy remembers the folder in which it first saw the file.
    lines = run_mypy(further_types / PACKAGE, uses, roots=[further_types]).splitlines()
    said = [line.partition("uses.py:")[2] for line in lines]
    assert said == [f"{line}: error: {text}" for line, text in WRONG]


USES = """from datetime import date
from uuid import UUID

from auditwright import AuditLog, Change
from typed_events import AuditEvents
from typed_events.models.store.change import ItemNoted
from typed_events.tables.store.change import ItemUpdated


def use(log: AuditLog, run: UUID, row: ItemUpdated, model: ItemNoted) -> None:
    audit = AuditEvents(log)
    audit.store.values.change(role=Change("viewer", "editor"))
    audit.store.values.change(role=Change(None, "editor"))
    audit.store.values.run_noted(run_id=run, run_ids=[run, str(run)], date=date.today(), offset=2**63 - 1)
    before: date | None = row.date_change_from
    number: int | None = row.offset_change_to
    owner: UUID | None = row.owner_change_from
    name: Change[str] | None = model.name_change
    print(before, number, owner, name)
    audit.store.values.change(role=Change("viewer", "nobody"))
    audit.store.values.change(role="editor")
"""
ROLES = "Literal['viewer', 'editor', 'owner']"
WRONG = [
    (
        20,
        'Argument 2 to "Change" has incompatible type "Literal[\'nobody\']"; '
        f'expected "{ROLES} | None"  [arg-type]',
    ),
    (
        21,
        'Argument "role" to "change" of "Values" has incompatible type "str"; '
        f'expected "Change[{ROLES}]"  [arg-type]',
    ),
]


# --- check -----------------------------------------------------------------------------------------


def findings(tmp_path: Path, *lines: str) -> list[Finding]:
    """The errors of the catalog with more fields, each used by an event."""
    for path in (TEST_CATALOGS / "types").rglob("*.yaml"):
        copy = tmp_path / path.relative_to(TEST_CATALOGS / "types")
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    with (tmp_path / "fields.yaml").open("a") as file:
        file.write("".join(f"{line}\n" for line in lines))
    return [each for each in read_catalog(tmp_path).findings if each.severity == "error"]


LONG = "x" * 59


@pytest.mark.parametrize(
    ("name", "definition", "code", "message"),
    [
        (
            "role_to",
            "type: string",
            "AC103",
            "field role_to has the name of a column that the change role has; rename one",
        ),
        ("x", "type: list of change of string", "AC012", None),
        ("x", "type: change of json", "AC012", None),
        (
            "x",
            "type: change of string, column: true",
            "AC611",
            "field x is a change and cannot have a separate column; remove column",
        ),
        (
            "x",
            "type: bigint, column: true",
            "AC611",
            "field x is of type bigint and cannot have a separate column; remove column",
        ),
        (
            "x",
            "type: change of string, sensitivity: secret",
            "AC608",
            None,
        ),
        (
            "x",
            "type: bigint, min: 1",
            "AC402",
            "field x is of type bigint, but min is for integer and number; remove it",
        ),
        (
            "x",
            "type: change of string, max_items: 1",
            "AC402",
            "field x is of type change of string, but max_items is for lists; remove it",
        ),
        (
            LONG,
            "type: change of string",
            "AC211",
            f"field {LONG} is a change and has the column {LONG}_from, "
            "but at most 63 are allowed; shorten it",
        ),
    ],
)
def test_check_refuses_what_no_artifact_can_have(
    tmp_path: Path, name: str, definition: str, code: str, message: str | None
) -> None:
    [found] = findings(tmp_path, f"{name}: {{title: X, {definition}, description: What it is.}}")
    assert found.code == code
    assert message in (None, found.message)


def test_catalog_of_every_further_type_has_no_finding() -> None:
    assert list(read_catalog(TEST_CATALOGS / "types").findings) == []


def test_condition_cannot_test_a_change(tmp_path: Path) -> None:
    findings(tmp_path)
    path = tmp_path / "store/change.yaml"
    wanted = "offset_change: {when: {role: editor}}"
    text = path.read_text().replace("offset_change: {required: false}", wanted)
    path.write_text(text)
    [found] = [each for each in read_catalog(tmp_path).findings if each.code == "AC408"]
    assert "tests role, which is of type change of enum" in found.message


def test_new_event_gets_an_example_of_every_type(tmp_path: Path) -> None:
    findings(tmp_path)
    fields = [part for name in ("role", "offset", "run_id", "date", "tier") for part in ("--field", name)]
    options = ("--catalog", str(tmp_path), *fields, "--example", "role=viewer -> not set")
    text = "A run was moved to another place in its file."
    assert run(cli.new, "event", "store.values.run_moved", *options, "--description", text) == 0
    catalog = read_catalog(tmp_path).catalog
    assert catalog is not None
    [event] = [event for event in catalog.events if event.name == "run_moved"]
    assert event.example == {
        "role": {"from": "viewer", "to": None},
        "offset": -(2**63),
        "run_id": "6BA7B810-9dad-11d1-80b4-00c04fd430c8",
        "date": "2026-01-31",
        "tier": {"from": "free", "to": "paid"},
    }
