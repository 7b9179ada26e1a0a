"""The resolved catalog, the only input of the targets.

`source/resolve.py` builds it. Everything is frozen, in catalog order and complete: an event has all its
fields. Names derived from keys are properties here, so that code, tables and docs use the same word.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Scalar = str | int | float | bool
Value = Scalar | list[Any] | dict[str, Any]
"""A value of an example or an annotation. Only a `change` and a value of type json are mappings."""
Requirement = bool | Literal["when"]
OwnerKind = Literal["level", "category", "event"]
Annotations = dict[str, Value]
"""Values by annotation key."""
AnnotationOwner = Literal["catalog", "category", "event", "field"]

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader represents exactly (RFC 8259, section 6)."""

OUTCOME = "outcome"
"""What a condition names to test the outcome of the entry. No field has the name."""
OUTCOMES = ("success", "failure")
"""How an occurrence of an event that can fail ended."""

CHANGE_COLUMNS = ("_from", "_to")
"""What the names of the two columns of a change have after the name of the field."""

DEFAULT_MAX_BYTES, DEFAULT_MAX_DEPTH, DEFAULT_MAX_KEYS = 8192, 16, 256
"""The bounds of a JSON value whose field has none; the runtime has the same."""


def camel(name: str) -> str:
    """`model_deployed` -> `ModelDeployed`, the class name of an event, category or level."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def identifier(name: str) -> str:
    """`db.session` -> `db_session`, the name of a category in Python and in paths."""
    return name.replace(".", "_")


def category_path(key: str, has_levels: bool) -> str:
    """Where the modules and the page of a category are: `account/models`, or `db_session` without levels."""
    return key.replace(".", "/") if has_levels else identifier(key)


@dataclass(frozen=True, slots=True)
class Deprecated:
    """The deprecation of an event or a field: since when, why, and what to use instead."""

    since: str
    use: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a `when`: the field has one of these values. All conditions of a `when` must hold."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class EnumValue:
    """One value of an enum: its name in the catalog and in Python, and its title."""

    key: str
    title: str
    stored_as: str | int | None = None
    """The value in JSON, where it differs from the key."""

    @property
    def stored(self) -> str | int:
        """The value in JSON."""
        return self.key if self.stored_as is None else self.stored_as


@dataclass(frozen=True, slots=True)
class Field:
    """One field of one event: its definition, narrowed by the uses in level, category and event."""

    name: str
    """The name in the catalog, in Python and in SQL."""
    title: str
    description: str
    kind: str
    """The type of a value, of the items of a list or of both sides of a change: one of
    `source.structure.KINDS`.
    """
    many: bool
    """Whether the type is a list."""
    required: bool
    declared_in: OwnerKind
    """The outermost owner that gives the field to the event."""
    when: tuple[Condition, ...] = ()
    """The conditions on other fields. One on the outcome is in `outcome`."""
    values: tuple[EnumValue, ...] = ()
    min: int | float | None = None
    max: int | float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    min_items: int | None = None
    max_items: int | None = None
    max_bytes: int | None = None
    """Of a JSON value, as are the next two; None is `DEFAULT_MAX_BYTES` and so on."""
    max_depth: int | None = None
    max_keys: int | None = None
    unit: str | None = None
    sensitivity: Literal["public", "personal", "secret"] = "public"
    entry: Literal["actor_id", "actor_name", "ip_address"] | None = None
    """The part of the entry that fills the field. Such a field is never in `metadata`."""
    column: bool = False
    """Whether the table has a separate column for the field."""
    since: str | None = None
    deprecated: Deprecated | None = None
    change: bool = False
    """Whether the type is a change: a value before and after."""
    stored_as: str = ""
    """The name in JSON, where it differs from the name."""
    outcome: str = ""
    """The outcome, one of `OUTCOMES`, that an entry with the field has; empty if it is either."""
    target: str = ""
    """The type of the object that a value identifies, such as `model`; empty if it identifies none."""
    annotations: Annotations = field(default_factory=dict)

    @property
    def type(self) -> str:
        """The type as written in the catalog, such as `list of string`."""
        if self.change:
            return f"change of {self.kind}"
        return f"list of {self.kind}" if self.many else self.kind

    @property
    def stored_name(self) -> str:
        """The name in JSON."""
        return self.stored_as or self.name

    @property
    def has_stored_values(self) -> bool:
        """Whether it is an enum with a value that JSON has under another name."""
        return any(value.stored_as is not None for value in self.values)

    def stored_value(self, value: Any) -> Any:
        """A value of the catalog, such as one of an example, as JSON has it."""
        if self.many:
            return [self._stored_item(item) for item in value]
        if self.change:
            return {side: None if item is None else self._stored_item(item) for side, item in value.items()}
        return self._stored_item(value)

    def _stored_item(self, value: Any) -> Any:
        if self.kind == "bigint":
            return str(value)
        if not self.values:
            return value
        return next((each.stored for each in self.values if each.key == value), value)

    @property
    def json_bounds(self) -> tuple[int, int, int]:
        """The most bytes, levels and names of a JSON value."""
        return (
            DEFAULT_MAX_BYTES if self.max_bytes is None else self.max_bytes,
            DEFAULT_MAX_DEPTH if self.max_depth is None else self.max_depth,
            DEFAULT_MAX_KEYS if self.max_keys is None else self.max_keys,
        )

    @property
    def requirement(self) -> Requirement:
        """True, False, or "when" if a condition decides."""
        return "when" if self.conditions else self.required

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All conditions of the field, for texts: that on the outcome, and those on other fields."""
        return (*((Condition(OUTCOME, (self.outcome,)),) if self.outcome else ()), *self.when)

    @property
    def always(self) -> bool:
        """Whether every entry of the event has the field."""
        return self.required and not self.conditions


@dataclass(frozen=True, slots=True)
class SharedField:
    """A field that a level or a category gives to its events: all, `only` some, or all `except` some."""

    field: str
    title: str
    only: tuple[str, ...] = ()
    except_: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of event."""

    key: str
    """Level, category and name: `account.models.model_deployed`; category and name without levels."""
    name: str
    title: str
    description: str
    message: str
    fields: tuple[Field, ...]
    """In order: the fields of the level, of the category, of the event."""
    example: dict[str, Value]
    source: str = ""
    """The catalog file, relative to the folder that holds the catalog, with forward slashes.

    Empty for a catalog that was read from a catalog.json.
    """
    since: str | None = None
    deprecated: Deprecated | None = None
    aliases: tuple[str, ...] = ()
    """Former full keys of the event, such as `account.models.old_name`."""
    annotations: Annotations = field(default_factory=dict)
    """Those of the event itself; `Catalog.annotations_of` adds the inherited ones."""
    failure_message: str = ""
    """Like `message`, for an entry of a failure; empty if the event cannot fail."""

    @property
    def can_fail(self) -> bool:
        """Whether an entry may have the outcome `failure`."""
        return bool(self.failure_message)

    @property
    def class_name(self) -> str:
        """The name of its classes: the metadata model and the table class."""
        return camel(self.name)

    @property
    def view_name(self) -> str:
        """The name of its database view."""
        return self.key.replace(".", "_")

    @property
    def metadata(self) -> tuple[Field, ...]:
        """The fields that the caller passes: all except those that the entry fills."""
        return tuple(field for field in self.fields if field.entry is None)

    def stored_when(self, field: Field) -> dict[str, list[Any]]:
        """The conditions of one of its fields on others as JSON has them: values by name."""
        fields = {each.name: each for each in self.fields}
        return {
            fields[part.field].stored_name: [fields[part.field].stored_value(value) for value in part.values]
            for part in field.when
        }

    @property
    def failure_example(self) -> dict[str, Value] | None:
        """The example, which is of a success, as the metadata of a failure.

        None for an event that cannot fail, and for one of which a failure has a field that the example lacks.
        """
        if not self.can_fail:
            return None
        of_failures = (field for field in self.metadata if field.required and field.outcome == "failure")
        if any(all(self._is_met(part) for part in field.when) for field in of_failures):
            return None
        successes = {field.name for field in self.metadata if field.outcome == "success"}
        return {name: value for name, value in self.example.items() if name not in successes}

    def _is_met(self, condition: Condition) -> bool:
        """Whether the example meets a condition on another field."""
        return self.example.get(condition.field) in condition.values

    def stored_form(self, example: dict[str, Value]) -> dict[str, Value]:
        """An example as JSON has it."""
        fields = {field.name: field for field in self.fields}
        return {fields[name].stored_name: fields[name].stored_value(value) for name, value in example.items()}


@dataclass(frozen=True, slots=True)
class Category:
    """A group of events inside one level, such as a module or an entity."""

    key: str
    """Level and name: `account.models`; the name alone in a catalog without levels."""
    name: str
    """In a catalog without levels it may have dots: `db.session`."""
    title: str
    description: str
    metadata: tuple[SharedField, ...]
    events: tuple[Event, ...]
    source: str = ""
    """Like `Event.source`."""
    annotations: Annotations = field(default_factory=dict)

    @property
    def identifier(self) -> str:
        """The name in Python: of the module and the attribute."""
        return identifier(self.name)

    @property
    def class_name(self) -> str:
        """The name of the class that holds its emitters."""
        return camel(self.identifier)

    @property
    def path(self) -> str:
        """Where its modules and its page are, without a suffix: `account/models`, or `db_session`."""
        return category_path(self.key, has_levels=self.key != self.name)


@dataclass(frozen=True, slots=True)
class Level:
    """A scope, such as account or tool, with its categories.

    A catalog without levels has one without a name, which no key, path or text shows.
    """

    name: str
    title: str
    description: str
    metadata: tuple[SharedField, ...]
    categories: tuple[Category, ...]

    @property
    def class_name(self) -> str:
        """The name of the class that holds its categories."""
        return camel(self.name)


@dataclass(frozen=True, slots=True)
class AnnotationKey:
    """One key that `annotations` may have, declared once by the catalog."""

    name: str
    title: str
    kind: str
    """The type of a value, or of the items of a list: one of `source.structure.ANNOTATION_KINDS`."""
    many: bool = False
    description: str = ""
    for_: tuple[AnnotationOwner, ...] = ("catalog", "category", "event", "field")
    """What may have the annotation."""
    required: bool = False
    """Whether everything in `for_` must have it; an event inherits."""
    values: tuple[EnumValue, ...] = ()

    @property
    def type(self) -> str:
        """The type as written in the catalog, such as `list of string`."""
        return f"list of {self.kind}" if self.many else self.kind


@dataclass(frozen=True, slots=True)
class Catalog:
    """The whole catalog, resolved."""

    package: str
    """The Python package to generate, such as `audit_events`."""
    title: str
    description: str
    version: str
    levels: tuple[Level, ...]
    folder: str = "catalog"
    """The name of the catalog folder, for the headers of generated files."""
    distribution: str = ""
    """The name under which the generated package is installed; by default made from `package`."""
    annotation_keys: tuple[AnnotationKey, ...] = ()
    annotations: Annotations = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.distribution:
            object.__setattr__(self, "distribution", self.package.replace("_", "-"))

    @property
    def has_levels(self) -> bool:
        """Whether events are grouped by level."""
        return all(level.name for level in self.levels)

    def level_of(self, key: str) -> str:
        """The level of the key of a category or an event; empty without levels."""
        return key.partition(".")[0] if self.has_levels else ""

    def annotations_of(self, category: Category, event: Event) -> Annotations:
        """The annotations of an event with those of its category and of the catalog, in declared order."""
        found = {**self.annotations, **category.annotations, **event.annotations}
        names = [key.name for key in self.annotation_keys if "event" in key.for_]
        return {name: found[name] for name in names if name in found}

    @property
    def categories(self) -> Iterator[Category]:
        """All categories, in catalog order."""
        return (category for level in self.levels for category in level.categories)

    @property
    def events(self) -> Iterator[Event]:
        """All events, in catalog order."""
        return (event for category in self.categories for event in category.events)

    @property
    def columns(self) -> tuple[Field, ...]:
        """The fields with a separate column, each once, in order of appearance."""
        found = {field.name: field for event in self.events for field in event.fields if field.column}
        return tuple(found.values())

    @property
    def target_types(self) -> tuple[str, ...]:
        """The types of the objects that fields identify, sorted."""
        return tuple(
            sorted({field.target for event in self.events for field in event.fields if field.target})
        )
