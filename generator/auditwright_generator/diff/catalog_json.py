"""`catalog.json` -> `model.Catalog`: the inverse of `targets/catalog_json.py`.

Pydantic validates the JSON against the dataclasses of the model; the patterns of names and versions are those
of `source/structure.py`. Unknown keys are ignored, so that a newer generator's file can be read.
"""

import codecs
import functools
import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from auditwright_generator.diff.change import shown
from auditwright_generator.findings import PrintableError, either
from auditwright_generator.model import OUTCOMES, Catalog, Category, Deprecated, Event, Field
from auditwright_generator.source.structure import ANNOTATION_KINDS, DEFS, KINDS

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError


class InvalidCatalogJson(PrintableError):
    """The data is not a catalog.json; the text says why."""


def read_catalog_json(data: bytes) -> Catalog:
    """The catalog of a catalog.json, without the names of source files; raises `InvalidCatalogJson`."""
    from pydantic import ValidationError
    from pydantic_core import to_json

    parsed = _parse(data)
    if not isinstance(parsed, dict) or not {"format", "levels"} <= parsed.keys():
        raise InvalidCatalogJson("it is JSON, but not a catalog.json")
    if parsed["format"] != 1:
        raise InvalidCatalogJson(f"its format is {shown(parsed['format'])}, and this version reads format 1")
    try:
        catalog = _adapter().validate_json(to_json(parsed), strict=True)
    except ValidationError as error:
        raise InvalidCatalogJson(_first_error(error)) from None
    problem = next(_problems(catalog), None)
    if problem:
        raise InvalidCatalogJson(problem)
    return catalog


@functools.cache
def _adapter() -> "TypeAdapter[Catalog]":
    from pydantic import TypeAdapter

    return TypeAdapter(Catalog)


def _parse(data: bytes) -> object:
    from pydantic_core import from_json

    try:
        return _as_model(from_json(data.removeprefix(codecs.BOM_UTF8), allow_inf_nan=False))
    except ValueError as error:
        raise InvalidCatalogJson(f"it is not valid JSON ({error})") from error


_AS_WRITTEN = ("example", "annotations")
"""Parts whose keys are those of a catalog, so that none has a meaning here."""


def _as_model(value: Any) -> Any:
    """The JSON with the attributes of the model: conditions and enum values are mappings in catalog.json."""
    if isinstance(value, list):
        return [_as_model(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, dict):
        return value
    made = {key: _whole(item) if key in _AS_WRITTEN else _as_model(item) for key, item in value.items()}
    if isinstance(made.get("when"), dict):
        if (outcome := made["when"].get("outcome")) in ([each] for each in OUTCOMES):
            made["outcome"] = outcome[0]
            made["when"] = {key: item for key, item in made["when"].items() if key != "outcome"}
        made["when"] = [{"field": field, "values": values} for field, values in made["when"].items()]
    if isinstance(made.get("values"), dict):
        made["values"] = _enum_values(made["values"], made.pop("stored_values", None))
    if isinstance(made.get("annotation_keys"), dict):
        declared = made["annotation_keys"].items()
        made["annotation_keys"] = [
            {**key, "name": name} if isinstance(key, dict) else key for name, key in declared
        ]
    for keyword in ("except", "for"):
        if isinstance(made.get(keyword), list):
            made[f"{keyword}_"] = made.pop(keyword)
    return made


def _whole(value: Any) -> Any:
    """The value with 1 for 1.0."""
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _enum_values(titles: dict[str, Any], stored: object) -> list[dict[str, Any]]:
    known = stored if isinstance(stored, dict) else {}
    return [
        {"key": key, "title": title} | ({"stored_as": known[key]} if known.get(key, key) != key else {})
        for key, title in titles.items()
    ]


def _first_error(error: "ValidationError") -> str:
    """`levels[0].title: Input should be a valid string, got 5`."""
    details = error.errors(include_url=False)[0]
    path = "".join(
        f"[{step}]" if isinstance(step, int) else f".{step if step.isidentifier() else shown(step)}"
        for step in details["loc"]
    ).removeprefix(".")
    given = details["input"]
    got = f", got {shown(given)}" if given is None or isinstance(given, str | int | float) else ""
    return f"{path}: {details['msg']}{got}"


# --- what the types do not say: names, versions, keys, and that each thing is there once ----------------


def _problems(catalog: Catalog) -> Iterator[str]:
    yield from _mismatches("package", "name", catalog.package)
    yield from _mismatches("distribution", "distribution", catalog.distribution)
    yield from _mismatches("version", "version", catalog.version)
    yield from _repeated("level", [level.name for level in catalog.levels])
    yield from _repeated("category", [category.key for category in catalog.categories])
    yield from _repeated("event", [event.key for event in catalog.events])
    nameless = [level for level in catalog.levels if not level.name]
    if nameless and len(catalog.levels) > 1:
        yield "a level has no name, and it is not the only one"
    yield from _annotation_problems(catalog)
    for level in catalog.levels:
        yield from _mismatches("level", "name", *([level.name] if level.name else ()))
        for category in level.categories:
            yield from _category_problems(level.name, category)


def _annotation_problems(catalog: Catalog) -> Iterator[str]:
    keys = catalog.annotation_keys
    yield from _mismatches("annotation", "name", *(key.name for key in keys))
    for key in keys:
        if key.kind not in ANNOTATION_KINDS:
            yield f"kind {shown(key.kind)} of an annotation is not one of {', '.join(ANNOTATION_KINDS)}"
        yield from _mismatches("value of an annotation", "name", *(value.key for value in key.values))
    given = [catalog.annotations, *(category.annotations for category in catalog.categories)]
    for event in catalog.events:
        given += [event.annotations, *(field.annotations for field in event.fields)]
    yield from _mismatches("annotation", "name", *sorted({name for each in given for name in each}))


def _category_problems(level: str, category: Category) -> Iterator[str]:
    yield from _mismatches("category", "category_name" if not level else "name", category.name)
    yield from _wrong_key(category.key, f"{level}.{category.name}" if level else category.name)
    for event in category.events:
        yield from _event_problems(category.key, event)


def _event_problems(category: str, event: Event) -> Iterator[str]:
    yield from _mismatches("event", "name", event.name)
    yield from _wrong_key(event.key, f"{category}.{event.name}")
    yield from _repeated(f"event {event.key}: field", [field.name for field in event.fields])
    yield from _mismatches("alias", "key", *event.aliases)
    yield from _lifecycle_problems(event.since, event.deprecated)
    for field in event.fields:
        yield from _field_problems(field)


def _field_problems(field: Field) -> Iterator[str]:
    yield from _mismatches("field", "name", field.name)
    yield from _mismatches("field of a condition", "name", *(part.field for part in field.when))
    yield from _mismatches("enum value", "name", *(value.key for value in field.values))
    if field.stored_as:
        yield from _mismatches("stored name", "stored_name", field.stored_as)
    if field.outcome not in ("", *OUTCOMES):
        yield f"field {field.name} has the outcome {shown(field.outcome)}, not {either(OUTCOMES)}"
    if field.target:
        yield from _mismatches("target", "target_type", field.target)
    if field.many and field.change:
        yield f"field {field.name} is both a list and a change"
    yield from _lifecycle_problems(field.since, field.deprecated)
    if field.kind not in KINDS:
        yield f"kind {shown(field.kind)} is not one of {', '.join(KINDS)}"
    if not all(part.values for part in field.when):
        yield f"field {field.name} has a condition without values"


def _lifecycle_problems(since: str | None, deprecated: Deprecated | None) -> Iterator[str]:
    versions = [since, deprecated.since if deprecated else None]
    yield from _mismatches("since", "version", *(version for version in versions if version is not None))


def _mismatches(what: str, definition: str, *texts: str) -> Iterator[str]:
    """One for each text that does not match a definition of the catalog format, such as `name`."""
    wanted = DEFS[definition]
    for text in texts:
        if len(text) > wanted.get("maxLength", 200) or not re.fullmatch(wanted["pattern"], text):
            yield f"{what} {shown(text)} is not {wanted['description']}"


def _wrong_key(key: str, expected: str) -> Iterator[str]:
    if key != expected:
        yield f"key {shown(key)} should be {shown(expected)}"


def _repeated(what: str, keys: list[str]) -> Iterator[str]:
    yield from (f"{what} {shown(key)} appears twice" for key, count in Counter(keys).items() if count > 1)
