"""The resolved catalog: what every target sees, and nothing else.

`resolve.py` builds it; targets render it. Everything is frozen, in catalog order, and complete: an event
carries its whole field list. Names that a target derives from keys are properties here, so that the same
key gives the same word in code, tables and docs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Scalar = str | int | float | bool
Value = Scalar | list[Scalar]
Requirement = bool | Literal["when"]
OwnerKind = Literal["level", "category", "event"]

MAX_INTEGER = 2**53 - 1
"""Integers are bounded by what every JSON reader holds exactly (RFC 8259, section 6)."""


def camel(name: str) -> str:
    """`model_deployed` -> `ModelDeployed`, the class name of an event, category or level."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


@dataclass(frozen=True, slots=True)
class Deprecated:
    """Why and since when an event or a field is no longer to be used, and what to use instead."""

    since: str
    use: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """One part of `when`: the field has one of these values. All parts of a `when` must hold."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class EnumValue:
    """One value of an enum, as it is stored, and the title people see."""

    key: str
    title: str


@dataclass(frozen=True, slots=True)
class Field:
    """One field as one event uses it: its definition with the uses of level, category and event applied."""

    name: str
    title: str
    description: str
    kind: str
    """string, integer, number, boolean, timestamp, ip, url, email or enum: the item's type for a list."""
    many: bool
    """Whether the type is `list of` kind."""
    required: bool
    declared_in: OwnerKind
    """The outermost place that gives the field to the event."""
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
    """The part of the entry itself that fills the field; such a field is never in `metadata`."""
    column: bool = False
    """Whether the table has a column of its own for it."""
    since: str | None = None
    deprecated: Deprecated | None = None

    @property
    def type(self) -> str:
        """The type as the catalog writes it."""
        return f"list of {self.kind}" if self.many else self.kind

    @property
    def requirement(self) -> Requirement:
        """Whether the field is required: True, False, or "when" its condition decides."""
        return "when" if self.when else self.required

    @property
    def always(self) -> bool:
        """Whether every entry of the event has it."""
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
    """A kind of thing that happens."""

    key: str
    """Level, category and name: `account.models.model_deployed`."""
    name: str
    title: str
    description: str
    message: str
    fields: tuple[Field, ...]
    """In order: what the level gives, what the category gives, what the event adds."""
    example: dict[str, Value]
    source: str = ""
    """The catalog file, relative to the folder that holds the catalog, with forward slashes.

    Empty for a catalog that was read from a catalog.json.
    """
    since: str | None = None
    deprecated: Deprecated | None = None
    aliases: tuple[str, ...] = ()
    """Former keys of the event, whole (`account.models.old_name`)."""

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
        """The fields a caller gives: all but those that the entry itself fills."""
        return tuple(field for field in self.fields if field.entry is None)


@dataclass(frozen=True, slots=True)
class Category:
    """A module or entity inside one level, with its events."""

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
    """The scope of events, with its categories."""

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
    """The whole, resolved."""

    package: str
    """The Python package that is generated: `audit_events`."""
    title: str
    description: str
    version: str
    levels: tuple[Level, ...]
    folder: str = "catalog"
    """The catalog folder's name, for the headers of generated files."""

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
        """The fields that have a column of their own, each once, in order of appearance."""
        found = {field.name: field for event in self.events for field in event.fields if field.column}
        return tuple(found.values())
