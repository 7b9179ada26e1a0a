"""The typed emitters: a class per category with a method per event, and a class per level.

In a catalog without levels one class has all categories, and `AuditEvents` extends it.
"""

from __future__ import annotations

from dataclasses import dataclass

from auditwright_generator.model import Catalog, Category, Condition, Event, Field, Level
from auditwright_generator.targets.python_code import (
    bracketed,
    described,
    fits,
    free_name,
    import_as,
    imports,
    literal,
    long_literal,
    module_of,
    natural_order,
    type_of,
)
from auditwright_generator.targets.templating import python_header, render

_CATEGORIES = "Categories"
"""The class with the categories of a catalog without levels."""


def of_category(catalog: Catalog, level: Level, category: Category) -> dict[str, str]:
    """`<package>/<level>/<category>.py`, with a method per event."""
    return {f"{catalog.package}/{category.path}.py": _module(category)}


def whole(catalog: Catalog) -> dict[str, str]:
    """`<package>/__init__.py`, `<package>/_catalog.py` and `<package>/<level>/__init__.py`.

    Without levels the categories are in `<package>/_categories.py`.
    """
    made = {
        f"{catalog.package}/_catalog.py": render(
            "catalog.py.j2", head=python_header(f"{catalog.folder}/"), catalog=catalog
        ),
        f"{catalog.package}/py.typed": "",
    }
    if catalog.has_levels:
        made[f"{catalog.package}/__init__.py"] = _package(catalog)
        for level in catalog.levels:
            made[f"{catalog.package}/{level.name}/__init__.py"] = _level_module(catalog, level)
    else:
        made[f"{catalog.package}/__init__.py"] = _package_without_levels(catalog)
        made[f"{catalog.package}/_categories.py"] = _categories_module(catalog, catalog.levels[0])
    return made


def _title(catalog: Catalog) -> str:
    return f"{catalog.title}: emitters, models, tables and schemas of its events."


def _package(catalog: Catalog) -> str:
    attributes = {
        level.name: _attribute(level, "Session", "Entry", "log.record_event") for level in catalog.levels
    }
    async_attributes = {
        level.name: _attribute(level, "AsyncSession", "Coroutine[Any, Any, Entry]", "log.record_event_async")
        for level in catalog.levels
    }
    return render(
        "package.py.j2",
        head=python_header(f"{catalog.folder}/"),
        title=_title(catalog),
        catalog=catalog,
        imports=imports(
            {
                "collections.abc": ["Coroutine"],
                "typing": ["TYPE_CHECKING", "Any", *_literal_import(catalog)],
                f"{catalog.package}._catalog": ["CATALOG"],
                **{f"{catalog.package}.{level.name}": [level.class_name] for level in catalog.levels},
            },
            own=catalog.package,
        ),
        target_types=_target_types(catalog),
        slots=_slots([level.name for level in catalog.levels]),
        attributes=attributes,
        async_attributes=async_attributes,
    )


def _package_without_levels(catalog: Catalog) -> str:
    modules = {
        "typing": ["TYPE_CHECKING", *_literal_import(catalog)],
        f"{catalog.package}._catalog": ["CATALOG"],
        f"{catalog.package}._categories": [_CATEGORIES],
    }
    return render(
        "package_without_levels.py.j2",
        head=python_header(f"{catalog.folder}/"),
        title=_title(catalog),
        catalog=catalog,
        imports=imports(modules, own=catalog.package),
        target_types=_target_types(catalog),
    )


def _literal_import(catalog: Catalog) -> list[str]:
    return ["Literal"] if catalog.target_types else []


def _target_types(catalog: Catalog) -> str:
    """The definition of `TargetType`; empty for a catalog without targets, which has none."""
    types = [literal(each) for each in catalog.target_types]
    return bracketed("TargetType = Literal[", types, "]", 0) if types else ""


def _slots(names: list[str]) -> str:
    items = [literal(name) for name in sorted(names, key=natural_order)]
    return bracketed("__slots__ = (", items if len(items) > 1 else [f"{items[0]},"], ")", 4)


def _attribute(level: Level, session: str, result: str, record: str) -> str:
    """The statement that sets a level's attribute."""
    name = level.class_name
    return bracketed(f"self.{level.name}: {name}[", [session, result], f"] = {name}({record})", 8)


@dataclass(frozen=True, slots=True)
class _Property:
    """A category as a property of its level's class."""

    class_name: str
    definition: str
    documentation: str
    import_line: str


def _level_module(catalog: Catalog, level: Level) -> str:
    return _class_of_categories(
        catalog,
        level,
        level.class_name,
        title=f"Emitters of the level {level.name}, a module for each category, imported when first used.",
        documentation=described(level.name, level.title, level.description),
    )


def _categories_module(catalog: Catalog, level: Level) -> str:
    return _class_of_categories(
        catalog,
        level,
        _CATEGORIES,
        title="Emitters, a module for each category, imported when first used.",
        documentation="All categories of the catalog.",
    )


def _class_of_categories(
    catalog: Catalog, level: Level, class_name: str, title: str, documentation: str
) -> str:
    modules = {
        module_of(catalog, category): [_import_of(class_name, category)] for category in level.categories
    }
    return render(
        "level.py.j2",
        head=python_header(f"{catalog.folder}/"),
        title=title,
        class_name=class_name,
        documentation=documentation,
        type_imports=imports(modules, own=catalog.package, indent=4),
        categories=[_property(catalog, class_name, category) for category in level.categories],
    )


def _property(catalog: Catalog, owner: str, category: Category) -> _Property:
    name = _imported_as(owner, category)
    module = module_of(catalog, category)
    return _Property(
        name,
        bracketed(f"def {category.identifier}(", ["self"], f") -> {name}[S, R_co]:", 4),
        described(category.name, category.title, category.description),
        imports({module: [_import_of(owner, category)]}, own=catalog.package, indent=8),
    )


def _import_of(owner: str, category: Category) -> str:
    name = _imported_as(owner, category)
    return category.class_name if name == category.class_name else f"{category.class_name} as {name}"


def _imported_as(owner: str, category: Category) -> str:
    """The name of the category's class in the module of the class that has it, distinct from that class."""
    return f"_{category.class_name}" if category.class_name == owner else category.class_name


@dataclass(frozen=True, slots=True)
class _Argument:
    """One field as an argument of an emitter."""

    name: str
    parameter: str
    value: str
    """The item of the dict of values."""
    text: str


@dataclass(frozen=True, slots=True)
class _Method:
    """The emitter of an event."""

    documentation: str
    deprecation: str
    arguments: list[_Argument]
    options: str
    """The class of its options."""

    @property
    def options_note(self) -> str:
        """The rest of a sentence that begins with `What every emitter takes`."""
        outcome = ", and the outcome" if self.options == "FailureOptions" else ""
        return f"{outcome}: see `auditwright.emitters.{self.options}`."


def _module(category: Category) -> str:
    kinds = {field.kind for event in category.events for field in event.metadata}
    names = _Names.of(category)
    has_changes = any(field.change for event in category.events for field in event.metadata)
    times = "timestamp" in kinds
    return render(
        "emitters.py.j2",
        head=python_header(category.source),
        title=f"Emitters of the category {category.title}.",
        documentation=described(category.name, category.title, category.description),
        imports=imports(
            {
                "datetime": [
                    *([import_as("date", names.date)] if "date" in kinds else []),
                    *(["datetime"] if times else []),
                ],
                "typing": ["Literal"] if "enum" in kinds else [],
                "typing_extensions": [
                    "Unpack",
                    *(["deprecated"] if any(event.deprecated for event in category.events) else []),
                ],
                "uuid": ["UUID"] if "uuid" in kinds else [],
                "auditwright": ["JsonValue"] if "json" in kinds else [],
                "auditwright.change": [import_as("Change", names.change)] if has_changes else [],
                "auditwright.emitters": [
                    "Emitters",
                    *sorted({_options(event) for event in category.events}),
                    "R_co",
                    "S",
                    *([f"as_text as {_AS_TEXT}"] if kinds & _TYPED_TEXT.keys() else []),
                    *(["timestamp"] if times else []),
                ],
            }
        ),
        category=category,
        methods={event.key: _method(event, names) for event in category.events},
    )


_AS_TEXT = "_as_text"
"""The name of the function for dates and UUIDs in the module, which no field can have."""
_TYPED_TEXT = {"date": "{date} | str", "uuid": "UUID | str"}
"""The types of arguments that become text."""


@dataclass(frozen=True, slots=True)
class _Names:
    """The names of imported classes in the module of a category, other than those of its own things."""

    date: str
    change: str

    @classmethod
    def of(cls, category: Category) -> _Names:
        """An event of the name is a method, which would hide the class from the annotations of others."""
        return cls(
            free_name("date", [event.name for event in category.events]),
            free_name("Change", [category.class_name]),
        )

    def item_type(self, field: Field) -> str:
        """The type of one value, where it is not that of the JSON form."""
        if field.kind == "timestamp":
            return "datetime | str"
        if field.kind == "json":
            return "JsonValue"
        return _TYPED_TEXT.get(field.kind, "").format(date=self.date)


def _method(event: Event, names: _Names) -> _Method:
    return _Method(
        described(event.name, event.title, event.description),
        _deprecation(event),
        [_argument(event, field, names) for field in _ordered(event)],
        _options(event),
    )


def _options(event: Event) -> str:
    return "FailureOptions" if event.can_fail else "Options"


def _ordered(event: Event) -> list[Field]:
    """The fields in catalog order, required ones first."""
    return sorted(event.metadata, key=lambda field: not field.always)


def _argument(event: Event, field: Field, names: _Names) -> _Argument:
    room = len(f"{field.name}:  | None = None,")
    annotation = type_of(field, 8, room, item=names.item_type(field), change=names.change)
    if not field.always:
        annotation += "\n        | None = None" if "\n" in annotation else " | None = None"
    name = literal(field.stored_name)
    value = f"{name}: {field.name}"
    if field.kind == "timestamp":
        arguments = [literal(f"{event.key}:{field.stored_name}"), field.name]
        value = bracketed(f"{name}: timestamp(", arguments, ")", 16)
    elif field.kind in _TYPED_TEXT:
        value = bracketed(f"{name}: {_AS_TEXT}(", [field.name], ")", 16)
    return _Argument(
        field.name,
        f"{field.name}: {annotation}",
        value,
        f"{described(field.name, field.title, field.description)}{_notes(field)}",
    )


def _notes(field: Field) -> str:
    """What the type does not express: range, unit, condition, sensitivity, deprecation."""
    low, high = field.min, field.max
    notes = [
        f"From {low} to {high}." if low is not None and high is not None else "",
        f"At least {low}." if low is not None and high is None else "",
        f"At most {high}." if high is not None and low is None else "",
        f"In {field.unit}." if field.unit else "",
        _json_note(field),
        _condition_note(field),
        "Secret: only a keyed fingerprint is stored." if field.sensitivity == "secret" else "",
        _deprecation_note(field),
    ]
    return "".join(f" {note}" for note in notes if note)


def _condition_note(field: Field) -> str:
    if not field.conditions:
        return ""
    return f"Only if {condition(field.conditions)}{', and required then' if field.required else ''}."


def _json_note(field: Field) -> str:
    if field.kind != "json" or field.sensitivity == "secret":
        return ""
    size, depth, keys = field.json_bounds
    return f"Stored up to {size} bytes, {depth} levels and {keys} names; replaced by … above that."


def _deprecation_note(field: Field) -> str:
    """The deprecation of a field, with its replacement."""
    if field.deprecated is None:
        return ""
    use = f"; use {field.deprecated.use}" if field.deprecated.use else ""
    return f"Deprecated since {field.deprecated.since}{use}."


def condition(when: tuple[Condition, ...]) -> str:
    """A condition in words, such as `model_type is open_source or fine_tuned`."""
    return " and ".join(
        f"{part.field} is {' or '.join(_value(value) for value in part.values)}" for part in when
    )


def _value(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _deprecation(event: Event) -> str:
    """The decorator of a deprecated event's emitter."""
    if event.deprecated is None:
        return ""
    use = f"; use {event.deprecated.use}" if event.deprecated.use else ""
    note = f". {event.deprecated.note}" if event.deprecated.note else ""
    text = f"{event.key} is deprecated since {event.deprecated.since}{use}{note}"
    line = f"@deprecated({literal(text)})"
    return line if fits(f"    {line}") else f"@deprecated(\n        {long_literal(text, 8)}\n    )"
