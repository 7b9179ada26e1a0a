"""The resolved catalog, the only input of the targets.

`source/resolve.py` builds it. Everything is frozen, in catalog order and complete: an event has all its
fields. Names derived from keys are properties here, so that code, tables and docs use the same word.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Scalar = str | int | float | bool
Value = Scalar | list[Scalar]
Requirement = bool | Literal["when"]
OwnerKind = Literal["level", "category", "event"]

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader represents exactly (RFC 8259, section 6)."""


def camel(name: str) -> str:
    """`model_deployed` -> `ModelDeployed`, the class name of an event, category or level."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


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
    """One value of an enum: the stored key and its title."""

    key: str
    title: str


@dataclass(frozen=True, slots=True)
class Field:
    """One field of one event: its definition, narrowed by the uses in level, category and event."""

    name: str
    title: str
    description: str
    kind: str
    """The type of a value, or of the items of a list: one of `source.structure.KINDS`."""
    many: bool
    """Whether the type is a list."""
    required: bool
    declared_in: OwnerKind
    """The outermost owner that gives the field to the event."""
    when: tuple[Condition, ...] = ()
    values: tuple[EnumValue, ...] = ()
    min: int | float | None = None
    max: int | float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    min_items: int | None = None
    max_items: int | None = None
    unit: str | None = None
    sensitivity: Literal["public", "personal", "secret"] = "public"
    entry: Literal["actor_id", "actor_name", "ip_address"] | None = None
    """The part of the entry that fills the field. Such a field is never in `metadata`."""
    column: bool = False
    """Whether the table has a separate column for the field."""
    since: str | None = None
    deprecated: Deprecated | None = None

    @property
    def type(self) -> str:
        """The type as written in the catalog, such as `list of string`."""
        return f"list of {self.kind}" if self.many else self.kind

    @property
    def requirement(self) -> Requirement:
        """True, False, or "when" if a condition decides."""
        return "when" if self.when else self.required

    @property
    def always(self) -> bool:
        """Whether every entry of the event has the field."""
        return self.required and not self.when


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
    """Level, category and name: `account.models.model_deployed`."""
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


@dataclass(frozen=True, slots=True)
class Category:
    """A group of events inside one level, such as a module or an entity."""

    key: str
    """Level and name: `account.models`."""
    name: str
    title: str
    description: str
    metadata: tuple[SharedField, ...]
    events: tuple[Event, ...]
    source: str = ""
    """Like `Event.source`."""

    @property
    def class_name(self) -> str:
        """The name of the class that holds its emitters."""
        return camel(self.name)


@dataclass(frozen=True, slots=True)
class Level:
    """A scope, such as account or tool, with its categories."""

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

    def __post_init__(self) -> None:
        if not self.distribution:
            object.__setattr__(self, "distribution", self.package.replace("_", "-"))

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
