"""Adding one event, category or field to a catalog: refused with the way out, or tried, then written.

Everything that `check` says of the result counts; what is refused here by itself has a better answer than
a finding in a file that does not hold the thing yet.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from auditwright_generator import names
from auditwright_generator.check import CheckResult, read_catalog
from auditwright_generator.findings import Finding, hint_for, join_words, quote
from auditwright_generator.model import Event, Field, Value
from auditwright_generator.scaffold.entries import NewCategory, NewEvent, NewField
from auditwright_generator.scaffold.examples import derive_example
from auditwright_generator.scaffold.insert import CannotInsert, Inserted, Lines, insert_entry
from auditwright_generator.scaffold.trial import (
    Trial,
    read_text,
    replace_file,
    split_mark,
    try_out,
)
from auditwright_generator.scaffold.wording import message_of, title_of
from auditwright_generator.source.catalog_source import CatalogSource, CategorySource, read_source
from auditwright_generator.source.resolve import resolve_fields
from auditwright_generator.source.structure import DEFS
from auditwright_generator.source.yaml_nodes import Node, parse_yaml, shown_path

_NAME = re.compile(DEFS["name"]["pattern"])
_MODELINE = re.compile(r"# yaml-language-server: \$schema=(\S+)")


class Refused(ValueError):
    """Nothing was written, with the reason and the way out."""

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        self.findings = tuple(findings)
        """What `check` would say of the catalog."""
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Added:
    """What was written, and where."""

    path: str
    line: int
    notes: tuple[Finding, ...]
    """Warnings that say what should follow."""


@dataclass(frozen=True, slots=True)
class _Catalog:
    """A catalog without errors, before the change."""

    folder: Path
    checked: CheckResult
    source: CatalogSource

    def category(self, key: str) -> CategorySource | None:
        return next((category for category in self.source.categories if category.key == key), None)


def _open(folder: Path) -> _Catalog:
    checked = read_catalog(folder)
    if checked.catalog is None:
        raise Refused("nothing was added; mend what is wrong with the catalog first", checked.findings)
    return _Catalog(folder, checked, read_source(folder)[0])


def add_event(
    folder: Path,
    key: str,
    new: Callable[[str], NewEvent],
    example: dict[str, str],
) -> Added:
    """Add an event to its category's file.

    `new` makes it of its name; an empty title or message is derived, and so is what the example lacks.
    Raises `Refused`, `examples.NoExample` and `load.UnreadableCatalog`.
    """
    catalog = _open(folder)
    level, category_name, name = key.split(".")
    category = _refuse_event(catalog, level, category_name, name)
    event = new(name)
    event = replace(event, title=event.title or title_of(name))
    _refuse_unknown_fields(catalog, (*event.required, *event.optional))
    path = folder / level / f"{category_name}.yaml"
    with try_out(folder) as trial:
        # The fields depend on what the level and the category give: the copy is asked for them.
        trial.put(path, _with(path, ("events",), replace(event, message="-").lines()).text)
        fields = _fields_of(trial, category.key, key)
        _refuse_unknown_examples(key, example, fields)
        given = {
            field.name: _read_value(field, example[field.name]) for field in fields if field.name in example
        }
        event = replace(
            event,
            message=event.message or message_of(name, event.title, fields),
            example=derive_example(fields, given, _nearest_events(catalog, category)),
        )
        return _write(trial, catalog, path, _with(path, ("events",), event.lines()))


def add_category(folder: Path, key: str, new: Callable[[str], NewCategory]) -> Added:
    """Add the file of a category without events; raises like `add_event`."""
    catalog = _open(folder)
    level, name = key.split(".")
    _refuse_category(catalog, level, name)
    category = new(name)
    _refuse_unknown_fields(catalog, (*category.required, *category.optional))
    siblings = [each for each in catalog.source.categories if each.level == level]
    order = _next_order(siblings) if category.order is None else category.order
    category = replace(category, title=category.title or title_of(name), order=order)
    path = folder / level / f"{name}.yaml"
    modeline = _modeline(folder, siblings or catalog.source.categories)
    text = "".join(f"{'  ' * depth}{line}\n" for depth, line in category.lines())
    with try_out(folder) as trial:
        return _write(trial, catalog, path, Inserted(modeline + text, 2 if modeline else 1))


def add_field(folder: Path, new: NewField) -> Added:
    """Add a field to fields.yaml; raises like `add_event`."""
    catalog = _open(folder)
    _refuse_field(catalog, new)
    path = folder / "fields.yaml"
    field = replace(new, title=new.title or title_of(new.name))
    inserted = _with(path, (), field.lines()) if path.is_file() else _first_field(folder, field)
    with try_out(folder) as trial:
        return _write(trial, catalog, path, inserted)


# --- what is refused ---------------------------------------------------------------------------------


def _refuse_event(catalog: _Catalog, level: str, category_name: str, name: str) -> CategorySource:
    """The category, if the event can be added to it."""
    _refuse_level(catalog, level)
    category = catalog.category(f"{level}.{category_name}")
    if category is None:
        known = [each.name for each in catalog.source.categories if each.level == level]
        hint = f"`auditwright new category {level}.{category_name}` adds it"
        near = hint_for(category_name, known, hint)
        raise Refused(f"level {level} has no category {quote(category_name)}{near}")
    _refuse_name("event", name, names.refuse_event(name))
    there = next((event for event in category.events if event.name == name), None)
    if there is not None:
        raise Refused(f"event {there.key} is there already, at {_shown(there.node)}")
    view = f"{level}_{category_name}_{name}"
    if names.too_long(view):
        message = f"event {name} would get the database view {view} of {len(view)} characters"
        raise Refused(f"{message}, and {names.MAX_BYTES} are allowed; choose a shorter name")
    return category


def _refuse_level(catalog: _Catalog, level: str) -> None:
    known = [each.name for each in catalog.source.levels]
    if level not in known:
        hint = f"write one of {join_words(known)}, or name it under `levels` in catalog.yaml"
        raise Refused(f"the catalog has no level {quote(level)}{hint_for(level, known, hint)}")


def _refuse_category(catalog: _Catalog, level: str, name: str) -> None:
    _refuse_level(catalog, level)
    _refuse_name("category", name, names.refuse_class(name))
    there = catalog.category(f"{level}.{name}")
    if there is not None:
        raise Refused(f"category {there.key} is there already, at {_shown(there.node)}")


def _refuse_field(catalog: _Catalog, new: NewField) -> None:
    _refuse_name("field", new.name, names.refuse_field(new.name, "entry" in new.more))
    there = catalog.source.fields.get(new.name)
    if there is not None:
        raise Refused(f"field {new.name} is there already, at {_shown(there.node)}")
    if names.too_long(new.name):
        message = f"field {new.name} has {len(new.name)} characters, and a column may have {names.MAX_BYTES}"
        raise Refused(f"{message}; choose a shorter name")


def _refuse_name(what: str, name: str, reason: str | None) -> None:
    if not _NAME.search(name):
        raise Refused(f"{what} {quote(name)} must be {DEFS['name']['description']}")
    if reason:
        instead = quote(f"{name}_{what}")
        raise Refused(f"{what} {quote(name)} is refused: {reason}; choose another name, such as {instead}")


def _refuse_unknown_fields(catalog: _Catalog, given: Iterable[str]) -> None:
    for name in given:
        if name not in catalog.source.fields:
            near = hint_for(name, catalog.source.fields, "see fields.yaml")
            raise Refused(f"there is no field {quote(name)}{near}\n`auditwright new field {name}` adds it")


def _refuse_unknown_examples(key: str, example: Iterable[str], fields: Sequence[Field]) -> None:
    known = [field.name for field in fields if not field.entry]
    for name in example:
        if name not in known:
            near = hint_for(name, known, "give it to the event with --field")
            raise Refused(f"--example names {quote(name)}, which event {key} does not have{near}")


def _shown(node: Node) -> str:
    return f"{node.key_position.path}:{node.key_position.line}"


# --- what is written ---------------------------------------------------------------------------------


def _with(path: Path, mapping: tuple[str, ...], lines: Lines) -> Inserted:
    """The file's text with the entry in it."""
    mark, text = split_mark(read_text(path))
    try:
        inserted = insert_entry(text, mapping, lines)
    except CannotInsert as error:
        raise Refused(f"nothing can be added to {shown_path(path)}: {error}") from error
    return replace(inserted, text=mark + inserted.text)


def _write(trial: Trial, catalog: _Catalog, path: Path, inserted: Inserted) -> Added:
    trial.put(path, inserted.text)
    judged = trial.judge(catalog.checked)
    if judged.against:
        raise Refused("nothing was added, because `auditwright check` would find this", judged.against)
    replace_file(path, inserted.text)
    return Added(shown_path(path), inserted.line, judged.follow_ups)


def _fields_of(trial: Trial, category_key: str, key: str) -> list[Field]:
    source = trial.source()
    for category, event in source.events:
        if event.key == key and category.key == category_key:
            return [field for field in resolve_fields(source, category, event).values() if field]
    return []


def _nearest_events(catalog: _Catalog, category: CategorySource) -> list[Event]:
    """Those of the category, of its level, and all others."""
    assert catalog.checked.catalog is not None

    def distance(event: Event) -> int:
        if event.key.startswith(f"{category.key}."):
            return 0
        return 1 if event.key.startswith(f"{category.level}.") else 2

    return sorted(catalog.checked.catalog.events, key=distance)


def _read_value(field: Field, text: str) -> Value:
    """The value that a text stands for; what is no such value is left to `check`."""
    if field.many:
        return [_read_item(field, item.strip()) for item in text.split(",")]
    return _read_item(field, text)


def _read_item(field: Field, text: str) -> str | int | float | bool:
    if field.kind not in ("integer", "number", "boolean"):
        return text
    node, findings = parse_yaml(text.encode(), "--example")
    return node.scalar if not findings and isinstance(node.value, int | float) else text


def _next_order(siblings: Iterable[CategorySource]) -> int | None:
    """After the largest; None where categories stand by name."""
    orders = [int(order.scalar) for each in siblings if (order := each.node.get("order"))]
    return max(orders) + 1 if orders else None


def _modeline(folder: Path, categories: Iterable[CategorySource]) -> str:
    """The line by which editors find the schema, as the other categories have it."""
    for category in categories:
        head = read_text(folder / category.level / f"{category.name}.yaml")[:500]
        found = _MODELINE.search(head)
        if found:
            return f"{found.group()}\n"
    found = _MODELINE.search(read_text(folder / "catalog.yaml")[:500])
    if found and found[1].startswith("../") and found[1].endswith("/catalog.json"):
        return f"# yaml-language-server: $schema=../{found[1].removesuffix('catalog.json')}category.json\n"
    return ""


def _first_field(folder: Path, field: NewField) -> Inserted:
    """The text of a fields.yaml that was not there."""
    found = _MODELINE.search(read_text(folder / "catalog.yaml")[:500])
    head = f"{found.group().removesuffix('catalog.json')}fields.json\n" if found else ""
    text = "".join(f"{'  ' * depth}{line}\n" for depth, line in field.lines())
    return Inserted(head + text, 2 if head else 1)
