"""Checks of stored names, which fields and enum values have in JSON besides their names in the catalog."""

from collections.abc import Iterator

from auditwright_generator.findings import Mistakes, quote
from auditwright_generator.model import MAX_INTEGER, Field
from auditwright_generator.source.catalog_source import CatalogSource
from auditwright_generator.source.resolve import resolve_fields
from auditwright_generator.source.yaml_nodes import Node


def check_stored_names_differ(source: CatalogSource) -> Mistakes:
    """AC212: JSON has one value for a name, and models take both names of a field."""
    seen = set[tuple[str, str]]()
    for category, event in source.events:
        fields = [field for field in resolve_fields(source, category, event).values() if field]
        if any(field.stored_as for field in fields):
            yield from _same_name(source, event.key, [field for field in fields if not field.entry], seen)


def _same_name(
    source: CatalogSource, event: str, fields: list[Field], seen: set[tuple[str, str]]
) -> Mistakes:
    """The clashes in an event that no other event has."""
    owners = {field.name: field for field in fields}
    for field in fields:
        if not field.stored_as:
            continue
        other = owners.setdefault(field.stored_as, field)
        if other is field or (field.name, other.name) in seen:
            continue
        seen.add((field.name, other.name))
        node = source.fields[field.name].node.entries["stored_as"]
        what = "is stored as that, too" if other.stored_as == field.stored_as else "has that name"
        message = f"field {field.name} is stored as {quote(field.stored_as)}, but field {other.name} of event"
        yield node.position, f"{message} {event} {what}; change one of them, or leave one out of the event"


def check_stored_values_differ(source: CatalogSource) -> Mistakes:
    """AC213: models take both names of an enum value."""
    for field in source.fields.values():
        values = _values(field.node.get("values"))
        owners: dict[str | int | float, str] = {key: key for key in values}
        for key, node in values.items():
            if node is None:
                continue
            first = owners.setdefault(_number(node.scalar), key)
            if first != key:
                message = (
                    f"field {field.name}: value {key} is stored as {quote(node.scalar)}, and so is {first}"
                )
                if first == node.scalar:
                    message = f"field {field.name}: value {key} is stored as the name of value {first}"
                yield node.position, f"{message}; change one of them"


def check_stored_values_have_one_type(source: CatalogSource) -> Mistakes:
    """AC214: the values of an enum are texts or whole numbers, never both."""
    for field in source.fields.values():
        values = _values(field.node.get("values"))
        numbers = {key: node for key, node in values.items() if node and not isinstance(node.scalar, str)}
        for key, node in numbers.items():
            if abs(int(node.scalar)) > MAX_INTEGER:
                message = (
                    f"field {field.name}: value {key} is stored as {node.text}, but JSON readers represent"
                )
                yield node.position, f"{message} integers exactly only up to 2^53-1; write a text in quotes"
        texts = [key for key in values if key not in numbers]
        if numbers and texts:
            key, node = next(iter(numbers.items()))
            message = (
                f"field {field.name}: value {key} is stored as a number, and {texts[0]} as a text; write"
            )
            yield node.position, f'{message} stored_as: "{node.text}", or numbers for all values'


def _values(values: Node | None) -> dict[str, Node | None]:
    """What is written as `stored_as` of each value of an enum."""
    if values is None:
        return {}
    return dict(_stored(values))


def _stored(values: Node) -> Iterator[tuple[str, Node | None]]:
    for key, node in values.entries.items():
        if not node.invalid:
            yield key, node.get("stored_as") if isinstance(node.value, dict) else None


def _number(value: str | int | float | bool) -> str | int | float:
    """1 for 1.0: they are one number in JSON."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
