"""Finds values for the example of a new event: given, shown by other events, or made from the field's type.

Only values that the field accepts are used; where none is found, the author has to give one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from auditwright_generator.checks.values import refuse_value
from auditwright_generator.findings import PrintableError
from auditwright_generator.model import Condition, Event, Field, Value
from auditwright_generator.scaffold.derived_text import title_of
from auditwright_generator.source.yaml_nodes import parse_yaml

_BY_KIND: dict[str, str | int] = {
    "timestamp": "2026-01-31T09:30:00Z",
    "date": "2026-01-31",
    "ip": "203.0.113.7",
    "email": "ada@example.com",
    "uuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "bigint": 1,
}


class NoExample(PrintableError):
    """No value is known that the field accepts."""


def derive_example(
    fields: Iterable[Field], given: Mapping[str, str], others: Sequence[Event]
) -> dict[str, Value]:
    """A value for each required field, in the order of the fields, and all given values.

    Other events are asked in their order for a value of the same field. Raises `NoExample`.
    """
    known = {field.name: field for field in fields}
    example: dict[str, Value] = {
        name: _read_value(known[name], text) if name in known else text for name, text in given.items()
    }
    # A condition depends only on fields without conditions, so these come first.
    for field in sorted(known.values(), key=lambda field: bool(field.when)):
        can_be_there = not field.entry and field.outcome != "failure"  # the example is a success
        needed = field.required and can_be_there and all(_holds(part, example) for part in field.when)
        if needed and field.name not in example:
            example[field.name] = _find_value(field, others)
    return {name: example[name] for name in (*known, *given) if name in example}


def _read_value(field: Field, text: str) -> Value:
    """The value that a text stands for, such as `viewer -> editor` for a change.

    A text of the wrong type is left to `check`.
    """
    if field.kind == "json":
        node, findings = parse_yaml(text.encode("utf-8", "replace"), "--example")
        return text if findings else node.plain
    before, arrow, after = text.partition("->")
    if field.change and arrow:
        return {"from": _read_side(field, before.strip()), "to": _read_side(field, after.strip())}
    values = [_read_item(field, item.strip()) for item in text.split(",")] if field.many else []
    return values or _read_item(field, text)


def _read_side(field: Field, text: str) -> str | int | float | bool | None:
    return None if text in ("", "not set") else _read_item(field, text)


def _read_item(field: Field, text: str) -> str | int | float | bool:
    node, findings = parse_yaml(text.encode("utf-8", "replace"), "--example")
    is_number = field.kind in ("integer", "bigint", "number", "boolean") and isinstance(
        node.value, int | float
    )
    return node.scalar if is_number and not findings else text


def _holds(condition: Condition, example: Mapping[str, Value]) -> bool:
    value = example.get(condition.field)
    return any(value == each and type(value) is type(each) for each in condition.values)


def _find_value(field: Field, others: Iterable[Event]) -> Value:
    shown = (event.example[field.name] for event in others if field.name in event.example)
    made = (_made_of(field, item) for item in _items(field))
    for value in (*shown, *made):
        if refuse_value(field, value) is None:
            return value
    raise NoExample(f"no example is known for the field {field.name}; add --example {field.name}=VALUE")


def _made_of(field: Field, item: Value) -> Value:
    """A value with this item: several of a list; a change, from which it was not set, to it."""
    if field.change:
        return {"from": None, "to": item}
    return [item] * max(field.min_items or 0, 1) if field.many else item


def _items(field: Field) -> Iterator[Value]:
    words = field.name.replace("_", "-")
    match field.kind:
        case "boolean":
            yield True
        case "integer" | "number":
            yield from (number for number in (1, field.min, field.max, 0) if number is not None)
        case "enum":
            yield from (value.key for value in field.values)
        case "url":
            yield f"https://example.com/{words}"
        case "string" if field.sensitivity == "secret":
            yield f"not-a-real-{words}"
        case "string":
            thing, _, last = field.name.rpartition("_")
            natural = f"{thing[0]}-17" if thing and last == "id" else title_of(field.name)
            for text in (natural, words, "1", "a", "1.0.0"):
                yield text
                yield (text + "-1" * (field.min_length or 0))[: max(field.min_length or 0, len(text))]
                yield text[: field.max_length].rstrip(" -")
        case "json":
            yield {field.name.rpartition("_")[2]: "a"}
        case kind:
            yield _BY_KIND[kind]
