"""`catalog.json`: the resolved catalog, for the runtime, the Audit Logs page and `auditwright diff`.

It has one line per field and per example, so that a change of the catalog changes few lines.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

from auditwright_generator.model import Catalog, Category, Deprecated, Event, Field, Level, SharedField
from auditwright_generator.targets.templating import header
from auditwright_generator.versions import RUNTIME_SERIES

_ENCODER = json.JSONEncoder(ensure_ascii=False)

_DEFAULTS = {
    part.name: part.default for part in dataclasses.fields(Field) if part.default is not dataclasses.MISSING
}


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
        ' "levels": [',
        ",\n".join(_level(level) for level in catalog.levels),
        " ]",
        "}",
    ]
    return {f"{catalog.package}/catalog.json": "\n".join(lines) + "\n"}


def _level(level: Level) -> str:
    head = _head(level, ("name", "title", "description"))
    categories = ",\n".join(_category(category) for category in level.categories)
    return f'  {{{head},\n   "metadata": {_shared(level.metadata)},\n   "categories": [\n{categories}\n   ]}}'


def _category(category: Category) -> str:
    head = _head(category, ("key", "name", "title", "description"))
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
    if event.aliases:
        parts.append(f'"aliases": {_json(event.aliases)}')
    if event.since:
        parts.append(f'"since": {_json(event.since)}')
    if event.deprecated:
        parts.append(f'"deprecated": {_json(_deprecated(event.deprecated))}')
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
    if field.when:
        facts["when"] = {part.field: list(part.values) for part in field.when}
    if field.values:
        facts["values"] = {value.key: value.title for value in field.values}
    if field.deprecated:
        facts["deprecated"] = _deprecated(field.deprecated)
    for name, default in _DEFAULTS.items():
        value = getattr(field, name)
        if name not in facts and value != default:
            facts[name] = value
    return facts


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
