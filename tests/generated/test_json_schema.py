"""The published JSON Schemas: self-contained, with equal verdicts in ajv, jsonschema, jsonschema-rs, RE2."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from tests.generated.test_parity import ANY_TYPE, OF_KIND, TEXTS, mutated, outcomes_of
from tests.support.markdown import blocks
from tests.support.schema_engines import (
    PAGE,
    ajv_verdicts,
    entry_validator,
    parts,
    patterns_in,
    re2_search,
    run_node,
    run_python_of_page,
)

from auditwright.catalog import Catalog, Event
from auditwright_generator.patterns import matches

Schema = dict[str, Any]
Form = dict[str, Any]

PACKAGES = (
    "audit_events",
    "auditwright_events",
    "kitchen_sink_events",
    "stored_names_events",
    "typed_events",
    "outcome_events",
)
ENTRY: Form = {
    "id": "018f3b5c-7d2a-7abc-8def-0123456789ab",
    "account_id": "acme",
    "occurred_at": "2026-01-02T03:04:05.678901Z",
    "actor": {"type": "user", "id": "u-17", "name": "Ada Lovelace"},
    "on_behalf_of": {"type": "app", "id": "billing"},
    "ip_address": "203.0.113.7",
    "context": {"request_id": "r-1", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"},
}


@pytest.fixture(scope="module")
def own_catalogs(kitchen_sink: Path, stored_names: Path, further_types: Path, outcomes: Path) -> None:
    """The packages of the tests' own catalogs can be imported."""


each_package = pytest.mark.parametrize("package", PACKAGES)


def catalog_of(package: str) -> Catalog:
    catalog: Catalog = importlib.import_module(package).CATALOG
    return catalog


def events_of(package: str) -> list[tuple[Event, Schema]]:
    """The events that the package declares, each with its schema."""
    catalog = catalog_of(package)
    return [(event, catalog.schema(event)) for event in catalog.events.values() if event.package == package]


def one_of(package: str) -> tuple[Event, Schema]:
    """An event with its schema: the first that can fail, or else the first."""
    events = events_of(package)
    return next((each for each in events if each[0].can_fail), events[0])


def metadata_forms(event: Event) -> list[Form]:
    """An entry for the example and each mutation of its metadata, with each outcome."""
    return [
        {"event": event.key, "outcome": outcome, "metadata": metadata}
        for outcome in outcomes_of(event)
        for metadata in mutated(event, outcome)
    ]


def entry_forms(event: Event) -> Iterator[Form]:
    """An entry, and each mutation of its envelope."""
    whole = {**ENTRY, "event": event.key, "metadata": event.example}
    yield whole
    yield {**whole, "recorded_at": ENTRY["occurred_at"]}
    ids = (
        "",
        ENTRY["id"].upper(),
        ENTRY["id"].replace("-7", "-4"),
        f"{ENTRY['id']}\n",
        f"urn:uuid:{ENTRY['id']}",
    )
    identifiers = ("u", "u\n", "x" * 256, "x" * 257, "😀" * 256, "")
    values: dict[str, tuple[Any, ...]] = {
        "id": ids,
        "account_id": identifiers,
        "event": (*event.aliases, f"{event.key}\n", f"{event.key}x"),
        "occurred_at": OF_KIND["timestamp"],
        "ip_address": OF_KIND["ip"],
        "actor": tuple(actors(identifiers)),
        "on_behalf_of": tuple(actors(identifiers)),
        "outcome": ("success", "failure", "failed", "success\n"),
        "failure_reason": TEXTS,
        "context": tuple(contexts()),
        "metadata": (),
    }
    for name, replacements in values.items():
        yield {key: value for key, value in whole.items() if key != name}
        for value in (*ANY_TYPE, *replacements):
            if name != "failure_reason" or value is not None or event.can_fail:
                yield {**whole, name: value}
    for outcome in ("success", "failure"):
        yield {**whole, "outcome": outcome, "failure_reason": "The password was wrong."}
        for size in (0, 1, 300, 301):
            yield {**whole, "outcome": outcome, "failure_reason": "😀" * size}


def contexts() -> Iterator[Form]:
    yield from ({name: "text"} for name in ("submitted_by", "Request_ID"))
    for name in ("request_id", "session_id", "user_agent"):
        yield from ({name: value} for value in (*ANY_TYPE, *TEXTS, "x" * 600))
    for name, digits in (("trace_id", 32), ("span_id", 16)):
        hexadecimal = ("0" * digits, "aF" * (digits // 2), "a" * (digits - 1), "a" * (digits + 1))
        others = ("g" * digits, "a" * digits + "\n", f"{'a' * (digits - 1)} ", "٣" * digits)
        yield from ({name: value} for value in (*ANY_TYPE, *hexadecimal, *others))


def actors(identifiers: tuple[str, ...]) -> Iterator[Form]:
    for kind in ("user", "app", "system", "system\n", "anonymous", "robot", None):
        yield {"type": kind}
        yield {"type": kind, "id": "u-17"}
        yield {"type": kind, "name": "Ada"}
        yield {"type": kind, "id": "u-17", "name": "Ada", "email": "ada@example.com"}
    for name in ("id", "name"):
        yield from ({**ENTRY["actor"], name: value} for value in (*ANY_TYPE, *TEXTS, *identifiers))
    yield {"id": "u-17"}


# --- one document ----------------------------------------------------------------------------------


@each_package
def test_schema_refers_to_its_own_defs_only(own_catalogs: None, package: str) -> None:
    for event, schema in events_of(package):
        used = {each["$ref"] for each in parts(schema) if isinstance(each, dict) and "$ref" in each}
        assert used == {f"#/$defs/{name}" for name in schema["$defs"]}, event.key


@each_package
def test_pattern_of_a_type_stands_once_in_a_schema(own_catalogs: None, package: str) -> None:
    for event, schema in events_of(package):
        of_types = patterns_in(schema["$defs"])
        assert set(of_types.values()) == {1}, event.key
        assert not set(of_types) & set(patterns_in(schema["properties"])), event.key


# --- the verdicts ----------------------------------------------------------------------------------


@each_package
def test_ajv_in_strict_mode_accepts_what_jsonschema_rs_accepts(own_catalogs: None, package: str) -> None:
    events = events_of(package)
    cases = [(schema, [*metadata_forms(event), *entry_forms(event)]) for event, schema in events]
    compared = accepted = 0
    for (event, schema), (_, forms), verdicts in zip(events, cases, ajv_verdicts(cases), strict=True):
        is_valid = jsonschema_rs.validator_for(schema).is_valid
        for form, verdict in zip(forms, verdicts, strict=True):
            assert verdict == is_valid(form), (event.key, form)
        assert verdicts[0], event.key
        compared, accepted = compared + len(verdicts), accepted + sum(verdicts)
    assert len(events) < accepted < compared


@each_package
def test_jsonschema_and_jsonschema_rs_agree(own_catalogs: None, package: str) -> None:
    event, schema = one_of(package)
    is_valid = jsonschema_rs.validator_for(schema).is_valid
    slow = entry_validator(schema)
    verdicts = [(form, slow.is_valid(form), is_valid(form)) for form in entry_forms(event)]
    assert [form for form, one, other in verdicts if one != other] == []
    assert {one for _, one, _ in verdicts} == {True, False}


@each_package
def test_patterns_match_the_same_texts_in_re2(own_catalogs: None, package: str) -> None:
    for event, schema in events_of(package):
        forms = [*metadata_forms(event), *entry_forms(event)]
        texts = {each for form in forms for each in parts(form) if isinstance(each, str)}
        for pattern in patterns_in(schema):
            assert {text for text in texts if re2_search(pattern, text) != matches(pattern, text)} == set()


# --- what the reference says ------------------------------------------------------------------------


def test_programs_of_the_page_print_what_they_say() -> None:
    said = [
        verdict
        for block in blocks(PAGE, "python")
        for verdict in re.findall(r"^print\(.*\)  # (True|False)$", block.text, re.MULTILINE)
    ]
    assert said == ["True", "False", "True", "False"]
    assert run_python_of_page()[1].split() == said
    (script,) = blocks(PAGE, "js")
    assert re.findall(r"^console\.log\(.*\); // (true|false)$", script.text, re.MULTILINE) == [
        "true",
        "false",
    ]
    assert run_node(script.text).split() == ["true", "false"]


def test_jsonschema_alone_accepts_a_final_newline() -> None:
    """Guards the tests above: without the validator class of the guide, jsonschema gives another verdict."""
    from jsonschema import Draft202012Validator

    event, schema = events_of("audit_events")[0]
    form = {"event": event.key, "metadata": event.example, "ip_address": "203.0.113.7\n"}
    assert Draft202012Validator(schema).is_valid(form)
    assert not entry_validator(schema).is_valid(form)


@pytest.mark.parametrize(
    ("pattern", "text"), [("^a$|^b$", "a\n"), ("[$]$", "$\n"), ("\\$$", "$\n"), ("\\\\$", "\\\n")]
)
def test_class_of_the_page_takes_each_dollar_as_the_very_end(pattern: str, text: str) -> None:
    validator = entry_validator({"pattern": pattern})
    assert not validator.is_valid(text)
    assert validator.is_valid(text.removesuffix("\n"))


@pytest.mark.parametrize(("pattern", "text"), [("[\\]$]", "$\n"), ("\\$", "$\n"), ("a", "a\n")])
def test_class_of_the_page_leaves_other_patterns_as_they_are(pattern: str, text: str) -> None:
    assert entry_validator({"pattern": pattern}).is_valid(text)
