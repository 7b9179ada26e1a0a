"""`catalog.json`: the resolved catalog, for the runtime, the Audit Logs page and `auditwright diff`.

It has one line per field and per example, so that a change of the catalog changes few lines.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

from auditwright_generator.model import (
    AnnotationKey,
    Catalog,
    Category,
    Deprecated,
    Event,
    Field,
    Level,
    SharedField,
)
from auditwright_generator.targets.templating import header
from auditwright_generator.versions import RUNTIME_SERIES

_ENCODER = json.JSONEncoder(ensure_ascii=False)

_DEFAULTS = {
    part.name: part.default for part in dataclasses.fields(Field) if part.default is not dataclasses.MISSING
}
"""Of a field's attributes; its annotations are written apart."""


def whole(catalog: Catalog) -> dict[str, str]:
    """`<package>/catalog.json`."""
    lines = [
        "{",
        f' "$comment": {_json(header(f"{catalog.folder}/").replace(chr(10), " "))},',
        ' "format": 1,',
        f' "auditwright": {_json(RUNTIME_SERIES)},',
        *(
            f' "{name}": {_json(getattr(catalog, name))},'
            for name in ("package", "distribution", "title", "description", "version")
        ),
        *(f" {part}," for part in (*_annotation_keys(catalog), *_annotations(catalog))),
        ' "levels": [',
        ",\n".join(_level(level) for level in catalog.levels),
        " ]",
        "}",
    ]
    return {f"{catalog.package}/catalog.json": "\n".join(lines) + "\n"}


def _annotation_keys(catalog: Catalog) -> list[str]:
    declared = {key.name: _annotation_key(key) for key in catalog.annotation_keys}
    return [f'"annotation_keys": {_json(declared)}'] if declared else []


def _annotation_key(key: AnnotationKey) -> dict[str, Any]:
    return {
        "title": key.title,
        "kind": key.kind,
        "many": key.many,
        "description": key.description,
        "for": key.for_,
        "required": key.required,
        "values": {value.key: value.title for value in key.values},
    }


def _annotations(owner: Catalog | Category | Event) -> list[str]:
    return [f'"annotations": {_json(owner.annotations)}'] if owner.annotations else []


def _level(level: Level) -> str:
    head = _head(level, ("name", "title", "description"))
    categories = ",\n".join(_category(category) for category in level.categories)
    return f'  {{{head},\n   "metadata": {_shared(level.metadata)},\n   "categories": [\n{categories}\n   ]}}'


def _category(category: Category) -> str:
    head = ", ".join([_head(category, ("key", "name", "title", "description")), *_annotations(category)])
    # Events share the object of a field with the same uses; it is encoded once.
    shared = {id(field): field for event in category.events for field in event.fields}
    lines = {number: f"         {_json(_field(field))}" for number, field in shared.items()}
    events = ",\n".join(_event(event, lines) for event in category.events)
    return (
        f'    {{{head},\n     "metadata": {_shared(category.metadata)},\n     "events": [\n{events}\n     ]}}'
    )


def _event(event: Event, lines: dict[int, str]) -> str:
    names = ("key", "name", "title", "description", "message")
    parts = [f'"{name}": {_json(getattr(event, name))}' for name in names]
    if event.failure_message:
        parts.append(f'"failure_message": {_json(event.failure_message)}')
    if event.aliases:
        parts.append(f'"aliases": {_json(event.aliases)}')
    if event.since:
        parts.append(f'"since": {_json(event.since)}')
    if event.deprecated:
        parts.append(f'"deprecated": {_json(_deprecated(event.deprecated))}')
    parts += _annotations(event)
    parts.append(f'"example": {_json(event.example)}')
    fields = ",\n".join(lines[id(field)] for field in event.fields)
    parts.append(f'"fields": [\n{fields}]')
    return "      {" + ",\n       ".join(parts) + "}"


def _field(field: Field) -> dict[str, Any]:
    """The attributes of a field, without those that have their default."""
    facts: dict[str, Any] = {
        name: getattr(field, name)
        for name in ("name", "title", "description", "kind", "many", "required", "declared_in")
    }
    if field.conditions:
        facts["when"] = {part.field: list(part.values) for part in field.conditions}
    if field.values:
        facts["values"] = {value.key: value.title for value in field.values}
    if field.has_stored_values:
        facts["stored_values"] = {value.key: value.stored for value in field.values}
    if field.deprecated:
        facts["deprecated"] = _deprecated(field.deprecated)
    for name, default in _DEFAULTS.items():
        value = getattr(field, name)
        if name not in (*facts, "when", "outcome") and value != default:
            facts[name] = value
    return facts | ({"annotations": field.annotations} if field.annotations else {})


def _deprecated(deprecated: Deprecated) -> dict[str, str]:
    return {name: value for name, value in dataclasses.asdict(deprecated).items() if value is not None}


def _head(part: Level | Category, names: Iterable[str]) -> str:
    return ", ".join(f'"{name}": {_json(getattr(part, name))}' for name in names)


def _shared(metadata: tuple[SharedField, ...]) -> str:
    return _json(
        [
            {"field": each.field, "title": each.title}
            | ({"only": each.only} if each.only else {})
            | ({"except": each.except_} if each.except_ else {})
            for each in metadata
        ]
    )


def _json(value: Any) -> str:
    return _ENCODER.encode(value)
