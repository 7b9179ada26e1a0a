"""The typed emitters: a class a category, a method an event, and the classes that hold them."""

from __future__ import annotations

from dataclasses import dataclass

from auditwright_generator.model import Catalog, Category, Condition, Event, Field, Level
from auditwright_generator.targets.templating import json_literal, python_header, render

_TYPES = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "timestamp": "datetime | str",
}


def of_category(catalog: Catalog, level: Level, category: Category) -> dict[str, str]:
    """`<package>/<level>/<category>.py`, a method an event."""
    return {f"{catalog.package}/{level.name}/{category.name}.py": _module(category)}


def whole(catalog: Catalog) -> dict[str, str]:
    """`<package>/__init__.py` and `<package>/<level>/__init__.py`."""
    made = {}
    for level in catalog.levels:
        made[f"{catalog.package}/{level.name}/__init__.py"] = render(
            "level.py.j2",
            head=python_header(f"{catalog.folder}/"),
            level=level,
            package=catalog.package,
            classes={category.name: _imported_as(level, category) for category in level.categories},
        )
    made[f"{catalog.package}/__init__.py"] = render(
        "package.py.j2", head=python_header(f"{catalog.folder}/"), catalog=catalog
    )
    made[f"{catalog.package}/py.typed"] = ""
    return made


def _imported_as(level: Level, category: Category) -> str:
    """The category's class as the level's module calls it: by another name where the level's is the same."""
    return f"_{category.class_name}" if category.class_name == level.class_name else category.class_name


@dataclass(frozen=True, slots=True)
class _Argument:
    """One field as an argument of an emitter."""

    name: str
    annotation: str
    default: str
    value: str
    text: str


def _module(category: Category) -> str:
    arguments = {
        event.key: [_argument(event, field) for field in _ordered(event)] for event in category.events
    }
    times = any(field.kind == "timestamp" for event in category.events for field in event.metadata)
    return render(
        "emitters.py.j2",
        head=python_header(category.source),
        category=category,
        arguments=arguments,
        deprecations={event.key: _deprecation(event) for event in category.events if event.deprecated},
        literals=any(field.kind == "enum" for event in category.events for field in event.metadata),
        times=times,
    )


def _ordered(event: Event) -> list[Field]:
    """The required ones first; each group in catalog order."""
    return sorted(event.metadata, key=lambda field: not field.always)


def _argument(event: Event, field: Field) -> _Argument:
    one = (
        f"Literal[{', '.join(json_literal(value.key) for value in field.values)}]"
        if field.kind == "enum"
        else _TYPES.get(field.kind, "str")
    )
    annotation = f"list[{one}]" if field.many else one
    value = field.name
    if field.kind == "timestamp":
        path = json_literal(f"{event.key}:{field.name}")
        value = f"timestamp({path}, {field.name})"
    return _Argument(
        field.name,
        annotation if field.always else f"{annotation} | None",
        "" if field.always else " = None",
        value,
        f"{field.title}. {field.description}{_notes(field)}",
    )


def _notes(field: Field) -> str:
    """What the type does not say: range, unit, condition, sensitivity."""
    low, high = field.min, field.max
    notes = [
        f"From {low} to {high}." if low is not None and high is not None else "",
        f"At least {low}." if low is not None and high is None else "",
        f"At most {high}." if high is not None and low is None else "",
        f"In {field.unit}." if field.unit else "",
        f"Only if {condition(field.when)}, and required then." if field.when else "",
        "Secret: only a keyed fingerprint is stored." if field.sensitivity == "secret" else "",
        _advice(field),
    ]
    return "".join(f" {note}" for note in notes if note)


def _advice(field: Field) -> str:
    """That it is deprecated, and what to give instead."""
    if field.deprecated is None:
        return ""
    use = f"; use {field.deprecated.use}" if field.deprecated.use else ""
    return f"Deprecated since {field.deprecated.since}{use}."


def condition(when: tuple[Condition, ...]) -> str:
    """A condition in words: `model_type is open_source or fine_tuned`."""
    return " and ".join(
        f"{part.field} is {' or '.join(_value(value) for value in part.values)}" for part in when
    )


def _value(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _deprecation(event: Event) -> str:
    assert event.deprecated is not None
    use = f"; use {event.deprecated.use}" if event.deprecated.use else ""
    note = f". {event.deprecated.note}" if event.deprecated.note else ""
    return f"{event.key} is deprecated since {event.deprecated.since}{use}{note}"
