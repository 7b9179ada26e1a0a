"""The resolved catalog, read from the catalog.json of the generated package.

The runtime knows no event of a service by name. This module also finds the generated metadata models and
JSON Schemas, which are loaded on first use. It does not validate catalogs; the generator does.

Auditwright records what it does itself in the same log. These system events have a catalog and a generated
package of their own, `SYSTEM_PACKAGE`. Every service's catalog includes them.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata as distributions
from importlib import resources
from typing import TYPE_CHECKING, Any, cast

import orjson

from auditwright.change import Change, is_change
from auditwright.errors import CatalogError, Problem
from auditwright.limits import bigint_of, sanitize, shown, text_of, truncate
from auditwright.text import printable

if TYPE_CHECKING:
    from auditwright.event_model import EventModel

SERIES = "0.1"
"""The series of auditwright, `major.minor`, which is also that of the generated code it runs."""
ENTRY_POINTS = "auditwright.catalogs"
VARIABLE = "AUDITWRIGHT_CATALOG"
SYSTEM_PACKAGE = "auditwright_events"
"""The generated package of the system events."""
SYSTEM_LEVEL = "audit"
"""The level of the system events: Auditwright alone records its events, and no other catalog may have it."""
OPERATOR_ACCOUNT = "auditwright"
"""The account of the entries about the set-up of a log; services record nothing in it."""

_STORED_NAME = re.compile("[A-Za-z0-9_.:/@$#-]{1,63}")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an event's metadata; `catalog/README.md` describes each attribute.

    Conditions and values are those of the JSON form.
    """

    name: str
    """The name in the JSON form, which is stored."""
    title: str
    description: str
    kind: str
    many: bool
    required: bool
    declared_in: str
    when: dict[str, list[Any]] = field(default_factory=dict)
    """The conditions on other fields. One on the outcome is in `outcome`."""
    values: dict[Any, str] = field(default_factory=dict)
    """The titles of an enum's values, which are texts, or in some enums integers."""
    min: float | None = None
    max: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    min_items: int | None = None
    max_items: int | None = None
    max_bytes: int | None = None
    max_depth: int | None = None
    max_keys: int | None = None
    unit: str | None = None
    sensitivity: str = "public"
    entry: str | None = None
    column: bool = False
    since: str | None = None
    deprecated: dict[str, str] | None = None
    change: bool = False
    """Whether a value is a change: one before and one after, each of the kind or not set."""
    identifier: str = ""
    """The name in Python and in SQL."""
    identifiers: dict[Any, str] = field(default_factory=dict)
    """The names in Python and in SQL of an enum's values, if any differs from the value."""
    outcome: str = ""
    """The outcome, `success` or `failure`, that an entry with the field has; empty if it is either."""
    target: str = ""
    """The type of the object that a value identifies, such as `model`; empty if it identifies none."""
    annotations: dict[str, Any] = field(default_factory=dict)

    @property
    def always(self) -> bool:
        """Whether every entry of the event has the field."""
        return self.required and not self.when and not self.outcome

    def title_of(self, value: object) -> str | None:
        """The title of an enum value; None for a value that has none."""
        # Before Python compares it: True equals 1, and a list has no hash.
        return self.values.get(value) if type(value) in (str, int) else None

    @property
    def json_bounds(self) -> dict[str, int]:
        """The bounds of a JSON value that the catalog gives, as arguments of `json_value.Bounds`."""
        given = {"max_bytes": self.max_bytes, "max_depth": self.max_depth, "max_keys": self.max_keys}
        return {name: bound for name, bound in given.items() if bound is not None}

    @property
    def stored_values(self) -> dict[str, Any]:
        """The values of an enum by their names in Python and in SQL; empty if they are the same."""
        return {identifier: value for value, identifier in self.identifiers.items()}

    @property
    def is_converted(self) -> bool:
        """Whether a metadata model has another name or other values for it than the JSON form."""
        return self.identifier != self.name or bool(self.identifiers) or self.change or self.kind == "bigint"

    def model_value(self, value: Any) -> Any:
        """A stored value as a metadata model has it: identifiers, integers of 64 bits, and `Change`.

        What an entry of another catalog has in its place stays as it is.
        """
        if not (self.identifiers or self.change or self.kind == "bigint"):
            return value
        if self.many and type(value) is list:
            return [self._model_item(item) for item in value]
        if self.change and is_change(value):
            return Change(self._model_item(value["from"]), self._model_item(value["to"]))
        return value if self.many or self.change else self._model_item(value)

    def _model_item(self, value: Any) -> Any:
        if self.kind == "bigint":
            number = bigint_of(value) if type(value) is str else None
            return value if number is None else number
        return self.identifiers.get(value, value) if type(value) in (str, int) else value


@dataclass(frozen=True, slots=True)
class Event:
    """A kind of event; `level` and `category` are keys. A catalog without levels has an empty `level`."""

    key: str
    package: str
    """The generated package that has its model and its schema."""
    level: str
    category: str
    category_title: str
    name: str
    title: str
    description: str
    message: str
    fields: tuple[Field, ...]
    example: dict[str, Any]
    aliases: tuple[str, ...] = ()
    since: str | None = None
    deprecated: dict[str, str] | None = None
    annotations: dict[str, Any] = field(default_factory=dict)
    """With those of its category and of the catalog."""
    failure_message: str = ""
    """Like `message`, for an entry of a failure; empty if the event cannot fail."""

    @property
    def can_fail(self) -> bool:
        """Whether an entry may have the outcome `failure`."""
        return bool(self.failure_message)

    @property
    def module(self) -> str:
        """The module of its category, below the package: `account.models`, or `db_session` without levels."""
        return module_of(self.level, self.category)

    @property
    def metadata(self) -> tuple[Field, ...]:
        """The fields that a caller passes: all except those filled from the entry."""
        return tuple(field for field in self.fields if field.entry is None)

    @property
    def is_system(self) -> bool:
        """Whether it is a system event, which Auditwright alone records."""
        return self.level == SYSTEM_LEVEL


@dataclass(frozen=True, slots=True)
class Category:
    """A module or entity, with its events."""

    key: str
    level: str
    title: str
    description: str
    events: tuple[Event, ...]


def is_stored_name(text: str) -> bool:
    """Whether a field can have this name in the JSON form."""
    return _STORED_NAME.fullmatch(text) is not None


def module_of(level: str, category: str) -> str:
    """The module of a category, below the generated package."""
    return category if level else category.replace(".", "_")


class Catalog:
    """The catalog of a generated package, together with the system events.

    The generated package creates it (`audit_events.CATALOG`). `events`, `categories`, `version` and `json`
    are the service's. Lookups by key include the system events, whose entries carry the service's version.
    Raises `CatalogError` if a catalog.json cannot be read, was generated for another series of auditwright,
    or uses the level of the system events, also in an alias.
    """

    def __init__(self, package: str) -> None:
        self.package = package = _package_name(package)
        try:
            self.json = (resources.files(package) / "catalog.json").read_bytes()
            content = orjson.loads(self.json)
            self.version: str = content["version"]
            _check_series(package, self.version, content["auditwright"])
            self.title: str = content["title"]
            self.categories = tuple(_categories(content, package))
        except (OSError, ModuleNotFoundError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CatalogError(
                f"{package}: its catalog.json cannot be read ({error}); run `auditwright generate` again"
            ) from error
        self.events = {event.key: event for category in self.categories for event in category.events}
        """Every event of the service by its key, in catalog order."""
        system = None if package == SYSTEM_PACKAGE else _system_catalog(self)
        self.every_category = self.categories + (system.categories if system else ())
        """The service's categories, then those of the system events."""
        self.every_event = self.events | (system.events if system else {})
        """The service's events by key, then the system events."""
        self.columns = {
            field.identifier: field.name
            for event in self.events.values()
            for field in event.fields
            if field.column
        }
        """The columns of fields with one of their own, in order of appearance, and the fields' names."""
        self.current = {
            alias: event.key for event in self.every_event.values() for alias in event.aliases
        } | {key: key for key in self.every_event}
        """The current key for every key an entry may be stored under: keys and aliases."""
        self._models: dict[str, type[EventModel]] = {}
        self._validators: dict[str, Any] = {}

    @functools.cached_property
    def target_types(self) -> tuple[str, ...]:
        """The types of the objects that fields identify, sorted."""
        fields = (field for event in self.every_event.values() for field in event.fields)
        return tuple(sorted({field.target for field in fields} - {""}))

    def event(self, key: str) -> Event | None:
        """The event of a key, or of an alias of it; None when the catalog has neither."""
        if type(key) is not str:
            key = text_of(key) or ""
        return self.every_event.get(self.current.get(key, ""))

    def titles(self, key: str, category: str) -> tuple[str, str]:
        """The current titles of an entry's event and category, by its stored keys.

        For an event or category that the catalog no longer has, the title is the key.
        """
        event = self.event(key)
        if event is not None:
            return event.title, event.category_title
        plain, group = text_of(key), text_of(category)
        if plain is None or group is None:
            raise CatalogError(
                f"the keys of an event and a category are texts, not {shown(key)}, {shown(category)}"
            )
        known = next((each.title for each in self.every_category if each.key == group), group)
        return plain, known

    def lifecycle_note(self, key: str) -> str:
        """Whether the event was removed, renamed or deprecated, in words; empty if none of these."""
        event = self.event(key)
        if event is None:
            return "not in the catalog"
        notes = [f"now {event.key}"] if event.key != key else []
        if event.deprecated:
            use = event.deprecated.get("use")
            notes.append(f"deprecated since {event.deprecated['since']}{f', use {use}' if use else ''}")
        return "; ".join(notes)

    def unknown_event(self, key: str) -> str:
        """The error text for a key that this catalog does not have, with the nearest key."""
        text = text_of(key)
        if text is None:
            return f"{shown(key)} is not the key of an event"
        return printable(f'"{text}" is not an event of {self.package} {self.version}{self._nearest(text)}')

    def event_problem(self, key: str) -> Problem:
        """The problem of an entry whose event this catalog does not have, with the nearest key."""
        expected = f"an event of {self.package} {self.version}"
        return Problem("event", expected, f"an unknown one{self._nearest(key)}")

    @staticmethod
    def system_event_problem() -> Problem:
        """The problem of an entry whose event Auditwright alone records."""
        return Problem("event", "an event of the service's catalog", "one that Auditwright alone records")

    @staticmethod
    def operator_account_problem() -> Problem:
        """The problem of an entry in the account that Auditwright keeps for itself."""
        return Problem("account_id", "an account of the service", "the one of Auditwright's own entries")

    def _nearest(self, text: str) -> str:
        from auditwright.effort import did_you_mean  # for errors only

        return did_you_mean(text, self.current)

    def model(self, event: Event) -> type[EventModel]:
        """The generated metadata model of an event; its category's module is imported on first use."""
        _check_event(event)
        if event.key not in self._models:
            module = importlib.import_module(f"{event.package}.models.{event.module}")
            classes = {getattr(each, "__event_key__", ""): each for each in vars(module).values()}
            if event.key not in classes:
                raise CatalogError(
                    f"{module.__name__} has no model of {event.key}; run `auditwright generate` again"
                )
            self._models |= classes
        return self._models[event.key]

    def validator(self, event: Event) -> Any:
        """The validator of an event's entries in their JSON form, made when first needed."""
        import jsonschema_rs  # emitters do without

        _check_event(event)
        validator = self._validators.get(event.key)
        if validator is None:
            # Rust's regex takes linear time; the default engine can backtrack, and is slower here.
            engine = jsonschema_rs.RegexOptions()
            validator = jsonschema_rs.validator_for(self.schema(event), pattern_options=engine)
            self._validators[event.key] = validator
        return validator

    def item_validator(self, event: Event, name: str) -> Any:
        """The validator of one item of a field that is a list, made when first needed."""
        import jsonschema_rs

        known = self._validators.get(path := f"{event.key}[{name}]")
        if known is not None:
            return known
        schema = self.schema(event)
        items = schema["properties"]["metadata"]["properties"][name]["items"]
        parts = {"$schema": schema["$schema"], "$defs": schema.get("$defs", {}), **items}
        engine = jsonschema_rs.RegexOptions()
        return self._validators.setdefault(path, jsonschema_rs.validator_for(parts, pattern_options=engine))

    def check_log(self, log: object) -> None:
        """Raise `CatalogError` unless `log` is an `AuditLog` whose catalog has these events."""
        opened = getattr(log, "catalog", None)
        wanted = f"AuditLog.open(..., catalog={self.package}.CATALOG)"
        if not isinstance(opened, Catalog):
            raise CatalogError(
                f"the emitters of {self.package} take an AuditLog, not {shown(log)}; make one with {wanted}"
            )
        if self.package not in (opened.package, SYSTEM_PACKAGE):
            raise CatalogError(
                f"the log was opened with the catalog {opened.package}, which has no events of "
                f"{self.package}; open it with {wanted}"
            )

    def warm_up(self) -> None:
        """Build everything that is otherwise built when an event is first recorded. Idempotent.

        This imports the emitters, builds the metadata models and compiles the JSON Schemas of all events. A
        server that forks its workers calls it before the fork, so that they share the memory.
        """
        for category in self.every_category:
            for event in category.events:
                importlib.import_module(f"{event.package}.{event.module}")
                self.model(event).model_rebuild()
                self.validator(event)

    def schema(self, event: Event) -> dict[str, Any]:
        """The generated JSON Schema of an event's whole entry in its JSON form."""
        _check_event(event)
        path = event.key.replace(".", "/")
        text = (resources.files(event.package) / "json_schema" / f"{path}.json").read_bytes()
        return cast("dict[str, Any]", orjson.loads(text))

    def __repr__(self) -> str:
        return f"<Catalog {self.package} {self.version}: {len(self.events)} events>"


def _check_event(event: Event) -> None:
    if not isinstance(event, Event):
        raise CatalogError(f"an event is an Event of a catalog, not {shown(event)}")


def _check_series(package: str, version: str, needed: str) -> None:
    """Raise `CatalogError` for code that was generated for another series of auditwright."""
    if needed == SERIES:
        return
    major, minor = (int(number) for number in needed.split("."))
    if (major, minor) > tuple(int(number) for number in SERIES.split(".")):
        raise CatalogError(
            f"{package} {version} needs auditwright {needed}, and this is {SERIES}; upgrade auditwright: "
            f'pip install "auditwright>={needed},<{major}.{minor + 1}"'
        )
    raise CatalogError(
        f"{package} {version} was generated for auditwright {needed}, and this is {SERIES}; upgrade "
        f"{package}: run `auditwright generate` again, and install the result as before "
        "(such as pip install -e ./generated)"
    )


def _system_catalog(service: Catalog) -> Catalog:
    """The catalog of the system events; raises `CatalogError` if the service uses their level."""
    for category in service.categories:
        if is_of_system_level(category.level or category.key):
            kind, name = ("level", category.level) if category.level else ("category", category.key)
            raise CatalogError(
                f'{service.package}: the {kind} "{name}" is Auditwright\'s own; '
                "rename it and run `auditwright generate` again"
            )
        for event in category.events:
            for alias in event.aliases:
                if is_of_system_level(alias):
                    raise CatalogError(
                        f"{service.package}: the alias {shown(alias)} of {event.key} is in the level "
                        f'"{SYSTEM_LEVEL}", which is Auditwright\'s own; remove it and run '
                        "`auditwright generate` again"
                    )
    return _load(SYSTEM_PACKAGE)


def is_of_system_level(key: str) -> bool:
    """Whether the key of a level, a category or an event is of the system events."""
    return key.partition(".")[0] == SYSTEM_LEVEL


def _categories(content: dict[str, Any], package: str) -> Iterator[Category]:
    keys = content.get("annotation_keys", {})
    on_events = [name for name, key in keys.items() if "event" in key["for"]]
    known: dict[str, tuple[dict[str, Any], Field]] = {}
    for level in content["levels"]:
        for category in level["categories"]:
            belongs = {
                "package": package,
                "level": level["name"],
                "category": category["key"],
                "category_title": category["title"],
            }
            inherited = content.get("annotations", {}) | category.get("annotations", {})
            events = tuple(
                _event(belongs, event, inherited | event.get("annotations", {}), on_events, known)
                for event in category["events"]
            )
            yield Category(category["key"], level["name"], category["title"], category["description"], events)


def _event(
    belongs: dict[str, Any],
    event: dict[str, Any],
    annotations: dict[str, Any],
    on_events: list[str],
    known: dict[str, tuple[dict[str, Any], Field]],
) -> Event:
    given = event["fields"]
    # Other events have no such condition; in a catalog of before they may have a field named outcome.
    if "failure_message" in event:
        given = [_with_outcome(each) if "when" in each else each for each in given]
    if any(map(_differs_in_json, given)):
        fields = tuple(_stored_fields(given))
        example = _stored_example(event["example"], fields)
    else:
        fields = tuple(_shared(known, each) for each in given)
        example = event["example"]
    parts = {
        **event,
        "fields": fields,
        "example": example,
        "aliases": tuple(event.get("aliases", ())),
        "annotations": {name: annotations[name] for name in on_events if name in annotations},
    }
    return Event(**belongs, **parts)


def _shared(known: dict[str, tuple[dict[str, Any], Field]], given: dict[str, Any]) -> Field:
    """The field, which is the same object in all events that have it by the same uses.

    Every import of a catalog makes the fields of all events, and comparing two of them is cheaper.
    """
    found = known.get(given["name"])
    if found is None or found[0] != given:
        found = known[given["name"]] = given, Field(**given, identifier=given["name"])
    return found[1]


def _with_outcome(field: dict[str, Any]) -> dict[str, Any]:
    """The field with its condition on the outcome apart from those on other fields."""
    when = {**field["when"]}
    outcome = when.pop("outcome", None)
    known = outcome in (["success"], ["failure"])
    return {**field, "when": when, "outcome": outcome[0]} if known else field


def _differs_in_json(field: dict[str, Any]) -> bool:
    """Whether the JSON form has another name or other values than the catalog."""
    return "stored_as" in field or "stored_values" in field or field["kind"] == "bigint"


def _stored_fields(fields: list[dict[str, Any]]) -> Iterator[Field]:
    """The fields of an event, with names and values of the JSON form for those of the catalog."""
    names = {field["name"]: field.get("stored_as") or field["name"] for field in fields}
    stored_values = {field["name"]: field["stored_values"] for field in fields if "stored_values" in field}
    for given in fields:
        made = {name: value for name, value in given.items() if name not in ("stored_as", "stored_values")}
        made |= {"identifier": given["name"], "name": names[given["name"]]}
        if "when" in given:
            made["when"] = {
                names[other]: [stored_values.get(other, {}).get(value, value) for value in values]
                for other, values in given["when"].items()
            }
        if stored := stored_values.get(given["name"]):
            # A use can have fewer values.
            made["values"] = {stored[key]: title for key, title in given["values"].items()}
            made["identifiers"] = {stored[key]: key for key in given["values"]}
        yield Field(**made)


def _stored_example(example: dict[str, Any], fields: tuple[Field, ...]) -> dict[str, Any]:
    known = {field.identifier: field for field in fields}
    values = ((known.get(name), name, value) for name, value in example.items())
    return {
        field.name if field else name: _stored(field, value) if field else value
        for field, name, value in values
    }


def _stored(field: Field, value: Any) -> Any:
    """A value of the catalog in the JSON form."""
    if field.many:
        return [_stored_item(field, item) for item in value]
    if field.change:
        return {side: None if item is None else _stored_item(field, item) for side, item in value.items()}
    return _stored_item(field, value)


def _stored_item(field: Field, value: Any) -> Any:
    if field.kind == "bigint":
        return str(value)
    return field.stored_values.get(value, value) if field.identifiers else value


def columns_in(catalog_json: str) -> dict[str, str]:
    """The columns of fields with one of their own in a catalog.json, and the fields' names in the JSON form.

    Empty if the text is not a catalog.
    """
    try:
        levels = orjson.loads(catalog_json)["levels"]
        events = [
            event for level in levels for category in level["categories"] for event in category["events"]
        ]
        return {
            field["name"]: str(field.get("stored_as") or field["name"])
            for event in events
            for field in event["fields"]
            if field.get("column")
        }
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}


def release(version: str) -> tuple[int, ...]:
    """The numbers of a version, for comparing; a suffix such as `-rc.1` is ignored."""
    numbers = version.partition("-")[0].partition("+")[0].split(".")
    return tuple(int(number) for number in numbers if number.isdecimal() and number.isascii())


def find_catalog(package: str | None = None) -> Catalog:
    """The catalog of `package`, of the package in AUDITWRIGHT_CATALOG, or of the only installed one.

    Raises `CatalogError` if the package is missing or has no catalog, if none is installed, or if several
    are installed and none is named.
    """
    named = (None if package is None else _package_name(package)) or os.environ.get(VARIABLE)
    if named:
        return _load(named)
    found = installed_packages()
    if len(found) == 1:
        return _load(found[0])
    if found:
        raise CatalogError(
            f"several catalog packages are installed ({', '.join(found)}); "
            f"name one with catalog= (such as catalog={found[0]}.CATALOG), --catalog-package or {VARIABLE}"
        )
    gone = _announced()
    if gone:
        raise CatalogError(
            f"the installed catalog package {gone[0]} is not there; if it was renamed, install it again, "
            "such as with pip install -e ./generated"
        )
    raise CatalogError(
        "no catalog package is installed; install yours with pip install -e ./generated (auditwright init "
        "starts a catalog, auditwright generate makes its package), "
        f"or name one with catalog=, --catalog-package or {VARIABLE}"
    )


def installed_packages() -> list[str]:
    """The catalog packages that installed distributions announce, sorted.

    A package that was renamed is left out: an editable install goes on announcing the former name.
    """
    return [package for package in _announced() if _is_there(package)]


def _announced() -> list[str]:
    points = distributions.entry_points(group=ENTRY_POINTS)
    return sorted({point.value.partition(":")[0] for point in points})


def _is_there(package: str) -> bool:
    """Whether the package can be imported; a folder without modules, left behind by a rename, cannot."""
    try:
        spec = importlib.util.find_spec(package.partition(".")[0])
    except (ValueError, ImportError):
        return True  # importing it says what is wrong
    return spec is not None and spec.origin is not None


def _package_name(package: str) -> str:
    name = text_of(package)
    if name is None:
        raise CatalogError(f"the name of a package is a text, not {shown(package)}")
    return name


@functools.cache
def _load(package: str) -> Catalog:
    if not all(part.isidentifier() for part in package.split(".")):
        raise CatalogError(f'"{truncate(sanitize(package), 200)}" is not the name of a package')
    try:
        module = importlib.import_module(package)
    except CatalogError:
        raise
    except Exception as error:  # importing the package runs arbitrary code
        raise CatalogError(f'the catalog package "{package}" cannot be imported: {error}') from error
    catalog = getattr(module, "CATALOG", None)
    if not isinstance(catalog, Catalog):
        raise CatalogError(f'"{package}" is not a generated catalog package: it has no CATALOG')
    return catalog
