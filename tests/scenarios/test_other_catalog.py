"""Other catalogs, including hostile ones, generate working code and readable docs."""

import ast
import importlib
import io
import json
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, create_engine, select
from tests.conftest import KITCHEN_SINK, import_view
from tests.generator.run_command import run
from tests.support.campaigns import examples
from tests.support.paths import ROOT
from tests.support.rendered import rendered
from tests.support.sample_events import without_imports
from tests.support.type_check import run_mypy

from auditwright import Actor, AuditLog, Catalog, Entry, Filter, SecretKey, ValidationError
from auditwright.transfer.jsonl_import import Imported
from auditwright_generator import cli, names
from auditwright_generator.check import read_catalog
from auditwright_generator.generate import render

KEY = SecretKey("test", bytes(range(32)))


@pytest.fixture
def catalog(kitchen_sink: Path) -> Catalog:
    found: Catalog = importlib.import_module("kitchen_sink_events").CATALOG
    return found


@pytest.fixture
def log(tmp_path: Path, catalog: Catalog) -> Iterator[AuditLog]:
    url = f"sqlite:///{tmp_path}/sink.db"
    with (
        AuditLog.open(url, account_id="acme", catalog=catalog, secret_key=KEY) as log,
        log.acting(Actor.app("cli", "Importer"), ip_address="2001:DB8::7"),
    ):
        yield log


def emitters(log: AuditLog) -> Any:
    return importlib.import_module("kitchen_sink_events").AuditEvents(log)


def view(event: str) -> Any:
    return import_view("kitchen_sink_events", event)


def record_all(log: AuditLog) -> dict[str, Entry]:
    audit = emitters(log)
    made = {}
    for event in log.catalog.events.values():
        emitter: Callable[..., Entry] = audit
        for part in event.key.split("."):
            emitter = getattr(emitter, part)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            made[event.key] = emitter(**event.example)
    return made


# --- recorded and read back ------------------------------------------------------------------------


def test_catalog_with_everything_passes_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.check, "--catalog", str(KITCHEN_SINK)) == 0
    assert re.fullmatch(r"8 events, \d+ rules: no findings\n", capsys.readouterr().out)


def test_catalog_with_everything_has_every_type_and_constraint() -> None:
    catalog = read_catalog(KITCHEN_SINK).catalog
    assert catalog is not None
    fields = [field for event in catalog.events for field in event.fields]
    kinds = {"string", "integer", "number", "boolean", "timestamp", "ip", "url", "email", "enum"}
    assert {field.type for field in fields} == kinds | {f"list of {kind}" for kind in kinds}
    for name in ("min", "max", "min_length", "max_length", "pattern", "min_items", "max_items", "unit"):
        assert [field for field in fields if getattr(field, name) is not None], name
    assert {field.sensitivity for field in fields} == {"public", "personal", "secret"}
    assert {field.requirement for field in fields} == {True, False, "when"}
    assert {field.entry for field in fields} == {None, "actor_id", "actor_name", "ip_address"}
    asked = {type(value) for field in fields for part in field.when for value in part.values}
    assert asked == {str, bool}


def test_every_event_is_recorded_filtered_and_read_back_typed(log: AuditLog) -> None:
    made = record_all(log)
    assert len(made) == 8
    account = log.account("acme")
    for key, entry in made.items():
        event = log.catalog.events[key]
        page = account.entries(Filter.parse([f"event:is:{key}", f"category:is:{event.category}"]))
        assert page.entries == (entry,)
        found = account.get(entry.id)
        assert found is not None
        expected = {
            name: KEY.fingerprint(value, account_id="acme", field=name) if name == "api_key" else value
            for name, value in event.example.items()
        }
        assert found.metadata == expected
        values = {field.name: expected.get(field.name) for field in event.metadata}
        assert found.typed == log.catalog.model(event).model_construct(None, **values)
        assert found.ip_address == "2001:db8::7"
    by_category = account.entries(Filter.parse(["category:is:device.lifecycle"]))
    assert [entry.event for entry in by_category.entries] == [
        key for key in reversed(made) if key.startswith("device.")
    ]


def test_descriptions_are_rendered(log: AuditLog) -> None:
    made = record_all(log)
    assert made["workspace.values.all_required"].description == (
        "Importer at 2001:db8::7 set 100% {sure}, -7, 0.25, yes, 2024-02-29T23:59:59.999999Z, 2001:db8::1, "
        "https://example.com/manual?id=1#top, Retired: never again to 100% of {all}."
    )
    assert (
        made["workspace.lists.lists_given"].description == "one, two; 80, 443; -1.0, 0.5; yes, no; Fast, Safe"
    )
    assert made["device.lifecycle.device_seen"].description == "Device d-1 is Online, armed: yes."


def test_views_return_typed_rows(log: AuditLog, tmp_path: Path) -> None:
    made = record_all(log)
    engine = create_engine(f"sqlite:///{tmp_path}/sink.db")
    with Session(engine) as session:
        for key in made:
            [row] = session.exec(select(view(key))).all()
            assert row.id == made[key].id
        row = session.exec(select(view("workspace.values.all_required"))).one()
        assert (row.whole, row.small, row.real, row.voltage, row.share) == (-7, 5, 0.25, 5.0, 1.0)
        assert [type(value) for value in (row.whole, row.real, row.voltage, row.flag)] == [
            int,
            float,
            float,
            bool,
        ]
        assert row.moment == datetime(2024, 2, 29, 23, 59, 59, 999999, UTC)
        assert (row.state, row.owner, row.api_key) == (
            "retired",
            "ada@example.com",
            KEY.fingerprint("not-a-real-key", account_id="acme", field="api_key"),
        )
        row = session.exec(select(view("workspace.lists.lists_given"))).one()
        assert (row.texts, row.wholes, row.reals) == (["one", "two"], [80, 443], [-1.0, 0.5])
        assert (row.flags, row.moments) == ([True, False], ["2026-01-02T03:04:05.000000Z"])
        row = session.exec(select(view("workspace.values.all_optional"))).one()
        assert (row.flag, row.whole, row.plain_text, row.moment) == (
            False,
            2**53 - 1,
            None,
            datetime(1999, 12, 31, tzinfo=UTC),
        )
        row = session.exec(select(view("device.lifecycle.device_moved"))).one()
        assert (row.device_id, row.site, row.small, row.wholes) == ("d-2", "south", None, None)
    engine.dispose()


def test_views_are_filtered_by_every_kind_of_column(log: AuditLog, tmp_path: Path) -> None:
    record_all(log)
    all_, seen = view("workspace.values.all_required"), view("device.lifecycle.device_seen")
    noon = datetime(2024, 2, 29, 12, tzinfo=UTC)
    engine = create_engine(f"sqlite:///{tmp_path}/sink.db")
    with Session(engine) as session:
        for condition in (
            all_.whole < 0,
            all_.voltage >= 5,
            all_.flag == True,  # noqa: E712 - an expression of SQL
            all_.state == "retired",
            col(all_.plain_text).contains("{sure}"),
            all_.moment > noon,
        ):
            assert len(session.exec(select(all_).where(condition)).all()) == 1, condition
        assert session.exec(select(all_).where(all_.moment < noon)).all() == []
        assert session.exec(select(seen).where(seen.device_id == "d-2")).all() == []
        assert len(session.exec(select(seen).where(seen.armed, seen.device_id == "d-1")).all()) == 1
    engine.dispose()


def test_times_may_be_datetimes_of_any_zone(log: AuditLog) -> None:
    audit = emitters(log)
    tokyo = timezone(timedelta(hours=9))
    entry = audit.workspace.values.all_optional(moment=datetime(2026, 1, 1, 8, 30, tzinfo=tokyo))
    assert entry.metadata == {"moment": "2025-12-31T23:30:00.000000Z"}
    moments = [datetime(2026, 1, 1, tzinfo=UTC), "2026-01-02T00:00:00Z"]
    entry = audit.workspace.lists.lists_offered(moments=moments)
    assert entry.metadata == {"moments": ["2026-01-01T00:00:00.000000Z", "2026-01-02T00:00:00.000000Z"]}
    assert len(moments) == 2
    assert isinstance(moments[0], datetime)
    with pytest.raises(ValidationError) as error:
        audit.workspace.lists.lists_offered(moments=[moments[0], datetime(2026, 1, 1)])
    assert str(error.value) == (
        "workspace.lists.lists_offered: metadata.moments[1]: "
        "expected a datetime with a time zone, got one without"
    )


MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
SPELLINGS: tuple[datetime | str, ...] = (
    MIDNIGHT,
    MIDNIGHT.astimezone(timezone(timedelta(hours=-5))),
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00.0Z",
    "2026-01-01T00:00:00.000000Z",
)


def test_times_are_stored_in_one_spelling(log: AuditLog) -> None:
    audit = emitters(log)
    made = [audit.workspace.values.all_optional(moment=moment) for moment in SPELLINGS]
    made.append(
        log.record_json(
            '{"event": "workspace.values.all_optional", "metadata": {"moment": "2026-01-01T00:00:00Z"}}'
        )
    )
    assert {entry.metadata["moment"] for entry in made} == {"2026-01-01T00:00:00.000000Z"}
    entry = audit.workspace.lists.lists_offered(moments=["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.25Z"])
    assert entry.metadata["moments"] == ["2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:00.250000Z"]


def test_retry_in_another_spelling_of_a_time_is_the_same_entry(log: AuditLog) -> None:
    audit = emitters(log)
    first = audit.workspace.values.all_optional(moment=SPELLINGS[0])
    for moment in SPELLINGS[1:]:
        assert audit.workspace.values.all_optional(moment=moment, id=first.id) == first
    assert log.account("acme").count() == 1


def test_views_compare_and_order_times_as_time_does(log: AuditLog, tmp_path: Path) -> None:
    audit = emitters(log)
    for moment in ("2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", MIDNIGHT):
        audit.workspace.values.all_optional(moment=moment)
    half = MIDNIGHT + timedelta(seconds=0.5)
    second = MIDNIGHT + timedelta(seconds=1)
    table = view("workspace.values.all_optional")
    engine = create_engine(f"sqlite:///{tmp_path}/sink.db")
    with Session(engine) as session:

        def moments(*conditions: Any) -> list[datetime]:
            found = session.exec(select(table).where(*conditions).order_by(col(table.moment))).all()
            return [row.moment for row in found]

        assert moments() == [MIDNIGHT, MIDNIGHT, half, second]
        assert moments(table.moment > MIDNIGHT) == [half, second]
        assert moments(table.moment == MIDNIGHT) == [MIDNIGHT, MIDNIGHT]
        assert moments(table.moment < second) == [MIDNIGHT, MIDNIGHT, half]
    engine.dispose()


def test_time_that_has_no_year_in_utc_is_refused(log: AuditLog) -> None:
    moment = datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))
    with pytest.raises(ValidationError) as error:
        emitters(log).workspace.values.all_optional(moment=moment)
    assert str(error.value) == (
        "workspace.values.all_optional: metadata.moment: expected a time of the years 1 to 9999 in UTC, "
        "got 9999-12-31 23:59:59.999999-01:00"
    )


def test_export_and_import_are_equal(log: AuditLog, tmp_path: Path, catalog: Catalog) -> None:
    made = record_all(log)
    lines = io.BytesIO()
    log.account("acme").export_jsonl(lines)
    problems: list[object] = []
    with AuditLog.open(f"sqlite:///{tmp_path}/other.db", catalog=catalog) as other:
        other.import_jsonl(lines.getvalue().splitlines(), lambda *problem: problems.append(problem))
        assert problems == []
        assert without_imports(other.account("acme").all()) == list(made.values())[::-1]


def test_event_is_recorded_under_its_alias_too(log: AuditLog) -> None:
    entry = log.record_json(
        '{"event": "device.names.device_renamed", "metadata": {"device_id": "d-1", "old_name": "Router"}}'
    )
    assert entry.event == "device.lifecycle.device_renamed"


def test_deprecated_emitter_says_what_to_use(log: AuditLog) -> None:
    audit = emitters(log)
    with pytest.warns(DeprecationWarning, match="is deprecated since") as caught:
        audit.device.lifecycle.device_renamed(device_id="d-1", old_name="Router")
    assert [str(warning.message) for warning in caught] == [
        "device.lifecycle.device_renamed is deprecated since 0.2.0; use device.lifecycle.device_seen. "
        'Devices keep "their" names.'
    ]
    assert caught[0].filename == __file__


# --- types -----------------------------------------------------------------------------------------


def test_generated_package_passes_mypy_strict(kitchen_sink: Path, tmp_path: Path) -> None:
    use = tmp_path / "use.py"
    use.write_text(
        "from datetime import datetime\n"
        "from auditwright import AuditLog\n"
        "from kitchen_sink_events import AuditEvents\n"
        "def use(log: AuditLog, moment: datetime) -> str:\n"
        "    audit = AuditEvents(log)\n"
        '    entry = audit.workspace.lists.lists_offered(moments=[moment, "2026-01-02T00:00:00Z"])\n'
        "    return entry.description\n",
        "utf-8",
    )
    assert run_mypy(use, kitchen_sink / "kitchen_sink_events", roots=(tmp_path, kitchen_sink)) == ""


# --- layout ----------------------------------------------------------------------------------------


def assert_formatted(folder: Path) -> None:
    """`ruff format` with the project's settings changes no Python file."""
    command = [sys.executable, "-m", "ruff", "format", "--diff", "--no-cache"]
    done = subprocess.run(
        [*command, "--config", str(ROOT / "pyproject.toml"), str(folder)], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


def assert_linted(folder: Path, package: str) -> None:
    """The rules of this project find nothing in a generated package."""
    own = f"src = [{json.dumps(str(folder))}, {json.dumps(str(ROOT / 'runtime'))}]"
    rules = ["--config", str(ROOT / "pyproject.toml"), "--config", own, "--ignore", "A002"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", *rules, str(folder / package)],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "All checks passed!\n")


def test_generated_package_is_formatted_and_linted(kitchen_sink: Path) -> None:
    assert_formatted(kitchen_sink / "kitchen_sink_events")
    assert_linted(kitchen_sink, "kitchen_sink_events")


def test_long_lines_are_formatted(tmp_path: Path) -> None:
    long = "_".join(["word"] * 8)
    values = {f"{long}_{number}": f"Value {number}" for number in range(4)}
    enum = {"type": "enum", "values": values, "description": "One of many."}
    fields: dict[str, Any] = {
        "kind": {"title": "Kind", **enum},
        f"kind_{long}": {"title": "Kind", **enum},
        "kinds": {"title": "Kinds", **enum, "type": "list of enum"},
        "some_kinds": {"title": "Some kinds", **enum, "type": "list of enum", "min_items": 1},
        "one": {"title": "One", **enum, "values": {f"{long}_{long[:19]}": "One"}},
        f"{long}_moment": {"title": "Moment", "type": "timestamp", "description": "When."},
        f"{long}_links": {"title": "Links", "type": "list of url", "max_items": 5, "description": "Where."},
        "codes": {
            "title": "Codes",
            "type": "list of string",
            "description": "Each matches a long pattern.",
            "pattern": "^(?:" + "|".join(f"{number:04}-[0-9]+" for number in range(8)) + ")$",
            "min_length": 4,
        },
        "token": {"title": "Token", "type": "string", "sensitivity": "secret", "description": "A secret."},
        "depends": {"title": "Depends", "type": "integer", "description": "On the kind."},
        "asian": {"title": "日本語", "type": "string", "description": "日本語 " * 40},
    }
    optional = {"required": False}
    example: dict[str, Any] = {
        "kind": f"{long}_0",
        f"kind_{long}": f"{long}_0",
        "kinds": [f"{long}_0"],
        "some_kinds": [f"{long}_0"],
        "one": f"{long}_{long[:19]}",
        f"{long}_moment": "2026-01-02T03:04:05Z",
        f"{long}_links": ["https://example.com"],
        "codes": ["0001-1"],
        "token": "t",
        "depends": 1,
        "asian": "x",
    }
    when = {"when": {"kind": list(values)[:3]}}
    events = {
        "all_given": event_of("all_given", {name: {} for name in fields} | {"depends": when}, example),
        "all_optional": event_of(
            "all_optional",
            {name: {} if name == "kind" else optional for name in fields},
            {"kind": f"{long}_0"},
        ),
        "old": {
            **event_of("old", {}, {}),
            "deprecated": {"since": "1.0.0", "note": 'It says "old" and is of no use to anybody. ' * 4},
        },
    }
    categories = {
        f"part{number}": {
            "title": f"Part {number}",
            "description": "One of many.",
            "events": {"seen": event_of("seen", {}, {})},
        }
        for number in range(12)
    }
    categories["things"] = {"title": "Things", "description": "All of them.", "events": events}
    write_catalog(
        tmp_path / "catalog",
        {"area": categories, "area_10": categories, "area_9": categories},
        fields,
        "zoo_events",
    )
    for path, text in generated(tmp_path / "catalog").items():
        (tmp_path / "out" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / path).write_text(text, "utf-8")
    assert_formatted(tmp_path / "out" / "zoo_events")


# --- hostile texts ---------------------------------------------------------------------------------

HOSTILE = [
    '"',
    "'",
    '"""',
    "'''",
    'ends with "',
    'ends with """',
    "ends with \\",
    "\\",
    "\\n \\x41 \\N{DASH} \\u0041",
    "{ } {{ }} {0} {x!r} %s %(x)s %",
    "{{ 7 * 7 }} {% raw %} {# no #}",
    "*/ /* // <!-- --> # -",
    "a | b || c",
    "`code` ``more`` ```fence",
    "<script>alert('1')</script> &amp; <b>",
    "**bold** _it_ ~~no~~ [a](b) ![c](d)",
    "# heading",
    "- item",
    "1. item",
    "> quote",
    "| cell |",
    "--- ===",
    "naïve – «Ünï» 日本語 😀 e\u0301",
    "right-to-left \u202e and \u2066",
    "no-break\u00a0space, thin\u2009space",
    "$HOME $(x) `x` ${y}",
    "x" * 190,
]


def write_yaml(path: Path, content: dict[str, Any]) -> None:
    """As JSON, which is valid YAML with all quotes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), "utf-8")


def hostile_catalog(folder: Path) -> None:
    """A catalog in which every visible text is one of `HOSTILE`."""

    def text(index: int) -> str:
        return HOSTILE[index % len(HOSTILE)]

    fields: dict[str, Any] = {
        f"field_{index}": {
            "title": text(index),
            "type": "enum" if index % 2 else "integer",
            "description": text(index + 1) + "\n\n" + text(index + 2) + "\n",
            **({"values": {f"v{i}": text(i) for i in range(3)}} if index % 2 else {"unit": text(index + 3)}),
        }
        for index in range(len(HOSTILE))
    }
    events: dict[str, dict[str, Any]] = {
        f"event_{index}": {
            "title": text(index),
            "description": text(index + 4),
            "message": re.sub(r"[{}]", r"\g<0>\g<0>", text(index + 5))[:500],
            "metadata": {f"field_{index}": {"title": text(index + 6), "required": False}},
            "example": {},
            "deprecated": {"since": "1.0.0", "note": text(index + 7)},
        }
        for index in range(len(HOSTILE))
    }
    events["event_0"]["metadata"]["plain"] = {}
    events["event_0"]["example"]["plain"] = "\n".join(HOSTILE)
    fields["plain"] = {"title": "Plain", "type": "string", "description": "Any text."}
    fields["odd"] = {
        "title": "Odd",
        "type": "string",
        "description": "Its pattern is odd.",
        "pattern": "^[\"'`|<>&{}%#*/_ -]+\\\\\\|$",
    }
    events["event_1"]["metadata"]["odd"] = {"required": False}
    catalog = {
        "format": 1,
        "package": "hostile_events",
        "title": text(4),
        "description": text(5),
        "version": "1.0.0",
        "levels": {"scope": {"title": text(2), "description": text(6)}},
    }
    category = {"category": "hostile", "title": text(5), "description": text(4), "events": events}
    for name, content in (("catalog", catalog), ("fields", fields), ("scope/hostile", category)):
        write_yaml(folder / f"{name}.yaml", content)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the generated code, with an importable package."""
    folder = tmp_path_factory.mktemp("hostile")
    hostile_catalog(folder / "catalog")
    assert run(cli.generate, "--catalog", str(folder / "catalog"), "--out", str(folder / "out")) == 0
    sys.path.insert(0, str(folder / "out"))
    yield folder / "out"
    sys.path.remove(str(folder / "out"))
    shutil.rmtree(folder)


def test_hostile_texts_arrive_unchanged(hostile: Path) -> None:
    package = importlib.import_module("hostile_events")
    events = list(package.CATALOG.events.values())
    assert [event.title for event in events] == HOSTILE
    for index, event in enumerate(events):
        field = event.metadata[0]
        assert field.title == HOSTILE[(index + 6) % len(HOSTILE)]
        schema = package.CATALOG.schema(event)
        assert schema["title"] == event.title
        assert schema["properties"]["metadata"]["properties"][field.name]["description"] == field.description
        model = package.CATALOG.model(event)
        assert model.event_key() == event.key


def test_hostile_texts_leave_the_code_formatted(hostile: Path) -> None:
    assert_formatted(hostile / "hostile_events")


def test_hostile_texts_are_recorded_and_read_back(hostile: Path, tmp_path: Path) -> None:
    package = importlib.import_module("hostile_events")
    url = f"sqlite:///{tmp_path}/hostile.db"
    with (
        AuditLog.open(url, account_id="acme", catalog=package.CATALOG) as log,
        log.acting(Actor.user("u-17")),
    ):
        for index, event in enumerate(package.CATALOG.events.values()):
            emitter = getattr(package.AuditEvents(log).scope.hostile, event.name)
            with pytest.warns(DeprecationWarning, match="is deprecated since 1.0.0"):
                entry = emitter(**event.example)
            assert entry.description == HOSTILE[(index + 5) % len(HOSTILE)]
        exported = io.BytesIO()
        assert log.account("acme").export_csv(exported) == len(HOSTILE)
    engine = create_engine(url)
    with Session(engine) as session:
        [row] = session.exec(select(import_view("hostile_events", "scope.hostile.event_0"))).all()
        assert row.plain == "\n".join(HOSTILE)
    engine.dispose()


def test_hostile_texts_stay_in_their_docstrings(hostile: Path) -> None:
    modules = sorted(hostile.rglob("*.py"))
    assert len(modules) >= 7
    for path in modules:
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            assert not isinstance(node, (ast.JoinedStr, ast.Lambda)), path
            if isinstance(node, ast.Name):
                assert "alert" not in node.id
    emitters = ast.parse((hostile / "hostile_events/scope/hostile.py").read_text("utf-8"))
    [cls] = [node for node in emitters.body if isinstance(node, ast.ClassDef)]
    methods = [node for node in cls.body if isinstance(node, ast.FunctionDef)]
    for index, method in enumerate(methods):
        documented = " ".join((ast.get_docstring(method) or "").split()).replace("'''", '"""')
        title, text = HOSTILE[index], HOSTILE[(index + 4) % len(HOSTILE)]
        assert documented.startswith(" ".join(f"{title}. {text}".split()).replace("'''", '"""'))
        assert method.body[1:] != []
        assert isinstance(method.body[1], ast.Return)


ELEMENTS = {"a", "code", "em", "h1", "h2", "h3", "li", "p", "pre", "strong"} | {
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
"""What a generated page is made of."""


def collapsed(text: str) -> str:
    return " ".join(text.split())


def test_hostile_texts_become_no_markup(hostile: Path) -> None:
    pages = sorted((hostile / "docs").rglob("*.md"))
    assert len(pages) == 10
    for path in pages:
        page = rendered(path.read_text("utf-8"))
        assert page.elements <= ELEMENTS, path
        assert [each for each in page.links if not re.fullmatch(r"[\w./]*(\.md|\.json)?(#\w+)?", each)] == []
        assert all(re.fullmatch("[a-z0-9_]+", anchor) for anchor in page.anchors)
        assert len(set(page.anchors)) == len(page.anchors)
        for table in page.tables:
            assert len({len(row) for row in table}) == 1, table[0]


def test_hostile_texts_are_read_as_they_are(hostile: Path) -> None:
    page = rendered((hostile / "docs/scope/hostile.md").read_text("utf-8"))
    assert [text for level, text in page.headings if level == "h3"] == list(map(collapsed, HOSTILE))
    events, *tables = page.tables
    assert [row[0] for row in events[1:]] == [f"{collapsed(each)} deprecated" for each in HOSTILE]
    for index, (fields, entries) in enumerate(zip(tables[::2], tables[1::2], strict=True)):
        [(title, _, kind, _, meaning, _)] = (row for row in fields if row[1] == f"field_{index}")
        at = [collapsed(HOSTILE[(index + number) % len(HOSTILE)]) for number in range(7)]
        assert (title, meaning) == (at[6], f"{at[1]} {at[2]}")
        if index % 2:
            assert kind == "One of: " + ", ".join(f"{collapsed(HOSTILE[i])} (v{i})" for i in range(3))
        else:
            assert kind == f"Whole number, in {at[3]}"
        assert entries[1][1:4:2] == [at[0], at[5]]
        assert f"Description of its entries: {at[5]}" in page.paragraphs


def test_hostile_pattern_is_read_as_it_is(hostile: Path) -> None:
    page = rendered((hostile / "docs/scope/hostile.md").read_text("utf-8"))
    [odd] = (row[2] for table in page.tables for row in table if row[1] == "odd")
    assert odd == "Text, matching ^[\"'`|<>&{}%#*/_ -]+\\\\\\|$"


# --- names -----------------------------------------------------------------------------------------


def write_catalog(
    folder: Path, levels: dict[str, dict[str, Any]], fields: dict[str, Any], package: str
) -> None:
    """The YAML files of a catalog given as levels -> categories -> their content."""
    content: dict[str, Any] = {
        "catalog": {
            "format": 1,
            "package": package,
            "title": "Random events",
            "version": "1.0.0",
            "levels": {level: {"title": f"Level {level}"} for level in levels},
        },
        "fields": fields,
    }
    for level, categories in levels.items():
        for name, category in categories.items():
            content[f"{level}/{name}"] = {"category": name, **category}
    for name, each in content.items():
        write_yaml(folder / f"{name}.yaml", each)


def generated(folder: Path) -> dict[str, str]:
    checked = read_catalog(folder)
    assert checked.catalog is not None, [str(finding) for finding in checked.findings]
    return render(checked.catalog)


def event_of(name: str, metadata: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": name.replace("_", " "),
        "description": f"What {name} is.",
        "message": "{actor} did it.",
        "metadata": metadata,
        "example": example,
    }


def imported(files: dict[str, str], folder: Path, package: str) -> Any:
    """The generated package, imported with all its modules as in a new process."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        module = importlib.import_module(package)
        for event in module.CATALOG.events:
            import_view(package, event)
        return module
    finally:
        sys.path.remove(str(folder))


def test_imported_class_names_are_refused_as_names(kitchen_sink: Path) -> None:
    """A class of an event, category or level with such a name would hide the imported class."""
    found = set()
    for path in (kitchen_sink / "kitchen_sink_events").rglob("*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ImportFrom) and not (node.module or "").startswith(
                "kitchen_sink_events."
            ):
                found |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.ClassDef) and path.parts[-2:] == ("tables", "__init__.py"):
                found.add(node.name)
    classes = {each for each in found if re.fullmatch(r"(?:[A-Z][a-z0-9]*)+", each)}
    assert classes > {"EventModel", "EventView", "Annotated", "TimestampText", "SQLModel"}
    assert classes - names.IMPORTED_CLASSES == set()


def test_category_may_be_named_like_its_level(tmp_path: Path) -> None:
    one = {
        "title": "Tool",
        "description": "All of it.",
        "events": {"tool": event_of("tool", {}, {}), "made": event_of("made", {}, {})},
    }
    write_catalog(tmp_path / "catalog", {"tool": {"tool": one}}, {}, "same_name_events")
    package = imported(generated(tmp_path / "catalog"), tmp_path, "same_name_events")
    with (
        AuditLog.open(f"sqlite:///{tmp_path}/a.db", account_id="acme", catalog=package.CATALOG) as log,
        log.acting(Actor.user("u-17")),
    ):
        assert package.AuditEvents(log).tool.tool.tool().event == "tool.tool.tool"


# Names that generated modules use, and names of modules of the standard library.
NAMES = [
    *(
        "alpha",
        "beta",
        "record",
        "log",
        "audit",
        "key",
        "value",
        "values",
        "user",
        "tool",
        "typing",
        "enum",
        "re",
    ),
    *("json_value", "event_view", "event_model", "config_dict", "boolean", "big_integer", "digest", "column"),
    *("index", "timestamp_text", "base_model", "unpack", "generic", "literal", "annotated", "type_checking"),
    *("coroutine", "account", "entry_point", "actor", "table", "select", "where", "order", "group", "limit"),
    *(
        "default",
        "check",
        "true_value",
        "aware",
        "query",
        "match_all",
        "soft_kw",
        "print",
        "format",
        "property",
    ),
    *("object", "type", "hash", "len", "range", "super", "open", "match", "case", "x1", "a_b_c"),
]
field_name = st.sampled_from([each for each in NAMES if not names.refuse_field(each, False)])
level_name = st.sampled_from([each for each in NAMES if not names.refuse_level(each)])
category_name = st.sampled_from([each for each in NAMES if not names.refuse_category(each)])
event_name = st.sampled_from([each for each in NAMES if not names.refuse_event(each)])
OF_TYPE: dict[str, Any] = {
    "string": "text", "integer": 3, "number": 0.5, "boolean": True,
    "timestamp": "2026-01-02T03:04:05.000000Z",
    "ip": "203.0.113.7", "url": "https://example.com", "email": "ada@example.com", "enum": "one",
}  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)


@st.composite
def catalogs(draw: st.DrawFn) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Levels and fields of a small catalog that passes `check`, unless two of its names collide."""
    fields: dict[str, Any] = {}
    examples: dict[str, Any] = {}
    for field in draw(st.lists(field_name, min_size=1, max_size=5, unique=True)):
        kind, many = draw(st.sampled_from(sorted(OF_TYPE))), draw(st.booleans())
        fields[field] = {
            "title": f"{draw(TEXT)} {field}",
            "type": f"list of {kind}" if many else kind,
            "description": draw(TEXT),
            "sensitivity": "public",
            **({"values": {"one": "One", "two": "Two"}} if kind == "enum" else {}),
        }
        examples[field] = [OF_TYPE[kind]] if many else OF_TYPE[kind]
    levels: dict[str, dict[str, Any]] = {}
    for level in draw(st.lists(level_name, min_size=1, max_size=2, unique=True)):
        levels[level] = {}
        for category in draw(st.lists(category_name, min_size=1, max_size=2, unique=True)):
            events = {}
            for event in draw(st.lists(event_name, min_size=1, max_size=3, unique=True)):
                used = draw(st.lists(st.sampled_from(sorted(fields)), unique=True))
                required = {field: draw(st.booleans()) for field in used}
                uses = {field: {} if required[field] else {"required": False} for field in used}
                given = {field: examples[field] for field in used if required[field] or draw(st.booleans())}
                events[event] = event_of(event, uses, given)
            levels[level][category] = {
                "title": f"Category {category}",
                "description": draw(TEXT),
                "events": events,
            }
    return levels, fields


_number = iter(range(10_000))


@settings(max_examples=examples(30))
@given(catalogs())
def test_random_catalogs_that_pass_check_give_code_that_records(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[dict[str, dict[str, Any]], dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("random")
    package = f"random_events_{next(_number)}"
    write_catalog(folder / "catalog", *drawn, package)
    checked = read_catalog(folder / "catalog")
    if checked.catalog is None:
        errors = {finding.name for finding in checked.findings if finding.severity == "error"}
        assert errors == {"generated-name-collision"}
        return
    module = imported(render(checked.catalog), folder, package)
    assert_formatted(folder / package)
    with (
        AuditLog.open(f"sqlite:///{folder}/a.db", account_id="acme", catalog=module.CATALOG) as log,
        log.acting(Actor.user("u-17")),
    ):
        made = []
        for event in module.CATALOG.events.values():
            emitter: Any = module.AuditEvents(log)
            for part in event.key.split("."):
                emitter = getattr(emitter, part)
            made.append(emitter(**event.example))
            assert made[-1].metadata == event.example
            assert made[-1].typed == module.CATALOG.model(event)(**event.example)
        assert list(log.account("acme").all()) == made[::-1]
    engine = create_engine(f"sqlite:///{folder}/a.db")
    with Session(engine) as session:
        for entry in made:
            row = session.exec(select(import_view(package, entry.event))).one()
            assert row.id == entry.id
    engine.dispose()
    for loaded in [each for each in sys.modules if each.partition(".")[0] == package]:
        del sys.modules[loaded]
    shutil.rmtree(folder)


# --- catalogs of one category ------------------------------------------------------------------------


def small_catalog(
    folder: Path, package: str, fields: dict[str, Any], events: dict[str, Any], version: str = "1.0.0"
) -> Catalog:
    """A catalog with the category keys in the level scope, generated and imported."""
    category = {"title": "Keys", "description": "Keys.", "events": events}
    write_catalog(folder / package, {"scope": {"keys": category}}, fields, package)
    head = folder / package / "catalog.yaml"
    write_yaml(head, json.loads(head.read_text("utf-8")) | {"version": version})
    found: Catalog = imported(generated(folder / package), folder / f"{package}_out", package).CATALOG
    return found


def exported(log: AuditLog) -> list[bytes]:
    """The lines of an export of the account acme."""
    stream = io.BytesIO()
    log.account("acme").export_jsonl(stream)
    return stream.getvalue().splitlines()


def import_into(log: AuditLog, lines: list[bytes]) -> tuple[Imported, list[str]]:
    """Import the lines; returns the errors of the invalid ones."""
    said: list[str] = []
    return log.import_jsonl(lines, lambda number, error: said.append(f"{number}: {error}")), said


LIMITED: dict[str, tuple[dict[str, Any], Any, Any]] = {
    # The rest of the definition, an example, and a value that does not fit after truncation
    "label": ({"type": "string", "pattern": "^x+[.]end$"}, "x.end", "x" * 5000 + ".end"),
    "mail": ({"type": "email"}, "ada@example.com", "a" * 5000 + "@example.com"),
    "parts": ({"type": "list of string", "min_items": 2}, ["a", "b"], ["p" * 5000] * 20),
    "link": ({"type": "url"}, "https://example.com", "https://" + "e" * 5000 + "/x"),
    "links": ({"type": "list of url", "min_items": 3}, ["https://a"] * 3, ["https://" + "e" * 4000] * 20),
}


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """A catalog with an event for each kind of value that truncation alters."""
    fields = {
        name: {"title": name, "description": "A value.", "sensitivity": "public", **definition}
        for name, (definition, _, _) in LIMITED.items()
    }
    events = {
        f"{name}_given": event_of(f"{name}_given", {name: {}}, {name: example})
        for name, (_, example, _) in LIMITED.items()
    }
    return small_catalog(tmp_path_factory.mktemp("limited"), "limited_events", fields, events)


@pytest.fixture
def limited_log(tmp_path: Path, limited: Catalog) -> Iterator[AuditLog]:
    url = f"sqlite:///{tmp_path}/limited.db"
    with (
        AuditLog.open(url, account_id="acme", catalog=limited) as log,
        log.acting(Actor.user("u-17", "Ada")),
    ):
        yield log


@pytest.mark.parametrize("name", LIMITED)
def test_truncated_entry_survives_export_and_import(name: str, limited_log: AuditLog, tmp_path: Path) -> None:
    entry = limited_log.record_form(
        {"event": f"scope.keys.{name}_given", "metadata": {name: LIMITED[name][2]}}
    )
    assert [each.partition("[")[0] for each in entry.alterations][-1] == f"metadata.{name}"
    lines = exported(limited_log)
    assert import_into(limited_log, lines) == (Imported(0, 1, 0), [])
    with AuditLog.open(f"sqlite:///{tmp_path}/other.db", catalog=limited_log.catalog) as other:
        assert import_into(other, lines) == (Imported(1, 0, 0), [])
        assert [each.row for each in without_imports(other.account("acme").all())] == [entry.row]


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"label": 5}, "metadata.label: expected a string matching ^x+[.]end$, got 5"),
        ({"label": ["x.end"]}, "metadata.label: expected a string matching ^x+[.]end$, got a list"),
        (
            {"label": "x.end", "lable": "x"},
            'metadata.lable: expected one of label, got an unknown field; did you mean "label"?',
        ),
        ("x.end", "metadata: expected an object, got a string"),
    ],
)
def test_import_refuses_altered_metadata_of_another_type(
    metadata: object, message: str, limited_log: AuditLog
) -> None:
    limited_log.record_form({"event": "scope.keys.label_given", "metadata": {"label": LIMITED["label"][2]}})
    form = json.loads(exported(limited_log)[0]) | {"metadata": metadata, "account_id": "other"}
    done, said = import_into(limited_log, [json.dumps(form).encode()])
    assert (done, said) == (Imported(0, 0, 1), [f"1: scope.keys.label_given: {message}"])


def test_truncated_list_has_only_items_of_its_type(limited_log: AuditLog) -> None:
    limited_log.record_form({"event": "scope.keys.parts_given", "metadata": {"parts": LIMITED["parts"][2]}})
    form = json.loads(exported(limited_log)[0]) | {"metadata": {"parts": ["a", 5]}, "account_id": "other"}
    done, _ = import_into(limited_log, [json.dumps(form).encode()])
    assert done == Imported(0, 0, 1)


def test_import_accepts_entries_under_a_former_key(tmp_path: Path) -> None:
    field = {"name": {"title": "Name", "type": "string", "description": "Its name."}}
    event = event_of("key_made", {"name": {}}, {"name": "k"})
    first = small_catalog(tmp_path, "first_key_events", field, {"key_made": event})
    second = small_catalog(
        tmp_path, "second_key_events", field, {"key_created": event | {"aliases": ["scope.keys.key_made"]}},
        version="2.0.0",
    )  # fmt: skip
    url = f"sqlite:///{tmp_path}/keys.db"
    with AuditLog.open(url, account_id="acme", catalog=first) as log, log.acting(Actor.system()):
        former = [emitters_of(log).scope.keys.key_made(name=name) for name in ("a", "b")]
    with AuditLog.open(url, account_id="acme", catalog=second) as log, log.acting(Actor.system()):
        later = emitters_of(log).scope.keys.key_created(name="c")
        wanted = [later.row, former[1].row, former[0].row]
        lines = exported(log)
        assert [json.loads(line)["event"].split(".")[-1] for line in lines] == [
            "key_made", "key_made", "key_created",
        ]  # fmt: skip
        assert import_into(log, lines) == (Imported(0, 3, 0), [])
        assert [entry.row for entry in log.account("acme").all()] == wanted
    with AuditLog.open(f"sqlite:///{tmp_path}/empty.db", catalog=second) as empty:
        assert import_into(empty, lines) == (Imported(3, 0, 0), [])
        assert [entry.row for entry in without_imports(empty.account("acme").all())] == wanted


def test_nested_repetition_refuses_a_hostile_value_fast(tmp_path: Path) -> None:
    field = {"title": "Words", "type": "string", "pattern": "^([a-z]+ ?)+$", "description": "Words."}
    event = event_of("words_said", {"words": {}}, {"words": "one two"})
    catalog = small_catalog(tmp_path, "word_events", {"words": field}, {"words_said": event})
    hostile = {"words": "a" * 60 + "!"}
    with (
        AuditLog.open(f"sqlite:///{tmp_path}/a.db", account_id="acme", catalog=catalog) as log,
        log.acting(Actor.system()),
    ):
        # A backtracking engine would take hours.
        with pytest.raises(ValidationError) as said_by_json:
            log.record_json(json.dumps({"event": "scope.keys.words_said", "metadata": hostile}))
        with pytest.raises(ValidationError) as said_by_emitter:
            emitters_of(log).scope.keys.words_said(**hostile)
    message = (
        "scope.keys.words_said: metadata.words: expected a string matching ^([a-z]+ ?)+$, "
        f"got '{hostile['words']}' (61 characters)"
    )
    assert (str(said_by_json.value), str(said_by_emitter.value)) == (message, message)


def emitters_of(log: AuditLog) -> Any:
    return importlib.import_module(log.catalog.package).AuditEvents(log)
