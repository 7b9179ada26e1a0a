"""Values for the example of a new event: of the same field in other events, or made from the field's type.

A value is only ever one that the field takes; where none can be found, the author has to give it.
"""

from collections.abc import Iterable, Iterator, Sequence

from auditwright_generator.checks.values import refuse_value
from auditwright_generator.model import Condition, Event, Field, Value
from auditwright_generator.scaffold.wording import title_of

_BY_KIND = {
    "timestamp": "2026-01-31T09:30:00Z",
    "ip": "203.0.113.7",
    "email": "ada@example.com",
}


class NoExample(ValueError):
    """No value is known that a field takes."""

    def __init__(self, field: Field) -> None:
        self.field = field
        super().__init__(f"no example can be derived for the field {field.name}")


def derive_example(
    fields: Sequence[Field], given: dict[str, Value], others: Sequence[Event]
) -> dict[str, Value]:
    """The values of all fields that must be there, in order, and of those given; raises `NoExample`.

    The other events come nearest first: what they show of a field is shown again.
    """
    example: dict[str, Value] = {}
    # Conditions ask only for fields without conditions, so that these decide.
    for field in sorted(fields, key=lambda field: bool(field.when)):
        if field.name in given:
            example[field.name] = given[field.name]
        elif field.required and not field.entry and all(_holds(part, example) for part in field.when):
            example[field.name] = _find_value(field, others)
    return {field.name: example[field.name] for field in fields if field.name in example}


def _holds(condition: Condition, example: dict[str, Value]) -> bool:
    value = example.get(condition.field)
    return any(value == each and type(value) is type(each) for each in condition.values)


def _find_value(field: Field, others: Iterable[Event]) -> Value:
    shown = (event.example[field.name] for event in others if field.name in event.example)
    for value in (*shown, *_made(field)):
        if refuse_value(field, value) is None:
            return value
    raise NoExample(field)


def _made(field: Field) -> Iterator[Value]:
    for item in _items(field):
        yield [item] * max(field.min_items or 0, 1) if field.many else item


def _items(field: Field) -> Iterator[str | int | float | bool]:
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
            yield from _texts(field, words)
        case kind:
            yield _BY_KIND[kind]


def _texts(field: Field, words: str) -> Iterator[str]:
    """Something that looks like an id for ids, and words otherwise; then the same in other lengths."""
    thing, _, last = field.name.rpartition("_")
    natural = [f"{thing[0]}-17"] if thing and last == "id" else [title_of(field.name)]
    for text in (*natural, words, "1", "a", "1.0.0"):
        yield text
        if field.min_length is not None and len(text) < field.min_length:
            yield (text + "-1" * field.min_length)[: field.min_length]
        if field.max_length is not None and len(text) > field.max_length:
            yield text[: field.max_length].rstrip(" -")
