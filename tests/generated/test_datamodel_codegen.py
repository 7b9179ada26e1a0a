"""The published schemas as datamodel-code-generator reads them: an independent judge of schemas and models.

It makes Python types by the command of the reference's page. Their verdicts are those of the schemas, except
for conditions (`if`, `then`, `else`), which it leaves out. The generated models equal them field by field.
"""

import contextlib
import importlib
import importlib.metadata
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pydantic
import pytest
from tests.generated.test_json_schema import (
    Form,
    Schema,
    catalog_of,
    entry_forms,
    events_of,
    one_of,
)
from tests.generated.test_parity import OF_KIND, mutated
from tests.support.markdown import blocks
from tests.support.paths import ROOT
from tests.support.schema_engines import parts

from auditwright.catalog import Event

Model = type[pydantic.BaseModel]

PACKAGES = ("audit_events", "auditwright_events", "kitchen_sink_events")
"""The packages whose schemas have no other names than Python, so that the types can be compared by name."""
each_package = pytest.mark.parametrize("package", PACKAGES)
NOT_IN_THEM = {"bigint", "date", "json", "uuid"}


@pytest.fixture(scope="session")
def types_of(kitchen_sink: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Model]]:
    """By event: the class of its entry that the command of its package's page makes."""
    folder = tmp_path_factory.mktemp("python_types")
    generated = (ROOT / "generated", ROOT / "generated" / "runtime", kitchen_sink)
    for package, source in zip(PACKAGES, generated, strict=True):
        shutil.copytree(source / package / "json_schema", folder / package / "json_schema")
        (command,) = blocks(source / "docs" / "json_schema.md", "sh")
        run_here(command.text, folder)
    sys.path.insert(0, str(folder))
    yield {event.key: import_type(event) for package in PACKAGES for event, _ in events_of(package)}
    sys.path.remove(str(folder))


def run_here(command: str, folder: Path) -> None:
    """Run the console script of a command in this process: importing it again costs more than its work."""
    name, *arguments = shlex.split(command.replace("\\\n", ""))
    (script,) = importlib.metadata.entry_points(group="console_scripts", name=name)
    with contextlib.chdir(folder):
        assert script.load()(arguments) == 0


def import_type(event: Event) -> Model:
    """The class of an event's entry, by the names on the page."""
    module = importlib.import_module(f"{event.package}_types.{event.key}")
    entry: Model = getattr(module, "".join(re.findall(r"\w+", event.title.title())))
    return entry


def problems(model: Model, values: Form) -> set[str]:
    """The kinds of pydantic's errors; none, if the model accepts the values."""
    try:
        model.model_validate(values)
    except pydantic.ValidationError as error:
        return {each["type"] for each in error.errors(include_url=False, include_input=False)}
    return set()


# --- the verdicts ----------------------------------------------------------------------------------


def without_conditions(schema: Any) -> Any:
    """The schema as datamodel-code-generator reads it."""
    if isinstance(schema, dict):
        left_out = ("allOf", "if", "then", "else")
        return {name: without_conditions(each) for name, each in schema.items() if name not in left_out}
    return [without_conditions(each) for each in schema] if isinstance(schema, list) else schema


def without_nulls(values: Any) -> Any:
    """The values as the types read them: null is the same as left out."""
    if isinstance(values, dict):
        return {name: without_nulls(each) for name, each in values.items() if each is not None}
    return values


def has_integer_written_as_float(event: Event, metadata: Form) -> bool:
    values = [metadata.get(field.name) for field in event.fields if field.kind == "integer"]
    return any(isinstance(each, float) for value in values for each in parts(value))


@each_package
def test_types_accept_every_published_example(types_of: dict[str, Model], package: str) -> None:
    for event, schema in events_of(package):
        metadata_alone = {"event": event.key, "metadata": event.example}
        for example in (metadata_alone, *schema["examples"]):
            entry = types_of[event.key].model_validate(example)
            assert entry.model_dump(exclude_unset=True) == example


def test_types_refuse_as_the_schemas_except_conditions(types_of: dict[str, Model]) -> None:
    compared = 0
    found: set[str] = set()
    for event, schema in (each for package in PACKAGES for each in events_of(package)):
        is_valid = jsonschema_rs.validator_for(without_conditions(schema)).is_valid
        for metadata in mutated(event):
            form = {"event": event.key, "metadata": metadata}
            wanted = is_valid(without_nulls(form)) and not has_integer_written_as_float(event, metadata)
            kinds = problems(types_of[event.key], form)
            assert (kinds == set()) == wanted, (form, kinds)
            compared, found = compared + 1, found | kinds
    assert compared > 15_000
    assert found >= {"missing", "string_type", "extra_forbidden", "string_too_long", "literal_error"}


@each_package
def test_types_refuse_envelopes_that_the_schema_refuses(types_of: dict[str, Model], package: str) -> None:
    event, schema = one_of(package)
    is_valid = jsonschema_rs.validator_for(without_conditions(schema)).is_valid
    verdicts = [(form, not problems(types_of[event.key], form)) for form in entry_forms(event)]
    assert [form for form, verdict in verdicts if verdict != is_valid(without_nulls(form))] == []
    assert {verdict for _, verdict in verdicts} == {True, False}


def test_types_leave_out_what_the_page_says(types_of: dict[str, Model]) -> None:
    """Guards the tests above and the page: each of the differences that they allow is there."""
    schemas = {event.key: (event, schema) for event, schema in events_of("audit_events")}

    def verdicts(key: str, changes: Form, **around: Any) -> tuple[bool, bool]:
        event, schema = schemas[key]
        form = {"event": key, "metadata": {**event.example, **changes}, **around}
        return jsonschema_rs.is_valid(schema, form), not problems(types_of[key], form)

    added, tuned = "account.models.model_added", "account.models.model_fine_tuning"
    assert verdicts(added, {"deployment_name": "d", "connection_name": "c"}) == (False, True)
    assert verdicts(added, {}, actor={"type": "user"}) == (False, True)
    assert verdicts(tuned, {"epochs": None}) == (True, True)
    assert verdicts(tuned, {}, account_id=None) == (False, True)
    assert verdicts(tuned, {"epochs": 3.0}) == (True, False)
    assert verdicts(tuned, {"epochs": 3}) == (True, True)


# --- field by field --------------------------------------------------------------------------------

ANNOTATIONS = ("title", "description", "deprecated")


def field_schemas(model: Model) -> dict[str, Schema]:
    """Type, default and constraints of each field in order, as pydantic writes them, less annotations."""
    schema = model.model_json_schema()
    defs = schema.get("$defs", {})
    return {
        name: inlined({key: value for key, value in each.items() if key not in ANNOTATIONS}, defs)
        for name, each in schema["properties"].items()
    }


def inlined(schema: Any, defs: dict[str, Schema]) -> Any:
    """The schema with what its references name in place of them."""
    if isinstance(schema, dict):
        named = defs[schema["$ref"].removeprefix("#/$defs/")] if "$ref" in schema else {}
        return named | {name: inlined(each, defs) for name, each in schema.items() if name != "$ref"}
    return [inlined(each, defs) for each in schema] if isinstance(schema, list) else schema


def metadata_type(entry: Model) -> Model:
    metadata = entry.model_fields["metadata"].annotation
    assert isinstance(metadata, type)
    assert issubclass(metadata, pydantic.BaseModel)
    return metadata


@each_package
def test_generated_models_equal_the_types_field_by_field(types_of: dict[str, Model], package: str) -> None:
    catalog = catalog_of(package)
    for event, _ in events_of(package):
        ours, entry = catalog.model(event), types_of[event.key]
        if not event.metadata:  # a dict without keys: there is no class
            assert not ours.model_fields
            continue
        theirs = metadata_type(entry)
        assert list(field_schemas(ours).items()) == list(field_schemas(theirs).items()), event.key
        assert required(ours) == required(theirs), event.key


def required(model: Model) -> list[str]:
    return [name for name, field in model.model_fields.items() if field.is_required()]


def test_field_comparison_covers_all_types_and_constraints(types_of: dict[str, Model]) -> None:
    """Guards the test above."""
    events = [event for event, _ in events_of("kitchen_sink_events")]
    assert {field.kind for event in events for field in event.metadata} == set(OF_KIND) - NOT_IN_THEM
    schemas = [field_schemas(metadata_type(types_of[event.key])) for event in events if event.metadata]
    words = {word for each in parts(schemas) if isinstance(each, dict) for word in each}
    bounds = {f"{end}{of}" for end in ("min", "max") for of in ("imum", "Length", "Items")}
    assert words >= {"enum", "pattern", "default", *bounds}
