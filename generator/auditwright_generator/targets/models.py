"""The metadata models: a module a category, a pydantic class an event.

The base class, `auditwright.event_model.EventModel`, is strict and enforces the conditions. Descriptions are
docstrings: they cost nothing at import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from auditwright_generator import patterns
from auditwright_generator.model import MAX_INTEGER, Catalog, Category, Event, Field, Level
from auditwright_generator.targets.python_code import (
    LINE_LENGTH,
    bracketed,
    fits,
    imports,
    literal,
    long_literal,
    path_of_categories,
    raw_literal,
    type_of,
    value_of,
)
from auditwright_generator.targets.templating import python_header, render

_PATTERNS = {kind: f"{kind.upper()}_PATTERN" for kind in patterns.BY_KIND if kind != "bigint"}
_BIGINT, _CHANGE = "BigInt", "ChangeOf"
"""The types of `auditwright.event_model` for Python's values, which also accept those of the JSON form."""


def of_category(catalog: Catalog, level: Level, category: Category) -> dict[str, str]:
    """`<package>/models/<level>/<category>.py`, a class an event."""
    fields = {event.key: list(map(_field, event.metadata)) for event in category.events}
    names = {name for each in fields.values() for field in each for name in field.names}
    text = render(
        "models.py.j2",
        head=python_header(category.source),
        title=f"Metadata models of the category {category.title}.",
        imports=imports(
            {
                "typing": sorted(names & {"Annotated", "Literal"}),
                "pydantic": sorted(names & {"Field"}),
                "auditwright.event_model": [
                    *sorted(names & {_BIGINT, _CHANGE}),
                    "EventModel",
                    *sorted(names & {"Json"}),
                ],
                f"{catalog.package}.models": sorted(names & {"MAX_INTEGER", *_PATTERNS.values()}),
            },
            own=catalog.package,
        ),
        category=category,
        headers={event.key: _header(event) for event in category.events},
        fields=fields,
    )
    return {f"{catalog.package}/models/{category.path}.py": text}


def whole(catalog: Catalog) -> dict[str, str]:
    """`<package>/models/__init__.py` and `<package>/models/<level>/__init__.py`."""
    folder = f"{catalog.package}/models"
    head = python_header(f"{catalog.folder}/")
    made = {
        f"{folder}/__init__.py": render(
            "models_package.py.j2",
            head=head,
            max_integer=MAX_INTEGER,
            patterns=[_assignment(name, patterns.BY_KIND[kind]) for kind, name in _PATTERNS.items()],
            package=catalog.package,
            path=path_of_categories(catalog),
        )
    }
    for level in catalog.levels if catalog.has_levels else ():
        made[f"{folder}/{level.name}/__init__.py"] = (
            f'{head}"""Metadata models of the level {level.name}."""\n'
        )
    return made


def _assignment(name: str, pattern: str) -> str:
    line = f"{name} = {raw_literal(pattern)}"
    return line if fits(line) else f"{name} = (\n    {long_literal(pattern, 4, raw_literal)}\n)"


def _header(event: Event) -> str:
    """`class ModelAdded(EventModel, event="account.models.model_added"):`, and what no field can say."""
    when = {
        field.name: {part.field: part.values for part in field.when}
        for field in event.metadata
        if field.when and not field.outcome  # a model does not know the outcome; the recorder checks these
    }
    secrets = [field.name for field in event.metadata if field.sensitivity == "secret"]
    stored = {
        field.name: {value.stored: value.key for value in field.values if value.stored_as is not None}
        for field in event.metadata
        if field.has_stored_values
    }
    facts = {"event": event.key, "when": when, "secrets": secrets, "stored": stored}
    arguments = ["EventModel", *(value_of(f"{name}=", value, 4) for name, value in facts.items() if value)]
    return bracketed(f"class {event.class_name}(", arguments, "):", 0)


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a model: `epochs: int | None = Field(default=None, ge=1)`, and what that needs imported."""

    definition: str
    description: str
    names: frozenset[str]


def _field(field: Field) -> _Field:
    of_one = _constraints(field)
    has_parts = field.many or field.change
    of_all = {"min_length": field.min_items, "max_length": field.max_items} if has_parts else of_one
    arguments = [*_arguments(of_all), *_aliases(field)]
    of_items = _arguments(of_one) if has_parts else []
    item = _BIGINT if field.kind == "bigint" else None
    names = {
        *({_CHANGE} if field.change else ()),
        *({item} if item else ()),
        *({"Annotated"} if of_items else ()),
        *({"Field"} if of_items or arguments else ()),
        *({"Literal"} if field.kind == "enum" else ()),
        *({"Json"} if field.kind == "json" else ()),
        *(str(value).removeprefix("-") for value in of_one.values()),
    }
    room = len(f"{field.name}:  | None = Field(")
    annotation = type_of(field, 4, room, of_items, item, _CHANGE)
    if not field.always:
        if "\n" in annotation:
            annotation = (
                f"(\n        {type_of(field, 8, LINE_LENGTH, of_items, item, _CHANGE)}\n        | None\n    )"
            )
        else:
            annotation += " | None"
        arguments[:0] = ["default=None"] if arguments else []
    definition = f"{field.name}: {annotation}"
    if arguments:
        definition = bracketed(f"{definition} = Field(", arguments, ")", 4)
    elif not field.always:
        definition += " = None"
    return _Field(definition, field.description, frozenset(names))


def _aliases(field: Field) -> list[str]:
    """The arguments with the name in JSON, where it differs. A type checker knows the other name only."""
    name = literal(field.stored_as)
    return [f"{kind}_alias={name}" for kind in ("validation", "serialization") if field.stored_as]


def _constraints(field: Field) -> dict[str, str | float | None]:
    """The constraints of one value, as arguments of pydantic's `Field` and their source text."""
    if field.kind == "integer":
        low = "-MAX_INTEGER" if field.min is None else field.min
        return {"ge": low, "le": "MAX_INTEGER" if field.max is None else field.max}
    if field.kind == "number":
        return {"ge": field.min, "le": field.max}
    if field.kind in ("boolean", "enum", "bigint", "json"):
        return {}
    pattern = raw_literal(field.pattern) if field.pattern else None
    return {
        "min_length": field.min_length,
        "max_length": field.max_length,
        "pattern": _PATTERNS.get(field.kind, pattern),
    }


def _arguments(constraints: Mapping[str, object]) -> list[str]:
    return [f"{name}={value}" for name, value in constraints.items() if value is not None]
