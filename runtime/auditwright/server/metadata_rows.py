"""The metadata of one entry as rows of its page: every field of its event with label and value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from auditwright.change import is_change
from auditwright.effort import alternatives
from auditwright.limits import MAX_ID, names_at
from auditwright.server.json_tree import JsonTree, json_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditwright.catalog import Catalog, Event, Field
    from auditwright.entry import Entry


@dataclass(frozen=True, slots=True)
class MetadataRow:
    """One field of an entry as text; no values where it was not given."""

    label: str
    values: tuple[str, ...]
    note: str = ""
    """A remark: that the value is a fingerprint, or when the field is given."""
    altered: bool = False
    """Whether it was sanitized, truncated or replaced before it was stored."""
    code: bool = False
    """Whether to show it as code."""
    tree: JsonTree | None = None
    """The value, if it is an object or a list of type json."""
    targets: tuple[str, ...] = ()
    """For each value the object that it identifies, such as `model:m-17`; empty where it identifies none."""


def metadata_rows(entry: Entry, catalog: Catalog) -> Iterator[MetadataRow]:
    """The metadata in catalog order, then stored fields that the catalog does not have."""
    stored = entry.metadata
    event = catalog.event(entry.event)
    altered = {name for path in entry.alterations if path.startswith("metadata.") for name in names_at(path)}
    for field in event.metadata if event else ():
        value = stored.pop(field.name, None)
        if value is None and field.deprecated:
            continue
        yield MetadataRow(
            field.title,
            _texts(value, field),
            _note(field, event, value is not None),
            field.name in altered,
            field.sensitivity == "secret",
            _tree(value, field),
            _targets(value, field),
        )
    for name, value in stored.items():
        tree = _tree(value, None)
        yield MetadataRow(name, _texts(value, None), "not in the catalog", name in altered, tree=tree)


def _note(field: Field, event: Event | None, given: bool) -> str:
    notes = []
    if field.sensitivity == "secret" and given:
        notes.append("secret: only its fingerprint is stored")
    if field.when:
        notes.append(f"only where {_condition(field, event)}")
    if field.outcome:
        notes.append(f"only with a {field.outcome}")
    return "; ".join(notes)


def _condition(field: Field, event: Event | None) -> str:
    """`Model Type is Open-source or Fine-tuned`."""
    fields = {each.name: each for each in event.fields} if event else {}
    parts = []
    for name, choices in field.when.items():
        other = fields.get(name)
        titles = [text for choice in choices for text in _texts(choice, other)]
        parts.append(f"{other.title if other else name} is {alternatives(titles)}")
    return " and ".join(parts)


def _targets(value: Any, field: Field) -> tuple[str, ...]:
    """The objects that the values identify; the same texts as those that are indexed."""
    if not field.target or value is None:
        return ()
    values = value if isinstance(value, list) else [value]
    return tuple(_target(field.target, each) for each in values)


def _target(kind: str, value: Any) -> str:
    """The object of a value; empty for what another catalog has put there, and for an id that is too long."""
    text = str(value) if type(value) in (str, int) else ""
    return f"{kind}:{text}" if 1 <= len(text) <= MAX_ID else ""


def _tree(value: Any, field: Field | None) -> JsonTree | None:
    """The tree of an object, or of a list of a field that takes any JSON."""
    is_tree = isinstance(value, dict) and not (field and field.change)
    if is_tree or (isinstance(value, list) and field is not None and field.kind == "json"):
        return json_tree(value)
    return None


def _texts(value: Any, field: Field | None) -> tuple[str, ...]:
    """A value as texts: titles of enums, yes or no, numbers with their unit; one text per list item."""
    if value is None:
        return ()
    if field and field.change and is_change(value):
        return (" -> ".join(", ".join(_texts(value[side], field)) or "not set" for side in ("from", "to")),)
    if isinstance(value, dict):
        return (orjson.dumps(value).decode(),)
    if isinstance(value, list):
        return tuple(text for item in value for text in _texts(item, field))
    if isinstance(value, bool):
        return ("Yes" if value else "No",)
    text = (field.title_of(value) if field else None) or str(value)
    return (f"{text} {field.unit}" if field and field.unit else text,)
