"""JSON values: what is recorded through any way is read back from any place, on both engines.

The catalog is `tests/catalogs/json_values`.
"""

import csv
import hashlib
import importlib
import io
import json
import math
import subprocess
import sys
from collections import UserDict
from collections.abc import Iterator
from contextlib import closing
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, create_engine, select
from tests.conftest import import_view
from tests.support.campaigns import examples
from tests.support.databases import Database, open_log
from tests.support.paths import ROOT
from tests.support.type_check import run_mypy

from auditwright import Actor, AuditLog, AuditwrightError, Catalog, SecretKey, ValidationError
from auditwright.json_value import WIDEST, Bounds, plain_json
from auditwright.operations.check import check_database
from auditwright.storage import open_inspection
from auditwright_generator.model import DEFAULT_MAX_BYTES, DEFAULT_MAX_DEPTH, DEFAULT_MAX_KEYS
from auditwright_generator.source.structure import DEFS

CALLED = "tool.calls.tool_called"
KEY = SecretKey("test", bytes(range(32)))
PLAIN = {"request_body": {}, "kind": "plain"}


@pytest.fixture
def catalog(json_values: Path) -> Catalog:
    return cast(Catalog, importlib.import_module("json_values_events").CATALOG)


@pytest.fixture
def log(catalog: Catalog, database: Database) -> Iterator[AuditLog]:
    with open_log(database, catalog, secret_key=KEY) as log, log.acting(Actor.user("u-17", "Ada Lovelace")):
        yield log


def problem_of(log: AuditLog, body: object) -> str:
    with pytest.raises(ValidationError) as caught:
        record(log, request_body=body)
    return str(caught.value).removeprefix(f"{CALLED}: ")


def record(log: AuditLog, **values: object) -> Any:
    emitters: Any = importlib.import_module("json_values_events").AuditEvents(log)
    return emitters.tool.calls.tool_called(**PLAIN | values)


def stored_bodies(log: AuditLog) -> list[Any]:
    entries = log.account("acme").entries().entries
    return [entry.metadata["request_body"] for entry in entries if entry.event == CALLED]


def assert_sound(database: Database, catalog: Catalog) -> None:
    """`auditwright database check` finds nothing."""
    with closing(open_inspection(database.url, catalog)) as inspection:
        report = check_database(inspection, catalog)
    assert (report.mismatches, report.damaged, report.changed) == ((), (), None)
    assert report.without_row_digest == 0


# --- any value round-trips -------------------------------------------------------------------------

NUMBERS = (
    st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([1e16, 1e22, -0.0, 5e-324, 1.7e308, 1.0, 0.1, 2**53 + 1, 2**64 - 1, -1e22])
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(VALUES.filter(lambda value: value is not None), min_size=1, max_size=8))
@example([{"": {"a\"b\\c'd": [None, {"b": None}]}}, "text", "null", 2**64 - 1, 1e22, [[]], True, "…", 0.0])
@example([[1e16, -0.0, 1.0], {"é": "\u2028", "$": 1, "a.b": 2}, '{"a": 1}', "\\u0000", -(2**63)])
def test_any_value_is_read_back_from_everywhere(
    log: AuditLog, database: Database, catalog: Catalog, values: list[Any]
) -> None:
    ids = []
    model = catalog.model(catalog.events[CALLED])
    for number, value in enumerate(values):
        form = {"event": CALLED, "metadata": PLAIN | {"request_body": value}}
        ways = (
            lambda form=form: log.record_json(json.dumps(form)),
            lambda form=form: log.record_form(form),
            lambda value=value: record(log, request_body=value),
            lambda value=value: log.record(model.model_validate(PLAIN | {"request_body": value})),
        )
        ids.append(ways[number % 4]().id)
    entries = [log.account("acme").get(each) for each in ids]
    assert [entry and same(entry.metadata["request_body"]) for entry in entries] == list(map(same, values))
    view = import_view("json_values_events", CALLED)
    engine = create_engine(database.sqlalchemy_url)
    with Session(engine) as session:
        found = {row.id: row.request_body for row in session.exec(select(view))}
    engine.dispose()
    assert [same(found[each]) for each in ids] == list(map(same, values))
    lines = [json.loads(line) for line in exported_lines(log)]
    exported = {line["id"]: line["metadata"]["request_body"] for line in lines}
    assert [same(exported[str(each)]) for each in ids] == list(map(same, values))


def exported_lines(log: AuditLog) -> list[bytes]:
    buffer = io.BytesIO()
    log.account("acme").export_jsonl(buffer)
    return buffer.getvalue().splitlines()


def same(value: Any) -> str:
    """A text that is equal for equal JSON values, and tells 1 from 1.0 and true."""
    return json.dumps(plain_json(value), sort_keys=True)


def test_exports_have_the_values_as_json(
    log: AuditLog, database: Database, catalog: Catalog, tmp_path: Path, other_database: Database
) -> None:
    bodies: list[Any] = [{"b": [1, None], "a": 'x"y'}, "text", 2**64 - 1, [1.0, 1e22], {}, True]
    for body in bodies:
        record(log, request_body=body, labels={"of": body}, credentials={"token": body})
    account = log.account("acme")
    account.export_csv(tmp_path / "log.csv", full=True)
    with (tmp_path / "log.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [json.loads(row["Metadata"])["request_body"] for row in csv.DictReader(file)]
    assert [same(cell) for cell in cells] == [same(body) for body in reversed(bodies)]
    account.export_parquet(tmp_path / "log.parquet")
    columns = pyarrow.parquet.read_table(tmp_path / "log.parquet").to_pydict()
    assert columns["request_body"] == [
        'true', '{}', '[1.0,1e+22]', '18446744073709551615', '"text"', '{"a":"x\\"y","b":[1,null]}',
    ]  # fmt: skip
    assert "token" not in (tmp_path / "log.csv").read_text("utf-8")
    lines = exported_lines(log)
    with open_log(other_database, catalog, secret_key=KEY) as other:
        assert other.import_jsonl(lines, report=print).refused == 0
        assert [same(each) for each in stored_bodies(other)] == [same(body) for body in reversed(bodies)]
    assert_sound(database, catalog)
    assert_sound(other_database, catalog)


# --- what is no JSON -------------------------------------------------------------------------------


class Color(StrEnum):
    RED = "red"


class Size(IntEnum):
    LARGE = 3


class Hostile(dict[str, Any]):
    def items(self) -> Any:
        raise AssertionError("a method of a subclass was called")

    __iter__ = __len__ = __getitem__ = keys = values = items  # type: ignore[assignment]


class HostileList(list[Any]):
    def __iter__(self) -> Any:
        raise AssertionError("a method of a subclass was called")

    __len__ = __getitem__ = __iter__  # type: ignore[assignment]


def cyclic() -> Any:
    value: dict[str, Any] = {}
    value["self"] = [value]
    return value


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def doubled() -> Any:
    """A value of 2^60 parts in 60 lists."""
    value: Any = [1]
    for _ in range(60):
        value = [value, value]
    return value


def test_plain_forms_of_subclasses_are_stored(log: AuditLog) -> None:
    value = {Color.RED: Size.LARGE, "tuple": (1, (2,)), "dict": Hostile(a=HostileList([-0.0]))}
    stored = record(log, request_body=value).metadata["request_body"]
    assert json.dumps(stored) == '{"dict": {"a": [0.0]}, "red": 3, "tuple": [1, [2]]}'


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ({"a": [1, math.nan]}, "nan at a[1]"),
        (-math.inf, "-inf"),
        ({"a": {"b": {1, 2}}}, "set at a.b"),
        (b"bytes", "bytes"),
        ([2**64], "an integer of more than 64 bits at [0]"),
        ([-(2**63) - 1], "an integer of more than 64 bits at [0]"),
        ({"a": {1: 2}}, "a name that is no string, but int at a"),
        (UserDict(a=1), "UserDict"),
        ([object()], "object at [0]"),
        ({"\x1b[31m\n": [object()]}, "object at \\x1b[31m\\n[0]"),
    ],
)
def test_no_json_is_refused_with_its_position(log: AuditLog, value: object, got: str) -> None:
    assert problem_of(log, value) == f"metadata.request_body: expected a JSON value, got {got}"
    with pytest.raises(ValidationError, match="expected a JSON value"):
        log.record_form({"event": CALLED, "metadata": PLAIN | {"request_body": value}})


@pytest.mark.parametrize("make", [cyclic, lambda: nested(129), lambda: nested(100_000), doubled])
def test_endless_and_very_deep_values_are_refused(log: AuditLog, make: Any) -> None:
    value = make()
    problem = problem_of(log, value)
    assert "nested deeper than 128" in problem or "more than 100,000 values" in problem
    with pytest.raises(ValidationError, match="expected a JSON value"):
        log.record_form({"event": CALLED, "metadata": PLAIN | {"request_body": value}})


def test_names_in_personal_and_secret_values_stay_secret(log: AuditLog) -> None:
    for name in ("labels", "credentials"):
        with pytest.raises(ValidationError) as caught:
            record(log, **{name: {"hunter2": {"hunter2": math.nan}}})
        assert str(caught.value).endswith(f"metadata.{name}: expected a JSON value, got nan")
        assert "hunter2" not in repr(caught.value.__context__)


# --- bounds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("x" * 62, True),
        ("x" * 63, False),
        ("ä" * 31, True),
        ([[[1]]], True),
        ([[[[1]]]], False),
        ("[[[[{{{{", True),
        ({"a": [{"b": 1, "c": 2}], "d": 3}, True),
        ({"a": [{"b": 1, "c": 2}], "d": 3, "e": 4}, False),
        ("::::::", True),
    ],
)
def test_values_over_their_bounds_are_replaced(
    log: AuditLog, database: Database, catalog: Catalog, value: Any, fits: bool
) -> None:
    entry = record(log, response_body=value)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    digest = hashlib.sha256(text).hexdigest()
    note = {"metadata.response_body": {"length": len(text), "sha256": digest, "replaced": True}}
    assert entry.metadata["response_body"] == (value if fits else "…")
    assert entry.alterations == ({} if fits else note)
    assert_sound(database, catalog)


def test_large_metadata_replaces_the_largest_json(
    log: AuditLog, database: Database, catalog: Catalog
) -> None:
    entry = record(log, request_body="x" * 8000, labels=["y" * 30_000], note="z" * 4000)
    assert {name: len(str(value)) for name, value in entry.metadata.items()} == {
        "request_body": 8000, "kind": 5, "labels": 1, "note": 4000,
    }  # fmt: skip
    assert entry.alterations["metadata.labels"]["replaced"]
    assert_sound(database, catalog)


def test_text_in_json_is_sanitized_and_noted_once(
    log: AuditLog, database: Database, catalog: Catalog
) -> None:
    entry = record(log, request_body={"a\0": ["\0", "\ud800"], "b": 1}, note="a\0")
    assert entry.metadata["request_body"] == {"a\ufffd": ["\ufffd", "\ufffd"], "b": 1}
    assert {path: note["cleaned"] for path, note in entry.alterations.items()} == {
        "metadata.request_body": True,
        "metadata.note": True,
    }
    body = '{"a\\u0000": ["\\u0000", "\\ud800"], "b": 1}'
    metadata = f'{{"kind": "plain", "request_body": {body}, "note": "a\\u0000"}}'
    same_entry = log.record_json(f'{{"event": "{CALLED}", "metadata": {metadata}}}')
    assert same_entry.alterations == entry.alterations
    assert_sound(database, catalog)


def test_import_keeps_values_of_another_catalog(log: AuditLog, database: Database, catalog: Catalog) -> None:
    entry = record(log, request_body=1).to_json()
    large, deep = {"large": "x" * 20_000}, nested(64)
    lines = [
        json.dumps(
            {name: part for name, part in entry.items() if name not in ("id", "occurred_at")}
            | {"catalog_version": "0.9.0"}
            | {"metadata": PLAIN | {"request_body": body, "note": other}}
        ).encode()
        for body, other in ((large, "x"), (deep, "x"), (1, {"was": ["json", None]}), (nested(65), "x"))
    ]
    refused: list[AuditwrightError] = []
    log.import_jsonl(lines, report=lambda number, error: refused.append(error))
    assert refused == []
    metadata = [each.metadata for each in log.account("acme").entries().entries if each.event == CALLED]
    found = [(each["request_body"], each.get("note")) for each in reversed(metadata)]
    assert found == [(1, None), (large, "x"), (deep, "x"), (1, {"was": ["json", None]}), ("…", "x")]


# --- secrets ---------------------------------------------------------------------------------------


def test_equal_secrets_have_equal_fingerprints(log: AuditLog, database: Database, catalog: Catalog) -> None:
    first = record(log, credentials={"b": 1.0, "a": (1, "ä")})
    other = log.record_form({"event": CALLED, "metadata": PLAIN | {"credentials": {"a": [1.0, "ä"], "b": 1}}})
    text = '{"a":[1,"ä"],"b":1}'
    assert first.metadata["credentials"] == KEY.fingerprint(text, account_id="acme", field="credentials")
    assert other.metadata["credentials"] == first.metadata["credentials"]
    assert_sound(database, catalog)


# --- types -----------------------------------------------------------------------------------------

USE = """
from auditwright import AuditLog, JsonValue
from json_values_events import AuditEvents
from json_values_events.models.tool.calls import ToolCalled

def right(log: AuditLog, names: dict[str, str], rows: list[dict[str, int]], any_: JsonValue) -> None:
    call = AuditEvents(log).tool.calls.tool_called
    call(request_body=names, kind="plain", response_body=rows, labels=None)
    call(request_body={"a": [1, None, {"b": (True, 1.5)}]}, kind="plain", parts=any_)
    ToolCalled(request_body=rows, kind="plain", labels="text")

def wrong(log: AuditLog) -> None:
    call = AuditEvents(log).tool.calls.tool_called
    call(request_body=None, kind="plain")
    call(request_body={1: 2}, kind="plain")
    call(request_body=object(), kind="plain")
    ToolCalled(request_body={1, 2}, kind="plain")
"""


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_type_checkers_know_json_values(json_values: Path, tmp_path: Path, checker: str) -> None:
    use = tmp_path / "use.py"
    use.write_text(USE, "utf-8")
    wrong = USE.splitlines().index("def wrong(log: AuditLog) -> None:") + 1
    if checker == "mypy":
        found = run_mypy(use, json_values / "json_values_events", roots=(tmp_path, json_values))
        lines = {int(line.split(":")[1]) for line in found.splitlines() if ": error:" in line}
    else:
        roots = [str(json_values), *(str(ROOT / room) for room in ("runtime", "generated"))]
        config = json.dumps({"extraPaths": roots, "include": ["."]})
        (tmp_path / "pyrightconfig.json").write_text(config, "utf-8")
        command = ["pyright", "--outputjson", "--pythonpath", sys.executable, "--project", str(tmp_path)]
        done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, timeout=300)
        each_error = json.loads(done.stdout)["generalDiagnostics"]
        lines = {each["range"]["start"]["line"] + 1 for each in each_error}
    assert lines == {wrong + 2, wrong + 3, wrong + 4, wrong + 5}


def test_the_generator_and_the_runtime_have_the_same_bounds() -> None:
    assert Bounds() == Bounds(DEFAULT_MAX_BYTES, DEFAULT_MAX_DEPTH, DEFAULT_MAX_KEYS)
    keys = DEFS["fields"]["additionalProperties"]["properties"]
    assert Bounds(**{key: keys[key]["maximum"] for key in ("max_bytes", "max_depth", "max_keys")}) == WIDEST
